"""scans: made-up brain slices with and without a lesion, several a patient; or the learner's own images."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
import torch
from fastai.torch_basics import Transform
from fastai.vision.augment import aug_transforms

from course_utils.data.groups import PARTS, check_classes, shares, split_by_group
from course_utils.data.images.drawings.brain import Heads
from course_utils.data.images.drawings.scans import draw_scans
from course_utils.data.images.own import OwnImages, find_own
from course_utils.data.images.store import Store, StoreLoaders, chosen_seed, make_loaders
from course_utils.data.splits import Split, split_by_class
from course_utils.environment import data_dir, profile
from course_utils.errors import CourseError

VOCAB = ("healthy", "lesion")
# What is known of a drawn slice, and not of an image of one's own.
KNOWN = ("scanner", "age", "ventricles", "height", "lesion_size", "lesion_contrast", "lesion_x", "lesion_y")


def scans(
    n_per_class: int | None = None,
    *,
    prevalence: float = 0.05,
    shift: float = 0.0,
    duplicates: float = 0.0,
    split_by: str = "patient",
    folder: str | Path | None = None,
    patients: str | Path | None = None,
    seed: int | None = None,
    size: int = 64,
    bs: int = 64,
    split: tuple[float, float] = (0.2, 0.4),
    augment: bool | Sequence[Transform] = True,
    normalize: bool = True,
    n_patients: int = 300,
    slices: int = 6,
) -> StoreLoaders:
    """Brain-like slices, healthy or with a lesion, as fastai DataLoaders with a held-out `test`.

    The slices are synthetic, made by code from the seed: they show how training goes wrong, and nothing medical can be
    concluded from them.

    n_per_class: slices a class in train (None: all there are, at the prevalence)
    prevalence: share of the slices that have a lesion, in every part
    shift: 0 when test comes from the scanners of train, 1 when it comes from one never seen there, and between
    duplicates: share of the patients whose slices are those of another one, exported again and registered as new
    split_by: "patient" (all slices of a patient in one part) or "slice" (as if each were a patient: a leak)
    split: shares of valid and test
    n_patients, slices: patients, and slices of each
    folder: the learner's own images instead, one sub-folder a class; patients: a csv with the columns file and
        patient (None: the folder's patients.csv). In the full profile a folder `scans` in the data folder is found by
        itself. What turns the drawings (prevalence, shift, duplicates, n_patients, slices) then changes nothing

    `dls.factors` has a row for each of the store's images: part, label, patient, slice, scanner, age, ventricles,
    height, lesion_size (pixels that the mask holds), lesion_contrast (against white matter, negative when dark),
    lesion_x, lesion_y (pixels from the left and the upper edge), duplicate_of (the row of the original, or -1).
    `dls.masks` is a bool tensor (N, 64, 64), True where the lesion is. Of own images the factors are part ("unused"
    beyond n_per_class), label, patient, slice (number among the patient's images), file and duplicate_of (-1), the
    others NaN, and masks is None. Errors: CourseError for a wrong option, for a class that is missing in a part, and
    those of `find_own`.
    """
    _check(prevalence, shift, duplicates, split_by, n_patients, slices)
    seed = chosen_seed(seed)
    loading = {
        "size": size,
        "bs": bs,
        "order_seed": seed,
        "augment": augment,
        "own_augment": aug_transforms(max_rotate=10, max_warp=0, max_zoom=1.1),
        "normalize": normalize,
    }
    if folder is None and patients is not None:
        raise CourseError("patients is given without a folder: name the folder of images that the table is about.")
    if folder is None and profile() == "full" and (data_dir() / "scans").is_dir():
        folder = data_dir() / "scans"
    if folder is not None:
        own = find_own(folder, patients, need_patients=split_by == "patient")
        return _load_own(own, n_per_class, seed, split, split_by, loading)
    register = _register(seed, float(prevalence), float(duplicates), n_patients, slices)
    parts = divide(register.label, register.patient, VOCAB, n_per_class, seed, split, split_by)
    check_classes(parts, register.label, VOCAB, "raise prevalence or n_patients, or change split")
    return _load_drawn(register, parts, seed, slices, float(shift), loading)


def divide(
    labels: Sequence[int],
    patients: Sequence[str],
    vocab: Sequence[str],
    n_per_class: int | None,
    seed: int,
    split: tuple[float, float],
    split_by: str,
) -> Split:
    """Train, valid and test by patient, or by slice as if each were a patient; `split` are the shares of both."""
    shares(split)
    if split_by == "slice":
        return split_by_class(labels, vocab, n_per_class, seed, split)
    return split_by_group(labels, patients, vocab, n_per_class, seed, split)


def _check(prevalence, shift, duplicates, split_by, n_patients, slices) -> None:
    for name, value, high in (("prevalence", prevalence, 1), ("shift", shift, 1), ("duplicates", duplicates, 0.5)):
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 <= value <= high:
            raise CourseError(f"{name} is {value!r}: give a number from 0 to {high:g}.")
    for name, value, low, high in (("n_patients", n_patients, 3, 20_000), ("slices", slices, 1, 24)):
        if type(value) not in (int, np.int64) or not low <= value <= high:
            raise CourseError(f"{name} is {value!r}: give a whole number from {low} to {high:,}.")
    if split_by not in ("patient", "slice"):
        raise CourseError(f"split_by is {split_by!r}: choose 'patient' or 'slice'.")


def _load_own(
    own: OwnImages, n_per_class: int | None, seed: int, split: tuple[float, float], split_by: str, loading: dict
) -> StoreLoaders:
    """Loaders of the learner's own images; every one is in the store, in the order of the files."""
    whose = own.files if own.patients is None else own.patients
    parts = divide(own.labels, whose, own.vocab, n_per_class, seed, split, split_by)
    check_classes(parts, own.labels, own.vocab, f"add images of it from at least three {split_by}s, or change split")
    store = Store(own.read(loading["size"]), torch.tensor(own.labels), own.vocab)
    dls = make_loaders(store, parts, what="images of your own", **loading)
    part = np.full(len(own.files), "unused", dtype=object)
    for name in PARTS:
        part[getattr(parts, name)] = name
    table = pd.DataFrame({"part": part, "label": [own.vocab[label] for label in own.labels], "patient": whose})
    table["slice"] = table.groupby("patient").cumcount()
    dls.factors = table.assign(**dict.fromkeys(KNOWN, np.nan), duplicate_of=-1, file=own.files)
    dls.masks = None
    return dls


def _load_drawn(
    register: pd.DataFrame, parts: Split, seed: int, slices: int, shift: float, loading: dict
) -> StoreLoaders:
    """Loaders of the slices of a register; only those that are used are drawn."""
    images, masks, tables, places, start = [], [], [], {}, 0
    for part in ("test", "valid", "train"):  # train last: its length leaves the places of the others alone
        rows = register.iloc[getattr(parts, part)].reset_index(drop=True)
        asked = tuple(tuple(rows[name]) for name in ("head", "slice", "cut", "copy"))
        drawn, mask, known = _draw(seed, slices, *asked, shift if part == "test" else 0.0)
        images.append(drawn)
        masks.append(mask)
        tables.append(pd.concat([rows, known], axis=1).assign(part=part))
        places[part] = list(range(start, start := start + len(rows)))
    table = pd.concat(tables, ignore_index=True)
    grey = torch.from_numpy(np.concatenate(images))[:, None].repeat(1, 3, 1, 1)
    store = Store(grey, torch.tensor(table.label.to_numpy()), VOCAB)
    dls = make_loaders(store, Split(**places), what="synthetic scans", **loading)
    table = table.assign(label=np.array(VOCAB)[table.label], duplicate_of=_originals(table))
    dls.factors = table[["part", "label", "patient", "slice", *KNOWN, "duplicate_of"]]
    dls.masks = torch.from_numpy(np.concatenate(masks))
    return dls


def _originals(table: pd.DataFrame) -> list[int]:
    """For each row the one that it is a copy of, or -1."""
    of = list(zip(table["head"], table["slice"], strict=True))
    rows = {slice_: row for row, slice_ in enumerate(of) if not table["copy"][row]}
    return [rows.get(slice_, -1) if copy else -1 for slice_, copy in zip(of, table["copy"], strict=True)]


@lru_cache(maxsize=12)  # a sweep asks for the same valid and test again and again
def _draw(seed: int, slices: int, heads: tuple, which: tuple, cut: tuple, copies: tuple, shift: float):
    return draw_scans(seed, heads, which, slices, cut, copies, shift)


@lru_cache(maxsize=16)
def _register(seed: int, prevalence: float, duplicates: float, n_patients: int, slices: int) -> pd.DataFrame:
    """One row a slice: patient (as registered), slice, head (whom it shows), copy (whether it was exported again), cut
    (how large the lesion is cut there, 0 for none) and label.

    The share of lesions is met to the slice; with copies to two slices, as a copied lesion comes twice.
    """
    order = np.random.default_rng([seed, crc32(b"scans")]).permutation(n_patients)
    copies = round(duplicates * n_patients)
    head = np.arange(n_patients)
    head[order[:copies]] = order[copies : 2 * copies]
    times = np.bincount(head, minlength=n_patients)  # 0 for the head of a copy, which nobody sees
    cut = _cuts(seed, order[times[order] > 0], times, round(prevalence * n_patients * slices), slices)
    rows = np.repeat(np.arange(n_patients), slices)
    table = pd.DataFrame(
        {
            "patient": [f"P{number:04d}" for number in rows],
            "slice": np.tile(np.arange(slices), n_patients),
            "head": head[rows],
            "copy": head[rows] != rows,
            "cut": cut[head].ravel(),
        }
    )
    return table.assign(label=(table.cut > 0).astype(int))


def _cuts(seed: int, order: np.ndarray, times: np.ndarray, wanted: int, slices: int) -> np.ndarray:
    """How large the lesion is cut in each slice of each head (heads, slices), with lesions in `wanted` slices.

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
