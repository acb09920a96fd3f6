"""vehicles: one call, photographs or drawings, and no image on two sides."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.archives import mirror_stand_in
from support.errors import refused

from course_utils.data import vehicles
from course_utils.data.images import vehicles as module
from course_utils.data.images.drawings import SceneSettings, draw
from course_utils.data.images.near_duplicates import look_alikes
from course_utils.data.sources import SOURCES

SMALL = (4, 6)


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """Drawings, an empty data folder, no mirror, and nothing remembered of other tests."""
    monkeypatch.setenv("COURSE_IMAGES", "drawings")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("COURSE_DATA_MIRROR", raising=False)
    module._photographs.cache_clear()
    yield
    module._photographs.cache_clear()


def images_of(dls, part: int) -> np.ndarray:
    return np.stack([np.asarray(image) for image, _ in dls[part].dataset])


def seeds_of(dls, part: str) -> set[tuple]:
    table = dls.factors[dls.factors.split == part]
    return set(zip(table.kind, table.seed, strict=True))


@pytest.mark.parametrize(
    "task, vocab", [("cars or trucks", ["car", "truck"]), ("cars", ["car", "other"]), ("trucks", ["other", "truck"])]
)
def test_every_task_has_its_classes(task, vocab):
    dls = vehicles(task, 3, split=SMALL)
    assert list(dls.vocab) == vocab
    assert [len(dl.dataset) for dl in dls] == [6, 8, 12]
    assert dls.one_batch()[0].shape == (6, 3, 64, 64)
    assert dls.about == f"drawings of {task}: 6 train, 8 valid, 12 test."


def test_drawings_come_with_their_factors():
    dls = vehicles("cars", 3, seed=2, split=SMALL)
    for part, name in enumerate(("train", "valid", "test")):
        rows = dls.factors.loc[list(dls[part].items)]
        assert set(rows.split) == {name}
        assert rows.label.tolist() == [dls.vocab[y] for _, y in dls[part].dataset]
        drawn, _ = draw(rows.kind.tolist(), rows.seed.tolist())
        assert (drawn == images_of(dls, part)).all(), "the table draws the very images"
    assert set(dls.factors.kind[dls.factors.label == "other"]) <= {"house", "tree", "boat", "road", "bus"}


def test_drawings_never_overlap_and_sweeps_are_paired_and_nested():
    few, more, other = (
        vehicles(n_per_class=2, split=SMALL),
        vehicles(n_per_class=5, split=SMALL),
        vehicles(n_per_class=5, split=SMALL, seed=9),
    )
    assert seeds_of(few, "train") < seeds_of(more, "train")
    for part in ("valid", "test"):
        assert seeds_of(few, part) == seeds_of(more, part)
        assert few.factors.index[few.factors.split == part].equals(more.factors.index[more.factors.split == part])
    assert (images_of(few, 2) == images_of(more, 2)).all()
    everything = [seeds_of(dls, part) for dls in (more, other) for part in ("train", "valid", "test")]
    assert len(set.union(*everything)) == sum(map(len, everything)), "no drawing twice, under no seed"


def test_no_task_trains_on_another_tasks_test_images():
    tasks = [vehicles(task, 5, split=SMALL) for task in module.TASKS]
    trained = set.union(*(seeds_of(dls, "train") | seeds_of(dls, "valid") for dls in tasks))
    assert not trained & set.union(*(seeds_of(dls, "test") for dls in tasks))


def test_settings_change_the_same_scenes():
    day, night = (
        vehicles(n_per_class=2, split=SMALL, settings=settings) for settings in (None, SceneSettings(night=1.0))
    )
    assert seeds_of(day, "test") == seeds_of(night, "test")
    assert images_of(night, 2).mean() < images_of(day, 2).mean() / 1.5
    assert set(night.factors.night) == {1.0}


def test_an_unknown_task():
    with refused("data.unknown-task", "'buses'", "'cars or trucks', 'cars', 'trucks'"):
        vehicles("buses")


def test_more_drawings_than_exist():
    with refused("data.too-few-items", "900 'car'", "at most 840"):
        vehicles(n_per_class=900, split=SMALL)


@pytest.fixture
def photographed(monkeypatch, tmp_path):
    """Photographs: a mirror with an archive like CIFAR-10's."""
    mirror_stand_in("cifar10", tmp_path, monkeypatch)


def test_the_same_call_gives_photographs(photographed, capsys):
    dls = vehicles(n_per_class=3, split=SMALL)
    assert capsys.readouterr().out == "20 of 240 photographs have a near-duplicate, never in another set.\n"
    assert dls.about.startswith("photographs of cars or trucks: 6 train, 8 valid, 12 test")
    assert list(dls.vocab) == ["car", "truck"] and dls.factors is None
    assert dls.valid_ds[0][0].size == (32, 32) and dls.one_batch()[0].shape == (6, 3, 64, 64)
    vehicles(n_per_class=3, split=SMALL)
    assert capsys.readouterr().out == "", "said once"


def test_near_duplicates_of_test_photographs_are_left_out_and_counted(photographed):
    dls = vehicles(split=(4, 8))
    assert dls.near_duplicates == 2 and dls.about.endswith("2 near-duplicates left out.")
    together = torch.tensor(np.concatenate([images_of(dls, part) for part in range(3)])).permute(0, 3, 1, 2)
    assert len(look_alikes(together)) == 0
    assert [len(dl.dataset) for dl in dls] == [2 * (16 - 4 - 1), 8, 16]


def test_others_are_the_eight_other_classes(photographed, monkeypatch):
    monkeypatch.setattr(module, "OTHERS", 1)
    cars = vehicles("cars", split=(2, 2), n_per_class=8)
    assert list(cars.vocab) == ["car", "other"] and [len(dl.dataset) for dl in cars] == [16, 4, 4]


def test_photographs_that_cannot_be_had_give_way_to_drawings(monkeypatch, capsys):
    """Nobody listens on port 9 of this machine."""
    monkeypatch.setitem(SOURCES, "cifar10", replace(SOURCES["cifar10"], url="http://127.0.0.1:9/cifar.zip"))
    monkeypatch.setattr("course_utils.data.fetching.RETRIES", 0)
    monkeypatch.setenv("COURSE_IMAGES", "photographs")
    dls = vehicles(n_per_class=2, split=SMALL)
    (*_, sentence) = capsys.readouterr().out.splitlines()
    assert sentence.startswith("Drawn vehicles stand in for the photographs. 127.0.0.1:9 can't be reached")
    assert dls.factors is not None
    vehicles(n_per_class=2, split=SMALL)
    assert capsys.readouterr().out == "", "asked and said once"


def test_settings_need_drawings_where_there_are_photographs_too(photographed):
    assert vehicles(n_per_class=2, split=SMALL, settings=SceneSettings(blur=1)).factors is not None


def test_the_real_photographs(mirror, monkeypatch):
    monkeypatch.setenv("COURSE_IMAGES", "photographs")
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(mirror))
    dls = vehicles(seed=0, split=(100, 1000))
    train, valid, test = (len(dl.dataset) for dl in dls)
    assert (valid, test) == (200, 2000) and 9400 < train < 9800
    assert train + valid + dls.near_duplicates == 10_000
    assert {index for dl in dls for index in dl.items}.isdisjoint(np.flatnonzero(module._photographs()["kinds"] == 2))
    reserved = module._photographs()["reserved_for_test"]
    assert reserved[list(dls.test.items)].all() and not reserved[[*dls.train_ds.items, *dls.valid_ds.items]].any()
    with refused("data.too-few-items", "6,000 'car'"):
        vehicles(n_per_class=6000)
