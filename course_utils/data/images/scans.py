"""scans: synthetic brain slices with and without a lesion, several a patient; or the learner's own images."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from fastai.torch_basics import delegates
from fastai.vision.augment import aug_transforms

from course_utils import environment
from course_utils.data.groups import check_classes, shares, split_by_group
from course_utils.data.images.cohort import VOCAB, Cohort, draw_slices, list_slices
from course_utils.data.images.options import ImageOptions
from course_utils.data.images.own.loading import images
from course_utils.data.images.own.tables import groups_of_csv
from course_utils.data.images.store import Store, StoreLoaders, make_loaders
from course_utils.data.options import check_known, select
from course_utils.data.splits import STORED, Split, renumber, split_by_class
from course_utils.environment import data_dir
from course_utils.errors import CourseError

TABLE = "patients.csv"  # its name inside the folder, where no other is given

# What is known of a drawn slice, and not of an image of the learner's own.
DRAWN_FACTORS = ("scanner", "age", "ventricles", "height", "lesion_size", "lesion_contrast", "lesion_x", "lesion_y")


@delegates(ImageOptions)
@delegates(Cohort, keep=True)
def scans(
    n_per_class: int | None = None,
    *,
    split: tuple[float, float] = (0.2, 0.4),
    split_by: str = "patient",
    folder: str | Path | None = None,
    patients: str | Path | None = None,
    **kwargs: Any,
) -> StoreLoaders:
    """Load brain-like slices, healthy or with a lesion, as fastai DataLoaders with a held-out `test`.

    The slices are synthetic, made by code from the seed: they show how training goes wrong, and nothing medical can be
    concluded from them.

    Parameters
    ----------
    n_per_class : int, optional
        Training slices of each class; None takes all there are, at the prevalence.
    split : (float, float)
        Shares of the validation and of the test set.
    split_by : str
        "patient" (all slices of a patient in one split) or "slice" (as if each were a patient: a leak).
    folder : str or Path, optional
        A folder of your own images instead, as `data.images` takes it, padded to squares. Where photographs are
        chosen, a folder `scans` in the data folder is used when there is one. The options of `Cohort` then change
        nothing.
    patients : str or Path, optional
        A csv with the columns file and patient; None is the folder's patients.csv.
    **kwargs
        The options of `Cohort` (who is drawn) and of `ImageOptions`.

    Returns
    -------
    StoreLoaders
        `factors` has a row for each image: split, label, patient, slice, scanner, age, ventricles, height, lesion_size
        (pixels that the mask holds), lesion_contrast (against white matter, negative when dark), lesion_x, lesion_y
        (pixels from the left and the upper edge), duplicate_of (the row of the original, or -1). `masks` is a bool
        tensor (n, 64, 64), True where the lesion is. For the learner's own images the factors are split ("unused"
        beyond n_per_class), label, patient, slice (number among the patient's images), file and duplicate_of (-1), the
        others NaN, and `masks` is None.

    Raises
    ------
    CourseError
        `data.bad-option` for a wrong option, `data.missing-class` for a class that is missing in a split, and those of
        `data.images`.
    """
    check_known(kwargs, "scans", ImageOptions, Cohort)
    options = ImageOptions(n_per_class=n_per_class, split=split, **select(ImageOptions, kwargs))
    cohort = Cohort(**select(Cohort, kwargs))
    if split_by not in ("patient", "slice"):
        raise CourseError(f"split_by is {split_by!r}: choose 'patient' or 'slice'.", code="data.bad-option")
    if folder is None and patients is not None:
        raise CourseError(
            "patients is given without a folder: name the folder of images that the table is about.",
            code="data.bad-option",
        )
    if folder is None and environment.images() == "photographs" and (data_dir() / "scans").is_dir():
        folder = data_dir() / "scans"
    if folder is None:
        return _load_drawn(cohort, options, split_by)
    return _load_own(Path(folder).expanduser().absolute(), patients, options, split_by)


def _divide(
    labels: Sequence[int] | np.ndarray,
    patients: Sequence[str],
    vocab: Sequence[str],
    options: ImageOptions,
    split_by: str,
    advice: str,
) -> Split:
    """Split by patient, or by slice as if each were a patient; every class must be in every split."""
    shares(options.split)  # by slice, too, numbers of images are refused
    seed, n_per_class = options.chosen_seed, options.n_per_class
    if split_by == "slice":
        split = split_by_class(labels, vocab, n_per_class, seed, options.split)
    else:
        split = split_by_group(labels, patients, vocab, n_per_class, seed, options.split)
    check_classes(split, labels, vocab, advice)
    return split


def _load_own(folder: Path, patients: str | Path | None, options: ImageOptions, split_by: str) -> StoreLoaders:
    """Load the learner's own images, as `data.images` does; every one is in the store, in the order of the files."""
    shares(options.split)
    table = folder / TABLE if patients is None else Path(patients).expanduser().absolute()
    if split_by == "patient" and not table.is_file():
        raise CourseError(
            f"There is no table of patients {table}: write a csv with the columns file and patient, one line for "
            "each image, or split by image with split_by='slice'.",
            code="data.bad-table",
        )
    patient_of = None
    if patients is not None or table.is_file():
        patient_of = groups_of_csv(table, folder)
    given = {field.name: getattr(options, field.name) for field in fields(options)}
    given["augment"] = _augment() if options.augment is True else options.augment
    dls = images(folder, group=patient_of if split_by == "patient" else None, resize="pad", **given)
    factors = dls.factors.drop(columns="group", errors="ignore")
    factors["patient"] = [patient_of(folder / file) if patient_of else file for file in factors.file]
    factors["slice"] = factors.groupby("patient").cumcount()
    dls.factors = factors.assign(**dict.fromkeys(DRAWN_FACTORS, np.nan), duplicate_of=-1)
    return dls


def _load_drawn(cohort: Cohort, options: ImageOptions, split_by: str) -> StoreLoaders:
    """Load the slices of a cohort; only those that are used are drawn."""
    register = list_slices(cohort, options.chosen_seed)
    advice = "raise prevalence or n_patients, or change split"
    split = _divide(register.label, register.patient, VOCAB, options, split_by, advice)
    images, masks, tables = [], [], []
    for name in STORED:
        rows = register.iloc[getattr(split, name)].reset_index(drop=True)
        drawn, mask, known = draw_slices(cohort, options.chosen_seed, rows, shifted=name == "test")
        images.append(drawn)
        masks.append(mask)
        tables.append(pd.concat([rows, known], axis=1).assign(split=name))
    table = pd.concat(tables, ignore_index=True)
    grey = torch.from_numpy(np.concatenate(images))[:, None].repeat(1, 3, 1, 1)
    store = Store(grey, torch.tensor(table.label.to_numpy()), VOCAB)
    dls = make_loaders(store, renumber(split), options, what="synthetic scans", default_augment=_augment())
    table = table.assign(label=np.array(VOCAB)[table.label], duplicate_of=_originals(table))
    dls.factors = table[["split", "label", "patient", "slice", *DRAWN_FACTORS, "duplicate_of"]]
    dls.masks = torch.from_numpy(np.concatenate(masks))
    return dls


def _augment() -> list:
    return aug_transforms(max_rotate=10, max_warp=0, max_zoom=1.1)


def _originals(table: pd.DataFrame) -> list[int]:
    """Return for each row the row that it is a copy of, or -1."""
    keys = list(zip(table["head"], table["slice"], strict=True))
    row_of_original = {key: row for row, key in enumerate(keys) if not table["copy"][row]}
    return [row_of_original.get(key, -1) if copy else -1 for key, copy in zip(keys, table["copy"], strict=True)]
