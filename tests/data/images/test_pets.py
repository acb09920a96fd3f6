"""pets, from a small archive that is laid out like the real one."""

import io
import tarfile
from dataclasses import replace

import numpy as np
import pooch
import pytest
from PIL import Image
from support.errors import refused

from course_utils.data import pets
from course_utils.data.sources import SOURCES

BREEDS = {"Abyssinian": 6, "Russian_Blue": 6, "american_bulldog": 6, "pug": 6}


def archive_like_pets(path) -> None:
    """JPEGs of several shapes in images/, one of them grey, and the files that the real archive has besides."""
    random = np.random.default_rng(0)
    with tarfile.open(path, "w:gz") as archive:
        folder = tarfile.TarInfo("images")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for breed, count in BREEDS.items():
            for number in range(1, count + 1):
                pixels = random.integers(0, 255, (8, 8 + number), np.uint8) if number == 1 else None
                pixels = random.integers(0, 255, (8, 8 + number, 3), np.uint8) if pixels is None else pixels
                buffer = io.BytesIO()
                Image.fromarray(pixels).resize((60 + 5 * number, 60)).save(buffer, "JPEG")
                member = tarfile.TarInfo(f"images/{breed}_{number}.jpg")
                member.size = buffer.tell()
                buffer.seek(0)
                archive.addfile(member, buffer)
        member = tarfile.TarInfo("images/Abyssinian_100.mat")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"mat"))


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    archive = tmp_path / SOURCES["pets"].archive
    archive_like_pets(archive)
    digest = f"sha256:{pooch.file_hash(str(archive))}"
    monkeypatch.setitem(SOURCES, "pets", replace(SOURCES["pets"], published=digest))
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(tmp_path))
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "data"))


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


def test_the_mini_profile_says_what_to_use_instead(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "mini")
    with refused("data.needs-profile", "792 MB", "COURSE_PROFILE=full", "'digits' or 'vehicles'"):
        pets()


def test_an_unknown_task():
    with refused("data.unknown-task", "'cats'", "'breeds' or 'cats or dogs'"):
        pets("cats")
