"""streets: drawn streets with cars, trucks, people and signs, by day, by night and in the rain."""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from fastai.torch_basics import delegates

from course_utils.data.boxes.boxed import BoxedImages, BoxOptions, describe, divide
from course_utils.data.boxes.street_scenes import KINDS, draw_streets
from course_utils.data.options import check_known
from course_utils.data.splits import SPLITS
from course_utils.errors import CourseError

USUAL = KINDS[:4]  # what the course's own detector was trained on
DRAWN = 1200  # streets a seed, in all three splits together
FIRST = 2  # of a street's seed: those that the detector was trained on begin with another number


@delegates(BoxOptions)
def streets(
    n_images: int | None = None,
    *,
    night: float = 0.0,
    rain: float = 0.0,
    kinds: tuple[str, ...] = USUAL,
    split: tuple[float, float] = (100, 200),
    **kwargs: Any,
) -> BoxedImages:
    """Load drawn streets of 96×96 pixels, in which the boxes of all things are known.

    The same seed gives the same streets by day, by night and in the rain. A thing that is hidden for the most part has
    no box; some streets are empty. None of these streets is among those that `backbones.street_detector` was trained
    on.

    Parameters
    ----------
    night : float
        From 0, day, to 1, night, when only lamps, lit windows and signs stay bright.
    rain : float
        From 0 to 1, heavy rain: haze, blur and streaks.
    kinds : tuple of str
        What stands in the streets: "car", "truck", "person", "sign", and "bus", which the trained detector never saw.
    split : (float, float)
        The size of the validation and of the test set, in images or as shares of 1,200.
    n_images, **kwargs
        The options of `BoxOptions`.

    Raises
    ------
    CourseError
        `data.bad-setting` for night and rain, `data.unknown-kind`; those of `divide`.
    """
    check_known(kwargs, "streets", BoxOptions)
    options = BoxOptions(n_images=n_images, split=split, **kwargs)
    for name, value in (("night", night), ("rain", rain)):
        if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 <= value <= 1:
            raise CourseError(f"The setting {name} is {value!r}: give a number from 0 to 1.", code="data.bad-setting")
    chosen = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    if unknown := [kind for kind in chosen if kind not in KINDS]:
        raise CourseError(
            f"There is no drawing of {unknown[0]!r} in streets: choose among {', '.join(KINDS)}.",
            code="data.unknown-kind",
        )
    if not chosen or len(set(chosen)) < len(chosen):
        raise CourseError(
            f"kinds is {chosen!r}: name each kind of thing once, and at least one.", code="data.unknown-kind"
        )
    parts = divide(DRAWN, options)
    light = ", ".join(name for name, value in (("by night", night), ("in the rain", rain)) if value > 0) or "by day"
    drawn = {
        part: _draw(options.chosen_seed, tuple(map(int, parts[part])), chosen, float(night), float(rain))
        for part in SPLITS
    }
    return BoxedImages(
        images={part: drawn[part][0] for part in SPLITS},
        boxes={part: drawn[part][1] for part in SPLITS},
        names={part: [f"street {options.chosen_seed}-{number}" for number in parts[part]] for part in SPLITS},
        classes=chosen,
        real=False,
        about=describe(f"drawn streets {light}", parts),
    )


@lru_cache(maxsize=12)  # a sweep over labels asks for the same validation and test set again and again
def _draw(
    seed: int, numbers: tuple[int, ...], kinds: tuple[str, ...], night: float, rain: float
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    images, boxes, labels = draw_streets([[FIRST, seed, number] for number in numbers], kinds, night, rain)
    rows = [
        torch.from_numpy(np.concatenate([box, label[:, None]], 1, dtype=np.float32))
        for box, label in zip(boxes, labels, strict=True)
    ]
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), rows
