"""What all processes of a grader hold at once, whatever one submission does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from needs import bwrap

from course_utils.grading.marking import batches
from course_utils.grading.marking.batches import Grading
from course_utils.grading.records import Cell, Submission

GRADING = Path(__file__).parents[1]
MOST = 400  # MB of all processes together, where a worker may use 256
OWN = 160  # MB of the process that holds the keys
# Those of the whole list that held the most; `python tests/grading/memory_of.py 256` runs all.
WORST = ["all memory", "megabytes of text", "a huge integer", "a million parts", "an endless line"]
WORST += ["threads that start threads", "an endless answer", "megabytes for each answer"]


@bwrap
@pytest.mark.timeout(120)
def test_the_worst_attacks_stay_within_what_a_worker_may_use():
    paths = os.pathsep.join(map(str, (GRADING, GRADING.parents[1])))
    told = subprocess.run(
        [sys.executable, str(GRADING / "memory_of.py"), "256", *WORST],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr[-2000:]
    for name, (whole, own) in json.loads(told.stdout).items():
        assert 20 < whole <= MOST and own <= OWN, f"{name}: {whole} MB in all, {own} of them the grader's"


def test_a_batch_of_large_notebooks_is_short(monkeypatch):
    monkeypatch.setattr(batches, "LARGE", 1000)
    grading = object.__new__(Grading)
    grading.batches = {}
    small, large = [
        [Submission(f"s{n}", "90", "", f"{n}", (Cell("x" * size),)) for n in range(4)] for size in (10, 600)
    ]
    assert [len(part) for _, part in grading._batches([*large, *small])] == [2, 2, 4]
