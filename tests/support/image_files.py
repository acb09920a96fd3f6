"""Image files for tests: small, noisy, no two alike, written within milliseconds."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image


def write_images(folder: Path, names: Iterable[str], side: int = 10, seed: int = 0) -> Path:
    """Write an image of noise under each name below the folder, and return the folder."""
    rng = np.random.default_rng(seed)
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (side, side + 4, 3), np.uint8)).save(path)
    return folder


def class_folders(folder: Path, each: int = 6, classes: Iterable[str] = ("cat", "dog")) -> Path:
    """Write a folder with a sub-folder of images for each class, and return it."""
    return write_images(folder, (f"{name}/{number}.png" for name in classes for number in range(each)))
