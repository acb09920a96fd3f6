"""Reads the learner's own images: a folder with one sub-folder for each class, and a csv with each image's patient."""

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
class ClassFolders:
    """Image files, sorted by class and name.

    Parameters
    ----------
    folder : Path
        The folder that holds a sub-folder for each class.
    files : tuple of str
        The files relative to the folder, with forward slashes.
    labels : tuple of int
        An index into `vocab` for each file.
    vocab : tuple of str
        The names of the sub-folders.
    patients : tuple of str, optional
        The patient of each file; None when they are not known.
    """

    folder: Path
    files: tuple[str, ...]
    labels: tuple[int, ...]
    vocab: tuple[str, ...]
    patients: tuple[str, ...] | None

    def read(self, size: int) -> torch.Tensor:
        """Read the images, grey as three equal channels, with black beside what is not square.

        They are kept in memory and never written anywhere else: images of patients are private.

        Returns
        -------
        (n, 3, size, size) uint8

        Raises
        ------
        CourseError
            `data.unreadable-image`, which names the file.
        """
        changed = tuple((self.folder / file).stat().st_mtime_ns for file in self.files)
        return _decode(self.folder, self.files, changed, size)


def read_class_folders(folder: str | Path, patients: str | Path | None, need_patients: bool) -> ClassFolders:
    """List the images of a folder, with their patients.

    Parameters
    ----------
    folder : str or Path
        A folder with one sub-folder of images for each class.
    patients : str or Path, optional
        A csv with the columns file and patient; None is the folder's patients.csv.
    need_patients : bool
        Whether it is an error that there is no csv.

    Raises
    ------
    CourseError
        `data.no-class-folders` for a folder that isn't there or holds fewer than two classes; `data.bad-patient-table`
        for a csv that can't be read; `data.unmatched-patients` for one that doesn't match the files.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise CourseError(
            f"There is no folder {folder}: give one that has a sub-folder of images for each class.",
            code="data.no-class-folders",
        )
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    relative = [path.relative_to(folder) for path in paths]
    files = [path.as_posix() for path in relative if len(path.parts) > 1 and not _is_ignored(path)]
    classes = [file.split("/")[0] for file in files]
    vocab = sorted(set(classes))
    if len(vocab) < 2:
        found = f"only one class, {vocab[0]!r}" if vocab else "no sub-folder with images"
        raise CourseError(
            f"{folder} has {found}: sort the images into a sub-folder for each of two classes or more.",
            code="data.no-class-folders",
        )
    labels = tuple(vocab.index(name) for name in classes)
    table = folder / TABLE if patients is None else Path(patients).expanduser()
    if patients is None and not need_patients and not table.is_file():
        return ClassFolders(folder, tuple(files), labels, tuple(vocab), None)
    patient_of = _match(_read_table(table), files, table.name)
    return ClassFolders(folder, tuple(files), labels, tuple(vocab), patient_of)


def _is_ignored(file: Path) -> bool:
    return any(part.startswith(".") or part in NO_IMAGES for part in file.parts)


def _read_table(table: Path) -> pd.DataFrame:
    """Read the csv's columns file and patient, as text; a comma, a semicolon or a tab may separate them."""
    if not table.is_file():
        raise CourseError(
            f"There is no table of patients {table}: write a csv with the columns file and patient, one line for "
            "each image, or split by image with split_by='slice'.",
            code="data.bad-patient-table",
        )
    try:
        read = pd.read_csv(table, sep=None, engine="python", dtype=str, encoding="utf-8-sig", keep_default_na=False)
    except (ValueError, OSError, csv.Error) as problem:  # a wrong encoding and what pandas can't parse: ValueErrors
        reason = str(problem).splitlines()[0].rstrip(".") if str(problem) else type(problem).__name__
        raise CourseError(
            f"{table.name} can't be read as a table ({reason}): save it as csv in UTF-8 with the columns file and "
            "patient.",
            code="data.bad-patient-table",
        ) from problem
    read.columns = [str(name).strip().lower() for name in read.columns]
    missing = [name for name in COLUMNS if name not in read.columns]
    if missing:
        raise CourseError(
            f"{table.name} has no column {missing[0]!r} but {', '.join(map(repr, read.columns))}: name its columns "
            "file and patient.",
            code="data.bad-patient-table",
        )
    return read[list(COLUMNS)].apply(lambda column: column.fillna("").str.strip())


def _match(table: pd.DataFrame, files: list[str], table_name: str) -> tuple[str, ...]:
    """Return the patient of each file; every line must fit one file, and every file have one patient."""
    known = {_comparable(file): file for file in files}
    with_name = Counter(name.rsplit("/", 1)[-1] for name in known)
    by_name = {name.rsplit("/", 1)[-1]: file for name, file in known.items()}
    patient_of: dict[str, str] = {}
    unmatched = []
    for written, patient in table.itertuples(index=False):
        wanted = _comparable(written)
        if wanted not in known and with_name[wanted] > 1:
            raise CourseError(
                f"{table_name} names {written!r}, and {with_name[wanted]} sub-folders have a file of that name: give "
                "it with its sub-folder, as in 'class/file.png'.",
                code="data.unmatched-patients",
            )
        file = known.get(wanted) or by_name.get(wanted)
        if file is None:
            unmatched.append((written, patient))
        elif patient and patient_of.setdefault(file, patient) != patient:
            raise CourseError(
                f"{table_name} gives {file} to two patients, {patient_of[file]!r} and {patient!r}: keep one line.",
                code="data.unmatched-patients",
            )
    if unmatched:
        written, patient = unmatched[0]
        raise CourseError(
            f"{len(unmatched):,} of {len(table):,} lines in {table_name} match no image, for example {written!r} of "
            f"patient {patient!r}: correct the names, or delete these lines.",
            code="data.unmatched-patients",
        )
    without = [file for file in files if file not in patient_of]
    if without:
        raise CourseError(
            f"{len(without):,} of {len(files):,} images have no patient in {table_name}, for example {without[0]}: add "
            "a line for each, or take the images out.",
            code="data.unmatched-patients",
        )
    return tuple(patient_of[file] for file in files)


def _comparable(name: str) -> str:
    """Return a file's name with forward slashes and with one way to write an accent."""
    return normalize("NFC", name.replace("\\", "/").removeprefix("./"))


@lru_cache(maxsize=4)
def _decode(folder: Path, files: tuple[str, ...], changed: tuple[int, ...], size: int) -> torch.Tensor:
    """Decode the files; `changed` (their times of change) makes the cache forget what is outdated."""
    images = np.zeros((len(files), size, size, 3), np.uint8)

    def decode(index: int) -> None:
        try:
            image = open_image(folder / files[index])
        except CourseError as problem:
            raise CourseError(f"{files[index]}: {problem}", code="data.unreadable-image") from problem
        grey = ImageOps.pad(image, (size, size), Image.Resampling.BILINEAR).convert("L")
        images[index] = np.asarray(grey)[..., None]

    with ThreadPoolExecutor() as pool:  # Pillow lets other threads run while it decodes
        list(pool.map(decode, range(len(files))))
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
