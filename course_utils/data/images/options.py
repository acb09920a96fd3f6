"""The options that every data set of images takes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from fastai.torch_basics import Transform

from course_utils.data.options import LoaderOptions, check_whole_number
from course_utils.errors import CourseError


@dataclass(frozen=True, kw_only=True)
class ImageOptions(LoaderOptions):
    """What can be asked of any data set of images, besides `LoaderOptions`.

    Parameters
    ----------
    size : int
        Pixels a side of the images in a batch.
    augment : bool or sequence of Transform
        True for the data set's own augmentation, False for none, or batch transforms of yours.
    normalize : bool
        Whether to normalise with ImageNet's statistics. It is done here so that a network from scratch gets what a
        pre-trained one gets: vision_learner adds a Normalize for pre-trained networks alone, and only where there is
        none yet.
    """

    size: int = 64
    augment: bool | Sequence[Transform] = True
    normalize: bool = True

    def __post_init__(self) -> None:
        """Check what can be checked without the data."""
        super().__post_init__()
        object.__setattr__(self, "size", check_whole_number("size", self.size))
        if isinstance(self.augment, np.bool_):
            object.__setattr__(self, "augment", bool(self.augment))
        if not isinstance(self.augment, bool) and not _are_transforms(self.augment):
            raise CourseError(
                f"augment is {' '.join(repr(self.augment).split())}: give True, False, or a list of batch transforms, "
                "such as aug_transforms().",
                code="data.bad-option",
            )


def _are_transforms(given: object) -> bool:
    return given is None or (isinstance(given, Iterable) and all(callable(each) for each in given))
