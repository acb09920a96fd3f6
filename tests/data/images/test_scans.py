"""scans: patients on one side, the share of lesions that was asked for, options that do what they say."""

import hashlib

import numpy as np
import pytest
import torch
from support.errors import refused

from course_utils.data import load, scans
from course_utils.data.images.drawings import scanner
from course_utils.data.images.drawings.scans import draw_scans

SIZES, DIGEST = [0, 32, 0, 64], "9e1dc274651c365a"
FEW = {"n_patients": 40, "slices": 4, "prevalence": 0.25, "seed": 0}
SHARES = {"train": 0.4, "valid": 0.2, "test": 0.4}


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """Drawings and an empty data folder."""
    monkeypatch.setenv("COURSE_IMAGES", "drawings")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "data"))


def grey(dls, part: str | None = None) -> np.ndarray:
    """The store's images, or those of a part: uint8 (n, 64, 64)."""
    store = dls.train.dataset.tls[0].tfms.fs[0].store
    assert (store.images[:, 0] == store.images[:, 1]).all() and (store.images[:, 0] == store.images[:, 2]).all()
    images = store.images[:, 0].cpu().numpy()
    return images if part is None else images[(dls.factors.split == part).to_numpy()]


def parts_of(dls) -> dict[str, list[int]]:
    return {name: list(dls[number].items) for number, name in enumerate(("train", "valid", "test"))}


def correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How alike images are: (n, m), 1 at the most."""

    def directions(images):
        flat = images.reshape(len(images), -1).astype(float)
        flat = flat - flat.mean(1, keepdims=True)
        return flat / np.linalg.norm(flat, axis=1, keepdims=True)

    return directions(one) @ directions(other).T


def test_it_is_a_data_set_like_the_others():
    dls = load("scans", **FEW)
    assert list(dls.vocab) == ["healthy", "lesion"]
    assert dls.about == "synthetic scans: 64 train, 32 valid, 64 test."
    assert dls.one_batch()[0].shape == (64, 3, 64, 64)
    rows = dls.factors
    assert rows.columns.tolist() == [
        *("split", "label", "patient", "slice", "scanner", "age", "ventricles", "height"),
        *("lesion_size", "lesion_contrast", "lesion_x", "lesion_y", "duplicate_of"),
    ]
    for number, name in enumerate(("train", "valid", "test")):
        part = rows.loc[list(dls[number].items)]
        assert set(part.split) == {name}
        assert part.label.tolist() == [dls.vocab[label] for _, label in dls[number].dataset]


def test_the_same_seed_gives_the_same_bytes():
    """Down to the last bit on every machine: only + - * / and square roots, one at a time, and numpy's raw numbers."""
    lesion, copies = [0, 0.8, 0, 1.0], [False, False, True, False]
    images, masks, _ = draw_scans(3, [0, 0, 1, 2], [0, 1, 2, 5], 6, lesion, copies)
    assert images.dtype == np.uint8 and masks.sum((1, 2)).tolist() == SIZES
    assert hashlib.sha256(images.tobytes()).hexdigest()[:16] == DIGEST
    alone, _, _ = draw_scans(3, [2], [5], 6, [1.0], [False])
    assert (alone[0] == images[3]).all(), "alone or among others"
    assert not (draw_scans(4, [2], [5], 6, [1.0], [False])[0] == alone).all()


def test_the_same_call_gives_the_same_loaders():
    one, again, other = scans(**FEW), scans(**FEW), scans(**FEW | {"seed": 1})
    assert (grey(one) == grey(again)).all() and one.factors.equals(again.factors)
    assert not (grey(one) == grey(other)).all()


@pytest.mark.parametrize("prevalence", [0.05, 0.3, 0.6])
@pytest.mark.parametrize("seed", [0, 1])
def test_no_patient_is_on_two_sides_and_every_part_has_its_share_of_lesions(prevalence, seed):
    rows = scans(prevalence=prevalence, seed=seed, n_patients=150).factors
    assert rows.groupby("patient").split.nunique().max() == 1
    assert rows.groupby("patient").size().eq(6).all() and rows.patient.nunique() == 150
    for part, share in SHARES.items():
        ill = rows.label[rows.split == part] == "lesion"
        assert len(ill) == 900 * share and abs(ill.sum() - prevalence * 900 * share) <= 1


def test_by_slice_the_same_images_leak():
    apart, leaking = scans(**FEW), scans(**FEW, split_by="slice")
    key = ["patient", "slice", "label"]
    same = [dls.factors[key].sort_values(key).to_numpy().tolist() for dls in (apart, leaking)]
    assert same[0] == same[1], "the same slices, divided otherwise"
    assert leaking.factors.groupby("patient").split.nunique().max() == 3
    counts = leaking.factors.groupby("split").label.value_counts()
    assert counts["train", "lesion"] == 16 and counts["test", "lesion"] == 16 and counts["valid", "lesion"] == 8


def test_slices_of_a_patient_look_alike():
    rows, similarity = (dls := scans(**FEW)).factors, correlation(grey(dls), grey(dls))
    patient = rows.patient.to_numpy()
    mine = (patient[:, None] == patient) & ~np.eye(len(rows), dtype=bool)
    assert np.median(similarity[mine]) > 0.85 > np.quantile(similarity[patient[:, None] != patient], 0.95)


def test_n_per_class_takes_some_of_train_and_leaves_the_rest_alone():
    few, more = scans(5, **FEW), scans(9, **FEW)
    for dls, count in ((few, 5), (more, 9)):
        rows = dls.factors[dls.factors.split == "train"]
        assert rows.label.value_counts().to_dict() == {"healthy": count, "lesion": count}
    assert parts_of(few)["test"] == parts_of(more)["test"] and parts_of(few)["valid"] == parts_of(more)["valid"]
    assert (grey(few, "test") == grey(more, "test")).all()
    names = [set(zip(dls.factors.patient, dls.factors["slice"], strict=True)) for dls in (few, more)]
    assert names[0] < names[1]


def test_shift_changes_test_alone_and_by_degrees():
    near, half, far = (scans(**FEW, shift=shift) for shift in (0.0, 0.5, 1.0))
    for part in ("train", "valid"):
        assert (grey(near, part) == grey(far, part)).all()
    assert set(near.factors.scanner) == {"A", "B", "C"}
    assert set(far.factors.scanner[far.factors.split == "test"]) == {"unseen"}
    assert set(far.factors.scanner[far.factors.split != "test"]) <= {"A", "B", "C"}
    corner = [grey(dls, "test")[:, :6, :6].astype(float).std() for dls in (near, half, far)]
    assert corner[0] < corner[1] < corner[2] and corner[2] > 1.4 * corner[0], "air shows the noise alone"
    assert (near.masks == far.masks).all() and near.factors.label.equals(far.factors.label)


def test_duplicates_are_betrayed_by_their_pixels_alone():
    dls = scans(**FEW | {"n_patients": 60}, duplicates=0.1)
    rows, images = dls.factors, grey(dls)
    copies = rows.index[rows.duplicate_of >= 0].to_numpy()
    assert len(copies) == 24, "a tenth of sixty patients, with four slices each"
    originals = rows.duplicate_of[copies].to_numpy()
    assert (rows.duplicate_of[originals] == -1).all()
    assert (rows.patient[copies].to_numpy() != rows.patient[originals].to_numpy()).all()
    assert (rows.label[copies].to_numpy() == rows.label[originals].to_numpy()).all()
    assert (rows["slice"][copies].to_numpy() == rows["slice"][originals].to_numpy()).all()
    similarity = correlation(images, images)
    shown = rows.patient.to_numpy().copy()
    shown[copies] = shown[originals]
    others_slices = shown[:, None] != shown
    assert similarity[copies, originals].min() > similarity[others_slices].max()
    assert (images[copies] != images[originals]).any((1, 2)).all(), "a file's digest finds none of them"
    assert (scans(**FEW).factors.duplicate_of == -1).all()


def test_duplicates_of_one_patient_land_in_different_parts():
    rows = scans(**FEW | {"n_patients": 60}, duplicates=0.4, split_by="slice").factors
    copies = rows[rows.duplicate_of >= 0]
    assert (copies.split.to_numpy() != rows.split[copies.duplicate_of].to_numpy()).any()


def test_masks_are_where_the_images_change(monkeypatch):
    """Drawn with and without their lesions, before noise, slices differ only inside the masks grown by three pixels."""
    monkeypatch.setattr(scanner, "expose", lambda signal, noise, raw: signal.clip(0, 255).astype(np.uint8))
    heads, which = np.repeat(np.arange(20), 2), np.tile([1, 4], 20)
    ill, masks, rows = draw_scans(7, heads, which, 6, np.full(40, 0.9), np.zeros(40, bool))
    well, none, _ = draw_scans(7, heads, which, 6, np.zeros(40), np.zeros(40, bool))
    assert masks.any((1, 2)).all() and not none.any()
    difference = np.abs(ill.astype(int) - well)
    grown = torch.nn.functional.max_pool2d(torch.from_numpy(masks)[:, None].float(), 7, 1, 3)[:, 0].bool().numpy()
    assert difference[~grown].max() == 0
    inside = np.array([each[mask].mean() for each, mask in zip(difference, masks, strict=True)])
    assert inside.min() > 5 and np.median(inside) > 25
    assert rows.lesion_size.tolist() == masks.sum((1, 2)).tolist()
    sign = [np.sign((a.astype(int) - b)[mask].mean()) for a, b, mask in zip(ill, well, masks, strict=True)]
    assert np.mean(sign == np.sign(rows.lesion_contrast)) > 0.9, "bright ones are brighter"


def test_lesions_have_masks_and_healthy_slices_have_none():
    dls = scans(**FEW | {"n_patients": 200})
    rows, size = dls.factors, dls.masks.sum((1, 2)).numpy()
    assert dls.masks.shape == (len(rows), 64, 64) and dls.masks.dtype == torch.bool
    assert ((size > 0) == (rows.label == "lesion")).all() and (size == rows.lesion_size).all()
    ill = rows[rows.label == "lesion"]
    assert ill.lesion_size.min() < 30 and ill.lesion_size.max() > 100, "small and large"
    assert (ill.lesion_contrast < 0).any() and (ill.lesion_contrast > 0).mean() > 0.7, "dark and bright"
    assert rows.lesion_x[rows.label == "healthy"].isna().all()
    row = rows.index[rows.label == "lesion"][0]
    y, x = np.nonzero(dls.masks[row].numpy())
    assert rows.lesion_x[row] == pytest.approx(x.mean() + 0.5) and rows.lesion_y[row] == pytest.approx(y.mean() + 0.5)


def test_lesions_lie_inside_the_brain():
    """The slice of a head with a lesion, without it, is no air and no skull there: mostly tissue."""
    heads = np.arange(60)
    _, masks, _ = draw_scans(1, heads, np.full(60, 2), 6, np.ones(60), np.zeros(60, bool))
    well, _, _ = draw_scans(1, heads, np.full(60, 2), 6, np.zeros(60), np.zeros(60, bool))
    under = np.array([image[mask].mean() for image, mask in zip(well, masks, strict=True)])
    assert np.mean(under > 60) > 0.9


@pytest.mark.parametrize(
    "options, code, fact",
    [
        ({"prevalence": 1.5}, "bad-option", "from 0 to 1"),
        ({"prevalence": "rare"}, "bad-option", "prevalence is 'rare'"),
        ({"shift": -1}, "bad-option", "shift is -1"),
        ({"duplicates": 0.7}, "bad-option", "from 0 to 0.5"),
        ({"split_by": "hospital"}, "bad-option", "'patient' or 'slice'"),
        ({"n_patients": 2}, "bad-option", "from 3 to 20,000"),
        ({"slices": 2.5}, "bad-option", "from 1 to 24"),
        ({"split": (0.5, 0.5)}, "bad-split", "(0.5, 0.5)"),
        ({"split": (3, 4), "split_by": "slice"}, "bad-split", "(3, 4)"),
        ({"n_per_class": 20}, "too-few-items", "at most 16"),
        ({"prevalence": 0}, "missing-class", "'lesion'"),
        ({"prevalence": 0.01}, "missing-class", "raise prevalence"),
        ({"patients": "p.csv"}, "bad-option", "without a folder"),
        ({"prevalance": 0.1}, "unknown-option", "did you mean 'prevalence'?"),
    ],
)
def test_wrong_options(options, code, fact):
    with refused(f"data.{code}", fact):
        scans(**FEW | options)
