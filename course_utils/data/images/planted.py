"""Plants altered copies of test images in the training set, to see what they do and whether they are found."""

import io
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageOps

from course_utils.data.images.store import StoreLoaders
from course_utils.errors import CourseError


def compressed(image: Image.Image) -> Image.Image:
    """Save as a JPEG of low quality."""
    kept = io.BytesIO()
    image.save(kept, "jpeg", quality=30)
    return Image.open(kept).convert("RGB")


def brightened(image: Image.Image) -> Image.Image:
    """Raise the brightness by a fifth."""
    return ImageEnhance.Brightness(image).enhance(1.2)


def cropped(image: Image.Image, share: float = 0.9) -> Image.Image:
    """Cut a margin away, and enlarge the rest to the old size."""
    return ImageOps.fit(image, image.size, Image.Resampling.BICUBIC, bleed=(1 - share) / 2)


def turned(image: Image.Image, degrees: float = 4) -> Image.Image:
    """Turn by a few degrees, and cut the empty corners away."""
    return cropped(image.rotate(degrees, Image.Resampling.BICUBIC))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "compressed": compressed,
    "brightened": brightened,
    "mirrored": ImageOps.mirror,
    "cropped": cropped,
    "turned": turned,
}


def plant_copies(dls: StoreLoaders, share: float, seed: int = 0) -> np.ndarray:
    """Overwrite training images by altered copies of test images of the same class; `dls` is changed.

    The training set keeps its size and its classes. The changes (CHANGES) take turns.

    Parameters
    ----------
    dls : StoreLoaders
        Images in memory, as `data.recycling` and `data.scans` load them.
    share : float
        Share of each class's test images that get a copy, from 0 to 1.
    seed : int
        Decides which.

    Returns
    -------
    (m, 2) int
        Indices into `dls.store`: a training image that is now a copy, and the test image that it is a copy of. Pair k
        was changed by the (k modulo 5)-th of CHANGES.

    Raises
    ------
    CourseError
        `data.bad-option` for a share outside 0 to 1, `data.too-few-items` where a class has fewer training images than
        copies.
    """
    if not 0 <= share <= 1:
        raise CourseError(f"share is {share!r}: give a number from 0 to 1.", code="data.bad-option")
    store, rng = dls.store, np.random.default_rng(seed)
    labels = store.labels.cpu().numpy()
    train, test = (rng.permutation(list(dl.items)) for dl in (dls.train, dls.test))
    pairs = []
    for number, name in enumerate(store.vocab):
        own, asked = train[labels[train] == number], test[labels[test] == number]
        copies = round(share * len(asked))
        if copies > len(own):
            raise CourseError(
                f"{copies} copies don't fit into {len(own)} training images of {name!r}: give a lower share, or more "
                "training images.",
                code="data.too-few-items",
            )
        pairs.append(np.stack([own[:copies], asked[:copies]], 1))
    planted = np.concatenate(pairs)
    images = store.images.clone()  # the data set's own images may be shared
    for place, (copy, original) in enumerate(planted):
        change = list(CHANGES.values())[place % len(CHANGES)]
        images[copy] = alter(store.images[original], change)
    store.images = images
    return planted


def alter(image: torch.Tensor, change: Callable[[Image.Image], Image.Image]) -> torch.Tensor:
    """Change an image, uint8 (3, height, width)."""
    changed = change(Image.fromarray(image.permute(1, 2, 0).cpu().numpy()))
    return torch.from_numpy(np.array(changed)).permute(2, 0, 1).to(image.device)
