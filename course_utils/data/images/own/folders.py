"""Reads folders of your own images: a sub-folder for each class, alone or within train, valid and test."""

import re
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from course_utils.data.images.opening import FORMATS
from course_utils.data.images.own.examples import Examples, apply_to_files, check_groups, number
from course_utils.data.images.own.labels import Labels, labels_of_values
from course_utils.data.images.own.listing import Listing, list_images
from course_utils.data.names import comparable, rough
from course_utils.data.tables import first_few
from course_utils.errors import CourseError

SET_NAMES = {
    "train": ("train", "training", "trn"),
    "valid": ("valid", "val", "validation", "validate", "dev"),
    "test": ("test", "testing", "tst"),
}
_SET_OF = {name: which for which, names in SET_NAMES.items() for name in names}
# Folders beside the images of data sets for segmentation, and the most colours that the images in them have.
MASKS = frozenset(
    ("mask", "masks", "segmentation", "segmentations", "annotation", "annotations", "ground truth", "groundtruth", "gt")
)
MASK_COLOURS, LOOKED_AT = 32, 3


def which_set(name: object) -> str | None:
    """Return the set that a folder or a cell of a table names: "Training_set" is "train"; None when it is none."""
    plain = re.sub(r"[ _-]?(set|images|data)$", "", comparable(name).lower())
    return _SET_OF.get(plain)


def read_folder(
    folder: Path,
    label: Callable[[Path], Any] | None = None,
    group: Callable[[Path], Hashable] | None = None,
    delimiter: str | None = None,
) -> Examples:
    """Read which images a folder has, from the names of its sub-folders.

    Parameters
    ----------
    folder : Path
        A folder with a sub-folder for each class, or with the sub-folders train, valid (val, validation) and test that
        have one for each class. What lies deeper belongs to the class.
    label, group : callable, optional
        Functions of an image's path, for its label or labels and for its group. With `label` any folder will do.
    delimiter : str, optional
        What stands between the labels that `label` gives.

    Raises
    ------
    CourseError
        `data.no-images`, `data.one-class`, `data.splits-at-wrong-level`, `data.mixed-folders`, `data.masks`, and
        those of `list_images` and of the functions.
    """
    listing = list_images(folder)
    if not listing.files:
        raise CourseError(_nothing_in(listing), code="data.no-images")
    sets_of = _ready_made(folder, listing.files)
    depth = 1 if sets_of else 0
    inside = depth + (label is None)  # so many folders an image must be in
    files = [file for file in listing.files if file.count("/") >= inside]
    labels: Labels
    notes = (*listing.notes(), *_notes_beside(listing.files, inside))
    if label is None:
        _check_levels(folder, files, depth)
        labels, several = tuple((comparable(file.split("/")[depth]),) for file in files), False
        _check_classes(listing, files, labels, depth)
        notes += (*_notes_on_empty(listing, depth), *_check_masks(folder, files, labels))
    else:
        labels, several = labels_of_values(apply_to_files(label, folder, files, "label"), files, delimiter)
    return Examples(
        folder,
        tuple(files),
        labels,
        several,
        groups=None if group is None else check_groups(apply_to_files(group, folder, files, "group"), files),
        sets=tuple(sets_of[file.split("/")[0]] for file in files) if sets_of else None,
        notes=notes,
    )


def _notes_beside(files: list[str], inside: int) -> tuple[str, ...]:
    """Tell which images lie above the folders that say what an image is."""
    beside = [file for file in files if file.count("/") < inside]
    if not beside:
        return ()
    return (f"{number(len(beside), 'image')} outside the class folders left out: {first_few(beside)}.",)


def _ready_made(folder: Path, files: list[str]) -> dict[str, str]:
    """Return which set each of the upper folders is, or nothing where these are classes."""
    first = {file.split("/")[0] for file in files if "/" in file}
    found = {name: which for name in first if (which := which_set(name))}
    others = sorted(first - found.keys())
    if not found:
        return {}
    if others:
        raise CourseError(
            f"{folder.name} has the ready-made {_sets(found)} beside {first_few(map(repr, others))}: leave only "
            "train, valid and test in it, each with the class folders, or rename what is no set.",
            code="data.mixed-folders",
        )
    if "train" not in found.values():
        raise CourseError(
            f"{folder.name} has the ready-made {_sets(found)} and none to train on: add the folder train, or rename "
            "what is no set.",
            code="data.mixed-folders",
        )
    return found


def _sets(found: Iterable[str]) -> str:
    names = [repr(name) for name in sorted(found)]
    return ("sets " if len(names) > 1 else "set ") + ", ".join(names)


def _check_levels(folder: Path, files: list[str], depth: int) -> None:
    """Refuse ready-made sets below the classes, where they would be mixed."""
    below: dict[str, set[str]] = {}
    for file in files:
        names = file.split("/")
        if len(names) > depth + 2 and which_set(names[depth + 1]):
            below.setdefault("/".join(names[: depth + 1]), set()).add(names[depth + 1])
    if not below:
        return
    name = min(below)
    if len({file.split("/")[depth] for file in files}) == 1:
        advice = f"give that folder, {folder / name}"
    else:
        advice = f"sets go above the classes, so turn {name}/{min(below[name])} into {min(below[name])}/{name}"
    raise CourseError(
        f"Below {name!r}, where only images of that class were expected, "
        f"{'is' if len(below[name]) == 1 else 'are'} the ready-made {_sets(below[name])}: {advice}.",
        code="data.splits-at-wrong-level",
    )


def _check_classes(listing: Listing, files: list[str], labels: Labels, depth: int) -> None:
    """Refuse fewer than two classes."""
    folder, names = listing.folder, sorted({name for (name,) in labels})
    if len(names) >= 2:
        return
    if not names:
        raise CourseError(
            f"{folder.name} has {number(len(listing.files), 'image')} and no sub-folder that says what they show: sort "
            "them into a sub-folder for each class, give label= a function of the path, or give a csv.",
            code="data.one-class",
        )
    deeper = sorted({parts[depth + 1] for file in files if len(parts := file.split("/")) > depth + 2})
    hint = (
        f" (if its sub-folders {first_few(map(repr, deeper))} are the classes, give that folder)"
        if len(deeper) > 1
        else ""
    )
    raise CourseError(
        f"{folder.name} has only one class, {names[0]!r}{hint}: sort the images into a sub-folder for each of two "
        "classes or more.",
        code="data.one-class",
    )


def _notes_on_empty(listing: Listing, depth: int) -> tuple[str, ...]:
    """Tell which class folders have no image."""
    filled = {"/".join(file.split("/")[: depth + 1]) for file in listing.files}
    empty = sorted(name for name in listing.folders if name and name.count("/") == depth and name not in filled)
    return (f"Folders without an image, which are no classes: {first_few(empty)}.",) if empty else ()


def _check_masks(folder: Path, files: list[str], labels: Labels) -> tuple[str, ...]:
    """Refuse a folder of masks beside one of photos; tell of one that is only named like masks."""
    of_class: dict[str, list[str]] = {}
    for file, (name,) in zip(files, labels, strict=True):
        of_class.setdefault(name, []).append(file)
    named = [name for name in sorted(of_class) if rough(name) in MASKS]
    if not named:
        return ()
    drawn = {name for name, own in of_class.items() if all(_few_colours(folder / file) for file in own[:LOOKED_AT])}
    masks = [repr(name) for name in named if name in drawn]
    if masks and len(drawn) < len(of_class):
        raise CourseError(
            f"{folder.name} has masks in {first_few(masks)}, where the photos of a class were expected: move them "
            "elsewhere, or give label=parent_label if they are a class.",
            code="data.masks",
        )
    return (f"Classes that are named like folders of masks: {first_few(map(repr, named))}.",)


def _few_colours(path: Path) -> bool:
    """Whether an image has as few colours as a mask; False where it can't be read."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            return image.getcolors(MASK_COLOURS) is not None
    except Exception:  # whether it can be read is said where all are decoded
        return False


def _nothing_in(listing: Listing) -> str:
    """Say that a folder has no images, and what it has."""
    name, there = listing.folder.name, listing.other.total()
    what = f" but {number(there, 'file')} ({first_few(k or 'no ending' for k in listing.other)})" if there else ""
    if ".csv" in listing.other:
        return f"{name} has no images{what}: give the csv itself, and folder= where its images are."
    return f"{name} has no images{what}: give a folder of JPEG, PNG or similar files."
