"""Reads the learner's own images: a folder with one sub-folder a class, and a csv that says whose each image is."""

import csv
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageOps

from course_utils.data.images.opening import open_image
from course_utils.errors import CourseError

TABLE = "patients.csv"  # its name inside the folder, where no other is given
COLUMNS = ("file", "patient")
NO_IMAGES = ("Thumbs.db", "desktop.ini", "__MACOSX")  # what systems leave in folders; hidden files are left out too


@dataclass(frozen=True)
class OwnImages:
    """Files of images, by class and name, with each one's class (a place in vocab) and patient (None: not known)."""

    folder: Path
    files: tuple[str, ...]  # relative to the folder, with forward slashes
    labels: tuple[int, ...]
    vocab: tuple[str, ...]
    patients: tuple[str, ...] | None

    def read(self, size: int) -> torch.Tensor:
        """The images uint8 (n, 3, size, size), grey as three equal channels, with black beside what is not square.

        They are kept in memory and never written anywhere else: images of patients are private. Errors: CourseError
        for an image that can't be read.
        """
        changed = tuple((self.folder / file).stat().st_mtime_ns for file in self.files)
        return _decoded(self.folder, self.files, changed, size)


def find_own(folder: str | Path, patients: str | Path | None, need_patients: bool) -> OwnImages:
    """The images of a folder, with the patients that the csv names (None: the folder's patients.csv).

    need_patients: whether it is an error that there is no csv. Errors: CourseError for a folder that isn't there or
    holds fewer than two classes, and for a csv that can't be read or doesn't match the files.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise CourseError(f"There is no folder {folder}: give one that has a sub-folder of images for each class.")
    files = [(path.relative_to(folder), path) for path in sorted(folder.rglob("*")) if path.is_file()]
    names = [file.as_posix() for file, _ in files if len(file.parts) > 1 and not _ignored(file)]
    vocab = sorted({name.split("/")[0] for name in names})
    if len(vocab) < 2:
        found = f"only one class, {vocab[0]!r}" if vocab else "no sub-folder with images"
        raise CourseError(f"{folder} has {found}: sort the images into a sub-folder for each of two classes or more.")
    labels = tuple(vocab.index(name.split("/")[0]) for name in names)
    table = Path(patients).expanduser() if patients is not None else folder / TABLE
    if not table.is_file() and patients is None and not need_patients:
        whose = None
    else:
        whose = _match(_read_table(table), names, table.name)
    return OwnImages(folder, tuple(names), labels, tuple(vocab), whose)


def _ignored(file: Path) -> bool:
    return any(part.startswith(".") or part in NO_IMAGES for part in file.parts)


def _read_table(table: Path) -> pd.DataFrame:
    """The csv's columns file and patient, as text; a comma, a semicolon or a tab may part them."""
    if not table.is_file():
        raise CourseError(
            f"There is no table of patients {table}: write a csv with the columns file and patient, one line a "
            "image, or split by image with split_by='slice'."
        )
    try:
        read = pd.read_csv(table, sep=None, engine="python", dtype=str, encoding="utf-8-sig", keep_default_na=False)
    except (ValueError, OSError, csv.Error) as problem:  # a wrong encoding and what pandas can't parse: ValueErrors
        reason = str(problem).splitlines()[0].rstrip(".") if str(problem) else type(problem).__name__
        raise CourseError(
            f"{table.name} can't be read as a table ({reason}): save it as csv in UTF-8 with the columns file and "
            "patient."
        ) from problem
    read.columns = [str(name).strip().lower() for name in read.columns]
    missing = [name for name in COLUMNS if name not in read.columns]
    if missing:
        raise CourseError(
            f"{table.name} has no column {missing[0]!r} but {', '.join(map(repr, read.columns))}: name its columns "
            "file and patient."
        )
    return read[list(COLUMNS)].apply(lambda column: column.fillna("").str.strip())


def _match(table: pd.DataFrame, names: list[str], called: str) -> tuple[str, ...]:
    """The patient of each file; every line must fit one file, and every file have one patient."""
    known = {_plain(name): name for name in names}
    bare = Counter(name.rsplit("/", 1)[-1] for name in known)
    by_bare = {name.rsplit("/", 1)[-1]: name for name in known}
    whose: dict[str, str] = {}
    strangers = []
    for file, patient in table.itertuples(index=False):
        wanted = _plain(file)
        if wanted not in known and bare[wanted] > 1:
            raise CourseError(
                f"{called} names {file!r}, and {bare[wanted]} sub-folders have a file of that name: give it with its "
                "sub-folder, as in 'class/file.png'."
            )
        name = known.get(wanted) or known.get(by_bare.get(wanted, ""))
        if name is None:
            strangers.append((file, patient))
        elif patient and whose.setdefault(name, patient) != patient:
            raise CourseError(f"{called} gives {name} to two patients, {whose[name]!r} and {patient!r}: keep one line.")
    if strangers:
        (file, patient), count = strangers[0], len(strangers)
        raise CourseError(
            f"{count:,} of {len(table):,} lines in {called} match no image, for example {file!r} of patient "
            f"{patient!r}: correct the names, or delete these lines."
        )
    without = [name for name in names if name not in whose]
    if without:
        raise CourseError(
            f"{len(without):,} of {len(names):,} images have no patient in {called}, for example {without[0]}: add a "
            "line for each, or take the images out."
        )
    return tuple(whose[name] for name in names)


def _plain(name: str) -> str:
    """A file's name as it is compared: forward slashes, and one way to write an accent."""
    return normalize("NFC", name.replace("\\", "/").removeprefix("./"))


@lru_cache(maxsize=4)
def _decoded(folder: Path, files: tuple[str, ...], changed: tuple[int, ...], size: int) -> torch.Tensor:
    images = np.zeros((len(files), size, size, 3), np.uint8)

    def decode(place: int) -> None:
        try:
            image = open_image(folder / files[place])
        except CourseError as problem:
            raise CourseError(f"{files[place]}: {problem}") from problem
        grey = ImageOps.pad(image, (size, size), Image.Resampling.BILINEAR).convert("L")
        images[place] = np.asarray(grey)[..., None]

    with ThreadPoolExecutor() as pool:  # Pillow lets other threads run while it decodes
        list(pool.map(decode, range(len(files))))
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
