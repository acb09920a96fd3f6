"""A network saved without a pickle: its weights as safetensors, and in JSON all that is needed to build it again.

A pickle is a program: loading one runs whatever its author put in. `learn.export`, `torch.save` of a whole network and
joblib write pickles. A safetensors file holds numbers and their names, and JSON holds text.
"""

import json
from dataclasses import asdict, dataclass, replace
from math import inf, isfinite
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.data.transforms import Normalize
from fastai.learner import Learner
from fastai.torch_core import TensorImage
from fastai.vision.learner import create_vision_model
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from course_utils.backbones.registry import BACKBONES, find_backbone
from course_utils.data.images.opening import Source, open_image
from course_utils.data.images.squares import RESIZE, Square
from course_utils.data.images.store import ToSize
from course_utils.errors import CourseError
from course_utils.surgery import replace_head

WEIGHTS, CONFIG = "network.safetensors", "network.json"
FORM = 1  # of the config; one that a later course writes may have another
HEADS = ("fastai", "linear")


@dataclass(frozen=True)
class Config:
    """What network.json says: how to build the network, and how to prepare an image for it.

    Parameters
    ----------
    backbone, head : str
        The body by its name in `BACKBONES`, and the head as `surgery.replace_head` calls it.
    classes : tuple of str
        In the order of the scores.
    size, side : int
        Pixels a side that the network sees, and of the square that an image first becomes.
    resize : str
        How an image becomes a square, as in `data.images`.
    mean, std : tuple of float
        Of each channel: what images are normalised by.
    temperature : float
        What scores are divided by before the softmax (see `fit_temperature`).
    form : int
        Of this config.
    """

    backbone: str
    head: str
    classes: tuple[str, ...]
    size: int
    side: int
    resize: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    temperature: float = 1.0
    form: int = FORM

    def prepare(self, image: Source) -> torch.Tensor:
        """Turn an image of any format and size into the network's input, (1, 3, size, size) float, as in training."""
        square = open_image(image)
        if square.size != (self.side, self.side):
            square = RESIZE[self.resize](square, (self.side, self.side))
        pixels = torch.from_numpy(np.array(square, np.float32)).permute(2, 0, 1)[None] / 255
        pixels = ToSize(self.size).encodes(TensorImage(pixels)).as_subclass(torch.Tensor)
        return (pixels - torch.tensor(self.mean)[:, None, None]) / torch.tensor(self.std)[:, None, None]

    def answer(self, scores: torch.Tensor) -> dict[str, float]:
        """Turn one image's scores, (classes,), into a probability for each class."""
        return dict(zip(self.classes, (scores / self.temperature).softmax(0).tolist(), strict=True))


@dataclass(frozen=True)
class SavedNetwork:
    """A network as it was saved: its weights and its config."""

    network: nn.Module
    config: Config

    @torch.no_grad()
    def predict(self, image: Source) -> dict[str, float]:
        """Give the probability of each class for a file, its bytes, an array or a PIL image."""
        return self.config.answer(self.network(self.config.prepare(image))[0])


def config_of(learn: Learner, temperature: float = 1.0) -> Config:
    """Read off a learner how its network is built and how its images are prepared.

    Raises
    ------
    CourseError
        `shipping.unknown-network` for a body that isn't registered, or a head that isn't fastai's or one linear layer;
        `shipping.unknown-images` where the data aren't images of the course's kind; `shipping.bad-temperature`.
    """
    temperature = checked_temperature(temperature)
    arch = getattr(learn, "arch", None)
    name = next((each.name for each in BACKBONES.values() if each.build is arch), None)
    steps = [*learn.dls.valid.after_item.fs, *learn.dls.valid.after_batch.fs]
    found = {
        kind: next((step for step in steps if isinstance(step, kind)), None) for kind in (Square, ToSize, Normalize)
    }
    square, size, normal = found.values()
    if square is None or size is None or normal is None:
        raise CourseError(
            "How these images are prepared can't be written down: load them by data.images, or by a data set of the "
            "course, with normalize=True.",
            code="shipping.unknown-images",
        )
    if name is None:
        raise CourseError(
            f"The network's architecture isn't one of {', '.join(BACKBONES)}: export it as ONNX, which holds the "
            "architecture too.",
            code="shipping.unknown-network",
        )
    mean, std = (tuple(getattr(normal, part).flatten().tolist()) for part in ("mean", "std"))
    config = Config(
        name, "", tuple(map(str, learn.dls.vocab)), size.size, square.size, square.how, mean, std, temperature
    )
    wanted = {key: value.shape for key, value in learn.model.state_dict().items()}
    for head in HEADS:
        built = build(replace(config, head=head))
        if {key: value.shape for key, value in built.state_dict().items()} == wanted:
            return replace(config, head=head)
    raise CourseError(
        "The network's head is neither fastai's nor one linear layer, so a config can't say how to build it: export it "
        "as ONNX, which holds the architecture too.",
        code="shipping.unknown-network",
    )


def build(config: Config) -> nn.Module:
    """Build the network that a config describes, with random weights, in evaluation mode."""
    network = create_vision_model(find_backbone(config.backbone).build, len(config.classes), pretrained=False)
    if config.head != "fastai":
        replace_head(network, config.head, n_out=len(config.classes))
    return network.eval()


def save_network(learn: Learner, folder: Path | str, temperature: float = 1.0) -> Path:
    """Save a learner's network in a folder, as network.safetensors and network.json; return the folder.

    Parameters
    ----------
    learn : Learner
        Of images, made by `vision_learner` with a backbone of the course.
    folder : Path or str
        Made if it isn't there.
    temperature : float
        What scores are to be divided by (see `fit_temperature`); above 0.

    Raises
    ------
    CourseError
        What `config_of` raises, before anything is written.
    """
    config = config_of(learn, temperature)
    where = Path(folder)
    where.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach().cpu().contiguous() for name, value in learn.model.state_dict().items()}
    save_file(weights, where / WEIGHTS)
    (where / CONFIG).write_text(json.dumps(asdict(config), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return where


def load_network(folder: Path | str) -> SavedNetwork:
    """Load what `save_network` has saved. Nothing in the files is run.

    Raises
    ------
    CourseError
        `shipping.no-network` where a file is missing; `shipping.bad-network` where one is damaged, or the two don't
        belong together.
    """
    where = Path(folder)
    config = read_config(where)
    network = build(config)
    try:
        network.load_state_dict(load_file(where / WEIGHTS))
    except FileNotFoundError:
        raise _missing(where, WEIGHTS) from None
    except (SafetensorError, RuntimeError) as problem:
        raise _damaged(where / WEIGHTS, problem) from problem
    return SavedNetwork(network, config)


def read_config(folder: Path) -> Config:
    """Read network.json; raises as `load_network` does."""
    file = folder / CONFIG
    try:
        config = config_from(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise _missing(folder, CONFIG) from None
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError, AttributeError) as problem:
        raise _damaged(file, problem) from problem
    if (
        config.form != FORM
        or config.backbone not in BACKBONES
        or config.resize not in RESIZE
        or config.head not in HEADS
    ):
        raise _damaged(file, "it names what this version of the course doesn't know")
    return config


def config_from(given: dict[str, Any]) -> Config:
    """Make a config of what JSON gave; TypeError for other names, and for values that no network can have."""
    values: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in given.items()}
    config = Config(**values)
    fitting = {
        **{name: isinstance(getattr(config, name), str) for name in ("backbone", "head", "resize")},
        "classes": isinstance(config.classes, tuple) and all(isinstance(name, str) for name in config.classes),
        "size": isinstance(config.size, int) and config.size > 0,
        "side": isinstance(config.side, int) and config.side > 0,
        "mean": isinstance(config.mean, tuple) and len(config.mean) == 3 and all(map(_finite, config.mean)),
        "std": isinstance(config.std, tuple) and len(config.std) == 3 and all(map(_above_zero, config.std)),
        "temperature": _above_zero(config.temperature),
    }
    if wrong := [name for name, fits in fitting.items() if not fits]:
        raise TypeError(f"{wrong[0]} can't be {getattr(config, wrong[0])!r}")
    return config


def checked_temperature(temperature: float) -> float:
    """Give a temperature back; CourseError `shipping.bad-temperature` for one that scores can't be divided by."""
    if not _above_zero(temperature):
        raise CourseError(
            f"temperature is {temperature!r}: give a number above 0, such as fit_temperature found.",
            code="shipping.bad-temperature",
        )
    return float(temperature)


def _finite(value: object) -> bool:
    return isinstance(value, Real) and isfinite(value)


def _above_zero(value: object) -> bool:
    return isinstance(value, Real) and 0 < float(value) < inf


def _missing(folder: Path, name: str) -> CourseError:
    return CourseError(
        f"There is no {name} in {folder}: save a network there first, with shipping.save_network.",
        code="shipping.no-network",
    )


def _damaged(file: Path, problem: object) -> CourseError:
    first = str(problem).splitlines()[0][:120] if str(problem) else type(problem).__name__
    return CourseError(
        f"{file.name} can't be used ({first}): take both files from one save of the network.",
        code="shipping.bad-network",
    )
