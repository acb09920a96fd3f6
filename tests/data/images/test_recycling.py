"""recycling: the authors' split of the photographs, lists that can't be trusted, and the drawings that stand in."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from support.archives import mirror_stand_in
from support.errors import refused

from course_utils.data import recycling
from course_utils.data.images import recycling as module
from course_utils.data.sources import SOURCES
from course_utils.data.splits import SPLITS

SMALL = (2, 3)


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No photographs, an empty data folder, no mirror, and nothing remembered of other tests."""
    monkeypatch.setenv("COURSE_IMAGES", "drawings")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("COURSE_DATA_MIRROR", raising=False)
    module._photographs.cache_clear()
    yield
    module._photographs.cache_clear()


@pytest.fixture
def photographed(monkeypatch, tmp_path):
    """A mirror with an archive and lists like TrashNet's."""
    mirror_stand_in("trashnet", tmp_path, monkeypatch)
    return tmp_path


def test_the_authors_split_is_kept_and_near_duplicates_of_the_test_set_are_left_out(photographed, capsys):
    dls = recycling()
    assert capsys.readouterr().out == "12 of 90 photographs have a near-duplicate, never in another set.\n"
    assert list(dls.vocab) == ["cardboard", "glass", "metal", "paper", "plastic", "trash"]
    assert dls.about == "photographs of rubbish: 42 train, 18 valid, 24 test; 6 near-duplicates left out."
    published = np.array(SPLITS)[module._photographs()["published"]]
    for name, dl in zip(SPLITS, dls.loaders, strict=True):
        assert set(published[list(dl.items)]) == {name}
    assert dls.one_batch()[0].shape == (42, 3, 96, 96) and dls.factors is None
    recycling()
    assert capsys.readouterr().out == "", "said once"


def test_part_of_the_authors_sets_can_be_asked_for(photographed):
    few, more = recycling(2, split=SMALL), recycling(5, split=SMALL)
    assert [len(dl.dataset) for dl in more] == [30, 12, 18]
    assert set(few.train_ds.items) < set(more.train_ds.items) and few.test.items == more.test.items
    with refused("data.too-few-items", "8 'cardboard'", "at most 7"):
        recycling(8)


def test_a_photograph_is_squeezed_whole_and_so_is_one_from_outside(photographed):
    dls = recycling(2, split=SMALL, augment=False, normalize=False)
    assert dls.valid_ds[0][0].size == (128, 128)
    outside = np.zeros((60, 120, 3), np.uint8)
    outside[:, :10] = 255  # a centre cut would lose it
    (batch,) = dls.test_dl([Image.fromarray(outside)]).one_batch()
    assert batch.shape == (1, 3, 96, 96) and batch[0, :, :, 0].min() > 0.9


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("glass3.jpg 1", "glass99.jpg 1"), "names 'glass99.jpg', which the archive doesn't hold"),
        (("glass3.jpg 1", "glass3.jpg 6"), "gives glass3.jpg the class '6', but it lies in glass"),
        (("glass3.jpg 1", "glass4.jpg 1"), "names 'glass4.jpg', which another line has named already"),
    ],
    ids=["a file that doesn't exist", "another class", "a file twice"],
)
def test_a_list_that_does_not_fit_the_archive_is_named(photographed, change, fault, capsys):
    text = photographed / "one-indexed-files-notrash_train.txt"
    text.write_text(text.read_text().replace(*change))
    with refused("data.wrong-list", text.name, fault, "delete it"):
        module._decode_photographs()
    dls = recycling(2, split=SMALL)
    (sentence,) = capsys.readouterr().out.splitlines()
    assert sentence.startswith("Drawn rubbish stands in for the photographs. ") and fault in sentence
    assert dls.about.startswith("drawings of rubbish")


def test_images_that_no_list_names_are_counted(photographed):
    lists = sorted(photographed.glob("*.txt"))
    lists[1].write_text("".join(lists[1].read_text().splitlines(keepends=True)[1:]))
    files = [module.PurePosixPath(f"{kind}/{kind}{i}.jpg") for kind in module.VOCAB for i in range(1, 16)]
    with refused("data.wrong-list", "leave out 1 images"):
        module._read_lists(lists, files)


def test_photographs_that_cannot_be_had_give_way_to_drawings(monkeypatch, capsys):
    """Nobody listens on port 9 of this machine."""
    gone = "http://127.0.0.1:9/0123456789abcdef/data/gone.zip"
    monkeypatch.setitem(SOURCES, "trashnet", replace(SOURCES["trashnet"], url=gone))
    monkeypatch.setattr("course_utils.data.fetching.RETRIES", 0)
    monkeypatch.setenv("COURSE_IMAGES", "photographs")
    dls = recycling(2, split=SMALL)
    (*_, sentence) = capsys.readouterr().out.splitlines()
    assert sentence.startswith("Drawn rubbish stands in for the photographs. 127.0.0.1:9 can't be reached")
    assert dls.factors is not None
    recycling(2, split=SMALL)
    assert capsys.readouterr().out == "", "asked and said once"


def test_drawings_come_with_their_factors_and_never_overlap():
    dls, other = recycling(4, split=SMALL), recycling(4, split=SMALL, seed=9)
    assert dls.about == "drawings of rubbish: 24 train, 12 valid, 18 test."
    for name, dl in zip(SPLITS, dls.loaders, strict=True):
        rows = dls.factors.loc[list(dl.items)]
        assert set(rows.split) == {name} and (rows.kind == rows.label).all()
        assert rows.label.tolist() == [dls.vocab[y] for _, y in dl.dataset]
        row, (image, _) = rows.iloc[-1], dl.dataset[len(rows) - 1]
        assert (module.draw_rubbish(row.kind, [row.seed])[0][0] == np.asarray(image)).all(), "the table draws it"
    seeds = [*dls.factors.seed, *other.factors.seed]
    assert len(set(seeds)) == len(seeds)


def test_the_drawings_are_divided_as_the_photographs_are():
    split = dict(zip(("valid", "test"), module.DRAWN_SPLIT, strict=True))
    real = SOURCES["trashnet"].beside
    for name, share in split.items():
        lines = real[f"one-indexed-files-notrash_{module.LISTS[name]}.txt"]
        assert abs(round(share * module.DRAWN) * 6 - lines) <= 3


def test_the_real_photographs(mirror, monkeypatch):
    monkeypatch.setenv("COURSE_IMAGES", "photographs")
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(mirror))
    dls = recycling(20)
    assert [len(dl.dataset) for dl in dls] == [120, 328, 431]
    photographs = module._photographs()
    assert photographs["labels"].bincount().tolist() == list(SOURCES["trashnet"].layout.values())
    pairs, published = photographs["duplicate_pairs"], photographs["published"]
    whole = recycling()
    train = set(whole.train_ds.items)
    left_out = set(torch.nonzero(published == 0).flatten().tolist()) - train
    assert 5 < whole.near_duplicates < 40 and len(left_out) + 328 - len(whole.valid_ds) == whole.near_duplicates
    held_out = {*whole.valid_ds.items, *whole.test.items}
    assert not any(
        {int(a) in train, int(b) in train} == {True, False} and {int(a), int(b)} & held_out for a, b in pairs
    )
