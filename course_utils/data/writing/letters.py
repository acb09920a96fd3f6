"""letters: drawings of the letters of eight alphabets by many people, or letters rendered from Matplotlib's fonts."""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import torch
from fastai.torch_basics import delegates
from PIL import Image
from torch import Tensor

from course_utils import environment
from course_utils.data.archives import read_files
from course_utils.data.decoded import Tensors, decode_unless_missing
from course_utils.data.fetching import fetch_archive
from course_utils.data.options import SplitOptions, check_known, check_n_per_class
from course_utils.data.sources import SOURCES
from course_utils.data.splits import SPLITS
from course_utils.data.writing.rendering import SIDE, render_letters
from course_utils.errors import CourseError

ARCHIVES = ("omniglot_small1", "omniglot_small2")  # both hold Greek and Latin, with the same drawings
TENSORS = ("images", "scripts", "characters", "drawers")
ALPHABETS = (
    *("Balinese", "Early_Aramaic", "Greek", "Japanese_(katakana)"),
    *("Korean", "Latin", "Sanskrit", "Tagalog"),
)


@dataclass(frozen=True)
class Letters:
    """Images of letters in a training, a validation and a test set, which have no script in common.

    Attributes
    ----------
    images : mapping of str to (n, 1, 56, 56) uint8 tensor
        Of "train", "valid" and "test"; ink is 255, paper 0.
    labels : mapping of str to (n,) int tensor
        The number of each image's class among the classes of its own set.
    classes : mapping of str to tuple of str
        The names of the letters, such as "Greek 7".
    names : mapping of str to list of str
        A name for each image: its letter, and who drew it, or which rendering it is.
    real : bool
        Whether people drew them.
    about : str
        One line that says what they are, and how many of which scripts are in each set.
    """

    images: Mapping[str, Tensor] = field(repr=False)
    labels: Mapping[str, Tensor] = field(repr=False)
    classes: Mapping[str, tuple[str, ...]] = field(repr=False)
    names: Mapping[str, list[str]] = field(repr=False)
    real: bool
    about: str

    def __str__(self) -> str:
        """Say what they are."""
        return self.about

    def scripts(self, split: str) -> list[str]:
        """List the scripts of the "train", "valid" or "test" set."""
        return list(dict.fromkeys(name.rpartition(" ")[0] for name in self.classes[split]))


@delegates(SplitOptions)
def letters(
    n_per_class: int | None = None,
    *,
    fonts: bool = False,
    split: tuple[float, float] = (0.25, 0.25),
    **kwargs: Any,
) -> Letters:
    """Load images of letters in three sets, divided by script: nobody has seen a test letter in training.

    They are Omniglot's two small background sets: 242 letters of eight alphabets, each drawn once by twenty people.
    Where they can't be had, a sentence says why, and letters of twenty scripts stand in, each rendered twenty times
    from fonts that come with Matplotlib, and each time bent and inked in another way.

    Parameters
    ----------
    fonts : bool
        Take the rendered letters, even where the drawn ones can be had.
    split : (float, float)
        How many scripts are in the validation and in the test set: shares of all scripts below 1, or numbers of them.
    n_per_class : int, optional
        Training images of each letter; None takes all twenty. Fewer are always among those of a larger number.
    **kwargs
        The options of `SplitOptions`; `seed` decides which script is in which set.

    Raises
    ------
    CourseError
        `data.bad-split` where no script is left for some set; `data.too-few-items`, `data.bad-number`,
        `data.unknown-option`.
    """
    check_known(kwargs, "letters", SplitOptions)
    options = SplitOptions(n_per_class=n_per_class, split=split, **kwargs)
    check_n_per_class(n_per_class)
    drawn = None if fonts or environment.images() != "photographs" else _drawn()
    tensors, names = (drawn, ALPHABETS) if drawn is not None else _rendered()
    sets = split_scripts(names, options.split, options.chosen_seed)
    found = {name: _part(tensors, names, chosen) for name, chosen in sets.items()}
    if n_per_class is not None:
        found["train"] = _fewer(found["train"], n_per_class, options.chosen_seed)
    counts = ", ".join(f"{len(found[name][0]):,} {name} ({' and '.join(_spoken(sets[name]))})" for name in SPLITS)
    return Letters(
        images={name: part[0] for name, part in found.items()},
        labels={name: part[1] for name, part in found.items()},
        classes={name: part[2] for name, part in found.items()},
        names={name: part[3] for name, part in found.items()},
        real=drawn is not None,
        about=f"{'letters drawn by people' if drawn is not None else 'letters rendered from fonts'}: {counts}.",
    )


def split_scripts(names: tuple[str, ...], split: tuple[float, float], seed: int) -> dict[str, list[str]]:
    """Divide scripts into a training, a validation and a test set.

    Parameters
    ----------
    names : tuple of str
        All scripts.
    split : (float, float)
        How many are in the validation and in the test set: shares below 1, or numbers.
    seed : int
        Decides which ones.

    Raises
    ------
    CourseError
        `data.bad-split` unless each set has a script at least.
    """
    try:
        valid, test = (round(each * len(names)) if each < 1 else each for each in split)
        possible = valid >= 1 and test >= 1 and valid + test < len(names) and valid == int(valid) and test == int(test)
    except (TypeError, ValueError):
        possible = False
    if not possible:
        raise CourseError(
            f"split is {split!r}: give two numbers for valid and test, each a share of the {len(names)} scripts below "
            "1 or a whole number of them, and leave one at least for each set.",
            code="data.bad-split",
        )
    order = [names[number] for number in np.random.default_rng([seed, len(names)]).permutation(len(names))]
    stop = int(test + valid)
    return {"train": order[stop:], "valid": order[int(test) : stop], "test": order[: int(test)]}


Part = tuple[Tensor, Tensor, tuple[str, ...], list[str]]  # images, labels, classes, names


def _part(tensors: Tensors, names: tuple[str, ...], chosen: list[str]) -> Part:
    """Give what `Letters` holds of some scripts."""
    numbers = torch.tensor([names.index(each) for each in chosen])
    rows = torch.isin(tensors["scripts"], numbers).nonzero().flatten()
    scripts, characters, drawers = (tensors[name][rows].tolist() for name in TENSORS[1:])
    letters = [f"{_said(names[script])} {number}" for script, number in zip(scripts, characters, strict=True)]
    classes = tuple(dict.fromkeys(letters))
    place = {name: number for number, name in enumerate(classes)}
    labels = torch.tensor([place[letter] for letter in letters])
    return (
        tensors["images"][rows][:, None],
        labels,
        classes,
        [f"{letter}, {who}" for letter, who in zip(letters, drawers, strict=True)],
    )


def _fewer(part: Part, n_per_class: int, seed: int) -> Part:
    images, labels, classes, names = part
    most = int(torch.bincount(labels).min())
    if n_per_class > most:
        raise CourseError(
            f"{n_per_class:,} images of each letter were asked for and {most} exist: ask for at most {most}.",
            code="data.too-few-items",
        )
    order = torch.from_numpy(np.random.default_rng([seed, 1]).permutation(len(labels)))
    rows = torch.cat([order[labels[order] == label][:n_per_class] for label in range(len(classes))])
    return images[rows], labels[rows], classes, [names[row] for row in rows.tolist()]


def _said(name: str) -> str:
    return name.replace("_", " ").replace("Japanese (katakana)", "Katakana")


def _spoken(names: list[str]) -> list[str]:
    said = [_said(name) for name in names]
    return said if len(said) < 3 else [", ".join(said[:-1]), said[-1]]


@cache  # one sentence a session, and one try: a machine without a network waits for each
def _drawn() -> Tensors | None:
    """Return Omniglot's drawings, or None where they can't be had."""
    key = "-".join((SOURCES[name].content or "")[:12] for name in ARCHIVES)
    return decode_unless_missing(
        f"letters-{SIDE}-{key}", _decode, TENSORS, "Letters rendered from fonts stand in for those that people drew."
    )


def _decode() -> Tensors:
    found: dict[tuple[str, int, int], Tensor] = {}
    for archive in ARCHIVES:
        source = SOURCES[archive]
        for file, content in read_files(fetch_archive(archive), source.unpacked):
            if re.search(source.counted, file):
                path = PurePosixPath(file)
                _, alphabet, character = path.parts[-4:-1] if len(path.parts) > 3 else ("", *path.parts[-3:-1])
                letter = (alphabet, int(character.removeprefix("character")), int(path.stem.rpartition("_")[2]))
                if letter not in found:  # Greek and Latin are in both archives
                    found[letter] = _shrunk(content)
    order = sorted(found)
    scripts, characters, drawers = zip(*order, strict=True)
    return {
        "images": torch.stack([found[letter] for letter in order]),
        "scripts": torch.tensor([ALPHABETS.index(each) for each in scripts]),
        "characters": torch.tensor(characters),
        "drawers": torch.tensor(drawers),
    }


def _shrunk(content: bytes) -> Tensor:
    """Decode a drawing of black ink on white paper: (SIDE, SIDE) uint8, ink 255."""
    image = Image.open(io.BytesIO(content), formats=("PNG",)).convert("L")
    small = image.resize((SIDE, SIDE), Image.Resampling.BOX)
    return 255 - torch.from_numpy(np.asarray(small).copy())


@cache
def _rendered() -> tuple[Tensors, tuple[str, ...]]:
    images, scripts, characters, versions, names = render_letters()
    return dict(zip(TENSORS, (images, scripts, characters, versions), strict=True)), names
