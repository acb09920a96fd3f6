"""Train the detector on streets by day, from the body that knows photographs; resumable after each epoch."""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from course_utils.backbones import resnet18_half
from course_utils.backbones.detection.grid_detector import Found, GridDetector, decode, detection_loss
from course_utils.backbones.detection.street_detector import KINDS, NAME
from course_utils.data.boxes.loaders import normalise
from course_utils.data.boxes.street_scenes import draw_streets
from course_utils.tasks.boxes.average_precision import AT_HALF, mean_average_precision

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
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=WEIGHT_DECAY)
    steps = streets // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK, epochs * steps, pct_start=WARM_UP)
    random, done = torch.Generator().manual_seed(SEED), []
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        random.set_state(state["random"])
        done = state["done"]
    for epoch in range(len(done), epochs):
        began, losses = time.process_time(), []
        model.train()
        for numbers in torch.randperm(streets, generator=random)[: steps * BATCH].split(BATCH):
            loss = _step(model, *change(images[numbers], targets[numbers], random))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        figures: dict[str, Any] = {"epoch": epoch + 1, "loss": round(sum(losses) / steps, 3)}
        scores = mean_average_precision(find(model, unseen), list(known))
        figures |= {"seconds": round(time.process_time() - began), "mAP50": round(scores[AT_HALF], 4)}
        done.append(figures)
        print(figures, flush=True)
        state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "schedule": schedule.state_dict()}
        part = checkpoint.with_suffix(".part")
        torch.save(state | {"random": random.get_state(), "done": done}, part)
        part.replace(checkpoint)
    weights = {name: weight.half() if weight.is_floating_point() else weight for name, weight in _stored(model)}
    (out / f"{NAME}.safetensors").write_bytes(save(weights, {"classes": json.dumps(KINDS)}))
    (out / "history.json").write_text(json.dumps(done))
    return model


def _step(model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        cells = model(normalise(images).contiguous(memory_format=torch.channels_last))
    return detection_loss(cells.float(), targets)


def _stored(model: nn.Module) -> list[tuple[str, Tensor]]:
    return [(name, weight.contiguous()) for name, weight in model.state_dict().items()]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint and results")
    pretrain(parser.parse_args().out)
