"""Finds images that are nearly the same, so that no two of them stand on two sides of a split."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

THRESHOLD = 0.75  # correlation from which two images count as near-duplicates
THUMBNAIL = 16  # pixels a side
BLUR = 7  # pixels
BLOCK = 1000  # images compared with all others at once
CHUNK = 500  # images in floating point at once
FINE = 32  # pixels a side of thumbnails, where what the images show isn't known


def near_duplicates(images: torch.Tensor, thumbnail: int = THUMBNAIL) -> torch.Tensor:
    """Find the pairs of images that are nearly the same, or mirror images of each other.

    Two images count as near-duplicates when the fine detail of their greyscale thumbnails correlates by at least 0.75.

    Parameters
    ----------
    images : (n, 3, height, width) uint8
    thumbnail : int
        Pixels a side of the thumbnails. 16 suit images that a subject fills. Where many have one background and one
        light in common, 32 keep more of the subject.

    Returns
    -------
    (m, 2) int
        Indices of the two images of each pair, in order.

    Notes
    -----
    The threshold was chosen by looking at the cars and trucks of CIFAR-10: above 0.85 nearly every pair is one
    photograph, cropped or recoloured; at 0.75 about half are. Leaving out a few images too many costs nothing; keeping
    one too many would make a test score too high. On TrashNet, whose things lie on one board under one lamp, thumbnails
    of 16 pixels pair different things by their shadows (506 pairs); of the 39 pairs at 32 pixels most are one thing.
    """
    detail, mirrored = _fine_detail(images, thumbnail), _fine_detail(images.flip(-1), thumbnail)
    pairs = []
    for start in range(0, len(images), BLOCK):
        rows = detail[start : start + BLOCK]
        correlation = torch.maximum(rows @ detail[start:].T, rows @ mirrored[start:].T)
        pairs.append((correlation >= THRESHOLD).triu(diagonal=1).nonzero() + start)
    return torch.cat(pairs) if pairs else torch.empty(0, 2, dtype=torch.long)


def twins_across(images: torch.Tensor, sets: Sequence[Sequence[int]]) -> torch.Tensor:
    """Find images that nearly equal one of an earlier set, beyond what all the images have in common.

    Scans, faces or products photographed from one side all look alike, so the most similar image is a twin when the
    detail of 32×32 thumbnails correlates by at least 0.75 with the mean of all images and without it. Each image is
    given one twin at most, so a folder full of copies takes no more memory than another one.

    Parameters
    ----------
    images : (n, 3, height, width) uint8
    sets : sequence of sequence of int
        The indices of the images of each set: test, validation and training set, for example.

    Returns
    -------
    (m, 2) int
        Indices of an image and of its twin in an earlier set.
    """
    grey = torch.cat([F.adaptive_avg_pool2d(part.float().mean(1, keepdim=True), FINE) for part in images.split(CHUNK)])
    shared = grey.mean(0)
    views = [(_fine_detail(view, FINE), _fine_detail(view - shared, FINE)) for view in (grey, grey.flip(-1))]
    plain, own = views[0]
    found = []
    for place in range(1, len(sets)):
        earlier = torch.tensor([index for each in sets[:place] for index in each], dtype=torch.long)
        for rows in torch.tensor(list(sets[place]), dtype=torch.long).split(BLOCK):
            if not len(earlier):
                continue
            for other_plain, other_own in views:
                alike, nearest = (own[rows] @ other_own[earlier].T).max(1)
                twins = earlier[nearest]
                same = (alike >= THRESHOLD) & ((plain[rows] * other_plain[twins]).sum(1) >= THRESHOLD)
                found.append(torch.stack([rows, twins], 1)[same])
    pairs = torch.cat(found) if found else torch.empty(0, 2, dtype=torch.long)
    _, first = np.unique(pairs[:, 0].numpy(), return_index=True)
    return pairs[torch.from_numpy(first)]


def _fine_detail(images: torch.Tensor, thumbnail: int) -> torch.Tensor:
    """Return greyscale thumbnails as unit vectors, without soft shading: any two skies would look the same."""
    grey = [chunk.float().mean(1, keepdim=True) for chunk in images.split(CHUNK)]
    thumbnails = torch.cat([F.adaptive_avg_pool2d(chunk, thumbnail) for chunk in grey])
    margin = BLUR // 2
    blurred = F.avg_pool2d(F.pad(thumbnails, (margin,) * 4, mode="reflect"), BLUR, stride=1)
    detail = thumbnails - blurred
    return F.normalize((detail - detail.mean((2, 3), keepdim=True)).flatten(1))
