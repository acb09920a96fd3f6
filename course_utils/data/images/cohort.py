"""The patients whose scans are drawn: who is ill, whose slices are registered twice, and which slices show a lesion."""

from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np
import pandas as pd

from course_utils.data.images.drawings.brain import Heads
from course_utils.data.images.drawings.scans import draw_scans
from course_utils.errors import CourseError

VOCAB = ("healthy", "lesion")
SHARES = {"prevalence": 1, "shift": 1, "duplicates": 0.5}  # the largest value of each
NUMBERS = {"n_patients": (3, 20_000), "slices": (1, 24)}  # the least and the largest value of each


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """Which patients are drawn, and what is wrong with their data.

    Parameters
    ----------
    prevalence : float
        Share of the slices that have a lesion, in every split.
    shift : float
        0 when the test set comes from the scanners of the training set, 1 when it comes from one never seen there;
        values between are between.
    duplicates : float
        Share of the patients whose slices are those of another one, exported again and registered as new; 0 to 0.5.
    n_patients, slices : int
        How many patients, and how many slices of each.

    Raises
    ------
    CourseError
        `data.bad-option` for a value outside its range.
    """

    prevalence: float = 0.05
    shift: float = 0.0
    duplicates: float = 0.0
    n_patients: int = 300
    slices: int = 6

    def __post_init__(self) -> None:
        """Check every value."""
        for name, high in SHARES.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 <= value <= high:
                raise CourseError(f"{name} is {value!r}: give a number from 0 to {high:g}.", code="data.bad-option")
        for name, (low, high) in NUMBERS.items():
            value = getattr(self, name)
            if type(value) not in (int, np.int64) or not low <= value <= high:
                raise CourseError(
                    f"{name} is {value!r}: give a whole number from {low} to {high:,}.", code="data.bad-option"
                )


@lru_cache(maxsize=16)
def list_slices(cohort: Cohort, seed: int) -> pd.DataFrame:
    """List the slices of a cohort, one row each.

    The share of lesions is met to the slice; with duplicates to two slices, as a copied lesion comes twice.

    Returns
    -------
    DataFrame
        The columns patient (as registered), slice, head (whom it shows), copy (whether it was exported again), cut (how
        large the lesion is cut there, 0 for none) and label.
    """
    n_patients, slices = cohort.n_patients, cohort.slices
    order = np.random.default_rng([seed, crc32(b"scans")]).permutation(n_patients)
    copies = round(float(cohort.duplicates) * n_patients)
    head = np.arange(n_patients)
    head[order[:copies]] = order[copies : 2 * copies]
    times = np.bincount(head, minlength=n_patients)  # 0 for the head of a copy, which nobody sees
    wanted = round(float(cohort.prevalence) * n_patients * slices)
    cut = _cut_lesions(seed, order[times[order] > 0], times, wanted, slices)
    patient = np.repeat(np.arange(n_patients), slices)
    table = pd.DataFrame(
        {
            "patient": [f"P{number:04d}" for number in patient],
            "slice": np.tile(np.arange(slices), n_patients),
            "head": head[patient],
            "copy": head[patient] != patient,
            "cut": cut[head].ravel(),
        }
    )
    return table.assign(label=(table.cut > 0).astype(int))


def draw_slices(
    cohort: Cohort, seed: int, rows: pd.DataFrame, *, shifted: bool
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Draw the slices in these rows of `list_slices`: images, masks and factors, as in `draw_scans`.

    `shifted` says whether the cohort's shift of the scanner applies to them.
    """
    columns = (tuple(rows[name]) for name in ("head", "slice", "cut", "copy"))
    return _draw(seed, cohort.slices, *columns, float(cohort.shift) if shifted else 0.0)


@lru_cache(maxsize=12)  # a sweep asks for the same validation and test set again and again
def _draw(
    seed: int, per_head: int, heads: tuple, slices: tuple, lesion: tuple, copies: tuple, shift: float
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    return draw_scans(seed, heads, slices, per_head, lesion, copies, shift)


def _cut_lesions(seed: int, order: np.ndarray, times: np.ndarray, wanted: int, slices: int) -> np.ndarray:
    """Return how large the lesion is cut in each slice of each head (heads, slices), with lesions in `wanted` slices.

    order: the heads that are seen, in the order in which they get their lesion; times: how often each head is seen
    """
    heads = Heads(seed, np.arange(len(times)))
    spans = np.minimum(heads.factors["lesion_span"], slices)
    length = np.zeros(len(times), int)
    for longest in (spans, np.full(len(times), slices)):  # where every head has a lesion, they grow longer
        for head in order:
            grown = min(longest[head] - length[head], wanted // times[head])
            length[head] += grown
            wanted -= grown * times[head]
    first = np.floor(heads.factors["lesion_first"] * (slices - length + 1))
    along = np.arange(slices) - first[:, None]
    off = (2 * along + 1 - length[:, None]) / np.maximum(length[:, None], 1)  # -1 to 1 over the lesion's slices
    return np.where((along >= 0) & (along < length[:, None]), 1 - 0.35 * off * off, 0.0)
