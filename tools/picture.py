"""`python -m tools picture`: draw the README's picture, which classifies drawings beside lesson 07's curve."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

import numpy as np
import typer
from PIL import Image

from course_utils.experiments import recorded
from course_utils.statistics import mean_interval

FOLDER = Path("docs/pictures")
# Grounds and inks are GitHub's, the lines' colours Okabe and Ito's, darkened on white until text in them can be read.
LIGHT = {
    "back": "#ffffff",
    "edge": "#d1d9e0",
    "ink": "#1f2328",
    "dim": "#59636e",
    "tuned": "#0072b2",
    "scratch": "#b04a00",
}
DARK = {
    "back": "#0d1117",
    "edge": "#3d444d",
    "ink": "#f0f6fc",
    "dim": "#9198a1",
    "tuned": "#56b4e9",
    "scratch": "#e69f00",
}
THEMES = {"light": LIGHT, "dark": DARK}
# Width and height, and where the curve goes: beside the drawings, or below them on a phone.
SHAPES = {"wide": (880, 344, 0, 0), "narrow": (440, 688, -438, 338)}
SECONDS = 3  # a drawing
WORDS = {3: "three", 4: "Four"}
TEST = 500  # drawings
MISTAKES = 1  # of the drawings shown
LABELS = (5, 50, 250)  # per class
LEFT, RIGHT, BOTTOM, TOP = 506, 756, 282, 106  # the curve's axes, in units of the picture
LOWEST, HIGHEST = 0.5, 0.9


@dataclass(frozen=True)
class Scene:
    """A test drawing and what the network says of it."""

    image: bytes  # WebP
    label: str
    probabilities: dict[str, float]


def picture() -> None:
    """Fine-tune the small network on drawings, half a minute, and draw the README's picture; at the top of a clone."""
    scenes, accuracy = classify_drawings()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for theme, colours in THEMES.items():
        for shape in SHAPES:
            path = FOLDER / f"classified-{shape}-{theme}.svg"
            path.write_text(draw(scenes, accuracy, colours, shape), encoding="utf-8", newline="\n")
            typer.echo(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def classify_drawings() -> tuple[list[Scene], float]:
    """Fine-tune on 100 drawings per class, and classify test drawings.

    Returns the first of each class that is right, twice, but for the last, which is the first mistake of all; and the
    accuracy on all test drawings.
    """
    from fastai.vision.all import set_seed, vision_learner

    from course_utils import backbones, data
    from course_utils.data.images.drawings import SceneSettings
    from course_utils.training import ReestimateBatchNorm

    set_seed(42, reproducible=True)
    dls = data.vehicles(n_per_class=100, size=64, bs=20, settings=SceneSettings())
    learn = vision_learner(dls, backbones.resnet18_half, cbs=ReestimateBatchNorm())
    with learn.no_bar(), learn.no_logging():
        learn.fine_tune(10, 5e-3, lr_mult=3)
        probabilities, labels = learn.get_preds(dl=dls.test)
    right = (probabilities.argmax(1) == labels).numpy()
    first = [np.flatnonzero(right & (labels.numpy() == label))[:2] for label in range(len(dls.vocab))]
    shown = [*np.stack(first).T.ravel()[:-MISTAKES], *np.flatnonzero(~right)[:MISTAKES]]
    scenes = []
    for number in shown:
        said = dict(zip(dls.vocab, probabilities[number].tolist(), strict=True))
        scenes.append(Scene(_webp(dls.test.dataset[int(number)][0]), dls.vocab[int(labels[number])], said))
    return scenes, float(right.mean())


def curves() -> dict[str, list[tuple[float, float]]]:
    """Mean accuracy and half its 95% interval for each of LABELS; from scratch with the longer of its trainings."""
    few, many = recorded("07/few"), recorded("07/many")
    runs = {
        "fine-tuned": [*(few.scores("fine_tune", labels=labels) for labels in (5, 50)), many.scores("fine_tune")],
        "from scratch": [
            few.scores("from scratch", labels=5),
            recorded("07/longer").scores("from scratch"),
            recorded("07/longest").scores("from scratch"),
        ],
    }
    return {name: [mean_interval(scores.tolist()) for scores in points] for name, points in runs.items()}


def draw(scenes: Sequence[Scene], accuracy: float, colours: dict[str, str], shape: str) -> str:
    """The picture as SVG, still where motion isn't wanted: the drawings follow one another, and the curve stays."""
    share = 100 / len(scenes)
    width, height, across, down = SHAPES[shape]
    return Template(PAGE).substitute(
        colours,
        width=width,
        height=height,
        inner=f'width="{width - 2}" height="{height - 2}"',
        place=f"translate({across} {down})",
        total=TEST,
        right=round(accuracy * TEST),  # no percentage, which would look like one of the curve's
        shown_in_all=WORDS[len(scenes)],
        good=WORDS[len(scenes) - MISTAKES],
        seconds=SECONDS * len(scenes),
        shown=f"{share - 2:.1f}",
        gone=f"{share:.1f}",
        scenes="\n".join(_scene(scene, number, len(scenes)) for number, scene in enumerate(scenes)),
        curve=draw_curve(colours),
    )


def draw_curve(colours: dict[str, str]) -> str:
    """The axes and both lines with their intervals, from the records."""
    parts = []
    for tick in np.arange(LOWEST, HIGHEST + 0.01, 0.1):
        y = _y(tick)
        parts.append(f'<path d="M{LEFT} {y}H{RIGHT}" stroke="{colours["edge"]}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 5}" text-anchor="end" class="dim small">{tick:.0%}</text>')
    for number, labels in enumerate(LABELS):
        parts.append(f'<text x="{_x(number)}" y="{BOTTOM + 20}" text-anchor="middle" class="dim small">{labels}</text>')
    middle = (LEFT + RIGHT) / 2
    told = "labelled photos per class"
    parts.append(f'<text x="{middle}" y="{BOTTOM + 42}" text-anchor="middle" class="dim small">{told}</text>')
    for name, points in curves().items():
        colour, dash = (
            (colours["tuned"], "") if name == "fine-tuned" else (colours["scratch"], ' stroke-dasharray="7 5"')
        )
        places = [(_x(number), _y(mean)) for number, (mean, _) in enumerate(points)]
        way = "L".join(f"{x} {y}" for x, y in places)
        above = [f"{_x(number)} {_y(mean + half)}" for number, (mean, half) in enumerate(points)]
        below = [f"{_x(number)} {_y(max(LOWEST, mean - half))}" for number, (mean, half) in enumerate(points)]
        parts.append(f'<path d="M{"L".join([*above, *below[::-1]])}Z" fill="{colour}" opacity=".18"/>')
        parts.append(f'<path d="M{way}" fill="none" stroke="{colour}" stroke-width="3"{dash}/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="4.5" fill="{colour}"/>' for x, y in places]
        (x, y), mean = places[-1], points[-1][0]
        parts.append(f'<text x="{x + 10}" y="{y - 2}" fill="{colour}" class="strong">{mean:.0%}</text>')
        parts.append(f'<text x="{x + 10}" y="{y + 16}" fill="{colour}" class="small">{name}</text>')
    return "\n".join(parts)


def _scene(scene: Scene, number: int, count: int) -> str:
    answer = max(scene.probabilities, key=lambda name: scene.probabilities[name])
    verdict = f"✓ It is a {scene.label}." if answer == scene.label else f"✗ No, it is a {scene.label}."
    image = base64.b64encode(scene.image).decode()
    delay = (number - count) * SECONDS if number else 0
    bars = []
    for row, (name, probability) in enumerate(scene.probabilities.items()):
        y = 130 + 58 * row
        weight = "strong" if name == answer else "dim"
        bars.append(f'<text x="232" y="{y}" class="{weight}">{name}</text>')
        bars.append(f'<text x="420" y="{y}" text-anchor="end" class="{weight}">{probability:.0%}</text>')
        bars.append(f'<rect x="232" y="{y + 8}" width="188" height="10" rx="5" class="track"/>')
        bars.append(f'<rect x="232" y="{y + 8}" width="{188 * probability:.0f}" height="10" rx="5" class="bar"/>')
    hidden = ' opacity="0"' if number else ""
    return (
        f'<g class="scene" style="animation-delay:{delay}s"{hidden}>'
        f'<image x="24" y="98" width="184" height="184" href="data:image/webp;base64,{image}"/>'
        f'{"".join(bars)}<text x="232" y="262">{verdict}</text></g>'
    )


def _webp(image: object) -> bytes:
    """A stored image, channels first and 0 to 1 or 0 to 255, as WebP of 256 pixels a side, or one sees its grid."""
    pixels = np.asarray(image)
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3):
        pixels = pixels.transpose(1, 2, 0)
    if pixels.dtype != np.uint8:
        pixels = (pixels * 255).round().astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).resize((256, 256), Image.Resampling.BICUBIC).save(stream, "webp", quality=85)
    return stream.getvalue()


def _x(number: int) -> float:
    """Where a number of LABELS stands: on a logarithmic scale."""
    share = np.log(LABELS[number] / LABELS[0]) / np.log(LABELS[-1] / LABELS[0])
    return round(LEFT + 20 + (RIGHT - LEFT - 40) * float(share), 1)


def _y(accuracy: float) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * (accuracy - LOWEST) / (HIGHEST - LOWEST), 1)


PAGE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $width $height">
<style>
svg {fill: $ink; font-family: system-ui, Helvetica, Arial, sans-serif}
text {font-size: 18px}
.strong {font-weight: 650}
.dim {fill: $dim}
.small {font-size: 15px}
.track {fill: $edge}
.bar {fill: $tuned}
.scene {animation: turn ${seconds}s linear infinite}
@keyframes turn {0%, $shown% {opacity: 1} $gone%, 99% {opacity: 0} 100% {opacity: 1}}
@media (prefers-reduced-motion: reduce) {.scene {animation: none} .turns {display: none}}
</style>
<rect x="1" y="1" $inner rx="12" fill="$back" stroke="$edge"/>
<text x="24" y="36" class="strong">Car or truck? Fine-tuned on drawings</text>
<text x="24" y="60" class="dim small">It learned from 100 of each, which the course draws</text>
<text x="24" y="80" class="dim small">itself. Of $total new ones, it gets $right right.</text>
$scenes
<text x="24" y="308" class="dim small turns">$shown_in_all in turn: $good right, then a mistake.</text>
<g transform="$place">
<text x="462" y="36" class="strong">And with photos of cars and trucks?</text>
<text x="462" y="60" class="dim small">How many new photos two networks get right</text>
<text x="462" y="80" class="dim small">(mean of ten runs, with its 95% interval)</text>
$curve
</g>
</svg>
"""
