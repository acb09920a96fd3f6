"""Train the detector on streets by day, from the body that knows photographs; resumable after each epoch."""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from course_utils.backbones import resnet18_half
from course_utils.backbones.detection.grid_detector import Found, GridDetector, decode, detection_loss
from course_utils.backbones.detection.street_detector import KINDS, NAME
from course_utils.data.boxes.loaders import normalise
from course_utils.data.boxes.street_scenes import draw_streets
from course_utils.tasks.boxes.average_precision import AT_HALF, mean_average_precision
from tools.pretraining.resumable import Run, save_halved, score_in_bfloat16

STREETS, TESTED, EPOCHS, PEAK, WARM_UP, WEIGHT_DECAY, BATCH, SEED = 10_000, 500, 24, 2e-3, 0.2, 0.02, 32, 0
TRAINED_BY, TESTED_BY = 1, 3  # the first number of each street's seed; `data.streets` has another


def draw(first: int, count: int) -> tuple[Tensor, Tensor]:
    """Give streets (n, 3, 96, 96) uint8 and their boxes (n, most, 5), filled up with the class -1."""
    images, boxes, labels = draw_streets([[first, SEED, number] for number in range(count)], KINDS)
    rows = [
        torch.from_numpy(np.concatenate([box, label[:, None]], 1, dtype=np.float32))
        for box, label in zip(boxes, labels, strict=True)
    ]
    return torch.from_numpy(images).permute(0, 3, 1, 2), pad_sequence(rows, batch_first=True, padding_value=-1.0)


def change(images: Tensor, targets: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mirror half of the images with their boxes, and make each somewhat lighter, darker, fainter or stronger."""
    mirrored = torch.rand(len(images), generator=random) < 0.5
    images, targets = images.float(), targets.clone()
    images[mirrored] = images[mirrored].flip(3)
    swapped = targets[mirrored]
    held = swapped[..., 4] >= 0
    swapped[..., [0, 2]] = torch.where(held[..., None], images.shape[3] - swapped[..., [2, 0]], swapped[..., [0, 2]])
    targets[mirrored] = swapped
    light, contrast = (1 + 0.3 * (torch.rand(len(images), 1, 1, 1, generator=random) - 0.5) for _ in range(2))
    mean = images.mean((1, 2, 3), keepdim=True)
    return ((images - mean) * contrast + mean * light).clamp(0, 255), targets


@torch.no_grad()
def find(model: nn.Module, images: Tensor) -> list[Found]:
    """Find the things in streets."""
    model.eval()
    return [found for batch in images.split(100) for found in decode(model(normalise(batch)))]


def pretrain(out: Path, streets: int = STREETS, epochs: int = EPOCHS, tested: int = TESTED) -> nn.Module:
    """Train to the last epoch and write the weights; goes on from the last finished epoch."""
    out.mkdir(parents=True, exist_ok=True)
    images, targets = draw(TRAINED_BY, streets)
    unseen, known = draw(TESTED_BY, tested)
    torch.manual_seed(SEED)
    model = GridDetector(resnet18_half("DEFAULT"), len(KINDS)).to(memory_format=torch.channels_last)

    def compute_loss(numbers: Tensor, random: torch.Generator) -> Tensor:
        return _step(model, *change(images[numbers], targets[numbers], random))

    def evaluate() -> dict[str, float]:
        return {"mAP50": mean_average_precision(find(model, unseen), list(known))[AT_HALF]}

    Run(epochs, PEAK, WARM_UP, WEIGHT_DECAY, BATCH, SEED).train(model, streets, compute_loss, evaluate, out)
    save_halved(model, out / f"{NAME}.safetensors", {"classes": KINDS})
    return model


def _step(model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    return detection_loss(score_in_bfloat16(model, normalise(images)), targets)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint and results")
    pretrain(parser.parse_args().out)
