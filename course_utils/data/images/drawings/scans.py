"""Synthetic scans: slices through made-up heads, as made-up scanners see them, with every factor of every one known."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from course_utils.data.images.drawings import scanner
from course_utils.data.images.drawings.brain import Heads, paint
from course_utils.data.images.drawings.raster import SIZE
from course_utils.data.images.drawings.rng import streams

STEP, TOP = 0.07, 0.9  # height between two slices, at the most; and of the highest one
_CHUNK = 32  # slices painted at once: their numbers stay in the processor's cache


def draw_scans(
    seed: int,
    heads: Sequence[int],
    slices: Sequence[int],
    per_head: int,
    lesion: Sequence[float],
    copies: Sequence[bool],
    shift: float = 0.0,
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Draw n slices.

    The same seed, head and slice give the same anatomy, noise and, if any, lesion on every machine, alone or among
    others.

    Parameters
    ----------
    seed : int
        Of all the heads.
    heads, slices : (n,) int
        Which head each image shows, and which of its slices; both count from 0.
    per_head : int
        Slices of a head.
    lesion : (n,) float
        How large the lesion is cut in each, from 0 (none) to 1.
    copies : (n,) bool
        Whether each is exported a second time.
    shift : float
        From 0 for the head's own scanner to 1 for one that no head has.

    Returns
    -------
    images : (n, 64, 64) uint8
    masks : (n, 64, 64) bool
    factors : DataFrame of n rows
        scanner, age, ventricles, height, lesion_size (pixels that the mask holds), lesion_contrast, lesion_x and
        lesion_y (pixels from the left and the upper edge; NaN without a lesion).
    """
    head_of, slice_of, cut, copied = (np.asarray(each) for each in (heads, slices, lesion, copies))
    numbers, index = np.unique(head_of, return_inverse=True)
    anatomy = Heads(seed, numbers)
    height = anatomy.bottom[index] + min(STEP, (TOP - 0.45) / max(per_head - 1, 1)) * slice_of
    names = np.array(list(scanner.SCANNERS))[anatomy.scanner[index] % len(scanner.SCANNERS)]
    seeds = [[seed, int(head), int(slice_)] for head, slice_ in zip(head_of, slice_of, strict=True)]
    images, masks = np.zeros((len(index), SIZE, SIZE), np.uint8), np.zeros((len(index), SIZE, SIZE), bool)
    for start in range(0, len(index), _CHUNK):
        at = slice(start, start + _CHUNK)
        raw = streams(seeds[at], scanner.RAW)
        moved = (scanner.unit(raw[:, :3]) - 0.5) * (0.6, 0.6, 0.01)  # pixels, pixels, tan of half the angle
        tissue = paint(anatomy, index[at], height[at], moved, cut[at])
        scan = scanner.settings([scanner.SCANNERS[name] for name in names[at]], np.full(len(raw), shift))
        signal = scanner.acquire(tissue, anatomy.factors["lesion_contrast"][index[at]], scan, anatomy.exam[index[at]])
        images[at] = scanner.expose(signal, scan["noise"], raw[:, scanner.EXTRA :])
        masks[at] = tissue.lesion > 0.5
    again = np.flatnonzero(copied)
    if again.size:
        raw = streams([[*seeds[row], 1] for row in again], scanner.RAW)
        images[again] = scanner.export_again(images[again], raw)
    names = names if shift == 0 else np.full(len(index), "unseen")
    return images, masks, _describe(anatomy, index, height, names, masks)


def _describe(
    anatomy: Heads, index: np.ndarray, height: np.ndarray, names: np.ndarray, masks: np.ndarray
) -> pd.DataFrame:
    size = masks.sum((1, 2))
    middles = np.arange(SIZE) + 0.5
    with np.errstate(invalid="ignore"):  # no lesion, no position: NaN
        x, y = (masks.sum(1) @ middles) / size, (masks.sum(2) @ middles) / size
    return pd.DataFrame(
        {
            "scanner": names,
            "age": anatomy.factors["age"][index].astype(int),
            "ventricles": anatomy.factors["ventricles"][index],
            "height": height,
            "lesion_size": size,
            "lesion_contrast": np.where(size > 0, anatomy.factors["lesion_contrast"][index], 0.0),
            "lesion_x": x,
            "lesion_y": y,
        }
    )
