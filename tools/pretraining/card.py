"""The model cards, written from the figures of the pre-training runs.

python -m tools.pretraining.card               # renews the card of every bundled network
python -m tools.pretraining.card --bundle DIR  # first copies a finished run's weights and figures into the package
"""

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path

from course_utils.backbones.weights import FOLDER, bundled, training_record, weights_file


@dataclass(frozen=True)
class About:
    """What a network's card says beyond the figures of its run."""

    file: str  # of the card
    network: str
    architecture: str
    batchnorm: str
    selection: str  # what the validation images were used for
    command: str  # that runs the script


ABOUT = {
    "resnet18_half": About(
        file="MODEL_CARD.md",
        network="A small convolutional network",
        architecture="torchvision's ResNet-18 at half width: stem 32 channels, stages 32-64-128-256",
        batchnorm="statistics recomputed on plain training images at the end",
        selection="The images chose no epoch, but their accuracy was known when the later cycles were planned and "
        "their ends averaged, so it is slightly optimistic.",
        command="torchrun --nproc-per-node 2 -m",
    ),
    "vgg16_quarter": About(
        file="MODEL_CARD_vgg16_quarter.md",
        network="A small, plain convolutional network without BatchNorm",
        architecture="torchvision's VGG-16 at quarter width: 13 convolutions in blocks of 16-32-64-128-128 channels, "
        "then one linear layer on the channels' averages",
        batchnorm="after each convolution in training only; its statistics were recomputed on plain training images "
        "at the end, then it was folded into the convolutions, which gives the same scores",
        selection="The images chose no epoch, but the accuracy of a shorter recipe on them was known when this one was "
        "planned, so it is slightly optimistic.",
        command="python -m",
    ),
}

TEMPLATE = """\
# Model card: {name}

{about.network} for lessons about fine-tuning, pre-trained by this course, so that a laptop without a
network connection has real pre-trained weights.

| | |
|---|---|
| architecture | {about.architecture} |
| parameters | {parameters:,} with the {classes}-class layer |
| input | RGB, 64 × 64 px or more, scaled to 0–1, then normalised with ImageNet's mean and standard deviation |
| file | `{file}`, half precision, {megabytes:.1f} MB |
| SHA-256 | `{sha256}` |
| weights licence | for research and teaching, as the images they were learned from (ImageNet's terms) |

## Accuracy

| on {validation_images:,} validation images of Tiny ImageNet, {view} px, one view | % |
|---|---|
| top-1 | {top1:.1f} |
| top-5 | {top5:.1f} |

Measured on the shipped half-precision file. One standard error of the top-1 figure is {standard_error:.1f}
percentage points. {about.selection}

## Data

Tiny ImageNet (Stanford CS231n): {classes} classes of ImageNet at 64 px. The run saw {training_images:,}
training images, 350 a class, re-encoded as WebP.

## Recipe

| | |
|---|---|
| optimiser | SGD, Nesterov momentum {recipe[momentum]} |
{cycles}
| weight decay | {recipe[weight_decay]} on convolution and linear weights |
| loss | cross-entropy, label smoothing {recipe[label_smoothing]} |
| augmentation | per image: a random crop, a flip, ±{jitter:.0f}% brightness and contrast |
| arithmetic | {arithmetic} |
| weights shipped | their exponential average ({recipe[average_decay]} a step){ends} |
| BatchNorm | {about.batchnorm} |
| seed | {recipe[seed]} |
| time | {minutes:.0f} minutes, on a machine that did other work beside it |
| machine | {machine} |

Run it again with `{about.command} tools.pretraining --arch {name} --archive FILE --out DIR`.

## Limits

- It knows small everyday photographs of {classes} kinds. For real work, take a network trained on all of ImageNet.
- The classes over-represent animals, household goods and food, as ImageNet does.
- Some classes are vehicles (sports car, school bus, freight car): a transfer to vehicle images is a near one.
"""


def _cycle(number: int, cycle: dict) -> str:
    """Write the card's line about one rise and fall of the learning rate."""
    stages = ", ".join(
        f"{epochs} epochs at {side} px (crops of at least {smallest:.0%} of the area)"
        for epochs, side, smallest in cycle["stages"]
    )
    start, part = cycle["late"]
    late = f"; from {start:.0%} of the steps on, {part:.0%} of that learning rate" if part < 1 else ""
    return (
        f"| cycle {number} | {stages}, in batches of {cycle['batch_size']}; the learning rate rises linearly to "
        f"{cycle['peak_lr']} in {cycle['warm_up']:.0%} of the steps and falls as a cosine to zero{late} |"
    )


def card_file(name: str) -> Path:
    """Where a network's card stands."""
    return FOLDER / ABOUT[name].file


def render(name: str, figures: dict) -> str:
    """Write a network's card as Markdown."""
    recipe = figures["recipe"]
    ends = ", ".join(f"{top1:.1f}" for top1 in figures["ends_alone"])
    averaged = f", averaged over the ends of the last {recipe['averaged_ends']} cycles, which alone reach {ends}% top-1"
    return TEMPLATE.format(
        **figures,
        name=name,
        about=ABOUT[name],
        classes=200,
        file=weights_file(name).name,
        megabytes=figures["bytes"] / 1e6,
        standard_error=(figures["top1"] * (100 - figures["top1"]) / figures["validation_images"]) ** 0.5,
        ends=averaged if recipe["averaged_ends"] > 1 else "",
        arithmetic=("training's forward pass in bfloat16, all else in " if recipe["bfloat16"] else "")
        + "single precision",
        jitter=100 * recipe["jitter"],
        cycles="\n".join(_cycle(number, cycle) for number, cycle in enumerate(recipe["cycles"], 1)),
    )


def bundle(run: Path) -> None:
    """Copy the weights and figures of a finished run into the package."""
    (weights,) = (file for name in ABOUT if (file := run / weights_file(name).name).exists())
    for file in (weights, weights.with_suffix(".json")):
        shutil.copyfile(file, FOLDER / file.name)


def main() -> None:
    """Read the command line, bundle a run if one is given, and write the cards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="the --out folder of a finished run")
    given = parser.parse_args()
    if given.bundle:
        bundle(given.bundle)
    for name in bundled():
        card_file(name).write_text(render(name, training_record(name)))


if __name__ == "__main__":
    main()
