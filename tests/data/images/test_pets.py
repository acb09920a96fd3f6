"""pets, from a small archive that is laid out like the real one."""

import numpy as np
import pytest
from support.archives import mirror_stand_in
from support.errors import refused

from course_utils.data import pets


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    """Photographs: a mirror with an archive like the real one."""
    mirror_stand_in("pets", tmp_path, monkeypatch)


def test_breeds_are_read_from_the_names(stand_in):
    dls = pets(size=40, split=(1, 2))
    assert list(dls.vocab) == ["Abyssinian", "Russian Blue", "american bulldog", "pug"]
    assert [len(dl.dataset) for dl in dls] == [4 * 3, 4, 8]
    assert dls.one_batch()[0].shape == (12, 3, 40, 40)
    assert dls.valid_ds[0][0].size == (40, 40)


def test_capitals_are_cats(stand_in):
    dls = pets("cats or dogs", 2, size=40, split=(1, 2))
    assert list(dls.vocab) == ["cat", "dog"] and [len(dl.dataset) for dl in dls] == [4, 2, 4]
    breeds = pets(size=40, split=(1, 2))
    breed_of = {index: breeds.vocab[y] for dl in breeds for index, (_, y) in zip(dl.items, dl.dataset, strict=True)}
    for dl in dls:
        for index, (_, y) in zip(dl.items, dl.dataset, strict=True):
            assert dls.vocab[y] == ("cat" if breed_of[index][0].isupper() else "dog")


def test_the_second_call_decodes_nothing(stand_in, monkeypatch):
    first = pets(size=40, split=(1, 2))
    monkeypatch.setattr("course_utils.data.images.pets.open_image", None)
    again = pets(size=40, split=(1, 2))
    pairs = zip(first.test.dataset, again.test.dataset, strict=True)
    assert all((np.asarray(one) == np.asarray(other)).all() for (one, _), (other, _) in pairs)


def test_it_has_no_drawings_and_says_what_to_use_instead(monkeypatch):
    monkeypatch.setenv("COURSE_IMAGES", "drawings")
    with refused("data.needs-photographs", "792 MB", "COURSE_IMAGES=photographs", "'digits' or 'vehicles'"):
        pets()


def test_an_unknown_task():
    with refused("data.unknown-task", "'cats'", "'breeds' or 'cats or dogs'"):
        pets("cats")
