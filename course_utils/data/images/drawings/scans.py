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
    """Draw n slices: images uint8 (n, 64, 64), masks bool (n, 64, 64) and a table of n rows with what is known.

    heads: whose head each shows, and slices: which of its `per_head` slices; both count from 0
    lesion: how large the lesion is cut in each, 0 (none) to 1; copies: whether each is exported a second time
    shift: 0 for the head's own scanner to 1 for one that no head has, and what lies between

    The same seed, head and slice give the same anatomy, noise and, if any, lesion on every machine, alone or among
    others. The table has scanner, age, ventricles, height, lesion_size (pixels that the mask holds), lesion_contrast,
    lesion_x and lesion_y (pixels from the left and the upper edge; NaN without a lesion).
    """
    heads, slices, lesion, copies = (np.asarray(each) for each in (heads, slices, lesion, copies))
    numbers, index = np.unique(heads, return_inverse=True)
    anatomy = Heads(seed, numbers)
    height = anatomy.bottom[index] + min(STEP, (TOP - 0.45) / max(per_head - 1, 1)) * slices
    names = np.array(list(scanner.SCANNERS))[anatomy.scanner[index] % len(scanner.SCANNERS)]
    seeds = [[seed, int(head), int(slice_)] for head, slice_ in zip(heads, slices, strict=True)]
    images, masks = np.zeros((len(index), SIZE, SIZE), np.uint8), np.zeros((len(index), SIZE, SIZE), bool)
    for start in range(0, len(index), _CHUNK):
        at = slice(start, start + _CHUNK)
        raw = streams(seeds[at], scanner.RAW)
        moved = (scanner.unit(raw[:, :3]) - 0.5) * (0.6, 0.6, 0.01)  # pixels, pixels, tan of half the angle
        tissue = paint(anatomy, index[at], height[at], moved, lesion[at])
        scan = scanner.settings([scanner.SCANNERS[name] for name in names[at]], np.full(len(raw), shift))
        signal = scanner.acquire(tissue, anatomy.factors["lesion_contrast"][index[at]], scan, anatomy.exam[index[at]])
        images[at] = scanner.expose(signal, scan["noise"], raw[:, scanner.EXTRA :])
        masks[at] = tissue.lesion > 0.5
    again = np.flatnonzero(copies)
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
