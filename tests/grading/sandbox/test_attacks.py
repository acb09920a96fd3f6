"""Hostile submissions get no point and nothing else, and the next submission is unharmed; as root and as anybody."""

import asyncio
import os
import socket
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from attacks import LOOT, POINTS, SEARCH
from needs import bwrap

from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.reading import open_bank
from course_utils.grading.marking.marker import Marker
from course_utils.grading.records import Cell, Outcome, State, Submission
from course_utils.grading.sandbox import shell
from course_utils.grading.sandbox.worker_pool import WorkerPool

BANK = Path(__file__).parents[3] / "docs" / "example_bank"
KEY_MARK = "KEY-MARK-7f3a"
HONEST = "def balanced(t, g):\n    return float(np.mean([np.mean(g[t == one] == one) for one in np.unique(t)]))"
ANYBODY = ["bwrap", "--dev-bind", "/", "/", "--unshare-user", "--uid", "1000", "--gid", "1000", "--"]

pytestmark = [
    bwrap,
    pytest.mark.timeout(120),
]


class Running:
    """A worker pool that serves synchronous tests from a loop in a thread of its own."""

    def __init__(self, **settings):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.pool = WorkerPool(2, ["numpy"], tier=shell.SANDBOX, memory=300 << 20, **settings)
        self(self.pool.__aenter__())

    def __call__(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(110)

    def close(self):
        self(self.pool.__aexit__(None, None, None))
        self.loop.call_soon_threadsafe(self.loop.stop)


@pytest.fixture(scope="module", params=["as it is", "as anybody"])
def running(request):
    """A worker pool in the full sandbox, started by whoever runs the tests and by a user without privileges."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GRADING_SECRET", "CANARY-5d1e")
        if request.param == "as anybody":
            made = shell._bubblewrap
            patched.setattr(shell, "_bubblewrap", lambda: [*ANYBODY, *made()])
        pool = Running()
        yield pool
        pool.close()


@pytest.fixture(scope="module")
def marker(running):
    (quiz,) = open_bank(BANK)
    (item,) = [item for item in quiz.items if item.id == "90.A"]
    reference = f"# {KEY_MARK}\n{item.reference}"
    items = [item.model_copy(update={"reference": reference, "limit": 1.0}), *quiz.items[:3]]
    made = Marker(Assignment(quiz.model_copy(update={"items": items})), running.pool)
    assert marked(running, made, HONEST).marks[0].points == 3  # the key has been at work
    return made


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """What the loot attacks look for, outside."""
    folder = tmp_path_factory.mktemp("host")
    (folder / "canary").write_text("CANARY-5d1e")
    server = socket.create_server(("127.0.0.1", 0))
    yield {
        "canary": str(folder / "canary"),
        "canary_text": "CANARY-5d1e",
        "home": str(Path.home()),
        "repository": str(Path(__file__).parents[3]),
        "port": server.getsockname()[1],
    }
    server.close()
    assert (folder / "canary").read_text() == "CANARY-5d1e" and len(list(folder.iterdir())) == 1


def submitted(source: str, student: str = "mallory") -> Submission:
    cells = (Cell("import numpy as np"), Cell(source, "90.A"))
    return Submission(student, "90_example", "here", student, cells, missing=("90.1", "90.2", "90.3"))


def marked(running, marker, source: str):
    return running(marker.mark([submitted(source)]))[0]


@pytest.mark.parametrize("attack", LOOT)
def test_nothing_is_got_hold_of(running, marker, place, attack):
    source = LOOT[attack]
    for name, value in place.items():
        source = source.replace(f"{{{name}!r}}", repr(value)).replace(f"{{{name}}}", str(value))
    trace = {"do": "run", "source": "note = 'PREVIOUS-STUDENT'; open('left', 'w').write(note)"}
    before = running(running.pool.do([trace], seconds=2))
    came = running(running.pool.do([{"do": "run", "source": source}, {"do": "read", "name": "loot"}], seconds=9))
    assert before.end == "done" and came.end in ("done", "crashed")
    assert not any("value" in reply and reply["value"] not in (None, False, {"list": []}) for reply in came.replies)
    if came.end == "done":
        assert "error" in came.replies[0] or came.replies[1]["value"] in (None, False, {"list": []})


@pytest.mark.parametrize("attack", POINTS)
def test_no_point_is_earned_and_the_next_is_unharmed(running, marker, attack):
    result = marked(running, marker, POINTS[attack])
    mark = result.marks[0]
    assert mark.points == 0 and mark.outcome is not Outcome.RIGHT
    assert result.state is not State.INFRASTRUCTURE
    assert "np" not in " ".join(mark.feedback) and "array(" not in " ".join(mark.feedback)
    honest = marked(running, marker, HONEST)
    assert honest.marks[0].outcome is Outcome.RIGHT and honest.marks[0].points == 3


@pytest.mark.parametrize("attack", [name for name in POINTS if "threads" in name])
def test_threads_of_one_starve_no_neighbour(running, marker, attack):
    each = [submitted(POINTS[attack]), *(submitted(HONEST, f"s{n}") for n in range(8))]
    hostile, *honest = running(marker.mark(each))
    assert hostile.marks[0].outcome in (Outcome.CRASHED, Outcome.RAISED, Outcome.TIMEOUT)
    assert all(result.marks[0].outcome is Outcome.RIGHT for result in honest)


def test_as_many_threads_as_honest_code_starts_are_there(running, marker):
    pooled = "from concurrent.futures import ThreadPoolExecutor\nimport threading\n" + HONEST.replace(
        "return",
        "with ThreadPoolExecutor(20) as many:\n        wall = threading.Barrier(20)\n"
        "        list(many.map(lambda n: wall.wait(5), range(20)))\n    return",
    )
    assert marked(running, marker, pooled).marks[0].outcome is Outcome.RIGHT


def test_the_search_would_find_a_key(running):
    steps = [{"do": "run", "source": f"kept = '{KEY_MARK}' * 3"}, {"do": "run", "source": SEARCH}]
    came = running(running.pool.do([*steps, {"do": "read", "name": "loot"}], seconds=9))
    assert came.replies[-1] == {"value": True}


def test_an_item_that_ends_the_process_costs_no_other(running, marker):
    (quiz, first) = (marker.quiz, submitted("import os\nos._exit(3)"))
    cells = (*first.cells, Cell('answer_90_3 = "86.67"', "90.3"))
    result = running(marker.mark([replace(first, cells=cells, missing=("90.1", "90.2"))]))[0]
    outcomes = {mark.item: mark.outcome for mark in result.marks}
    assert outcomes["90.A"] is Outcome.CRASHED and outcomes["90.3"] is Outcome.RIGHT
    assert len(quiz.items) == 4


def test_nothing_is_left_running(running):
    deaf = "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\nwhile True: pass"
    came = running(running.pool.do([{"do": "run", "source": deaf}], seconds=0.5))
    assert came.end == "timeout"
    children = subprocess.run(
        ["ps", "-o", "pid=,stat=,time=", "--ppid", str(running.pool.process.pid)], capture_output=True, text=True
    ).stdout
    assert all(" R" not in line for line in children.splitlines())


def test_workers_draw_different_numbers(running):
    steps = [{"do": "run", "source": "import random\none = (random.random(), np.random.rand())"}]
    steps = [{"do": "run", "source": "import numpy as np"}, *steps, {"do": "read", "name": "one"}]
    drawn = [str(running(running.pool.do(steps)).replies[-1]) for _ in range(4)]
    assert len(set(drawn)) == 4
    assert len({str(running(running.pool.do(steps, seed=7)).replies[-1]) for _ in range(2)}) == 1


def test_a_sandbox_that_dies_is_started_again(running, marker):
    os.kill(running.pool.process.pid, 9)
    assert marked(running, marker, HONEST).marks[0].points == 3
