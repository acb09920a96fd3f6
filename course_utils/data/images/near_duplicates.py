"""Finds images that are nearly the same, so that no two of them stand on two sides of a split."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np
import torch
import torch.nn.functional as F

THRESHOLD = 0.75  # correlation from which two images look alike
THUMBNAIL = 16  # pixels a side
BLUR = 7  # pixels
BLOCK = 1000  # images compared with all others at once
CHUNK = 500  # images in floating point at once
FINE = 32  # pixels a side of thumbnails, where what the images show isn't known
MOST_MEASURED = 4000  # images that say what a set has in common
LEAST_DETAIL = 0.5  # standard deviation of the pixels of an image that shows something, in grey levels
MOST_ALIKE = 10  # images that one image is paired with
STRAY = 6.5  # standard deviations of what unrelated images correlate by: beyond, no two are alike by chance
ENOUGH = 0.9  # a correlation that is enough in any set; of a few images, unrelated ones correlate more by chance
FIRST, SECOND = 0.8, 0.75  # the least correlation of near-duplicates, at the first look and at the second
DETAIL = 0.7  # and that of their fine detail, at 64 pixels a side where the images have so many
DETAILED = 0.02  # share of the contrast that thumbnails of 16 pixels lose, in sets whose images have any fine detail
SAME = 0.997  # the least correlation of near-duplicates where they have none, such as digits of 8 pixels


@dataclass(frozen=True)
class View:
    """An image as a copy may show it: mirrored, turned by some degrees, enlarged, moved by shares of its side."""

    mirrored: bool = False
    degrees: float = 0.0
    zoom: float = 1.0
    across: float = 0.0
    down: float = 0.0

    def of(self, grey: torch.Tensor) -> torch.Tensor:
        """Give the view of images (n, 1, height, width)."""
        seen = grey.flip(-1) if self.mirrored else grey
        if (self.degrees, self.zoom, self.across, self.down) == (0, 1, 0, 0):
            return seen
        turn = radians(self.degrees)
        matrix = torch.tensor([[cos(turn), -sin(turn), 2 * self.across], [sin(turn), cos(turn), 2 * self.down]])
        matrix[:, :2] /= self.zoom
        grid = F.affine_grid(matrix.expand(len(seen), 2, 3), list(seen.shape), align_corners=False)
        return F.grid_sample(seen, grid, padding_mode="reflection", align_corners=False)


COARSE_VIEWS = (View(), View(True), View(False, 5, 1.05), View(False, -5, 1.05), View(False, 0, 1.1))
MOVES = ((-0.03, 0), (0.03, 0), (0, -0.03), (0, 0.03))  # about a pixel of the thumbnails
FINE_VIEWS = tuple(
    View(mirrored, degrees, zoom)
    for degrees in (0, -3, 3, -6, 6)
    for zoom in (1.0, 1.06, 1.12)
    for mirrored in (False, True)
) + tuple(View(mirrored, 0, 1, *move) for move in MOVES for mirrored in (False, True))


def near_duplicates(images: torch.Tensor, sets: torch.Tensor | None = None) -> torch.Tensor:
    """Find the pairs of images that are nearly the same, beyond what the whole set has in common.

    Scans of heads, things on one board and handwritten digits all look alike, and yet each is an image of its own. So
    what many of the images share counts less in the comparison, and a pair must be far more similar than unrelated
    images of the same set are. Copies that were compressed, brightened or mirrored are found, and most that were turned
    by a few degrees or cropped by a tenth.

    Parameters
    ----------
    images : (n, 3, height, width) uint8
    sets : (n,) int, optional
        The set of each image, where only pairs across two sets are looked for.

    Returns
    -------
    (m, 2) int
        Indices of the two images of each pair, in order. An image that many others resemble, such as a frame of a
        video, is paired with the 10 that are most like it, so that memory doesn't grow with the number of pairs.

    Notes
    -----
    Two looks: thumbnails of 16 pixels propose pairs; thumbnails of 32 and of 64 pixels, turned and enlarged to fit,
    confirm them. Of TrashNet's 2,527 photographs 34 pairs are found, of 240 scans of 40 heads 171, all of
    them slices of one head, and of 36 planted copies 36. `imagehash` and `imagededup` compare 64 bits of each image by
    itself, so that images which all look alike stay alike, and a mirrored copy isn't found; the networks of
    `imagededup` would be a download.
    """
    if len(images) < 2:
        return torch.empty(0, 2, dtype=torch.long)
    pairs = _proposed(images, sets)
    return pairs[_confirmed(images, pairs)]


def look_alikes(images: torch.Tensor, thumbnail: int = THUMBNAIL) -> torch.Tensor:
    """Find the pairs of images that look alike, or like mirror images of each other: more pairs rather than fewer.

    Two images look alike when the fine detail of their greyscale thumbnails correlates by at least 0.75. This suits a
    data set that leaves such images out; to tell copies from images that have much in common, see `near_duplicates`.

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
    grey = _grey(images, FINE)
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


class Unshared:
    """Describes images by what they don't share with the set: unit vectors whose products say how similar two are.

    Parameters
    ----------
    grey : (n, 1, height, width)
        The set, in greyscale.
    side : int
        Pixels a side of the thumbnails that are compared.

    Notes
    -----
    Thumbnails of equal brightness and contrast are multiplied by (M + m)^-1/2, where M is the matrix of their second
    moments and m the mean of its eigenvalues, those of directions that no image has left out. A direction in which
    many images lie, such as a board or a skull, so counts little more than one that a single image has to itself.
    """

    def __init__(self, grey: torch.Tensor, side: int) -> None:
        self.side = side
        chosen = np.linspace(0, len(grey) - 1, min(len(grey), MOST_MEASURED)).round().astype(int)
        units = self.units(grey[torch.from_numpy(chosen)])
        moments, directions = torch.linalg.eigh((units.T @ units / len(units)).double())
        moments = moments.clamp(min=0)
        level = moments.sum() / min(len(units), side * side)
        weights = (moments + level.clamp(min=1e-12)).rsqrt()
        self.matrix = (directions * weights @ directions.T).float()

    def describe(self, grey: torch.Tensor) -> torch.Tensor:
        """Give (n, side²) unit vectors; zeros for images without detail."""
        return F.normalize(self.units(grey) @ self.matrix)

    def units(self, grey: torch.Tensor) -> torch.Tensor:
        """Give thumbnails of equal brightness and contrast; zeros for images without detail."""
        flat = F.adaptive_avg_pool2d(grey, self.side).flatten(1)
        detail = flat - flat.mean(1, keepdim=True)
        flatness = detail.std(1, keepdim=True) < LEAST_DETAIL
        return F.normalize(detail).masked_fill(flatness, 0)


def _proposed(images: torch.Tensor, sets: torch.Tensor | None) -> torch.Tensor:
    """Find the pairs (m, 2) that coarse thumbnails take for near-duplicates."""
    grey = _grey(images, 2 * THUMBNAIL)
    unshared = Unshared(grey, THUMBNAIL)
    plain = unshared.describe(grey)
    least = _least(FIRST, plain)
    found = []
    for view in COARSE_VIEWS:
        for start in range(0, len(images), BLOCK):
            alike = unshared.describe(view.of(grey[start : start + BLOCK])) @ plain.T
            rows = torch.arange(len(alike))
            alike[rows, start + rows] = -1  # an image is no twin of its own
            if sets is not None:
                alike.masked_fill_(sets[start : start + BLOCK, None] == sets, -1)
            found.append(_best(alike, least) + torch.tensor([start, 0]))
    return torch.cat(found).sort(1).values.unique(dim=0)


def _best(alike: torch.Tensor, least: float) -> torch.Tensor:
    """Find the places (m, 2) of correlations of at least so much, in each row the highest MOST_ALIKE."""
    enough = alike >= least
    if enough.sum(1).max() > MOST_ALIKE:
        highest = alike.topk(MOST_ALIKE, 1).indices
        enough &= torch.zeros_like(enough).scatter_(1, highest, True)
    return enough.nonzero()


def _confirmed(images: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor:
    """Say of each pair whether finer thumbnails, turned and enlarged to fit each other, are nearly the same."""
    if not len(pairs):
        return torch.zeros(0, dtype=torch.bool)
    # Of many images, not all thumbnails of 64 pixels are in memory at once.
    chosen = np.linspace(0, len(images) - 1, min(len(images), MOST_MEASURED)).round().astype(int)
    some = _grey(images[torch.from_numpy(chosen)], 2 * FINE)
    unshared, coarse = Unshared(some, FINE), _lost(some) < DETAILED
    side = min(2 * FINE, max(BLUR + 1, images.shape[-1]))
    plain = torch.cat([unshared.describe(_grey(part, 2 * FINE)) for part in images.split(CHUNK)])
    least = _least(SECOND, plain)
    right = torch.zeros(len(pairs), dtype=torch.bool)
    for view in FINE_VIEWS:
        for viewed, fixed in ((0, 1), (1, 0)):
            for part in [] if right.all() else (~right).nonzero().flatten().split(CHUNK):
                there = pairs[part, fixed]
                seen, other = view.of(_grey(images[pairs[part, viewed]], 2 * FINE)), _grey(images[there], 2 * FINE)
                alike = (unshared.describe(seen) * plain[there]).sum(1) >= least
                fine = (_fine_detail(seen, side) * _fine_detail(other, side)).sum(1) >= DETAIL
                right[part] = alike & fine
                if coarse:  # nothing but the coarse look tells such images from each other, so it has to be the same
                    right[part] &= (unshared.units(seen) * unshared.units(other)).sum(1) >= SAME
    return right


def _lost(grey: torch.Tensor) -> float:
    """Give the share of the contrast of typical images that thumbnails of 16 pixels don't have."""
    thumbnails = F.adaptive_avg_pool2d(grey, THUMBNAIL)
    again = F.interpolate(thumbnails, grey.shape[-2:], mode="bilinear")
    return float(((grey - again).var((1, 2, 3)) / grey.var((1, 2, 3)).clamp(min=LEAST_DETAIL**2)).median())


def _least(usual: float, described: torch.Tensor) -> float:
    """Give the correlation of near-duplicates: the usual one, or more where unrelated images correlate by much.

    By how much they do is a robust standard deviation over pairs of images at equal distances in the set.
    """
    shifts = np.unique(np.linspace(1, len(described) - 1, 12).round().astype(int)).tolist()
    some = torch.cat([(described * described.roll(shift, 0)).sum(1) for shift in shifts])
    return min(max(usual, STRAY * float(some.abs().median()) / 0.6745), ENOUGH)


def _grey(images: torch.Tensor, side: int) -> torch.Tensor:
    """Give greyscale thumbnails (n, 1, side, side)."""
    return torch.cat([F.adaptive_avg_pool2d(part.float().mean(1, keepdim=True), side) for part in images.split(CHUNK)])


def _fine_detail(images: torch.Tensor, thumbnail: int) -> torch.Tensor:
    """Return greyscale thumbnails as unit vectors, without soft shading: any two skies would look the same."""
    grey = [chunk.float().mean(1, keepdim=True) for chunk in images.split(CHUNK)]
    thumbnails = torch.cat([F.adaptive_avg_pool2d(chunk, thumbnail) for chunk in grey])
    margin = BLUR // 2
    blurred = F.avg_pool2d(F.pad(thumbnails, (margin,) * 4, mode="reflect"), BLUR, stride=1)
    detail = thumbnails - blurred
    return F.normalize((detail - detail.mean((2, 3), keepdim=True)).flatten(1))
