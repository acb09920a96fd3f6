"""Lists the image files below a folder; what is hidden or no image is left out and counted."""

import os
from collections import Counter
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from course_utils.data.images.own.examples import number
from course_utils.data.tables import first_few
from course_utils.errors import CourseError

# What may hold an image. The course can't open the last six: they are listed, so that they are refused by their name.
COMMON = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
SUFFIXES = frozenset((*COMMON, ".ppm", ".pgm", ".pbm", ".pnm", ".heic", ".heif", ".avif", ".svg", ".dcm", ".dicom"))
LITTER = ("Thumbs.db", "desktop.ini", "__MACOSX")  # what systems leave in folders


@dataclass(frozen=True)
class Listing:
    """The image files below a folder.

    Parameters
    ----------
    folder : Path
        The folder.
    files : list of str
        The files relative to the folder, with forward slashes, in order.
    skipped : Counter
        How much was left out, by kind.
    other : Counter
        The endings of files that are no images.
    folders : list of str
        All folders below it that were looked into.
    """

    folder: Path
    files: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    other: Counter[str] = field(default_factory=Counter)
    folders: list[str] = field(default_factory=list)

    def notes(self) -> tuple[str, ...]:
        """Tell in a sentence what was left out, if anything was."""
        parts = [f"{count:,} {kind}" for kind, count in self.skipped.items()]
        if self.other:
            endings = first_few(ending or "no ending" for ending, _ in self.other.most_common())
            parts.append(f"{number(self.other.total(), 'file')} of other kinds ({endings})")
        return (f"Left out of {self.folder.name}: {', '.join(parts)}.",) if parts else ()


def list_images(folder: Path) -> Listing:
    """List the image files of a folder and of all folders below it, by their endings; none is opened.

    Each folder is read once, by its own name rather than by that of a link to it.

    Raises
    ------
    CourseError
        `data.no-folder` for a folder that isn't there; `data.unreadable-folder` for one that can't be looked into.
    """
    check_folder(folder)
    listing = Listing(folder)
    seen: set[tuple[int, int]] = set()
    folders: list[str] = [""]
    links: list[str] = []
    while folders or links:
        below = folders.pop() if folders else links.pop(0)
        path = folder / below
        try:
            status = path.stat()
            if (status.st_dev, status.st_ino) in seen:
                listing.skipped["linked a second time"] += 1
                continue
            seen.add((status.st_dev, status.st_ino))
            listing.folders.append(below)
            with os.scandir(path) as entries:
                for entry in entries:
                    _sort_in(entry, f"{below}/{entry.name}" if below else entry.name, listing, folders, links)
        except OSError as problem:
            raise CourseError(
                f"{path} can't be looked into ({problem.strerror}): allow it to be read, or move it elsewhere.",
                code="data.unreadable-folder",
            ) from problem
    listing.files.sort()
    return listing


def _sort_in(entry: os.DirEntry[str], name: str, listing: Listing, folders: list[str], links: list[str]) -> None:
    """Put one entry of a folder where it belongs."""
    if entry.name.startswith(".") or entry.name in LITTER:
        listing.skipped["hidden"] += 1
    elif os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir():
        (links if entry.is_symlink() else folders).append(name)
    elif entry.is_symlink() and not os.path.isfile(entry.path):  # also for a link in a circle this is False
        listing.skipped["behind broken links"] += 1
    elif (suffix := os.path.splitext(entry.name)[1].lower()) in SUFFIXES:
        listing.files.append(name)
    else:
        listing.other[suffix] += 1


def check_folder(folder: Path) -> None:
    """Raise CourseError `data.no-folder`, which names the nearest one that exists, unless the folder is there."""
    if folder.is_dir():
        return
    if folder.exists():
        raise CourseError(
            f"{folder.name} is a file, and neither a folder nor a csv: give the folder of your images, unpacked, or a "
            "csv that names them.",
            code="data.no-folder",
        )
    nearest = next(parent for parent in folder.absolute().parents if parent.is_dir())
    missing = folder.absolute().relative_to(nearest).parts[0]
    try:
        there = [entry.name for entry in nearest.iterdir() if entry.is_dir()]
    except OSError:
        there = []
    near = get_close_matches(missing, there, n=1)
    meant = f" (did you mean {near[0]!r} there?)" if near else ""
    raise CourseError(
        f"There is no folder {folder}: the nearest that exists is {nearest}{meant}; correct the path.",
        code="data.no-folder",
    )
