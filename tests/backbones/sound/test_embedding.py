"""Embeddings of sounds, by networks of speech, of voices and of images."""

import pytest
import torch
from support.errors import refused
from torch import nn

from course_utils.backbones import embed_sounds, resnet18_half, spectrogram_resnet, speech_resnet, voice_encoder
from course_utils.data import log_mel

WAVES = torch.randn(70, 4000, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("network", [speech_resnet, voice_encoder, spectrogram_resnet, resnet18_half])
def test_the_last_layer_makes_its_scores_of_them(network):
    model = network(num_classes=5).train()
    found = embed_sounds(model, WAVES)
    assert found.shape == (70, 256) and model.training and not model.fc._forward_pre_hooks
    alone = embed_sounds(model, WAVES[66:])
    assert torch.allclose(found[66:], alone, atol=1e-5), "whatever else is in the batch"


def test_they_are_what_the_head_of_the_speech_network_reads():
    model = speech_resnet(num_classes=5).eval()
    with torch.no_grad():
        assert torch.allclose(model(log_mel(WAVES[:9])), model.fc(embed_sounds(model, WAVES[:9])), atol=1e-5)


def test_a_network_of_images_reads_the_same_whoever_turns_the_sounds_into_images():
    images, spectrograms = resnet18_half("DEFAULT"), spectrogram_resnet("DEFAULT", num_classes=5)
    assert torch.allclose(embed_sounds(images, WAVES[:9]), embed_sounds(spectrograms, WAVES[:9]), atol=1e-5)


def test_a_network_without_a_last_layer_is_refused():
    with refused("backbones.no-last-layer", "Sequential"):
        embed_sounds(nn.Sequential(nn.Linear(2, 2)), WAVES)
