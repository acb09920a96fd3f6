"""Train the network on the spoken words, resumable after each epoch."""

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn

from course_utils.backbones.sound.speech_resnet import NAME, SpeechResNet
from course_utils.data.sound.spectrograms import log_mel
from tools.pretraining.resumable import Run, save_halved, score_in_bfloat16
from tools.pretraining.speech.augmentation import disturb, mask, place
from tools.pretraining.speech.espeak import TEST, TRAINED
from tools.pretraining.speech.synthesis import WORDS, Spoken, synthesise

EACH, EPOCHS, PEAK, WARM_UP, WEIGHT_DECAY, BATCH, SMOOTHING, SEED = 80, 10, 3e-3, 0.2, 0.02, 64, 0.1, 0
DISTURBED = 0.7  # of each batch: the rest is heard as it was spoken
TESTED = 4  # recordings of each word by unseen voices


def read_data(out: Path, each: int = EACH) -> tuple[Spoken, Spoken]:
    """Give the recordings for training and those by unseen voices; the first call speaks them."""
    return (
        synthesise(WORDS, TRAINED, each, SEED, out / f"train_{each}.npz"),
        synthesise(WORDS, TEST, TESTED, SEED + 1, out / "test.npz"),
    )


@torch.no_grad()
def accuracy(model: nn.Module, spoken: Spoken, disturbed: bool = False) -> float:
    """Measure the share of recordings whose word the network names, in silence or disturbed as in training."""
    model.eval()
    random = torch.Generator().manual_seed(SEED)
    right = 0
    for numbers in torch.arange(len(spoken)).split(BATCH):
        batch = place([spoken.wave(int(n)) for n in numbers], random)
        scores = model(log_mel(disturb(batch, random) if disturbed else batch))
        right += int((scores.argmax(1) == torch.from_numpy(spoken.labels[numbers])).sum())
    return right / len(spoken)


def pretrain(out: Path, each: int = EACH, epochs: int = EPOCHS) -> nn.Module:
    """Train to the last epoch and write the weights; goes on from the last finished epoch."""
    out.mkdir(parents=True, exist_ok=True)
    train, test = read_data(out, each)
    torch.manual_seed(SEED)
    model = SpeechResNet(len(WORDS)).to(memory_format=torch.channels_last)

    def compute_loss(numbers: Tensor, random: torch.Generator) -> Tensor:
        waves = place([train.wave(int(n)) for n in numbers], random)
        loud = round(DISTURBED * len(waves))
        heard = log_mel(torch.cat([disturb(waves[:loud], random), waves[loud:]]))
        return _step(model, mask(heard, random), torch.from_numpy(train.labels[numbers]))

    run = Run(epochs, PEAK, WARM_UP, WEIGHT_DECAY, BATCH, SEED)
    run.train(model, len(train), compute_loss, lambda: {"unseen voices": accuracy(model, test)}, out)
    save_halved(model, out / f"{NAME}.safetensors", {"words": WORDS})
    return model


def _step(model: nn.Module, spectrograms: Tensor, labels: Tensor) -> Tensor:
    return nn.functional.cross_entropy(score_in_bfloat16(model, spectrograms), labels, label_smoothing=SMOOTHING)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for recordings, checkpoint and results")
    pretrain(parser.parse_args().out)
