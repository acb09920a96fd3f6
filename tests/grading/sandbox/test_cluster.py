"""A Dask cluster gives the same marks; a lost worker changes nothing; no key travels."""

import asyncio
from importlib.util import find_spec
from pathlib import Path

import pytest
from needs import bwrap, run

from course_utils.errors import CourseError
from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.reading import open_bank
from course_utils.grading.marking.marker import Marker
from course_utils.grading.records import Cell, Submission
from course_utils.grading.sandbox import cluster
from course_utils.grading.sandbox.worker_pool import WorkerPool

BANK = Path(__file__).parents[3] / "docs" / "example_bank"
RIGHT = "def balanced(t, g):\n    return float(np.mean([np.mean(g[t == one] == one) for one in np.unique(t)]))"
ANSWERS = [
    RIGHT,
    "def balanced(t, g):\n    return float(np.mean(t == g))",
    "import os\nos._exit(1)",
    "while True: pass",
]

pytestmark = [
    pytest.mark.skipif(not find_spec("distributed"), reason="distributed isn't installed"),
    bwrap,
    pytest.mark.timeout(200),
]


def submissions():
    for number in range(60):
        cells = (Cell(ANSWERS[0 if number % 10 else (number // 10) % 4], "90.A"),)
        yield Submission(f"s{number}", "90_example", "", f"{number}", cells, missing=("90.1",))


def quiz():
    (whole,) = open_bank(BANK)
    items = [item.model_copy(update={"limit": 1.0}) if item.id == "90.A" else item for item in whole.items]
    return whole.model_copy(update={"items": [item for item in items if item.id in ("90.A", "90.1")]})


def marks_of(results):
    return [[(mark.item, mark.outcome, mark.points, mark.feedback) for mark in result.marks] for result in results]


def test_the_cluster_marks_as_this_machine_does_even_when_a_worker_is_lost(monkeypatch):
    from distributed import LocalCluster

    sent = []
    fetch = cluster.Cluster._fetch
    monkeypatch.setattr(cluster.Cluster, "_fetch", lambda self, jobs: sent.append(str(jobs)) or fetch(self, jobs))

    async def marked():
        async with WorkerPool(2, ["numpy"]) as local:
            here = await Marker(Assignment(quiz()), local).mark(list(submissions()))
            address = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, asynchronous=True)
            async with address as machines, cluster.Cluster(machines.scheduler_address, local) as abroad:
                work = asyncio.create_task(Marker(Assignment(quiz()), abroad, local=local).mark(list(submissions())))
                await asyncio.sleep(0.5)
                lost = next(iter(machines.workers.values()))
                await lost.kill()
                return here, await work

    here, there = run(marked())
    assert marks_of(here) == marks_of(there)
    assert len({mark.outcome for result in here for mark in result.marks}) >= 4
    assert any("np.unique(t)" in text for text in sent)  # a student's
    assert not any("np.unique(truth)" in text for text in sent)  # the reference's


def test_a_scheduler_that_is_not_there_is_told():
    async def tried():
        async with WorkerPool(1) as local, cluster.Cluster("tcp://127.0.0.1:9", local):
            pass

    with pytest.raises(CourseError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        run(tried())
