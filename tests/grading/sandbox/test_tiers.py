"""Each isolation that there is: what it keeps, which one is chosen, and that the bare one is asked for by name."""

import asyncio
import sys
from pathlib import Path

import pytest
from needs import bwrap, run

from course_utils.errors import CourseError
from course_utils.grading.sandbox import shell
from course_utils.grading.sandbox.worker_pool import WorkerPool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="isolation is Linux's own")

FILTER = "import socket\nloot = bool(socket.socket())"
READ_LOOT = {"do": "read", "name": "loot"}
READ = f"loot = len(open({str(Path(__file__))!r}).read())"


def in_tier(tier, *sources, **settings):
    """The last reply of each source's job, all of them in one pool."""

    async def work():
        async with WorkerPool(2, [], tier=tier, **settings) as pool:
            asked = [[{"do": "run", "source": one}, {"do": "read", "name": "loot"}] for one in sources]
            return [(await pool.do(steps, seconds=5)).replies[-1] for steps in asked], pool.tier

    return run(work())


@pytest.mark.parametrize(
    ("tier", "network", "files"),
    [
        pytest.param(shell.SANDBOX, False, False, marks=bwrap),
        pytest.param(shell.SHARED, False, False, marks=bwrap),
        (shell.CONTAINER, False, True),
        (shell.BARE, True, True),
    ],
    ids=lambda one: getattr(one, "name", None),
)
def test_what_a_tier_keeps(tier, network, files):
    (socket, file, computed), used = in_tier(tier, FILTER, READ, "loot = 6 * 7", unsafe_local=True)
    assert used is tier and computed == {"value": {"int": "0x2a"}}
    assert ("value" in socket) == network and ("value" in file) == files


@pytest.mark.parametrize(
    "tier",
    [pytest.param(shell.SANDBOX, marks=bwrap), pytest.param(shell.SHARED, marks=bwrap), shell.BARE],
    ids=lambda one: one.name,
)
def test_nothing_is_left_to_the_next(tier):
    leave = "import os\nos.makedirs('deep/er')\nopen('deep/er/left', 'w').write('x')\nos.chmod('deep', 0)\nloot = 1"
    found, _ = in_tier(
        tier, leave, "import os\nloot = [one for one in os.listdir('.') if one != 'last words']", unsafe_local=True
    )
    assert found[1] == {"value": {"list": []}}


LOCKS = """import fcntl, os
file = open(os.__file__)
fcntl.flock(file, fcntl.LOCK_EX)
fcntl.lockf(open('own', 'w'), fcntl.LOCK_EX)
loot = True"""


@bwrap
def test_a_lock_on_a_librarys_file_is_taken_by_nobody():
    import fcntl
    import os

    async def work():
        async with WorkerPool(2, [], tier=shell.SANDBOX) as pool:
            holds = [{"do": "run", "source": f"{LOCKS}\nimport time\ntime.sleep(2)"}]
            holding = asyncio.create_task(pool.do(holds, seconds=5))
            await asyncio.sleep(1)
            with open(os.__file__) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError if it were held
                other = await pool.do([{"do": "run", "source": LOCKS}, {"do": "read", "name": "loot"}], seconds=1)
            return (await holding).end, other.replies[-1]

    assert run(work()) == ("done", {"value": True})


@bwrap
def test_a_million_empty_files_end_their_own_worker_alone():
    files = "n = 0\nwhile True:\n    open(f'f{n}', 'w').close()\n    n += 1"

    async def work():
        async with WorkerPool(1, [], tier=shell.SHARED) as pool:
            hostile = await pool.do([{"do": "run", "source": files}], seconds=20)
            return hostile, await pool.do([{"do": "run", "source": "import os\nloot = os.listdir('.')"}, READ_LOOT])

    hostile, honest = run(work())
    assert hostile.end == "crashed" and hostile.seconds < 5 and honest.replies[-1] == {"value": {"list": []}}


@bwrap
def test_the_best_one_is_chosen():
    assert in_tier(None, "loot = 1")[1] is shell.SANDBOX


def test_where_nothing_works_the_bare_one_must_be_asked_for(monkeypatch):
    monkeypatch.setattr(shell, "candidates", lambda: [shell.BARE])
    with pytest.raises(CourseError, match=r"can't be sandboxed here: install bubblewrap.*--unsafe-local"):
        in_tier(None, "loot = 1")
    assert in_tier(None, "loot = 1", unsafe_local=True)[1] is shell.BARE


@bwrap
def test_a_kernel_that_forbids_a_part_gets_the_next_tier(monkeypatch):
    made = shell._bubblewrap

    def without_privileges():
        return [part for part in made() if part not in ("--cap-add", "CAP_SYS_ADMIN")]

    monkeypatch.setattr(shell, "_bubblewrap", without_privileges)
    assert in_tier(None, "loot = 1")[1] is shell.SHARED


def test_the_container_says_so(monkeypatch):
    monkeypatch.setattr(shell.shutil, "which", lambda name: None)
    assert shell.candidates() == [shell.BARE]
    monkeypatch.setenv("COURSE_GRADING_CONTAINER", "1")
    assert shell.candidates() == [shell.CONTAINER, shell.BARE]
