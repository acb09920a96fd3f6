"""A small world of letters: bars and crosses of known kinds, moved about."""

import pytest
import torch
from torch import Tensor

from course_utils.training import few_shot


def kinds(count: int, each: int, seed: int) -> tuple[Tensor, Tensor]:
    """Images (n, 1, 28, 28) of so many kinds, a few rectangles each, moved by up to two pixels; and their labels."""
    random = torch.Generator().manual_seed(seed)
    images = []
    for _ in range(count):
        plain = torch.zeros(28, 28)
        for _ in range(4):
            top, left = torch.randint(3, 18, (2,), generator=random).tolist()
            high, wide = torch.randint(2, 9, (2,), generator=random).tolist()
            plain[top : top + high, left : left + wide] = 1
        moves = torch.randint(-2, 3, (each, 2), generator=random).tolist()
        images += [plain.roll(move, (0, 1)) for move in moves]
    return torch.stack(images)[:, None], torch.arange(count).repeat_interleave(each)


@pytest.fixture(scope="session")
def toy() -> tuple[Tensor, Tensor]:
    return kinds(30, 10, seed=0)


@pytest.fixture(scope="session")
def unseen() -> tuple[Tensor, Tensor]:
    return kinds(12, 10, seed=1)


@pytest.fixture
def network() -> few_shot.FourBlocks:
    torch.manual_seed(0)
    return few_shot.FourBlocks(5, channels=8)
