"""The model card, written from the figures of the pre-training run by `python -m course_utils.backbones.card`."""

from course_utils.backbones.weights import FIGURES, WEIGHTS, training_record

CARD = FIGURES.with_name("MODEL_CARD.md")

TEMPLATE = """\
# Model card: resnet18_half

A small convolutional network for lessons about fine-tuning, pre-trained by this course, so that a laptop without a
network connection has real pre-trained weights.

| | |
|---|---|
| architecture | torchvision's ResNet-18 at half width: stem 32 channels, stages 32-64-128-256 |
| parameters | {parameters:,} with the {classes}-class layer |
| input | RGB, 64 × 64 px or more, scaled to 0–1, then ImageNet's mean and spread |
| file | `{file}`, half precision, {megabytes:.1f} MB |
| SHA-256 | `{sha256}` |
| weights licence | for research and teaching, as the pictures they were learned from (ImageNet's terms) |

## Accuracy

| on {validation_images:,} validation pictures of Tiny ImageNet, {view} px, one view | % |
|---|---|
| top-1 | {top1:.1f} |
| top-5 | {top5:.1f} |

Measured on the shipped half-precision file. One standard error of the top-1 figure is {standard_error:.1f} points. The
pictures chose no epoch, but their accuracy was known when the later cycles were planned and their ends averaged, so it
flatters a little.

## Data

Tiny ImageNet (Stanford CS231n): {classes} classes of ImageNet at 64 px. The run saw {training_images:,}
training pictures, 350 a class, re-encoded as WebP.

## Recipe

| | |
|---|---|
| optimiser | SGD, Nesterov momentum {recipe[momentum]} |
{cycles}
| weight decay | {recipe[weight_decay]} on convolution and linear weights |
| loss | cross-entropy, label smoothing {recipe[label_smoothing]} |
| augmentation | per picture: a random crop, a flip, ±{jitter:.0f}% brightness and contrast |
| weights shipped | their exponential average ({recipe[average_decay]} a step), averaged over the ends of the last \
{recipe[averaged_ends]} cycles, which alone reach {ends}% top-1 |
| BatchNorm statistics | recomputed on plain training pictures at the end |
| seed | {recipe[seed]} |
| time | {minutes:.0f} minutes, on a machine that did other work beside it |
| machine | {machine} |

Run it again with `torchrun --nproc-per-node 2 -m course_utils.backbones.pretrain --archive FILE --out DIR`.

## Limits

- It knows small everyday photographs of {classes} kinds. For real work, take a network trained on all of ImageNet.
- The classes over-represent animals, household goods and food, as ImageNet does.
- Some classes are vehicles (sports car, school bus, freight car): a transfer to vehicle pictures is a near one.
"""


def _cycle(number: int, cycle: dict) -> str:
    """The card's line about one rise and fall of the learning rate."""
    stages = ", ".join(
        f"{epochs} epochs at {side} px (crops of at least {smallest:.0%} of the area)"
        for epochs, side, smallest in cycle["stages"]
    )
    start, part = cycle["late"]
    late = f"; from {start:.0%} of the steps on, {part:.0%} of that rate" if part < 1 else ""
    return (
        f"| cycle {number} | {stages}, in batches of {cycle['batch_size']}; the learning rate rises linearly to "
        f"{cycle['peak_lr']} in {cycle['warm_up']:.0%} of the steps and falls as a cosine to zero{late} |"
    )


def render(figures: dict) -> str:
    """The card as Markdown."""
    recipe = figures["recipe"]
    return TEMPLATE.format(
        **figures,
        classes=200,
        file=WEIGHTS.name,
        megabytes=figures["bytes"] / 1e6,
        standard_error=(figures["top1"] * (100 - figures["top1"]) / figures["validation_images"]) ** 0.5,
        ends=", ".join(f"{top1:.1f}" for top1 in figures["ends_alone"]),
        jitter=100 * recipe["jitter"],
        cycles="\n".join(_cycle(number, cycle) for number, cycle in enumerate(recipe["cycles"], 1)),
    )


if __name__ == "__main__":
    CARD.write_text(render(training_record()))
