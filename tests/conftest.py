"""Fixtures that more than one test module uses."""

import asyncio
import io
import os
import shutil
import signal
from pathlib import Path

import pytest
from support import schedule

BESIDE_CLONE = Path(__file__).parents[2] / "shared" / "data"
RUN_IN_BROWSER = "test_lesson_runs_and_classifies_an_own_image", "lessons/01_first_finetune.ipynb"


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder that stands in for downloads: COURSE_DATA_MIRROR, or else ../shared/data beside the clone."""
    if named := os.environ.get("COURSE_DATA_MIRROR"):
        assert Path(named).is_dir(), f"COURSE_DATA_MIRROR={named} is no folder: correct it, or unset it to skip"
        return Path(named).resolve()
    if not BESIDE_CLONE.is_dir():
        pytest.skip(f"no data mirror: put the archives into {BESIDE_CLONE}, or set COURSE_DATA_MIRROR to their folder")
    return BESIDE_CLONE


@pytest.fixture
def drawn(monkeypatch):
    """Figures as they were drawn, and their texts."""
    from course_utils.display import figures as output

    figures = []
    real = output.figure_html
    monkeypatch.setattr(output, "figure_html", lambda figure, alt: figures.append((figure, alt)) or real(figure, alt))
    monkeypatch.setattr(output, "display", lambda data, raw: None)
    return figures


@pytest.fixture
def quota_of_one_core(monkeypatch):
    """A container on a machine with eight cores that may use no more than one of them (cgroup v2)."""
    quota = "/sys/fs/cgroup/cpu.max"
    real_open, real_exists = open, os.path.exists
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(os.path, "exists", lambda path: path == quota or real_exists(path))
    monkeypatch.setattr(
        "builtins.open",
        lambda file, *args, **kwargs: (
            io.StringIO("100000 100000\n") if file == quota else real_open(file, *args, **kwargs)
        ),
    )


@pytest.fixture(scope="session", autouse=True)
def interrupts():
    """Ctrl-C is heard, also where the tests were started in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def nobodys_answers(tmp_path_factory):
    """No test, and no kernel that a test starts, writes into the learner's own progress."""
    os.environ["COURSE_PROGRESS"] = str(tmp_path_factory.mktemp("progress") / "progress.sqlite")


@pytest.fixture(scope="session")
def browser():
    """A real browser, one for all tests of a worker."""
    from support.chromium import launched

    with launched() as browser:
        yield browser


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """Hide the browser's event loop from tests that don't use it.

    Playwright leaves it as the running one of this thread, where asyncio.run then refuses to start another.
    """
    loop = None if "browser" in getattr(item, "fixturenames", ()) else asyncio._get_running_loop()
    if loop:
        asyncio._set_running_loop(None)
    yield
    if loop:
        asyncio._set_running_loop(loop)


@pytest.fixture(scope="session", autouse=True)
def nobodys_features():
    """No test, and no kernel that a test starts, keeps features in the user's data folder."""
    os.environ["COURSE_FEATURES_GB"] = "0"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Spread the tests by `support.schedule`, unless --dist asks for another way."""
    return schedule.HeaviestFirst(config, log) if config.getvalue("dist") == "load" else None


def pytest_configure(config):
    config.option.loadscopereorder = False  # our order is by seconds, xdist's by the number of tests


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Mark what can be told from outside (folder, fixture, measured seconds), and put the heaviest group first."""
    table = schedule.durations()
    whole_run, lesson = RUN_IN_BROWSER
    if shutil.which("chromium") and any(schedule.function(item.nodeid) == whole_run for item in items):
        twice = [item for item in items if item.nodeid.startswith(lesson)]  # once is enough: it takes a minute
        config.hook.pytest_deselected(items=twice)
        items[:] = [item for item in items if item not in twice]
    for item in items:
        group = schedule.group(item.nodeid)
        if group.endswith(".ipynb"):
            item.add_marker("lessons")
        if group == "tests/browser":
            item.add_marker("browser")
        if "mirror" in getattr(item, "fixturenames", ()):
            item.add_marker("real_data")
        if table.get(schedule.function(item.nodeid), 0) >= schedule.SLOW:
            item.add_marker("slow")
    order = {group: n for n, group in enumerate(schedule.heaviest_first(item.nodeid for item in items))}
    items.sort(key=lambda item: order[schedule.group(item.nodeid)])


def pytest_runtest_setup(item):
    """A test of the sandbox is skipped where bubblewrap is missing; in CI it fails there."""
    if item.get_closest_marker("sandbox") and not shutil.which("bwrap") and not os.environ.get("CI"):
        pytest.skip("bubblewrap is not installed: apt-get install bubblewrap")
