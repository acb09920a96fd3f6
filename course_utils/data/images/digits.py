"""digits: 1,797 real handwritten digits that scikit-learn ships, so nothing is downloaded."""

from collections.abc import Sequence

import torch
from fastai.torch_basics import Transform
from fastai.vision.augment import aug_transforms

from course_utils.data.images.store import Store, StoreLoaders, chosen_seed, make_loaders
from course_utils.data.splits import split_by_class


def digits(
    n_per_class: int | None = None,
    *,
    seed: int | None = None,
    size: int = 64,
    bs: int = 64,
    split: tuple[float, float] = (0.2, 0.3),
    augment: bool | Sequence[Transform] = True,
    normalize: bool = True,
) -> StoreLoaders:
    """Handwritten digits, ten classes, as fastai DataLoaders with a held-out `test`.

    The images have 8×8 pixels of 17 grey levels; a batch has them at `size`, in three equal channels. Arguments as
    in `make_loaders` and `split_by_class`.
    Source: Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI (CC BY 4.0), its test part.
    """
    from sklearn.datasets import load_digits  # here, since only this data set needs scikit-learn

    table = load_digits()
    grey = torch.from_numpy(table.images * (255 / 16)).round().to(torch.uint8)
    labels = torch.from_numpy(table.target).long()
    vocab = [str(digit) for digit in range(10)]
    seed = chosen_seed(seed)
    return make_loaders(
        Store(grey[:, None].repeat(1, 3, 1, 1), labels, vocab),
        split_by_class(labels, vocab, n_per_class, seed, split),
        what="handwritten digits",
        size=size,
        bs=bs,
        order_seed=seed,
        augment=augment,
        own_augment=aug_transforms(do_flip=False, max_rotate=10, max_warp=0, max_zoom=1.1),
        normalize=normalize,
    )
