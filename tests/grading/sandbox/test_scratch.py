"""The folder that a grader has on the disk: one each, and what a killed one left goes at the next start."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from course_utils.grading.sandbox import scratch
from course_utils.grading.sandbox.scratch import PREFIX, Scratch

WAITS = "import sys, time\nfrom course_utils.grading.sandbox.scratch import Scratch\nmade = Scratch()\n"
WAITS += "open(made.name + '/last words', 'w').close()\nprint(made.name, flush=True)\ntime.sleep(60)"


@pytest.fixture
def there(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(scratch, "YOUNG", 0.0)
    return tmp_path


def test_what_a_killed_grader_left_is_removed_and_a_running_ones_is_kept(there):
    running, killed = (
        subprocess.Popen([sys.executable, "-c", WAITS], env=os.environ | {"TMPDIR": str(there)}, stdout=subprocess.PIPE)
        for _ in range(2)
    )
    kept, left = (Path(one.stdout.readline().decode().strip()) for one in (running, killed))
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert (left / "last words").exists()
    made = Scratch()
    assert (kept / "last words").exists() and not left.exists()
    made.cleanup()
    assert list(there.iterdir()) == [kept]
    running.kill()
    running.wait()


def test_nothing_but_such_folders_is_removed(there, monkeypatch):
    precious = there / "grading-autumn"
    precious.mkdir()
    (there / f"{PREFIX}file").write_text("x")
    (there / f"{PREFIX}link").symlink_to(precious)
    Scratch().cleanup()
    assert precious.is_dir() and len(list(there.iterdir())) == 3
    (there / f"{PREFIX}young").mkdir()
    monkeypatch.setattr(scratch, "YOUNG", 60.0)
    Scratch().cleanup()
    assert (there / f"{PREFIX}young").is_dir(), "its grader is about to lock it"
    monkeypatch.setattr(time, "time", lambda: 4e9)
    Scratch().cleanup()
    assert not (there / f"{PREFIX}young").exists()
