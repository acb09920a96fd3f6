"""mri: slices and copies of them, splits by slice and by image, and the synthetic ones that stand in."""

import numpy as np
import pytest
import torch
from support.archives import mirror_stand_in
from support.errors import refused

from course_utils.data import mri
from course_utils.data.images import mri as module


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """Synthetic slices, an empty data folder, no mirror, and nothing remembered of other tests."""
    monkeypatch.setenv("COURSE_IMAGES", "drawings")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("COURSE_DATA_MIRROR", raising=False)
    module._public.cache_clear()
    yield
    module._public.cache_clear()


@pytest.fixture
def public(monkeypatch, tmp_path):
    mirror_stand_in("brain_tumor", tmp_path, monkeypatch)


def seen_in_training(dls) -> float:
    """The share of the test images whose slice is trained on."""
    table = dls.factors
    return table.original[table.split == "test"].isin(table.original[table.split == "train"]).mean()


@pytest.mark.parametrize("copies", [False, True])
def test_no_slice_is_on_two_sides_unless_that_is_asked_for(copies, public):
    whole = mri(copies=copies, seed=1, split=(0.2, 0.3))
    assert seen_in_training(whole) == 0
    assert whole.about.startswith("copies of MR slices" if copies else "MR slices")
    by_image = mri(copies=copies, seed=1, split=(0.2, 0.3), split_by="image")
    assert not copies or seen_in_training(by_image) > 0.4
    assert len(whole.factors) == (72 if copies else 24) and set(whole.vocab) == {"no tumour", "tumour"}


@pytest.mark.parametrize("copies", [False, True])
def test_what_was_decoded_before_is_the_same(copies, public, capsys):
    decoded = mri(copies=copies, seed=0, split=(0.2, 0.3))
    module._public.cache_clear()  # as in the next session, which reads the file
    capsys.readouterr()
    again = mri(copies=copies, seed=0, split=(0.2, 0.3))
    assert torch.equal(again.store.images, decoded.store.images) and again.factors.equals(decoded.factors)
    assert capsys.readouterr().out == "", "nothing is decoded again"


def test_byte_identical_slices_and_namesakes_are_one(public, capsys):
    table = mri(seed=0, split=(0.2, 0.3)).factors
    assert "4 of 24 slices repeat another" in capsys.readouterr().out
    assert table.original.nunique() == 20
    copies = mri(copies=True, seed=0, split=(0.2, 0.3)).factors
    assert copies.original.value_counts().to_dict() == {  # three copies a slice
        number: 3 * count for number, count in table.original.value_counts().items()
    }


def test_the_air_is_cut_off_and_the_head_keeps_its_shape(public):
    slices = module._public(False)["images"]
    assert slices.shape == (24, 3, 128, 128) and slices.dtype == torch.uint8
    rows, columns = ((slices.float().mean(1) > 40).any(axis) for axis in (2, 1))
    assert rows.float().mean() > 0.97  # 60 pixels high and 50 wide: it fills the height, and 5/6 of the width
    assert torch.allclose(columns.float().mean(1), torch.tensor(50 / 60), atol=0.05)


def test_synthetic_slices_stand_in_and_are_copied_like_the_public_ones():
    slices, copies = mri(seed=0), mri(copies=True, seed=0)
    assert len(slices.factors) == 253 and slices.factors.label.value_counts()["tumour"] == pytest.approx(155, abs=1)
    per_slice = copies.factors.groupby("label").size() / slices.factors.groupby("label").size()
    assert per_slice.to_dict() == {"no tumour": 10, "tumour": 7}
    assert slices.factors.original.nunique() == 253 - 25
    assert seen_in_training(copies) == 0 and seen_in_training(mri(copies=True, seed=0, split_by="image")) == 1


def test_copies_are_turned_moved_darkened_and_never_the_same():
    head = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    head[:, :, 16:48, 22:42] = 200
    made = module.copy_as_published(head.repeat(50, 1, 1, 1), seed=0)
    assert made.dtype == torch.uint8 and torch.equal(made, module.copy_as_published(head.repeat(50, 1, 1, 1), seed=0))
    assert len({image.numpy().tobytes() for image in made}) == 50
    brightest = made.flatten(1).max(1).values.float() / 200
    assert brightest.min() >= 0.295 and brightest.max() <= 1 and brightest.std() > 0.1
    lit = (made[:, 0].float() / brightest[:, None, None] > 100).float()
    areas = lit.sum((1, 2)) / (32 * 20)
    assert np.allclose(areas, 1, atol=0.06), "nothing is enlarged or cut off"
    middle = (lit.sum(1) * torch.arange(64)).sum(1) / lit.sum((1, 2))
    assert 2 < middle.std() < 5 and (middle - 31.5).abs().max() <= 7


def test_another_way_to_split_is_refused():
    with refused("data.bad-option", "'patient'", "'original' or 'image'"):
        mri(split_by="patient")
