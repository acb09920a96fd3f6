"""What of a term's files the sandbox would show, by whatever path: nothing is graded until it is none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from needs import bwrap, run
from support.errors import refused

from course_utils.grading.sandbox import shell
from course_utils.grading.sandbox.exposure import seen_at, with_entries
from course_utils.grading.sandbox.worker_pool import WorkerPool

BINDS = [("/usr", "/usr"), ("/term/venv", "/term/venv"), ("/repository/course_utils", "/course/course_utils")]
MOUNTS = r"""
22 1 8:1 / / rw - ext4 /dev/a rw
23 22 8:2 / /data rw - ext4 /dev/b rw
24 22 8:2 /terms/my\040term /usr/share/shown rw - ext4 /dev/b rw
25 22 8:1 /home/me /usr/local/me rw - ext4 /dev/a rw
"""


@pytest.mark.parametrize(
    ("secret", "places"),
    [
        ("/home/them/keys/course.key", []),
        ("/usr/local/term/bank", ["/usr/local/term/bank"]),
        ("/term/marks.sqlite", []),
        ("/term", []),
        ("/term/venv/bank", ["/term/venv/bank"]),
        ("/repository/course_utils/bank", ["/course/course_utils/bank"]),
        ("/repository/released", []),
        ("/data/terms/my term/keys", ["/usr/share/shown/keys"]),
        ("/data/terms/other", []),
        ("/home/me/course.key", ["/usr/local/me/course.key"]),
    ],
)
def test_where_a_file_would_stand(secret, places):
    assert list(seen_at([Path(secret)], BINDS, MOUNTS)) == places


def test_a_folder_is_seen_by_its_entries_and_links_of_students_count_for_nothing(tmp_path):
    for name in ("venv/lib", "back/ada", "bank"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "back" / "eve.ipynb").symlink_to("/usr/lib")
    (tmp_path / "bank" / "90.yaml").symlink_to(tmp_path / "venv" / "lib")
    binds = [("/usr", "/usr"), (str(tmp_path / "venv"), "/venv")]
    assert not seen_at([tmp_path, tmp_path / "back"], binds)
    assert not seen_at([tmp_path / "bank"], binds)
    assert list(seen_at(with_entries([tmp_path / "bank"]), binds)) == ["/venv/lib"]
    assert list(seen_at([tmp_path / "back"], [(str(tmp_path / "back"), "/in")])) == ["/in/ada"]
    assert list(seen_at([tmp_path / "back"], [(str(tmp_path), "/in")])) == ["/in/back/ada"]


async def started(*hidden):
    async with WorkerPool(1, [], tier=shell.SANDBOX, secrets=hidden):
        return True


@bwrap
def test_what_would_be_seen_is_refused(tmp_path):
    (tmp_path / "course.key").write_text("secret")
    assert run(started(tmp_path, tmp_path / "course.key", Path(sys.prefix).parent))
    (tmp_path / "link.key").symlink_to(json.__file__)
    for hidden in (Path(json.__file__), tmp_path / "link.key", shell.PACKAGE / "quizzes", Path("/usr/share")):
        with refused("grading.exposed", "could read"):
            run(started(hidden))


MOUNTED = "import sys, asyncio, pathlib, test_exposure\nasyncio.run(test_exposure.started(pathlib.Path(sys.argv[1])))"


@bwrap
def test_a_folder_that_is_mounted_twice_is_found(tmp_path):
    (tmp_path / "bank").mkdir()
    (tmp_path / "bank" / "90_exam.yaml").write_text("secret")
    paths = os.pathsep.join(str(Path(__file__).parents[n]) for n in (0, 1, 2, 3))
    for there, seen in (("/usr/share", True), ("/mnt", False)):
        command = [sys.executable, "-c", MOUNTED, str(tmp_path / "bank")]
        told = subprocess.run(
            ["bwrap", "--dev-bind", "/", "/", "--bind", str(tmp_path), there, *command],
            env=os.environ | {"PYTHONPATH": paths},
            capture_output=True,
            text=True,
        )
        assert ("Students' code could read" in told.stderr) == seen and (told.returncode == 0) != seen, told.stderr
