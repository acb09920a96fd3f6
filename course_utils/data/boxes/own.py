"""Images with boxes of your own: a folder with Pascal VOC's XML files or with one COCO JSON file."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import torch
from fastai.torch_basics import delegates
from PIL import Image

from course_utils.data.boxes.annotations import Annotated, Thing, check_boxes, read_coco, read_voc
from course_utils.data.boxes.boxed import BoxedImages, BoxOptions, describe, divide
from course_utils.data.images.opening import ORIENTATION, open_image
from course_utils.data.names import comparable
from course_utils.data.options import check_known, check_whole_number
from course_utils.data.splits import SPLITS
from course_utils.data.tables import first_few
from course_utils.errors import CourseError

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
NARROW = 2  # pixels: what is narrower after scaling can't be seen
MULTIPLE = 32  # what a side of an image has to be a multiple of for the course's detector
FILL = 114  # grey, around an image that is no square
CROWDED = 100  # boxes: the most that a detector reports for one image


@delegates(BoxOptions)
def boxed_images(
    source: str | Path, *, size: int = 128, classes: Sequence[str] | None = None, **kwargs: object
) -> BoxedImages:
    """Load images of your own with boxes, divided into three splits.

    Each image is scaled so that its longer side has `size` pixels, its boxes with it, and put in the middle of a grey
    square. Boxes that reach beyond an image are clipped, which `notes` counts; what can't be right stops the loading
    with a sentence.

    Parameters
    ----------
    source : str or Path
        A folder with images and, for each of them, an XML file of the same name as LabelImg and others write them
        (Pascal VOC), in the same folder or in another one below; an XML file without boxes says that nothing is there.
        Or a folder with images and one JSON file (COCO), or that file itself.
    size : int
        Pixels a side of the square, a multiple of 32.
    classes : sequence of str, optional
        What the boxes may hold; None takes all labels there are, in the order of the alphabet.
    **kwargs
        The options of `BoxOptions`; sizes in `split` count images.

    Raises
    ------
    CourseError
        `data.no-folder`, `data.no-boxes` for a folder without boxes, `data.bad-boxes` for files and boxes that can't be
        right, `data.unknown-label`, `data.bad-number` for size; those of `open_image` and `divide`.
    """
    check_known(kwargs, "boxed_images", BoxOptions)
    options = BoxOptions(**kwargs)  # type: ignore[arg-type]
    side = check_whole_number("size", size, least=MULTIPLE)
    if side % MULTIPLE:
        raise CourseError(f"size is {size}: give a multiple of {MULTIPLE}.", code="data.bad-number")
    place = Path(source)
    folder = place.parent if place.is_file() else place
    images, annotated, notes = _annotated(place, folder)
    vocab = _classes(annotated, classes)
    parts = divide(len(annotated), options)
    pixels, rows, clipped, narrow, crowded = [], [], 0, 0, 0
    for each, file in zip(annotated, images, strict=True):
        image, things, cut = _load(each, file, side)
        clipped += cut
        narrow += sum(min(t.box[2] - t.box[0], t.box[3] - t.box[1]) < NARROW for t in things)
        crowded += len(things) > CROWDED
        pixels.append(torch.from_numpy(image).permute(2, 0, 1))
        told = [[*thing.box, float(vocab.index(thing.label))] for thing in things]
        rows.append(torch.tensor(told, dtype=torch.float32).reshape(-1, 5))
    if clipped:
        notes.append(f"{clipped:,} boxes reached beyond their image and were clipped.")
    if narrow:
        notes.append(f"{narrow:,} boxes are narrower than {NARROW} pixels at size={side}: a larger size keeps them.")
    if crowded:
        notes.append(f"{crowded:,} images have more than {CROWDED} boxes, the most that a detector reports.")
    stacked = torch.stack(pixels)
    return BoxedImages(
        images={part: stacked[parts[part]] for part in SPLITS},
        boxes={part: [rows[number] for number in parts[part]] for part in SPLITS},
        names={part: [annotated[number].name for number in parts[part]] for part in SPLITS},
        classes=vocab,
        real=True,
        about=describe(f"images with boxes in {folder.name}", parts),
        notes=tuple(notes),
    )


def _annotated(place: Path, folder: Path) -> tuple[list[Path], list[Annotated], list[str]]:
    """Find images and what is said of them, in the order of their names, and sentences about what was left out."""
    if not place.exists():
        raise CourseError(f"There is no folder or file {place}: correct its name.", code="data.no-folder")
    files = _below(folder)
    xml = [file for file in files if file.suffix.lower() == ".xml"]
    json_files = [place] if place.is_file() else [file for file in files if file.suffix.lower() == ".json"]
    if json_files and not (xml and place.is_dir()):
        if len(json_files) > 1:
            raise CourseError(
                f"There are several JSON files in {folder.name} ({first_few(file.name for file in json_files)}): give "
                "the one that holds the boxes.",
                code="data.no-boxes",
            )
        found, crowds = read_coco(json_files[0].read_bytes(), json_files[0].name)
        notes = [f"{crowds:,} annotations of crowds were left out."] if crowds else []
    elif xml:
        by_stem: dict[str, set[str]] = defaultdict(set)
        for file in files:
            if file.suffix.lower() in ENDINGS:
                by_stem[file.stem].add(file.name)
        found = [_of_image(read_voc(file.read_bytes(), file.name), file, by_stem[file.stem]) for file in xml]
        notes = [f"{first_few(file.name for file in json_files)} wasn't read: XML files are."] if json_files else []
    else:
        yolo = "; YOLO's text files aren't read here" if any(file.suffix.lower() == ".txt" for file in files) else ""
        raise CourseError(
            f"There are no boxes in {folder.name}{yolo}: put an XML file of Pascal VOC beside each image, or one JSON "
            "file of COCO beside all.",
            code="data.no-boxes",
        )
    if not found:
        raise CourseError(f"{json_files[0].name} lists no images: export it once more.", code="data.no-boxes")
    photos = [file for file in files if file.suffix.lower() in ENDINGS]
    return _matched(found, photos, notes)


def _of_image(told: Annotated, file: Path, images: set[str]) -> Annotated:
    """Give it the name of the image that an XML file belongs to: the one called like the file, whatever it says.

    Where several are called so, such as 1.jpg and 1.png, the file has to say which.
    """
    name = min(images) if len(images) == 1 else told.name
    return Annotated(comparable(name or file.stem), told.size, told.things)


def _matched(
    found: list[Annotated], photos: list[Path], notes: list[str]
) -> tuple[list[Path], list[Annotated], list[str]]:
    by_name = {comparable(file.name): file for file in photos}
    ordered = sorted(found, key=lambda each: each.name)
    names = [comparable(Path(each.name).name) for each in ordered]
    if missing := [name for name in names if name not in by_name]:
        raise CourseError(
            f"There are boxes for {first_few(missing)}, and no such image: put the images into the folder.",
            code="data.bad-boxes",
        )
    called = Counter(comparable(file.name) for file in photos)
    if several := sorted({name for name in names if called[name] > 1}):
        raise CourseError(
            f"There are several images called {first_few(several)}, so nobody knows which one has the boxes: give "
            "each a name of its own.",
            code="data.bad-boxes",
        )
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise CourseError(f"{first_few(twice)} is annotated twice: keep one of the two.", code="data.bad-boxes")
    if unlabelled := len(by_name) - len(set(names)):
        notes.append(f"{unlabelled:,} images without any annotation were left out: nobody said that they are empty.")
    return [by_name[name] for name in names], ordered, notes


def _below(folder: Path) -> list[Path]:
    found = []
    for place, inner, names in os.walk(folder):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        found += [Path(place, name) for name in sorted(names) if not name.startswith(".")]
    return found


def _classes(annotated: Iterable[Annotated], wanted: Sequence[str] | None) -> tuple[str, ...]:
    there = sorted({thing.label for each in annotated for thing in each.things})
    if not there:
        raise CourseError("None of the images has a box: draw some, or there is nothing to find.", code="data.no-boxes")
    if wanted is None:
        return tuple(there)
    allowed = [comparable(each) for each in ([wanted] if isinstance(wanted, str) else wanted)]
    for label in there:
        if label not in allowed:
            near = get_close_matches(label, allowed, n=1)
            meant = f" (did you mean {near[0]!r}?)" if near else ""
            raise CourseError(
                f"A box is labelled {label!r}, which is none of classes{meant}: correct the label, or add it to "
                "classes.",
                code="data.unknown-label",
            )
    return tuple(allowed)


def _load(each: Annotated, file: Path, side: int) -> tuple[np.ndarray, list[Thing], int]:
    """Open, check and scale one image: the square (side, side, 3), its things, and how many boxes were clipped."""
    image = open_image(file)
    with Image.open(file) as stored:
        if stored.getexif().get(ORIENTATION, 1) != 1:
            raise CourseError(
                f"{file.name} is stored turned, so nobody knows whether its boxes were drawn before or after turning: "
                "save it upright and check its boxes.",
                code="data.bad-boxes",
            )
        size = stored.size
    things, clipped = check_boxes(each, size)
    scale = side / max(size)
    width, height = (max(1, round(length * scale)) for length in size)
    square = np.full((side, side, 3), FILL, np.uint8)
    left, top = (side - width) // 2, (side - height) // 2
    square[top : top + height, left : left + width] = np.asarray(
        image.resize((width, height), Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR)
    )
    across, down = width / size[0], height / size[1]
    moved = [
        Thing(
            t.label, (left + t.box[0] * across, top + t.box[1] * down, left + t.box[2] * across, top + t.box[3] * down)
        )
        for t in things
    ]
    return square, moved, clipped
