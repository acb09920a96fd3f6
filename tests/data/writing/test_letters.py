"""letters: drawn by people or rendered from fonts, divided by script."""

import pytest
import torch
import torch.nn.functional as F
from support.errors import refused

from course_utils import data
from course_utils.data.writing import letters as module
from course_utils.data.writing import rendering

SETS = ("train", "valid", "test")


@pytest.fixture
def drawn_by_people(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_IMAGES", "photographs")
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(mirror))
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    module._drawn.cache_clear()
    yield
    module._drawn.cache_clear()


def test_all_drawings_of_both_archives_come_once(drawn_by_people):
    letters = data.letters(seed=0)
    assert letters.real and letters.about.startswith("letters drawn by people")
    assert sum(len(letters.classes[name]) for name in SETS) == 242  # Greek and Latin, in both archives, count once
    names = [name for each in SETS for name in letters.names[each]]
    assert len(names) == len(set(names)) == 242 * 20
    together = torch.cat([letters.images[name] for name in SETS])
    assert together.shape[1:] == (1, 56, 56) and together.dtype == torch.uint8
    assert 0.02 < (together > 127).float().mean() < 0.2, "ink is bright, and there is little of it"
    assert len({image.numpy().tobytes() for image in together}) == len(together)


def test_no_script_is_on_two_sides(drawn_by_people):
    for seed in range(4):
        letters = data.letters(seed=seed)
        scripts = [set(letters.scripts(name)) for name in SETS]
        assert [len(each) for each in scripts] == [4, 2, 2] and len(set.union(*scripts)) == 8
        for name in SETS:
            assert torch.bincount(letters.labels[name]).eq(20).all()
            assert len(letters.classes[name]) == int(letters.labels[name].max()) + 1
            assert all(script in letters.about for script in letters.scripts(name))
    assert data.letters(seed=0).scripts("test") != data.letters(seed=1).scripts("test")


def test_a_label_is_the_place_of_its_letter(drawn_by_people):
    letters = data.letters(seed=3)
    for label, name in zip(letters.labels["valid"].tolist(), letters.names["valid"], strict=True):
        assert letters.classes["valid"][label] == name.rpartition(",")[0]


def test_without_the_archives_rendered_letters_stand_in(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("COURSE_IMAGES", "photographs")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "images_background_small1.zip").write_bytes(b"no zip")
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(tmp_path / "mirror"))
    module._drawn.cache_clear()
    letters = data.letters(seed=0)
    module._drawn.cache_clear()
    assert not letters.real and letters.about.startswith("letters rendered from fonts")
    said = capsys.readouterr().out
    assert "stand in for those that people drew" in said and "images_background_small1.zip" in said
    assert [len(letters.scripts(name)) for name in SETS] == [10, 5, 5]


def test_rendered_letters_can_be_asked_for(drawn_by_people):
    assert not data.letters(fonts=True, seed=0).real


def test_no_two_rendered_letters_look_alike():
    chosen = rendering.chosen_letters()
    codes = [code for several in chosen.values() for code in several]
    assert len(chosen) == 20 and min(map(len, chosen.values())) >= 10 and len(set(codes)) == len(codes) > 400
    assert ord("o") in chosen["Latin"] and 0x3BF not in chosen["Greek"], "omicron looks like o"
    fonts = {name: rendering._fonts(name)[0] for name in chosen}
    looks = torch.stack([rendering.look_of(code, fonts[name]) for name in chosen for code in chosen[name]])
    assert (looks @ looks.T).fill_diagonal_(0).max() < rendering.ALIKE
    assert torch.allclose(looks.square().sum(1), torch.ones(len(looks)), atol=1e-4)


def test_each_rendering_is_another_one_and_they_can_be_told_apart():
    letters = data.letters(fonts=True, seed=0)
    images, labels = letters.images["test"].float(), letters.labels["test"]
    assert len({image.numpy().tobytes() for image in letters.images["test"]}) == len(images)
    small = F.avg_pool2d(images, 4).flatten(1)
    distances = torch.cdist(small, small).fill_diagonal_(torch.inf)
    nearest = (labels[distances.argmin(1)] == labels).float().mean()
    assert 0.1 < nearest < 0.95, f"a letter's nearest neighbour is the same letter in {nearest:.0%}: no easy task"


@pytest.mark.parametrize(
    ("options", "code", "fact"),
    [
        ({"split": (0, 2)}, "data.bad-split", "empty"),
        ({"split": (0.01, 2)}, "data.bad-split", "20 scripts"),
        ({"split": (10, 10)}, "data.bad-split", "leave one"),
        ({"split": (1.5, 2)}, "data.bad-split", "whole number"),
        ({"split": "ab"}, "data.bad-split", "two numbers"),
        ({"n_per_class": 21}, "data.too-few-items", "20 exist"),
        ({"alphabet": "Greek"}, "data.unknown-option", "'alphabet'"),
    ],
)
def test_wrong_options_are_refused(options, code, fact):
    with refused(code, fact):
        data.letters(fonts=True, **options)
