"""Embeddings of many sounds at once: what a network makes of each before its head reads it."""

import torch
from torch import Tensor, nn

from course_utils.backbones.sound.spectrogram_resnet import SpectrogramResNet, as_images
from course_utils.backbones.sound.speech_resnet import SpeechResNet
from course_utils.backbones.sound.voice_encoder import VoiceEncoder
from course_utils.data.sound.spectrograms import log_mel
from course_utils.errors import CourseError

BATCH = 64


@torch.no_grad()
def embed_sounds(network: nn.Module, waves: Tensor) -> Tensor:
    """Give what the last layer of a network reads, for each sound.

    Parameters
    ----------
    network : nn.Module
        `backbones.speech_resnet`, `backbones.voice_encoder`, or a network of images that ends in a layer `fc`, such as
        `backbones.resnet18_half`, which then sees the spectrograms as images. It works in evaluation mode, and is left
        in the mode that it was in.
    waves : Tensor
        (n, samples), 8,000 a second, as `Sounds.waves` gives them.

    Returns
    -------
    (n, width) tensor
        On the CPU.

    Raises
    ------
    CourseError
        `backbones.no-last-layer` for a network of another form.
    """
    head = getattr(network, "fc", None)
    if not isinstance(head, nn.Linear):
        raise CourseError(
            f"This {type(network).__name__} doesn't end in one linear layer `fc`: give speech_resnet, voice_encoder or "
            "resnet18_half.",
            code="backbones.no-last-layer",
        )
    found: list[Tensor] = []
    hook = head.register_forward_pre_hook(lambda _, given: found.append(given[0].float().cpu()))
    training, device = network.training, head.weight.device
    network.eval()
    try:
        for part in waves.split(BATCH):
            network(heard(network, part.to(device)))
    finally:
        hook.remove()
        network.train(training)
    return torch.cat(found)


def heard(network: nn.Module, waves: Tensor) -> Tensor:
    """Turn sounds into what a network takes: samples, spectrograms, or spectrograms as images."""
    if isinstance(network, VoiceEncoder):
        return waves
    return log_mel(waves) if isinstance(network, (SpeechResNet, SpectrogramResNet)) else as_images(log_mel(waves))
