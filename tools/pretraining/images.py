"""Tiny ImageNet's images, decoded once, and what happens to them on their way into the network."""

import io
import math
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def decode(archive: Path, part: str, cache: Path) -> tuple[Tensor, Tensor]:
    """Images as uint8 (n, 3, 64, 64) and class numbers (n,) of one part, decoded once and kept in `cache`."""
    file = cache / f"{part}.npz"
    if not file.exists():
        with zipfile.ZipFile(archive) as z:
            names = sorted(n for n in z.namelist() if n.split("/")[1] == part and n.endswith(".webp"))
            classes = {name: i for i, name in enumerate(sorted({n.split("/")[2] for n in names}))}
            coded = [z.read(n) for n in names]
        with ThreadPoolExecutor() as pool:
            images = list(pool.map(lambda c: np.asarray(Image.open(io.BytesIO(c)).convert("RGB")), coded))
        labels = np.array([classes[n.split("/")[2]] for n in names])
        half_written = file.with_suffix(".part.npz")
        np.savez(half_written, images=np.stack(images).transpose(0, 3, 1, 2), labels=labels)
        half_written.replace(file)
    stored = np.load(file)
    return torch.from_numpy(stored["images"]), torch.from_numpy(stored["labels"])


def normalise(images: Tensor) -> Tensor:
    """uint8 images as floats scaled by ImageNet's mean and standard deviation."""
    return (images.float() / 255 - MEAN.to(images.device)) / STD.to(images.device)


def augment(images: Tensor, side: int, smallest: float, jitter: float, random: torch.Generator) -> Tensor:
    """One crop, flip and light for each image: a crop shared by the batch makes BatchNorm's statistics jump."""
    n = len(images)

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(n).uniform_(low, high, generator=random)

    area, ratio = uniform(smallest, 1), uniform(math.log(3 / 4), math.log(4 / 3)).exp()
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    flip = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    place = torch.zeros(n, 2, 3)
    place[:, 0, 0], place[:, 0, 2] = width * flip, uniform(-1, 1) * (1 - width)
    place[:, 1, 1], place[:, 1, 2] = height, uniform(-1, 1) * (1 - height)
    grid = F.affine_grid(place.to(images.device), [n, 3, side, side], align_corners=False)
    x = F.grid_sample(normalise(images), grid, padding_mode="reflection", align_corners=False)
    contrast, brightness = uniform(1 - jitter, 1 + jitter).to(x), uniform(-jitter, jitter).to(x)
    return x * contrast.view(n, 1, 1, 1) + brightness.view(n, 1, 1, 1)
