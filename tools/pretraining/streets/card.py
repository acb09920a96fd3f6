"""Measure the detector that a finished run of `training` left, ship it, and write its model card.

python -m tools.pretraining.streets.card             # renews the card from the manifest's figures
python -m tools.pretraining.streets.card --ship DIR  # first measures the run's weights and copies them
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load

from course_utils import data
from course_utils.backbones import GridDetector, resnet18_half
from course_utils.backbones.detection.street_detector import KINDS, NAME
from course_utils.backbones.images.tiny_imagenet import LICENCE
from course_utils.tasks import detect, mean_average_precision
from course_utils.tasks.boxes.average_precision import AT_HALF, OVER_THRESHOLDS
from tools.pretraining.companion import write_card
from tools.pretraining.streets import training
from tools.recording.digests import circumstances

WEATHERS: dict[str, dict[str, float]] = {
    "by day": {},
    "by night": {"night": 1.0},
    "in the rain": {"rain": 1.0},
    "in a rainy night": {"night": 1.0, "rain": 1.0},
}
TESTED = 500  # streets that neither trained nor watched the run
TEMPLATE = """\
# Model card: street_detector

A small one-stage detector, pre-trained by this course for its lesson on detection: it finds cars, trucks, people and
signs in drawn streets by day, and can be tuned to other weather, other things and other images.

| | |
|---|---|
| architecture | `resnet18_half`'s body, a neck that joins its last three stages, one number map: a grid of 8×8 pixels |
| parameters | {parameters:,} |
| input | images whose sides are multiples of 32, normalised by ImageNet's statistics |
| output | for each cell objectness, the box's middle and size, and a score for each of {classes} classes |
| file | `{file}`, half precision, {megabytes:.1f} MB |
| SHA-256 | `{sha256}` |
| licence | {licence} |

## Accuracy

Mean average precision (percent) on {tested} streets that no choice was made on: with an overlap of at least 0.5, and
averaged over overlaps from 0.5 to 0.95 as in COCO.

{table}

## Data

{streets:,} streets of 96×96 pixels by day, drawn by this course (`course_utils.data.boxes.street_scenes`) from seeds
that no data set of the course uses. They hold no bus, no night and no rain. A thing that is hidden for more than two
thirds has no box; 3% of the streets are empty. The body began with the weights of `resnet18_half`, which are trained on
Tiny ImageNet (see its card).

Half of the images were mirrored in each epoch; brightness and contrast changed by up to 15%.

## Recipe

| | |
|---|---|
| optimiser | AdamW, weight decay {decay} |
| schedule | one cycle over {epochs} epochs, up to {peak}, rising for the first {warm_up:.0%} of the steps |
| batches | {batch} streets |
| loss | objectness (binary cross-entropy) + 2 × (1 - generalised IoU) + class (cross-entropy) |
| arithmetic | training's forward pass in bfloat16, all else in single precision |
| seed | {seed} |
| time | {minutes:.0f} minutes of one core |
| machine | {machine} |
| mean average precision at 0.5 after each epoch, 500 other streets | {history} |

Run it again with `python -m tools.pretraining.streets.training --out DIR`.

## Limits

- It has seen drawings of one kind of street alone. On photographs it finds next to nothing before it is tuned.
- Two things whose middles lie within 6 pixels of each other may be taken for one.
- Never let it decide about traffic or people.
"""


def measure(run: Path) -> dict[str, Any]:
    """Measure a run's shipped weights on unseen streets in each weather."""
    model = GridDetector(resnet18_half(), len(KINDS))
    model.load_state_dict(load((run / f"{NAME}.safetensors").read_bytes()))
    precision = {}
    for weather, setting in WEATHERS.items():
        unseen = data.streets(1, seed=0, split=(1, TESTED), **setting)
        scores = mean_average_precision(detect(model, unseen.images["test"]), unseen.boxes["test"])
        precision[weather] = [round(scores[AT_HALF], 4), round(scores[OVER_THRESHOLDS], 4)]
    return {
        "precision": precision,
        "streets": training.STREETS,
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "history": json.loads((run / "history.json").read_text()),
        "machine": circumstances()["machine"],
    }


def render(figures: Mapping[str, Any]) -> str:
    """Write the card from the manifest's figures."""
    rows = ["| streets | at 0.5 | 0.5 to 0.95 |", "|---|---|---|"]
    rows += [f"| {weather} | {half:.1%} | {mean:.1%} |" for weather, (half, mean) in figures["precision"].items()]
    history = figures["history"]
    return TEMPLATE.format(
        **dict(figures) | {"history": ", ".join(f"{epoch['mAP50']:.1%}" for epoch in history)},
        table="\n".join(rows),
        classes=len(KINDS),
        megabytes=figures["bytes"] / 1e6,
        tested=TESTED,
        decay=training.WEIGHT_DECAY,
        epochs=training.EPOCHS,
        peak=training.PEAK,
        warm_up=training.WARM_UP,
        batch=training.BATCH,
        seed=training.SEED,
        minutes=sum(epoch["seconds"] for epoch in history) / 60,
    )


if __name__ == "__main__":
    write_card(NAME, LICENCE, measure, render, __doc__)
