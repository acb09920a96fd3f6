"""blood_cells: photographs of blood with boxes around its cells, or drawings where there are none."""

import io
import re
from functools import cache, lru_cache
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import torch
from fastai.torch_basics import delegates
from PIL import Image
from torch import Tensor

from course_utils import environment
from course_utils.data.archives import read_files
from course_utils.data.boxes.annotations import Annotated, check_boxes, read_voc
from course_utils.data.boxes.boxed import BoxedImages, BoxOptions, describe, divide
from course_utils.data.boxes.drawn_cells import draw_cells
from course_utils.data.decoded import Tensors, decode_unless_missing
from course_utils.data.fetching import fetch_archive
from course_utils.data.options import check_known
from course_utils.data.sources import SOURCES
from course_utils.data.splits import SPLITS

CLASSES = ("red cell", "white cell", "platelet")
PUBLISHED = ("RBC", "WBC", "Platelets")  # as the archive names them
WIDTH, HEIGHT = 128, 96  # a fifth of the photographs' sides
OFFICIAL = {"train": "train", "valid": "val", "test": "test"}  # the archive's lists
DRAWN = {"train": 205, "valid": 87, "test": 72}  # as many as the archive has
TENSORS = ("images", "boxes", "counts", "splits")


@delegates(BoxOptions)
def blood_cells(n_images: int | None = None, *, split: tuple[float, float] | None = None, **kwargs: Any) -> BoxedImages:
    """Load photographs of blood under a microscope, in which red cells, white cells and platelets have boxes.

    They are the 364 photographs of BCCD, divided as its publisher divided them and decoded once to 128×96 pixels. Where
    they can't be had, a sentence says why and as many drawings stand in.

    Parameters
    ----------
    split : (float, float), optional
        The size of the validation and of the test set, in images or as shares of the publisher's sets; None is all of
        their 87 and 72.
    n_images, **kwargs
        The options of `BoxOptions`; images to train on are taken from the publisher's 205.

    Raises
    ------
    CourseError
        Those of `divide`.
    """
    check_known(kwargs, "blood_cells", BoxOptions)
    found = _public() if environment.images() == "photographs" else None
    options = BoxOptions(n_images=n_images, split=split or (DRAWN["valid"], DRAWN["test"]), **kwargs)
    tensors = _drawn() if found is None else found
    published = [SPLITS[number] for number in tensors["splits"].tolist()]
    parts = divide(len(published), options, published)
    rows = tensors["boxes"].split(tensors["counts"].tolist())
    what = "photographs of blood cells" if found is not None else "drawn blood cells"
    return BoxedImages(
        images={part: tensors["images"][parts[part]] for part in SPLITS},
        boxes={part: [rows[number] for number in parts[part]] for part in SPLITS},
        names={part: [f"blood {number}" for number in parts[part]] for part in SPLITS},
        classes=CLASSES,
        real=found is not None,
        about=describe(what, parts),
    )


@cache  # one sentence a session, and one try: a machine without a network waits for each
def _public() -> Tensors | None:
    """Return the photographs with TENSORS, or None where they can't be had."""
    key = f"blood_cells-{WIDTH}-{(SOURCES['blood_cells'].content or '')[:12]}"
    return decode_unless_missing(key, _decode, TENSORS, "Drawn blood cells stand in for the photographs.")


def _decode() -> Tensors:
    source = SOURCES["blood_cells"]
    files = {
        PurePosixPath(name): content
        for name, content in read_files(fetch_archive(source.name), source.unpacked)
        if re.search(source.counted, name)
    }
    lists = {path.stem: content.decode().split() for path, content in files.items() if path.suffix == ".txt"}
    of_stem = {stem: SPLITS.index(split) for split, name in OFFICIAL.items() for stem in lists[name]}
    annotated = sorted(path for path in files if path.suffix == ".xml" and path.stem in of_stem)
    images, rows, left_out = [], [], 0
    for path in annotated:
        image = Image.open(io.BytesIO(files[path.parent.with_name("JPEGImages") / f"{path.stem}.jpg"])).convert("RGB")
        told = read_voc(files[path], path.name)
        things = tuple(each for each in told.things if each.box[2] > each.box[0] and each.box[3] > each.box[1])
        left_out += len(told.things) - len(things)
        kept, _ = check_boxes(Annotated(told.name, told.size, things), image.size)
        across, down = WIDTH / image.width, HEIGHT / image.height
        row = [[*(np.array(each.box) * (across, down, across, down)), PUBLISHED.index(each.label)] for each in kept]
        rows.append(torch.tensor(row, dtype=torch.float32).reshape(-1, 5))
        images.append(torch.from_numpy(np.asarray(image.resize((WIDTH, HEIGHT), Image.Resampling.BOX)).copy()))
    if left_out:
        print(f"{left_out} boxes of the published annotations have no area and were left out.")
    return _stacked(images, rows, [of_stem[path.stem] for path in annotated])


@lru_cache(maxsize=1)
def _drawn() -> Tensors:
    images, rows = draw_cells(range(sum(DRAWN.values())), HEIGHT, WIDTH)
    splits = [SPLITS.index(split) for split, count in DRAWN.items() for _ in range(count)]
    return _stacked([torch.from_numpy(image) for image in images], [torch.from_numpy(each) for each in rows], splits)


def _stacked(images: list[Tensor], rows: list[Tensor], splits: list[int]) -> Tensors:
    pixels = torch.stack(images).permute(0, 3, 1, 2).contiguous()
    counts = torch.tensor([len(each) for each in rows])
    return dict(zip(TENSORS, (pixels, torch.cat(rows), counts, torch.tensor(splits)), strict=True))
