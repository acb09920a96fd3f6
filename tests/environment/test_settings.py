"""The COURSE_... variables as people write them: with spaces and quotes, misspelt, with a home that isn't there."""

import os
import tempfile

import pytest
from support.errors import refused

from course_utils import environment
from course_utils.environment import decide, read_overrides, report, setup
from course_utils.machine import Facts
from course_utils.settings import Overrides, temporary


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    """No COURSE_... variable, and no earlier setup in this process."""
    for name in [name for name in os.environ if name.startswith("COURSE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(environment, "_current", None)


def line_of_data(folder) -> str:
    """What the setup cell prints of the data folder."""
    facts = Facts(memory=2**33, cores=4, network=lambda: False)
    return report(decide("", facts, Overrides(folder, images="drawings")), facts)[5]


@pytest.mark.parametrize("around", ["{} ", " {}", '"{}"', "'{}'", '" {} "'])
def test_spaces_and_quotes_around_a_value_are_not_part_of_it(monkeypatch, tmp_path, around):
    """Windows keeps the space of `set NAME=value && ...`, and `%env` in a notebook keeps quotes."""
    folder = tmp_path / "of mine"
    folder.mkdir()
    for name, value in {"DATA_DIR": folder, "DATA_MIRROR": folder, "IMAGES": "drawings", "SEED": 3}.items():
        monkeypatch.setenv(f"COURSE_{name}", around.format(value))
    monkeypatch.setenv("COURSE_PROGRESS", around.format(folder / "p.sqlite"))
    found = read_overrides()
    assert (found.data_dir, found.mirror, found.images, found.seed) == (folder, folder, "drawings", 3)
    assert environment.progress_file() == folder / "p.sqlite"


def test_blank_values_count_as_unset(monkeypatch):
    unset = read_overrides(), environment.progress_file()
    for name in ("SEED", "DATA_DIR", "DATA_MIRROR", "PROGRESS"):
        monkeypatch.setenv(f"COURSE_{name}", " ")
    assert (read_overrides(), environment.progress_file()) == unset


@pytest.mark.parametrize("name", ["COURSE_DATA_DIR", "COURSE_DATA_MIRROR", "COURSE_PROGRESS"])
def test_a_home_is_found_and_one_that_is_not_known_is_told(monkeypatch, tmp_path, name):
    asked = {"DIR": environment.data_dir, "MIRROR": environment.mirror, "PROGRESS": environment.progress_file}
    ask = asked[name.rpartition("_")[2]]
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv(name, "~")
    assert ask() == tmp_path
    monkeypatch.setenv(name, "~nobody-here/data")
    with refused("environment.no-home", f"{name} is '~nobody-here/data'"):
        ask()


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("COURSE_NETWRK", "COURSE_NETWORK"),
        ("COURSE_IMAGE", "COURSE_IMAGES"),
        ("COURSE_DATADIR", "COURSE_DATA_DIR"),
        ("COURSE_DATA_FOLDER", "COURSE_DATA_DIR"),
        ("COURSE_MIRROR", "COURSE_DATA_MIRROR"),
        ("course_seed", "COURSE_SEED"),
    ],
)
def test_a_misspelt_variable_is_named(monkeypatch, wrong, right):
    monkeypatch.setenv(wrong, "large")
    with refused("environment.misspelt", wrong, f"to {right},"):
        setup("00_start")


def test_variables_of_others_are_left_alone(monkeypatch):
    before = read_overrides()
    for name in ("COURSE_ID", "COURSE_NAME", "COURSE_KEY", "COURSE_ITEM_BANK", "COURSE_DIR", "COURSEWARE_SEED"):
        monkeypatch.setenv(name, "biology")
    assert read_overrides() == before


def test_where_nothing_can_be_written_at_home_data_go_to_a_temporary_folder(monkeypatch, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.delenv("COURSE_DATA_DIR", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: home / ".cache" / "fine-tuning-course")
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).startswith(str(home)))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    assert environment.data_dir() == temporary() and not temporary().is_relative_to(home)
    assert "temporary" in line_of_data(temporary())
    (home / ".cache" / "fine-tuning-course").mkdir(parents=True)  # with data that somebody else has put there
    assert environment.data_dir() == home / ".cache" / "fine-tuning-course"


def test_a_user_without_a_home_has_folders_all_the_same(monkeypatch, tmp_path):
    for name in ("HOME", "USERPROFILE", "XDG_CACHE_HOME", "XDG_DATA_HOME", "COURSE_DATA_DIR", "COURSE_PROGRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", str)  # as where the system has no entry for the user
    assert environment.data_dir().is_absolute() and environment.progress_file().is_absolute()
    assert "~" not in line_of_data(environment.data_dir())
