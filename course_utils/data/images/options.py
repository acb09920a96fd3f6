"""The options that every data set of images takes."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastai.torch_basics import Transform

from course_utils.data.options import LoaderOptions, check_whole_number


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
