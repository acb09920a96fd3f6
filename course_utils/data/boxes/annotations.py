"""What a file says about the boxes of an image, read from Pascal VOC's XML or COCO's JSON and checked."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn
from xml.etree import ElementTree

from course_utils.data.names import comparable
from course_utils.errors import CourseError

LARGEST = 200_000_000  # bytes of a JSON file
LARGEST_XML = 2_000_000  # bytes of one image's file
SIDES = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class Thing:
    """One box: what is in it, and left, top, right and bottom in pixels of the image as it is stored."""

    label: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Annotated:
    """What is said of one image: its file's name, its width and height where the file says them, and its things."""

    name: str
    size: tuple[int, int] | None
    things: tuple[Thing, ...]


def read_voc(content: bytes, file: str) -> Annotated:
    """Read one image's boxes from Pascal VOC's XML, as LabelImg and others write it.

    Raises
    ------
    CourseError
        `data.bad-boxes` where it isn't such a file or a box isn't four numbers.
    """
    if len(content) > LARGEST_XML:
        _refuse(f"{file} has {len(content) / 1e6:.0f} MB, too much for the boxes of one image: export it once more.")
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as problem:
        _refuse(f"{file} isn't sound XML ({problem}): export it once more.")
    if root.tag != "annotation":
        _refuse(f"{file} holds <{root.tag}> where Pascal VOC has <annotation>: export it as Pascal VOC.")
    name = comparable(root.findtext("filename") or "")
    things = []
    for number, thing in enumerate(root.iter("object"), 1):
        label, box = comparable(thing.findtext("name") or ""), thing.find("bndbox")
        if not label:
            _refuse(f"Box {number} of {file} has no <name>: say what it holds.")
        if box is None:
            _refuse(f"Thing {number} of {file} ({label!r}) has no <bndbox>: draw its box, or remove it.")
        sides = [_number_of(box.findtext(side)) for side in SIDES]
        things.append(Thing(label, _four(sides, f"Box {number} of {file} ({label!r})")))
    size = [_number_of(root.findtext(f"size/{side}")) for side in ("width", "height")]
    known = all(side is not None and side >= 1 for side in size)
    return Annotated(name, (int(size[0]), int(size[1])) if known else None, tuple(things))  # type: ignore[arg-type]


def read_coco(content: bytes, file: str) -> tuple[list[Annotated], int]:
    """Read the boxes of many images from COCO's JSON.

    Returns
    -------
    list of Annotated
        One for each image of the file, in its order.
    int
        How many annotations of crowds, which COCO marks with `iscrowd`, were left out.

    Raises
    ------
    CourseError
        `data.bad-boxes` where it isn't such a file, or where it speaks of images or categories that it doesn't list.
    """
    if len(content) > LARGEST:
        _refuse(f"{file} has {len(content) / 1e6:.0f} MB: export fewer images at once.")
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError) as problem:
        _refuse(f"{file} isn't sound JSON ({problem}): export it once more.")
    if not isinstance(whole, Mapping) or not all(
        isinstance(whole.get(part), list) for part in ("images", "annotations", "categories")
    ):
        _refuse(f"{file} lacks one of the lists images, annotations and categories: export it as COCO's JSON.")
    categories = {each["id"]: comparable(each["name"]) for each in _rows(whole, "categories", ("id", "name"), file)}
    images = {each["id"]: each for each in _rows(whole, "images", ("id", "file_name"), file)}
    things: dict[Any, list[Thing]] = {number: [] for number in images}
    crowds = 0
    for number, each in enumerate(_rows(whole, "annotations", ("image_id", "category_id", "bbox"), file), 1):
        if each["image_id"] not in images:
            _refuse(f"Annotation {number} of {file} belongs to image {each['image_id']!r}, which isn't listed there.")
        if each["category_id"] not in categories:
            _refuse(
                f"Annotation {number} of {file} has the category {each['category_id']!r}, which isn't listed there: "
                f"there are {', '.join(map(repr, categories)) or 'none'}."
            )
        if each.get("iscrowd"):
            crowds += 1
            continue
        label = categories[each["category_id"]]
        given = each["bbox"] if isinstance(each["bbox"], list) else []
        left, top, width, height = _four([_number_of(side) for side in given], f"Box {number} of {file} ({label!r})")
        things[each["image_id"]].append(Thing(label, (left, top, left + width, top + height)))
    found = []
    for number, image in images.items():
        size = [_number_of(image.get(side)) for side in ("width", "height")]
        known = all(side is not None and side >= 1 for side in size)
        whole_size = (int(size[0]), int(size[1])) if known else None  # type: ignore[arg-type]
        found.append(Annotated(comparable(image["file_name"]), whole_size, tuple(things[number])))
    return found, crowds


def check_boxes(image: Annotated, size: tuple[int, int]) -> tuple[list[Thing], int]:
    """Check an image's boxes against its true width and height; give them, clipped, and how many were clipped.

    Raises
    ------
    CourseError
        `data.bad-boxes` for a box without area or outside the image, and for boxes of an image of another size.
    """
    width, height = size
    if image.size is not None and image.size != size:
        _refuse(
            f"{image.name} has {width}×{height} pixels and its boxes were drawn on {image.size[0]}×{image.size[1]}: "
            "take the image that they were drawn on."
        )
    kept, clipped = [], 0
    for thing in image.things:
        left, top, right, bottom = thing.box
        told = f"The box {_told(thing.box)} around {thing.label!r} in {image.name}"
        if right <= left or bottom <= top:
            _refuse(f"{told} has no area: give left, top, right and bottom, each end beyond its beginning.")
        inside = (max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height)))
        if inside[2] <= inside[0] or inside[3] <= inside[1]:
            _refuse(f"{told} lies outside the image of {width}×{height} pixels: correct or remove it.")
        clipped += max(abs(a - b) for a, b in zip(inside, thing.box, strict=True)) > 1  # VOC counts from 1
        kept.append(Thing(thing.label, inside))
    return kept, clipped


def _rows(whole: Mapping[str, Any], part: str, needed: Sequence[str], file: str) -> list[Mapping[str, Any]]:
    """Give the rows of one of the lists, each of which has what is needed; ids are numbers or texts."""
    for number, row in enumerate(whole[part], 1):
        missing = [name for name in needed if not isinstance(row, Mapping) or name not in row]
        if missing:
            _refuse(f"Entry {number} of {part} in {file} lacks {' and '.join(missing)}: export it once more.")
        for name in needed:
            if name.endswith("id") and not isinstance(row[name], int | str):
                _refuse(f"Entry {number} of {part} in {file} has the {name} {row[name]!r}: give a number.")
    return whole[part]


def _number_of(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _four(sides: Sequence[float | None], what: str) -> tuple[float, float, float, float]:
    if len(sides) != 4 or any(side is None for side in sides):
        _refuse(f"{what} isn't given by four numbers: correct or remove it.")
    return tuple(sides)  # type: ignore[return-value]


def _told(box: Sequence[float]) -> str:
    return f"({', '.join(f'{side:g}' for side in box)})"


def _refuse(message: str) -> NoReturn:
    raise CourseError(message, code="data.bad-boxes")
