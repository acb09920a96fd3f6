"""Labelled recordings in three splits, as tables; loaders and a network come later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from course_utils.data.options import SplitOptions
from course_utils.data.sound.spectrograms import RATE, log_mel
from course_utils.data.splits import SPLITS, keep_published_split, split_by_class
from course_utils.errors import CourseError

COLUMNS = ["name", "label", "speaker", "seconds"]


@dataclass(frozen=True)
class Sounds:
    """Recordings of one word each, divided into a training, a validation and a test set.

    Attributes
    ----------
    train, valid, test : DataFrame
        A row for each recording, with the columns `name`, `label`, `speaker` and `seconds`.
    recordings : mapping of str to list of float32 arrays
        The samples of each recording of "train", "valid" and "test", in the order of the tables, 8,000 a second.
    classes : tuple of str
        The words; a class's number is its place among them.
    seconds : float
        How much of each recording a network hears: shorter ones stand in the middle of silence, of longer ones it
        hears the loudest part.
    real : bool
        Whether they are public recordings, or a learner's own, and no stand-in.
    about : str
        One line that says what the recordings are, and how many are in each split.
    notes : tuple of str
        Further sentences: what was left out.
    """

    train: pd.DataFrame = field(repr=False)
    valid: pd.DataFrame = field(repr=False)
    test: pd.DataFrame = field(repr=False)
    recordings: Mapping[str, list[np.ndarray]] = field(repr=False)
    classes: tuple[str, ...]
    seconds: float
    real: bool
    about: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say what they are."""
        return self.about

    def waves(self, split: str) -> Tensor:
        """Give the recordings of the "train", "valid" or "test" set, (n, samples), all of the same length."""
        return torch.stack([torch.from_numpy(fit(wave, self.seconds)) for wave in self.recordings[split]])

    def spectrograms(self, split: str) -> Tensor:
        """Give the log-mel spectrograms (n, 1, 40 bands, frames) of the "train", "valid" or "test" set."""
        return torch.cat([log_mel(part) for part in self.waves(split).split(256)])

    def targets(self, split: str) -> np.ndarray:
        """Give the numbers of the classes (n,) of the "train", "valid" or "test" set."""
        return getattr(self, split).label.map(self.classes.index).to_numpy(np.int64)


def fit(wave: np.ndarray, seconds: float) -> np.ndarray:
    """Bring a recording to a length: in the middle of silence, or the loudest part of it."""
    samples = round(seconds * RATE)
    free = samples - len(wave)
    if free >= 0:
        return np.pad(np.asarray(wave, np.float32), (free // 2, free - free // 2))
    energy = np.cumsum(np.square(wave, dtype=np.float64))
    start = int(np.argmax(energy[samples:] - energy[:-samples])) + 1
    return np.asarray(wave[start : start + samples], np.float32)


def divide(
    table: pd.DataFrame,
    classes: Sequence[str],
    options: SplitOptions,
    *,
    by: str,
    speaker: str | None,
    what: str,
    **about: Any,
) -> Sounds:
    """Divide a table of recordings.

    Parameters
    ----------
    table : DataFrame
        As in `Sounds`, with the samples as its column `wave`; its column `reserved`, where there is one, says which
        recordings the publisher keeps for testing.
    classes : sequence of str
        The words.
    options : SplitOptions
        What was asked for; by speaker, `split` counts recordings of those who are held out.
    by : "chance" or "speaker"
        By chance, everybody may be heard in each set. By speaker, a fifth of them is heard in the test set alone, and
        another fifth in the validation set alone: one at least.
    speaker : str, optional
        Who is kept for testing, alone, with `by="speaker"`; None lets the seed choose.
    what : str
        What the recordings are, for the line `about`.
    **about
        `seconds`, `real` and `notes` of `Sounds`.

    Raises
    ------
    CourseError
        `data.bad-option` for another way to divide, and for a speaker who isn't there or isn't held out; those of
        `split_by_class`.
    """
    labels = table.label.map(list(classes).index).to_numpy()
    seed = options.chosen_seed
    if by not in ("chance", "speaker") or (by == "chance" and speaker is not None):
        raise CourseError(
            f"by is {by!r} and speaker is {speaker!r}: give by='chance' alone, or by='speaker' to test with a voice "
            "that nothing was learned from.",
            code="data.bad-option",
        )
    told = ""
    if by == "chance":
        reserved = table.reserved.to_numpy() if "reserved" in table else None
        split = split_by_class(labels, classes, options.n_per_class, seed, options.split, reserved_for_test=reserved)
    else:
        held_out = _hold_out(table.speaker, seed, speaker)
        told = f"; {' and '.join(held_out['test'])} only in test, {' and '.join(held_out['valid'])} only in valid"
        owner = {each: name for name, several in held_out.items() for each in several}
        published = table.speaker.map(lambda each: owner.get(each, "train")).to_numpy()
        split = keep_published_split(labels, classes, published, options.n_per_class, seed, options.split)
    parts = {
        name: table.iloc[np.random.default_rng([seed, number]).permutation(getattr(split, name))]
        for number, name in enumerate(SPLITS)
    }
    counts = ", ".join(f"{len(parts[name]):,} {name}" for name in SPLITS)
    return Sounds(
        **{name: part[COLUMNS].reset_index(drop=True) for name, part in parts.items()},
        recordings={name: part.wave.tolist() for name, part in parts.items()},
        classes=tuple(classes),
        about=f"{what}: {counts}{told}.",
        **about,
    )


def _hold_out(speakers: pd.Series, seed: int, wanted: str | None) -> dict[str, list[str]]:
    """Choose who is heard in the test set alone, and who in the validation set alone."""
    there = sorted(speakers.unique())
    if len(there) < 3:
        raise CourseError(
            f"A split by speaker needs three of them, and {len(there)} can be told apart here: record more voices, say "
            "who speaks with speaker=, or take by='chance'.",
            code="data.bad-option",
        )
    if wanted is not None and wanted not in there:
        raise CourseError(f"There is no speaker {wanted!r}: choose one of {', '.join(there)}.", code="data.bad-option")
    count = max(1, len(there) // 5)
    order = [str(each) for each in np.random.default_rng([seed, len(there)]).permutation(there)]
    test = [wanted] if wanted is not None else order[:count]
    return {"test": test, "valid": [each for each in order if each not in test][:count]}
