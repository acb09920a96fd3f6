"""The setup line that says which data a lesson takes: called what the lesson learns from."""

from pathlib import Path

import pytest

from course_utils import environment
from course_utils.environment import GIB, Overrides, decide, report
from course_utils.lessons import LESSONS
from course_utils.machine import Facts


def facts(**seen) -> Facts:
    return Facts(**{"memory": 8 * GIB, "cores": 4, "network": lambda: False} | seen)


def overrides() -> Overrides:
    return Overrides(Path("data"))


@pytest.mark.parametrize(
    ("lesson", "line", "own", "why"),
    [
        ("01_first_finetune", "images    photographs: ", "images    drawings: ", "no photographs are"),
        ("11_reviews", "texts     public: ", "texts     the course's own: ", "no public texts are"),
    ],
)
def test_the_data_are_called_what_the_lesson_learns_from(lesson, line, own, why):
    there, offline = facts(photographs="the data folder"), facts()
    assert report(decide(lesson, there, overrides()), there)[2] == line + "the data folder holds some"
    said = report(decide(lesson, offline, overrides()), offline)[2]
    assert said == f"{own}{why} on this machine, and the internet can't be reached"


def test_each_lesson_says_what_it_learns_from():
    assert {each.data for each in LESSONS} <= environment.DATA.keys()
    assert all((each.data == "texts") == (each.extra == "text") for each in LESSONS)
