"""Near-duplicates: changed copies are found, and images that only share a sky are not."""

import pytest
import torch

from course_utils.data.images.near_duplicates import near_duplicates


@pytest.fixture(scope="module")
def scenes() -> torch.Tensor:
    """Twenty unrelated images: soft random patches, as photographs are."""
    patches = torch.rand(20, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return (torch.nn.functional.interpolate(patches, (32, 32), mode="bicubic").clamp(0, 1) * 255).to(torch.uint8)


def test_unrelated_images_are_no_near_duplicates(scenes):
    assert len(near_duplicates(scenes)) == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x,
        lambda x: x * 0.6 + 40,
        lambda x: x + 12 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1)),
        lambda x: x.mean(0, keepdim=True).expand_as(x),
        lambda x: x.flip(-1),
        lambda x: x.roll(1, dims=-1),
    ],
    ids=["copy", "paler", "noisy", "grey", "mirrored", "shifted by a pixel"],
)
def test_a_changed_copy_is_found(scenes, change):
    copy = change(scenes[7].float()).clamp(0, 255).to(torch.uint8)
    assert near_duplicates(torch.cat([scenes, copy[None]])).tolist() == [[7, 20]]


def test_pairs_are_found_across_blocks_and_come_in_order(scenes):
    many = torch.cat([scenes[:1], torch.zeros(1500, 3, 32, 32, dtype=torch.uint8), scenes[:1]])
    assert near_duplicates(many).tolist() == [[0, 1501]]


def test_a_soft_shading_alone_makes_nothing_alike(scenes):
    """Two photographs under one sky are two photographs."""
    sky = torch.linspace(160, 0, 32)[None, :, None]
    under_one_sky = (scenes[:6].float() * 0.3 + sky).clamp(0, 255).to(torch.uint8)
    assert len(near_duplicates(under_one_sky)) == 0
