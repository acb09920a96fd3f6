"""The setup cell: what it decides for which machine, what it prints, and what it says to a wrong value."""

import ast
import os
import subprocess
import sys
from functools import partial
from itertools import product
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from support.errors import refused

from course_utils import environment, machine
from course_utils.environment import GIB, Overrides, decide, read_overrides, report, setup
from course_utils.lessons import LESSONS
from course_utils.machine import Facts, Gpu

ROOT = Path(__file__).parents[2]
DATA = Path.home() / ".cache" / "fine-tuning-course"
T4, SMALL, APPLE = (
    Gpu("cuda:0", "Tesla T4", 15 * GIB),
    Gpu("cuda:1", "GTX", 4 * GIB),
    Gpu("mps:0", "Apple GPU", 8 * GIB),
)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    """No COURSE_... variable, and no earlier setup in this process."""
    for name in [name for name in os.environ if name.startswith("COURSE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(environment, "_current", None)


def never() -> bool:
    raise AssertionError("the network was asked")


def facts(network=never, **seen) -> Facts:
    """The facts of a machine, whose network isn't to be asked unless it is given."""
    return Facts(**{"memory": 8 * GIB, "cores": 4, "network": network} | seen)


def overrides(**wanted) -> Overrides:
    return Overrides(**{"data_dir": DATA} | wanted)


@pytest.mark.parametrize(
    ("seen", "wanted", "network", "device", "reason"),
    [
        ({}, {}, "small", "cpu", "there is no GPU"),
        ({"broken_gpu": True}, {}, "small", "cpu", "this torch can't use the GPU"),
        ({"gpus": (T4,)}, {}, "large", "cuda:0", "there is a GPU"),
        ({"gpus": (APPLE,)}, {}, "large", "mps:0", "there is a GPU"),
        ({"gpus": (T4,)}, {"device": "cpu"}, "small", "cpu", "COURSE_DEVICE=cpu"),
        ({"gpus": (T4, SMALL)}, {"device": "cuda:1"}, "large", "cuda:1", "there is a GPU"),
        ({"gpus": (T4, SMALL)}, {"device": "cuda"}, "large", "cuda:0", "there is a GPU"),
        ({"gpus": (APPLE,)}, {"device": "mps"}, "large", "mps:0", "there is a GPU"),
        ({}, {"network": "large", "network_reason": "COURSE_NETWORK=large"}, "large", "cpu", "COURSE_NETWORK=large"),
        ({"gpus": (T4,)}, {"network": "small", "network_reason": "said so"}, "small", "cuda:0", "said so"),
    ],
)
def test_network_and_device(seen, wanted, network, device, reason):
    chosen = decide("00_start", facts(photographs="the data folder", **seen), overrides(**wanted))
    assert (chosen.network, str(chosen.device), chosen.network_reason) == (network, device, reason)


@pytest.mark.parametrize("gpus", [(), (T4,)])
@pytest.mark.parametrize(
    ("seen", "wanted", "images", "reason"),
    [
        ({"photographs": "the data folder"}, {}, "photographs", "the data folder holds some"),
        ({"photographs": "the mirror folder"}, {}, "photographs", "the mirror folder holds some"),
        (
            {"network": lambda: True},
            {},
            "photographs",
            "the internet can be reached, and the lesson that needs them downloads",
        ),
        ({"network": lambda: False}, {}, "drawings", "no photographs are on this machine, and the internet can't"),
        ({}, {"images": "drawings", "images_reason": "COURSE_IMAGES=drawings"}, "drawings", "COURSE_IMAGES=drawings"),
        ({}, {"images": "photographs", "images_reason": "said so"}, "photographs", "said so"),
    ],
)
def test_images(seen, wanted, images, reason, gpus):
    """Each branch of the decision, with and without a GPU; `never` proves that the network is asked only if need be."""
    chosen = decide("00_start", facts(gpus=gpus, **seen), overrides(**wanted))
    assert chosen.images == images and chosen.images_reason.startswith(reason)


@pytest.mark.parametrize(
    ("gpus", "wanted", "usable"),
    [
        ((), "cuda", "cpu."),
        ((), "mps", "cpu."),
        ((T4,), "mps", "cpu, cuda:0."),
        ((T4, SMALL), "cuda:2", "cpu, cuda:0, cuda:1."),
        ((APPLE,), "cuda", "cpu, mps:0."),
    ],
)
def test_a_device_that_is_not_there_lists_those_that_are(gpus, wanted, usable):
    with refused("environment.missing-device", f"COURSE_DEVICE is '{wanted}'") as caught:
        decide("00_start", facts(gpus=gpus), overrides(device=wanted))
    assert str(caught.value).endswith(usable)


def test_every_listed_device_can_be_asked_for(monkeypatch):
    for name in ("cpu", "cuda:0", "cuda:1"):
        monkeypatch.setenv("COURSE_DEVICE", name)
        assert str(decide("", facts(gpus=(T4, SMALL), photographs="the data folder"), read_overrides()).device) == name


@pytest.mark.parametrize(
    ("network", "gib", "size"),
    [("small", 1, 64), ("small", 80, 64), ("large", 2, 16), ("large", 3, 32), ("large", 4.9, 32), ("large", 5, 64)],
)
def test_batch_size_follows_the_devices_memory(network, gib, size):
    wanted = overrides(network=network, images="drawings")
    on_cpu = decide("", facts(memory=int(gib * GIB)), wanted)
    on_gpu = decide("", facts(gpus=(Gpu("cuda:0", "", int(gib * GIB)),), memory=64 * GIB), wanted)
    assert on_cpu.batch_size == on_gpu.batch_size == size


def test_threads_workers_and_seed():
    drawn = overrides(images="drawings")
    chosen = decide("", facts(cores=6), drawn)
    assert (chosen.threads, chosen.workers, chosen.seed) == (6, 0, environment.SEED)
    assert decide("", facts(cores=6, omp_threads=1), drawn).threads == 1
    assert decide("", facts(), overrides(images="drawings", seed=0)).seed == 0


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("COURSE_PROFILE", "big", ["mini", "full"]),
        ("COURSE_NETWORK", "mini", ["small", "large"]),
        ("COURSE_IMAGES", "photos", ["photographs", "drawings"]),
        ("COURSE_DEVICE", "gpu", ["cpu", "cuda", "cuda:N", "mps"]),
        ("COURSE_DEVICE", "cuda:", ["cpu", "cuda", "cuda:N", "mps"]),
        ("COURSE_SEED", "-1", ["0", "4294967295"]),
        ("COURSE_SEED", "4294967296", ["0", "4294967295"]),
        ("COURSE_SEED", "1.5", ["0", "4294967295"]),
        ("COURSE_SEED", "²", ["0", "4294967295"]),
    ],
)
def test_a_wrong_value_lists_the_right_ones(monkeypatch, name, value, right):
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(environment, "observe", never)  # said before anything slow is imported
    with refused("environment.wrong-value", f"{name} is {value!r}", *right):
        setup("00_start")


def test_right_values_are_read(monkeypatch, tmp_path):
    given = {
        "NETWORK": " Large",
        "IMAGES": "PHOTOGRAPHS",
        "DEVICE": "CUDA:1",
        "SEED": "4294967295",
        "DATA_DIR": tmp_path,
        "DATA_MIRROR": tmp_path,
    }
    for name, value in given.items():
        monkeypatch.setenv(f"COURSE_{name}", str(value))
    reasons = ("COURSE_NETWORK=large", "COURSE_IMAGES=photographs")
    assert read_overrides() == Overrides(
        tmp_path, tmp_path, "large", "photographs", *reasons, device="cuda:1", seed=2**32 - 1
    )


@pytest.mark.parametrize(
    ("profile", "network", "images", "expected"),
    [
        ("mini", "", "", ("small", "COURSE_PROFILE=mini", "drawings", "COURSE_PROFILE=mini")),
        ("full", "", "", ("large", "COURSE_PROFILE=full", "photographs", "COURSE_PROFILE=full")),
        ("full", "small", "", ("small", "COURSE_NETWORK=small", "photographs", "COURSE_PROFILE=full")),
        ("mini", "", "photographs", ("small", "COURSE_PROFILE=mini", "photographs", "COURSE_IMAGES=photographs")),
        ("", "large", "", ("large", "COURSE_NETWORK=large", None, "")),
    ],
)
def test_a_profile_is_short_for_both_choices_and_each_own_variable_wins(
    monkeypatch, profile, network, images, expected
):
    for name, value in (("PROFILE", profile), ("NETWORK", network), ("IMAGES", images)):
        monkeypatch.setenv(f"COURSE_{name}", value)
    found = read_overrides()
    assert (found.network, found.network_reason, found.images, found.images_reason) == expected


def test_empty_values_count_as_unset(monkeypatch):
    unset = read_overrides()
    for name in ("PROFILE", "NETWORK", "IMAGES", "DEVICE", "SEED", "DATA_DIR", "DATA_MIRROR"):
        monkeypatch.setenv(f"COURSE_{name}", "")
    assert read_overrides() == unset == Overrides(environment.data_dir())


def test_an_unknown_lesson_lists_the_lessons_and_the_nearest(monkeypatch):
    monkeypatch.setattr(environment, "observe", never)
    every = [lesson.slug for lesson in LESSONS]
    with refused("environment.unknown-lesson", "did you mean '01_first_finetune'?", *every):
        setup("01_first_fine_tune")
    with refused("environment.unknown-lesson", "'xyz'") as caught:
        setup("xyz")
    assert "did you mean" not in str(caught.value)


# Folders.


def test_a_data_folder_that_is_a_file(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        monkeypatch.setenv("COURSE_DATA_DIR", str(path))
        with refused("environment.data-folder", "COURSE_DATA_DIR is", "no folder"):
            environment.data_dir()


def test_a_data_folder_that_is_read_only(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "new" / "folder"))
    assert environment.data_dir() == tmp_path / "new" / "folder"
    assert not (tmp_path / "new").exists()
    monkeypatch.setattr(os, "access", lambda path, mode: not (path == tmp_path and mode == os.W_OK))
    with refused("environment.data-folder", "nothing can be written there"):
        environment.data_dir()


def test_a_mirror_that_is_no_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(tmp_path / "missing"))
    with refused("environment.mirror-folder", "COURSE_DATA_MIRROR is", "missing"):
        environment.mirror()


def test_a_relative_folder_is_meant_from_the_shell(monkeypatch, tmp_path):
    """A kernel starts in its notebook's folder; PWD still holds the shell's."""
    (tmp_path / "data").mkdir()
    (tmp_path / "lessons").mkdir()
    monkeypatch.setenv("PWD", str(tmp_path))
    monkeypatch.chdir(tmp_path / "lessons")
    monkeypatch.setenv("COURSE_DATA_MIRROR", "data")
    monkeypatch.setenv("COURSE_DATA_DIR", "new")
    assert (environment.mirror(), environment.data_dir()) == (tmp_path / "data", tmp_path / "new")
    monkeypatch.setenv("COURSE_DATA_MIRROR", f"../{tmp_path.name}/data")
    assert environment.mirror() == tmp_path / "data"  # ".." is taken out, so that no path shows it
    (tmp_path / "lessons" / "data").mkdir()
    monkeypatch.setenv("COURSE_DATA_MIRROR", "data")
    assert environment.mirror() == tmp_path / "lessons" / "data"


# What the rest of the course asks.


def test_a_variable_wins_over_setup_and_setup_over_looking(monkeypatch):
    def asked() -> tuple:
        return environment.network(), environment.images(), str(environment.device()), environment.seed()

    monkeypatch.setattr(environment, "observe", lambda *_: facts(gpus=(T4,), network=lambda: True))
    assert asked() == ("large", "photographs", "cuda:0", 42)
    monkeypatch.setattr(environment, "observe", never)
    monkeypatch.setattr(environment, "_current", decide("00_start", facts(network=lambda: False), overrides()))
    assert asked() == ("small", "drawings", "cpu", 42)
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_SEED", "7")
    assert asked() == ("large", "photographs", "cpu", 7)
    monkeypatch.setenv("COURSE_IMAGES", "drawings")
    assert asked() == ("large", "drawings", "cpu", 7)


def test_what_was_asked_of_the_network_is_forgotten_by_the_next_setup(monkeypatch, capsys):
    answers = [True, False]
    monkeypatch.setattr("course_utils.machine.network", lambda: answers.pop())
    machine.network_once.cache_clear()
    monkeypatch.setattr(machine, "find_photographs", lambda *_: "")
    monkeypatch.setattr(environment, "_apply", lambda *_: None)
    assert environment.images() == environment.images() == "drawings", "asked once"
    assert setup("00_start").images == "photographs"
    machine.network_once.cache_clear()


# What is printed.


def every_report():
    hosts, gpus = (None, "Colab", "Kaggle", "Binder"), ((), (T4, SMALL), (APPLE,))
    wishes = (
        {},
        {"network": "large", "network_reason": "COURSE_NETWORK=large"},
        {"images": "photographs", "images_reason": "COURSE_PROFILE=full"},
        {"device": "cpu"},
        {"mirror": DATA},
    )
    for host, cards, broken, wanted in product(hosts, gpus, (False, True), wishes):
        answer = {"network": partial(bool, cards)}
        seen = facts(gpus=() if broken else cards, broken_gpu=broken, host=host, **answer)
        chosen = decide("00_start", seen, overrides(**wanted))
        yield seen, chosen, report(chosen, seen)


def test_every_report_fits_and_names_no_machine_path():
    for seen, chosen, lines in every_report():
        assert len(lines) <= 7 and max(map(len, lines)) <= 100
        assert str(Path.home()) not in "\n".join(lines) + repr(chosen)
        assert lines[1] == f"network   {chosen.network}: {chosen.network_reason}"
        assert lines[2] == f"images    {chosen.images}: {chosen.images_reason}"
        assert "Python" in lines[3] and "torch" in lines[3] and "fastai" in lines[3]
        assert "42" in lines[4]
        assert "~/.cache/fine-tuning-course" in lines[5]
        assert ("COURSE_DATA_MIRROR" in lines[5]) == (chosen.mirror is not None)
        if chosen.device.type == "cpu":
            assert "CPU, 4 threads, 8.0 GiB" in lines[0]
        else:
            assert f"{seen.gpus[0].name} ({chosen.device}), {seen.gpus[0].memory / GIB:.1f} GiB" in lines[0]


def test_only_a_hosted_notebook_without_a_gpu_says_how_to_switch_one_on():
    for seen, _, lines in every_report():
        expected = seen.host in ("Colab", "Kaggle") and not seen.gpus and not seen.broken_gpu
        assert any("switch one on" in line for line in lines) == expected
        if expected:
            assert ("Runtime" if seen.host == "Colab" else "Accelerator") in lines[6]


def test_kaggle_without_internet_says_where_it_is_switched_on():
    for seen, chosen, lines in every_report():
        expected = seen.host == "Kaggle" and chosen.images == "drawings"
        assert ("Settings > Internet" in lines[2]) == expected


def test_a_data_folder_elsewhere_is_not_spelt_out(monkeypatch, tmp_path):
    elsewhere, usual = (overrides(data_dir=folder, images="drawings") for folder in (tmp_path / "course", DATA))
    for wanted in (elsewhere, usual):
        monkeypatch.setenv("COURSE_DATA_DIR", str(wanted.data_dir))
        assert report(decide("", facts(), wanted), facts())[5] == "data      the folder in COURSE_DATA_DIR"
    monkeypatch.delenv("COURSE_DATA_DIR")
    assert str(tmp_path) not in report(decide("", facts(), elsewhere), facts())[5]


def test_a_notebook_shows_an_error_as_its_sentence():
    shell = InteractiveShell()
    shown = []
    shell._showtraceback = lambda kind, value, lines: shown.extend(lines)
    shell.run_cell("from course_utils.environment import setup; setup('nothing')")
    assert len(shown) == 1 and shown[0].startswith("CourseError: There is no lesson 'nothing'")


# The whole cell, in a process of its own.

RUN = """
import random, sys
from course_utils.environment import setup
assert "torch" not in sys.modules
course = setup("00_start")
import matplotlib, numpy, torch
def draw():
    return random.random(), numpy.random.rand(), torch.rand(1).item()
first = draw()
assert setup("00_start") == course and draw() == first
import os
os.environ["COURSE_SEED"] = "7"
assert setup("00_start").seed == 7 and all(a != b for a, b in zip(draw(), first))
from fastai.vision.all import default_device
assert default_device() == course.device == torch.device("cpu")
assert torch.get_num_threads() == course.threads
assert not matplotlib.rcParams["axes.spines.top"]
from course_utils import environment, machine
assert (environment.network(), environment.images()) == ("small", course.images)
assert (environment.device(), environment.seed()) == (course.device, 7)
"""


def run(code: str, *options: str, **variables: str) -> subprocess.CompletedProcess:
    env = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"} | variables
    return subprocess.run([sys.executable, *options, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True)


def test_the_cell_itself():
    """It seeds everything, makes fastai follow, and is quiet: a FutureWarning that it left standing would raise."""
    done = run(RUN, "-W", "error::FutureWarning", COURSE_DEVICE="cpu")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 18  # three calls of six lines
    assert lines[:6] == lines[6:12]


def test_threads_from_the_user_are_left_alone():
    code = "from course_utils.environment import setup; import torch; assert setup('00_start').threads == 1"
    assert run(f"{code}; assert torch.get_num_threads() == 1", OMP_NUM_THREADS="1", COURSE_DEVICE="cpu").returncode == 0


def test_the_light_questions_need_no_torch():
    code = "import sys; from course_utils import environment as e"
    code += "; e.data_dir(), e.mirror(), e.seed(), e.network(), e.images()"
    done = run(f"{code}; assert not {{'torch', 'fastai', 'matplotlib'}} & set(sys.modules)", COURSE_PROFILE="full")
    assert (done.returncode, done.stderr) == (0, "")


def test_an_old_python_gets_one_sentence():
    done = run("import sys; sys.version_info = (3, 10, 4); import course_utils.environment")
    assert done.stderr.splitlines()[-1].startswith("ImportError: The course needs Python 3.11, 3.12 or 3.13, and this")
    ast.parse((ROOT / "course_utils" / "__init__.py").read_text(), feature_version=(3, 7))  # the old one can read it
