"""digits: 1,797 real handwritten digits that scikit-learn ships, so nothing is downloaded."""

from typing import Any

import torch
from fastai.torch_basics import delegates
from fastai.vision.augment import aug_transforms

from course_utils.data.images.options import ImageOptions
from course_utils.data.images.store import Store, StoreLoaders, make_loaders
from course_utils.data.options import check_known
from course_utils.data.splits import split_by_class

GREY_LEVELS = 16  # the brightest value in scikit-learn's table


@delegates(ImageOptions)
def digits(n_per_class: int | None = None, *, split: tuple[float, float] = (0.2, 0.3), **kwargs: Any) -> StoreLoaders:
    """Load handwritten digits, ten classes, as fastai DataLoaders with a held-out `test`.

    The images have 8×8 pixels of 17 grey levels; a batch has them at `size`, in three equal channels.

    Parameters
    ----------
    n_per_class, split, **kwargs
        The options of `ImageOptions`.

    Notes
    -----
    Source: Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI (CC BY 4.0), its test part.
    """
    from sklearn.datasets import load_digits  # here, since only this data set needs scikit-learn

    check_known(kwargs, "digits", ImageOptions)
    options = ImageOptions(n_per_class=n_per_class, split=split, **kwargs)
    table = load_digits()
    grey = torch.from_numpy(table.images * (255 / GREY_LEVELS)).round().to(torch.uint8)
    labels = torch.from_numpy(table.target).long()
    vocab = [str(digit) for digit in range(10)]
    return make_loaders(
        Store(grey[:, None].repeat(1, 3, 1, 1), labels, vocab),
        split_by_class(table.target, vocab, n_per_class, options.chosen_seed, split),
        options,
        what="handwritten digits",
        default_augment=aug_transforms(do_flip=False, max_rotate=10, max_warp=0, max_zoom=1.1),
    )
