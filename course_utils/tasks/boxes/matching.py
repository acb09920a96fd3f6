"""Which found boxes are right: each known box may be found once, and the surest one counts."""

import torch
from torch import Tensor
from torchvision.ops import box_iou

from course_utils.backbones import Found


def match_boxes(found: Found, rows: Tensor, overlap: float = 0.5) -> tuple[Tensor, int]:
    """Say which boxes of an image are right.

    Parameters
    ----------
    found : Found
        What a detector found, from high scores to low.
    rows : (k, 5) tensor
        Left, top, right, bottom and class of what is there; rows of class -1 are none.
    overlap : float
        The least intersection over union with a known box of the same class.

    Returns
    -------
    right : (n,) bool tensor
        Whether each found box is right. One that finds a box a second time is wrong.
    missed : int
        How many known boxes nobody found.

    Notes
    -----
    Source: the rules of Pascal VOC (Everingham et al. 2010): in the order of scores, each found box takes the known
    box that it overlaps with most.
    """
    known = rows[rows[:, 4] >= 0]
    shared = box_iou(found.boxes, known[:, :4])
    shared[found.labels[:, None] != known[None, :, 4]] = 0
    taken, right = set(), []
    for number in torch.argsort(found.scores, descending=True, stable=True).tolist():
        best = int(shared[number].argmax()) if len(known) else -1
        good = best >= 0 and float(shared[number, best]) >= overlap and best not in taken
        right.append((number, good))
        taken |= {best} if good else set()
    flags = torch.zeros(len(found.scores), dtype=torch.bool)
    for number, good in right:
        flags[number] = good
    return flags, len(known) - len(taken)
