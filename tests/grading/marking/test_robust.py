"""No submission and no lost process holds up the grader, fills its memory, or makes zeros of what nobody knows."""

import asyncio
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from needs import bwrap, run

from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.reading import open_bank
from course_utils.grading.intake.archives import Unreadable
from course_utils.grading.intake.notebooks import read_notebook
from course_utils.grading.marking.expected import ExpectedResults
from course_utils.grading.marking.marker import Marker
from course_utils.grading.marking.reading import written
from course_utils.grading.records import Cell, Outcome, State, Submission
from course_utils.grading.sandbox import shell, worker_pool
from course_utils.grading.sandbox.values import MOST_ALIKE, MOST_PARTS, NoValue, decode, encode
from course_utils.grading.sandbox.worker_pool import Replies, WorkerPool

(QUIZ,) = open_bank(Path(__file__).parents[3] / "docs" / "example_bank")
CODE = QUIZ.item("90.A").model_copy(update={"limit": 1.0})
HONEST = "def balanced(t, g):\n    return float(np.mean([np.mean(g[t == one] == one) for one in np.unique(t)]))"
PRIME = (1 << 61) - 1  # its multiples have the same hash
MANY = [0] * (MOST_PARTS + 1)

pytestmark = pytest.mark.timeout(60)


def in_pool(work):
    async def whole():
        async with WorkerPool(2, ["numpy"], tier=shell.SANDBOX) as pool:
            return await work(pool)

    return run(whole())


def marked(pool, *sources):
    """The result of cells of one's own and, last, an answer to CODE."""
    cells = [Cell("import numpy as np"), *map(Cell, sources[:-1]), Cell(sources[-1], CODE.id)]
    submission = Submission("eve", QUIZ.lesson, "here", "1", tuple(cells))
    return Marker(Assignment(QUIZ.model_copy(update={"items": [CODE]})), pool).mark([submission])


@pytest.mark.parametrize(
    "sent",
    [
        {"array": ["uint8", [16_000_000, 16_000_000, 0], "", "numpy"]},  # no number, and billions of empty lists
        {"array": ["uint8", [MOST_PARTS + 1, 1], "AA==", "numpy"]},
        {"list": MANY},
        {"dict": [[{"int": hex(n)}, None] for n in range(MOST_PARTS)]},
        {"set": [{"int": hex(n * PRIME)} for n in range(MOST_ALIKE + 1)]},
        {"dict": [[{"int": hex(n * PRIME)}, None] for n in range(MOST_ALIKE + 1)]},
    ],
    ids=["empty rows", "rows", "list", "dict", "alike in a set", "alike as keys"],
)
def test_what_would_keep_the_grader_busy_is_no_value(sent):
    began = time.monotonic()
    with pytest.raises(NoValue):
        decode(sent)
    assert time.monotonic() - began < 5


def test_large_values_of_an_honest_kind_come_back():
    import numpy as np

    pictures = np.arange(200 * 3 * 64 * 64, dtype="float32").reshape(200, 3, 64, 64)
    assert (decode(encode(pictures)) == pictures).all() and decode(encode(np.zeros((0, 3)))).shape == (0, 3)
    for value in ({n: str(n) for n in range(20_000)}, set(range(20_000)), frozenset("ab"), {(1, "x"): [True]}):
        assert decode(encode(value)) == value


def test_a_name_that_comes_twice_among_many_is_found_at_once():
    names = ",".join(f'"{n}": 1' for n in range(200_000))
    began = time.monotonic()
    with pytest.raises(Unreadable, match="199999"):
        read_notebook(f'{{{names}, "199999": 1}}'.encode())
    assert time.monotonic() - began < 10


def test_only_a_short_answer_is_parsed(monkeypatch):
    item = QUIZ.item("90.3")
    assert written(item, "answer_90_3 = 86.67  # as asked") == "86.67"
    monkeypatch.setattr("course_utils.grading.marking.reading.ast.parse", lambda source: pytest.fail("it was parsed"))
    long = "answer_90_3 = [" + "0," * 10_000 + "]"
    assert written(item, long) == long


@bwrap
def test_a_reply_may_not_be_long_where_no_value_is_asked_for():
    said = "import os\nline = b'{\"x\": \"' + b'a' * 200_000 + b'\"}\\n'\nwhile line: line = line[os.write(3, line):]"
    value = [{"do": "run", "source": "one = 'a' * 200_000"}, {"do": "read", "name": "one"}]

    async def work(pool):
        return await pool.do([{"do": "run", "source": said}]), await pool.do(value)

    forged, honest = in_pool(work)
    assert (forged.end, forged.replies) == ("crashed", [])
    assert (honest.end, honest.replies[1]) == ("done", {"value": "a" * 200_000})


@bwrap
def test_a_reply_of_millions_of_parts_is_not_unpacked(monkeypatch):
    said = "import os\nos.write(3, b'{}\\n')\nline = b'{\"value\": [' + b'[],' * 1_000_000 + b'[]]}\\n'\n"
    said += "while line: line = line[os.write(3, line):]"
    loads, unpacked = json.loads, []
    monkeypatch.setattr(worker_pool.json, "loads", lambda text: unpacked.append(len(text)) or loads(text))
    came = in_pool(lambda pool: pool.do([{"do": "run", "source": said}, {"do": "read", "name": "one"}]))
    assert (came.end, came.replies) == ("crashed", [{}]) and max(unpacked) < 10**6


@bwrap
def test_a_submission_has_an_end_however_many_cells_it_has(monkeypatch):
    monkeypatch.setattr("course_utils.grading.marking.execution.AT_LEAST", 1.0)  # and twice the item's limit: 3 seconds

    async def work(pool):
        began = time.monotonic()
        (result,) = await marked(pool, *["import time\ntime.sleep(0.9)"] * 20, HONEST)
        (crashing,) = await marked(pool, *["import os, time\ntime.sleep(0.9)\nos._exit(1)"] * 20, HONEST)
        return result, crashing, time.monotonic() - began

    result, crashing, took = in_pool(work)
    assert [one.marks[0].outcome for one in (result, crashing)] == [Outcome.TIMEOUT] * 2
    assert result.marks[0].points == 0 and took < 12


@bwrap
def test_a_reply_that_was_there_in_time_counts_when_the_grader_itself_was_late():
    async def work(pool):
        step = {"do": "run", "source": "import time\ntime.sleep(0.5)", "seconds": 1.0}
        job = asyncio.create_task(pool.do([step]))
        await asyncio.sleep(0.3)
        time.sleep(3)  # the loop stands still, as when a large value is judged
        return await job

    assert in_pool(work).end == "done"


def children(process):
    told = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True).stdout
    return [int(one) for one in told.split()]


async def killed(pool, times, worker):
    """Kill the first worker, or the fork server, that many times from outside."""
    for _ in range(times):
        for _ in range(50):
            await asyncio.sleep(0.2)  # the one before is gone, and the next one at work
            found = children(pool.process.pid)
            found = [one for fork_server in found for one in children(fork_server)] if worker else found
            if found:
                os.kill(found[0], 9)
                break


@bwrap
@pytest.mark.parametrize(
    ("worker", "times", "outcome"),
    [(True, 1, Outcome.RIGHT), (False, 1, Outcome.RIGHT), (True, 3, Outcome.UNKNOWN)],
    ids=["a worker", "the fork server", "a worker each time"],
)
def test_what_is_killed_from_outside_is_tried_again_and_never_a_zero(worker, times, outcome):
    async def work(pool):
        killing = asyncio.create_task(killed(pool, times, worker))
        (result,) = await marked(pool, "import time\ntime.sleep(2)", HONEST)
        await killing
        return result

    result = in_pool(work)
    assert result.marks[0].outcome is outcome
    assert (result.state is State.INFRASTRUCTURE) == (result.points is None) == (outcome is Outcome.UNKNOWN)


@bwrap
@pytest.mark.parametrize("busy", [True, False], ids=["with a worker", "before a job"])
def test_a_fork_server_that_answers_no_more_is_started_again(monkeypatch, busy):
    monkeypatch.setattr(worker_pool, "FIRST_WORD", 2.0)

    async def work(pool):
        task = (
            asyncio.create_task(marked(pool, "import os, time\ntime.sleep(0.5)\nos._exit(1)", HONEST)) if busy else None
        )
        await asyncio.sleep(0.3 if busy else 0)
        (fork_server,) = children(pool.process.pid)
        os.kill(fork_server, signal.SIGSTOP)
        (result,) = await (task or marked(pool, HONEST))
        return result

    assert in_pool(work).marks[0].outcome is Outcome.RIGHT


LEFT = {
    "deep": "import os\nfor _ in range(1500):\n    os.mkdir('d')\n    os.chdir('d')\nopen('left', 'w').close()",
    "locked": (
        "import os\nos.makedirs('a/b/c')\nos.symlink('/usr', 'a/b/link')\nopen('a/b/c/left', 'w').close()\n"
        "for one in ('a/b/c', 'a/b', 'a', '.'): os.chmod(one, 0)"
    ),
}


@pytest.mark.parametrize("how", LEFT)
@pytest.mark.parametrize("tier", [pytest.param(shell.SHARED, marks=bwrap), shell.BARE], ids=lambda one: one.name)
def test_a_shared_scratch_is_emptied_whatever_was_made_of_it(tier, how):
    look = [{"do": "run", "source": "import os\nthere = os.listdir('.')"}, {"do": "read", "name": "there"}]

    async def work():
        async with WorkerPool(1, [], tier=tier, unsafe_local=True) as pool:
            first = pool.process.pid
            return await pool.do([{"do": "run", "source": LEFT[how]}]), await pool.do(look), pool.process.pid == first

    left, found, same = run(work())
    assert left.end == "done" and left.replies == [{"done": True}] and same
    assert found.replies[-1] == {"value": {"list": []}}


OTHERS = """import os
loot = []
for one in os.listdir('/proc'):
    for part in ('mem', 'environ', 'maps') if one.isdigit() and one != str(os.getpid()) else ():
        try: loot.append(bool(open(f'/proc/{one}/{part}', 'r+b' if part == 'mem' else 'rb')))
        except PermissionError: pass
"""


@bwrap
@pytest.mark.parametrize("privileges", [True, False])
def test_workers_that_share_namespaces_cannot_touch_the_memory_of_others(monkeypatch, privileges):
    made = shell._bubblewrap
    parts = () if privileges else ("--cap-add", "CAP_SYS_ADMIN")
    monkeypatch.setattr(shell, "_bubblewrap", lambda: [part for part in made() if part not in parts])

    async def work():
        async with WorkerPool(1, [], tier=shell.SHARED) as pool:
            return await pool.do([{"do": "run", "source": OTHERS}, {"do": "read", "name": "loot"}])

    assert run(work()).replies == [{"done": True}, {"value": {"list": []}}]


@bwrap
def test_the_places_of_held_out_inputs_tell_nothing():
    import numpy as np

    item = QUIZ.item("90.B")
    held_out = "import torch\ntruth = torch.arange(200) // 100\ninputs = torch.stack([truth, truth], 1).float()"

    async def work():
        async with WorkerPool(1, ["numpy", "torch"], tier=shell.SANDBOX) as pool:
            asked = item.model_copy(update={"held_out": held_out})
            return (await ExpectedResults(Assignment(QUIZ), pool).of(asked, ["ada"]))["ada"]

    expected = run(work())
    truth = expected.values
    assert (decode(expected.inputs)[:, 0] == truth).all() and sorted(truth) == [0] * 100 + [1] * 100
    assert 20 < np.sum(truth[:100]) < 80


@pytest.mark.parametrize(
    ("replies", "end"),
    [([], "timeout"), ([], "crashed"), ([{"timeout": True}, {"done": True}, {"done": True}], "crashed")],
)
def test_a_setup_that_fails_is_never_the_students_zero(replies, end):
    class Slow:
        tier, at_once = shell.SANDBOX, 2

        async def do(self, *_):
            return Replies(replies, end)

    marker = Marker(Assignment(QUIZ.model_copy(update={"items": [QUIZ.item("90.3")]})), Slow())
    one = Submission("eve", QUIZ.lesson, "here", "1", (Cell("answer_90_3 = 86.67", "90.3"),))
    (result,) = run(marker.mark([one]))
    assert result.state is State.INFRASTRUCTURE and result.points is None
    assert result.remarks == ("Not graded for a reason of ours: the quiz's own setup failed.",)


@bwrap
def test_what_one_notebook_does_to_the_judge_costs_no_other(monkeypatch):
    quiz = QUIZ.model_copy(update={"items": [CODE]})
    both = [
        Submission(who, quiz.lesson, "here", who, (Cell("import numpy as np"), Cell(HONEST, CODE.id)))
        for who in ("mallory", "ada")
    ]

    async def work(pool):
        marker = Marker(Assignment(quiz), pool)
        judged = marker._judged

        def odd(submission, *rest):
            if submission.student == "mallory":
                raise MemoryError
            return judged(submission, *rest)

        monkeypatch.setattr(marker, "_judged", odd)
        return await marker.mark(both)

    first, second = in_pool(work)
    assert first.state is State.INFRASTRUCTURE and first.points is None and "MemoryError" in first.remarks[0]
    assert second.marks[0].outcome is Outcome.RIGHT


@bwrap
def test_all_of_a_submissions_replies_together_have_a_bound(monkeypatch):
    monkeypatch.setattr(worker_pool, "MOST_ALL", 100_000)
    value = {"do": "read", "name": "one"}
    steps = [{"do": "run", "source": "one = 'a' * 40_000"}, value, value, value]
    came = in_pool(lambda pool: pool.do(steps))
    assert came.end == "crashed" and len(came.replies) == 3
