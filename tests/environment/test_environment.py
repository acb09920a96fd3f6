"""The setup cell: what it decides for which machine, what it prints, and what it says to a wrong value."""

import ast
import os
import subprocess
import sys
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from support.errors import refused

from course_utils import environment
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
    return Facts(**{"memory": 8 * GIB, "cores": 4, "network": network} | seen)


def overrides(**wanted) -> Overrides:
    return Overrides(**{"data_dir": DATA} | wanted)


@pytest.mark.parametrize(
    ("seen", "wanted", "profile", "device", "reason"),
    [
        ({}, {}, "mini", "cpu", "there is no GPU"),
        ({}, {"mirror": DATA}, "mini", "cpu", "there is no GPU"),
        ({}, {"mirror": DATA, "profile": "full"}, "full", "cpu", "COURSE_PROFILE=full"),
        ({"broken_gpu": True}, {}, "mini", "cpu", "this torch can't use the GPU"),
        ({"gpus": (T4,), "network": lambda: True}, {}, "full", "cuda:0", "there are a GPU and a network"),
        ({"gpus": (T4,), "network": lambda: False}, {}, "mini", "cuda:0", "neither a network nor a mirror"),
        ({"gpus": (APPLE,), "network": lambda: True}, {}, "full", "mps:0", "there are a GPU and a network"),
        ({"gpus": (T4,)}, {"mirror": DATA}, "full", "cuda:0", "a mirror folder"),
        ({"gpus": (T4,)}, {"profile": "mini"}, "mini", "cuda:0", "COURSE_PROFILE=mini"),
        ({"gpus": (T4,)}, {"profile": "full"}, "full", "cuda:0", "COURSE_PROFILE=full"),
        ({"gpus": (T4,)}, {"device": "cpu"}, "mini", "cpu", "COURSE_DEVICE=cpu"),
        ({"gpus": (T4,)}, {"device": "cpu", "profile": "full"}, "full", "cpu", "COURSE_PROFILE=full"),
        ({"gpus": (T4, SMALL), "network": lambda: True}, {"device": "cuda:1"}, "full", "cuda:1", "a network"),
        ({"gpus": (T4, SMALL), "network": lambda: True}, {"device": "cuda"}, "full", "cuda:0", "a network"),
        ({"gpus": (APPLE,), "network": lambda: True}, {"device": "mps"}, "full", "mps:0", "a network"),
    ],
)
def test_profile_and_device(seen, wanted, profile, device, reason):
    """Each branch of the decision; `never` proves that the network is asked only where it matters."""
    chosen = decide("00_start", facts(**seen), overrides(**wanted))
    assert (chosen.profile, str(chosen.device)) == (profile, device)
    assert reason in chosen.reason


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
        assert str(decide("", facts(gpus=(T4, SMALL), network=lambda: True), read_overrides()).device) == name


@pytest.mark.parametrize(
    ("profile", "gib", "size"),
    [("mini", 1, 64), ("mini", 80, 64), ("full", 2, 16), ("full", 3, 32), ("full", 4.9, 32), ("full", 5, 64)],
)
def test_batch_size_follows_the_devices_memory(profile, gib, size):
    wanted = overrides(profile=profile)
    on_cpu = decide("", facts(memory=int(gib * GIB)), wanted)
    on_gpu = decide("", facts(gpus=(Gpu("cuda:0", "", int(gib * GIB)),), memory=64 * GIB), wanted)
    assert on_cpu.batch_size == on_gpu.batch_size == size


def test_threads_workers_and_seed():
    chosen = decide("", facts(cores=6), overrides())
    assert (chosen.threads, chosen.workers, chosen.seed) == (6, 0, environment.SEED)
    assert decide("", facts(cores=6, omp_threads=1), overrides()).threads == 1
    assert decide("", facts(), overrides(seed=0)).seed == 0


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("COURSE_PROFILE", "big", ["mini", "full"]),
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
        "PROFILE": " Full",
        "DEVICE": "CUDA:1",
        "SEED": "4294967295",
        "DATA_DIR": tmp_path,
        "DATA_MIRROR": tmp_path,
    }
    for name, value in given.items():
        monkeypatch.setenv(f"COURSE_{name}", str(value))
    assert read_overrides() == Overrides(tmp_path, tmp_path, "full", "cuda:1", 2**32 - 1)


def test_empty_values_count_as_unset(monkeypatch):
    unset = read_overrides()
    for name in ("PROFILE", "DEVICE", "SEED", "DATA_DIR", "DATA_MIRROR"):
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
    monkeypatch.setattr(environment, "observe", lambda: facts(gpus=(T4,), network=lambda: True))
    assert (environment.profile(), str(environment.device()), environment.seed()) == ("full", "cuda:0", 42)
    monkeypatch.setattr(environment, "observe", never)
    monkeypatch.setattr(environment, "_current", decide("00_start", facts(), overrides()))
    assert (environment.profile(), str(environment.device()), environment.seed()) == ("mini", "cpu", 42)
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_SEED", "7")
    assert (environment.profile(), environment.seed()) == ("full", 7)


# What is printed.


def every_report():
    hosts, gpus = (None, "Colab", "Kaggle", "Binder"), ((), (T4, SMALL), (APPLE,))
    wishes = ({}, {"profile": "full"}, {"device": "cpu"}, {"mirror": DATA})
    for host, cards, broken, wanted in product(hosts, gpus, (False, True), wishes):
        seen = facts(gpus=() if broken else cards, broken_gpu=broken, host=host, network=lambda: False)
        chosen = decide("00_start", seen, overrides(**wanted))
        yield seen, chosen, report(chosen, seen)


def test_every_report_fits_and_names_no_machine_path():
    for seen, chosen, lines in every_report():
        assert len(lines) <= 6 and max(map(len, lines)) <= 100
        assert str(Path.home()) not in "\n".join(lines) + repr(chosen)
        assert f"{chosen.profile}: {chosen.reason}" in lines[1]
        assert "Python" in lines[2] and "torch" in lines[2] and "fastai" in lines[2]
        assert "42" in lines[3]
        assert "~/.cache/fine-tuning-course" in lines[4]
        assert ("COURSE_DATA_MIRROR" in lines[4]) == (chosen.mirror is not None)
        if chosen.device.type == "cpu":
            assert "CPU, 4 threads, 8.0 GiB" in lines[0]
        else:
            assert f"{seen.gpus[0].name} ({chosen.device}), {seen.gpus[0].memory / GIB:.1f} GiB" in lines[0]


def test_only_a_hosted_notebook_without_a_gpu_says_how_to_switch_one_on():
    for seen, _, lines in every_report():
        expected = seen.host in ("Colab", "Kaggle") and not seen.gpus and not seen.broken_gpu
        assert any("switch one on" in line for line in lines) == expected
        if expected:
            assert ("Runtime" if seen.host == "Colab" else "Accelerator") in lines[5]


def test_a_data_folder_elsewhere_is_not_spelt_out(monkeypatch, tmp_path):
    for wanted in (overrides(data_dir=tmp_path / "course"), overrides(data_dir=DATA)):
        monkeypatch.setenv("COURSE_DATA_DIR", str(wanted.data_dir))
        assert report(decide("", facts(), wanted), facts())[4] == "data      the folder in COURSE_DATA_DIR"
    monkeypatch.delenv("COURSE_DATA_DIR")
    assert str(tmp_path) not in report(decide("", facts(), overrides(data_dir=tmp_path / "course")), facts())[4]


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
from course_utils import environment
assert (environment.profile(), environment.device(), environment.seed()) == ("mini", course.device, 7)
"""


def run(code: str, *options: str, **variables: str) -> subprocess.CompletedProcess:
    env = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"} | variables
    return subprocess.run([sys.executable, *options, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True)


def test_the_cell_itself():
    """It seeds everything, makes fastai follow, and is quiet: a FutureWarning that it left standing would raise."""
    done = run(RUN, "-W", "error::FutureWarning", COURSE_DEVICE="cpu")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 15  # three calls of five lines
    assert lines[:5] == lines[5:10]


def test_threads_from_the_user_are_left_alone():
    code = "from course_utils.environment import setup; import torch; assert setup('00_start').threads == 1"
    assert run(f"{code}; assert torch.get_num_threads() == 1", OMP_NUM_THREADS="1", COURSE_DEVICE="cpu").returncode == 0


def test_the_light_questions_need_no_torch():
    code = "from course_utils import environment as e; import sys; e.data_dir(), e.mirror(), e.seed(), e.profile()"
    done = run(f"{code}; assert not {{'torch', 'fastai', 'matplotlib'}} & set(sys.modules)", COURSE_PROFILE="full")
    assert (done.returncode, done.stderr) == (0, "")


def test_an_old_python_gets_one_sentence():
    done = run("import sys; sys.version_info = (3, 10, 4); import course_utils.environment")
    assert done.stderr.splitlines()[-1].startswith("ImportError: The course needs Python 3.11, 3.12 or 3.13, and this")
    ast.parse((ROOT / "course_utils" / "__init__.py").read_text(), feature_version=(3, 7))  # the old one can read it


# The figures' style.


def seen_as(rgb: np.ndarray, kind: str) -> np.ndarray:
    """CIE Lab of linear RGB as seen with full deuteranopia or protanopia (Machado, Oliveira and Fernandes 2009)."""
    sight = {
        "normal": np.eye(3),
        "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
        "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    }[kind]
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.clip(to_xyz @ np.clip(sight @ rgb, 0, 1), 1e-4, None) / to_xyz.sum(axis=1))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("kind", ["normal", "deuteranopia", "protanopia"])
def test_the_palette_can_be_told_apart_without_colour_vision(kind):
    import matplotlib as mpl
    import matplotlib.style

    with mpl.rc_context(), mpl.style.context("course_utils.course"):
        cycle = list(mpl.rcParams["axes.prop_cycle"])
    shades = [np.array(mpl.colors.to_rgb(entry["color"])) ** 2.2 for entry in cycle]
    for a, b in combinations(range(len(cycle)), 2):
        apart = np.linalg.norm(seen_as(shades[a], kind) - seen_as(shades[b], kind))
        assert apart > 10, (cycle[a], cycle[b])
    assert len({entry["linestyle"] for entry in cycle[:4]}) == 4


WARN = "import warnings; warnings.warn_explicit({!r}, FutureWarning, 'file.py', 1, module='torch.jit._script')"


def test_known_warnings_are_hidden_in_processes_started_from_here_too(monkeypatch):
    monkeypatch.setenv("PYTHONWARNINGS", "error::SyntaxWarning")
    environment.silence_known_warnings()
    environment.silence_known_warnings()
    assert os.environ["PYTHONWARNINGS"].count(",") == 1, "a setting from outside stays, ours is added once"

    def said(message: str) -> str:
        return subprocess.run([sys.executable, "-c", WARN.format(message)], capture_output=True, text=True).stderr

    assert said("`torch.jit.script` is deprecated. Please switch.") == ""
    assert "something else" in said("something else is deprecated")
