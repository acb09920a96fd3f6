"""Near-duplicates: changed copies are found, and images that have a sky, a board or a skull in common are not."""

import time

import pytest
import torch
from support.datasets import noise_images

from course_utils import data
from course_utils.data.images.near_duplicates import look_alikes, near_duplicates, twins_across
from course_utils.data.images.planted import CHANGES, alter


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


def test_twins_across_sets():
    """Copies and mirror images are found in an earlier set, once each."""
    images = noise_images(8)
    images[5], images[6], images[7] = images[0], images[1].flip(-1), images[5]
    assert twins_across(images, [[0, 1], [2, 5], [3, 4, 6, 7]]).tolist() == [[5, 0], [6, 1], [7, 0]]
    assert twins_across(images, [[5, 7, 0, 1, 6], [], [2, 3, 4]]).tolist() == [], "within a set they don't matter"
    assert twins_across(images, [[], [0], [1]]).shape == (0, 2)


def test_what_all_images_share_makes_no_twins():
    noise = noise_images(31).float()
    images = ((4 * noise[30] + noise[:30]) / 5).to(torch.uint8)
    images[29] = images[0]
    assert len(look_alikes(images)) > 100, "they are very much alike"
    assert near_duplicates(images).tolist() == [[0, 29]]
    assert twins_across(images, [range(10), range(10, 20), range(20, 30)]).tolist() == [[29, 0]]


def test_images_without_detail_are_no_twins():
    flat = torch.tensor([50, 100, 150, 200], dtype=torch.uint8)[:, None, None, None].expand(4, 3, 32, 32)
    assert not len(twins_across(torch.cat([noise_images(3), flat]), [[3, 4], [5, 6], [0, 1, 2]]))


# Recall and precision, on copies that were planted among images that have much in common


def scans() -> torch.Tensor:
    """Slices of forty drawn heads: all of them ovals with two dark spots."""
    return data.scans(n_patients=40, prevalence=0.5, seed=3, augment=False).store.images


def rubbish() -> torch.Tensor:
    """Things on one board under one lamp."""
    return data.recycling(50, split=(5, 20), seed=3, augment=False).store.images


def digits() -> torch.Tensor:
    """Handwritten digits of 8×8 pixels, about thirty of each."""
    return data.digits(augment=False).store.images[:300]


@pytest.fixture(autouse=True)
def drawings(monkeypatch):
    monkeypatch.setenv("COURSE_IMAGES", "drawings")


@pytest.mark.parametrize("images", [rubbish, digits])
def test_images_that_all_look_alike_are_no_near_duplicates(images):
    given = images()
    assert len(near_duplicates(given)) <= 0.05 * len(given)


def test_of_scans_only_slices_of_one_head_are_near_duplicates():
    dls = data.scans(n_patients=40, prevalence=0.5, seed=3, augment=False)
    patients = dls.factors.patient.to_numpy()
    pairs = near_duplicates(dls.store.images).numpy()
    assert (patients[pairs[:, 0]] == patients[pairs[:, 1]]).all()
    assert len(pairs) < len(dls.store.images) < 0.05 * len(look_alikes(dls.store.images))


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("images", [scans, rubbish])
def test_planted_copies_are_found_and_nothing_else(images, change):
    given = images()[::6]  # of the scans, one slice of each head, or nearly so
    copies = torch.stack([alter(image, CHANGES[change]) for image in given[:30]])
    planted = {(number, len(given) + number) for number in range(30)}
    found = set(map(tuple, near_duplicates(torch.cat([given, copies])).tolist()))
    least = 12 if (images, change) == (scans, "turned") else 25  # of a few scans, turned ones are the hardest
    assert len(found & planted) >= least, f"{len(found & planted)} of 30 are found"
    assert len(found - planted) <= 3, f"{sorted(found - planted)} aren't planted"


def test_scans_that_were_exported_again_are_found():
    dls = data.scans(n_patients=40, prevalence=0.5, duplicates=0.3, seed=3, augment=False)
    known = {tuple(sorted(pair)) for pair in dls.factors.duplicate_of.items() if pair[1] >= 0}
    found = set(map(tuple, near_duplicates(dls.store.images).tolist()))
    assert len(found & known) >= 0.95 * len(known)


@pytest.mark.slow
def test_twenty_thousand_images_take_seconds():
    many = torch.randint(0, 256, (20_000, 3, 32, 32), dtype=torch.uint8)
    many[19_999] = many[0]
    began = time.perf_counter()
    assert near_duplicates(many).tolist() == [[0, 19_999]]
    assert time.perf_counter() - began < 90
