"""The registry of the lessons: it names what is on disk, in order and by its title, and finds a lesson by name."""

import re
from pathlib import Path

import nbformat
import pytest
from support.errors import refused

from course_utils.lessons import LAST, LESSONS, Lesson, find_lesson
from course_utils.quiz import reading

FOLDER = Path(__file__).parents[2] / "lessons"
SLUGS = [lesson.slug for lesson in LESSONS]


@pytest.mark.parametrize(
    ("folder", "pattern"),
    [
        (FOLDER / "text", "*.py"),
        (FOLDER, "*.ipynb"),
        (FOLDER / "solutions", "*.ipynb"),
        (reading.FOLDER, "**/*.yaml"),
    ],
    ids=["texts", "notebooks", "solutions", "quizzes"],
)
def test_each_lesson_has_its_files_and_each_file_its_lesson(folder, pattern):
    assert sorted(path.stem for path in folder.glob(pattern)) == SLUGS


@pytest.mark.parametrize("lesson", LESSONS, ids=SLUGS)
def test_text_and_notebook_have_the_registered_title(lesson):
    text = (FOLDER / "text" / f"{lesson.slug}.py").read_text(encoding="utf-8")
    notebook = nbformat.read(FOLDER / f"{lesson.slug}.ipynb", as_version=4)
    assert re.search(r"^# # (.+)$", text, re.M)[1] == lesson.title
    assert notebook.cells[0].source.splitlines()[0] == f"# {lesson.title}"


def test_lessons_are_in_order_and_no_number_comes_twice():
    numbers = [lesson.number for lesson in LESSONS]
    assert numbers == sorted(set(numbers)) and all(re.fullmatch(r"\d\d_[a-z_]+", slug) for slug in SLUGS)
    assert int(numbers[-1]) <= LAST


def test_every_lesson_says_what_it_takes_and_gives():
    for lesson in LESSONS:
        assert 10 <= lesson.minutes <= 45 and lesson.minutes % 5 == 0
        assert len(lesson.goals) == 3 and [goal[-1] for goal in lesson.goals] == [";", ";", "."]
        earlier = SLUGS[: SLUGS.index(lesson.slug)]
        assert all(find_lesson(number).slug in earlier for number in re.findall(r"\b\d\d\b", lesson.know))


def test_every_lesson_has_a_quiz():
    assert reading.numbers() == [lesson.number for lesson in LESSONS]


def test_a_lesson_is_found_by_number_and_by_slug():
    assert find_lesson("09") is find_lesson("09_tuning") is LESSONS[9]
    assert Lesson("98_new", "Is it new?").title == "98 · Is it new?"


@pytest.mark.parametrize("name", ["9", "99", "tuning", "", "09_"])
def test_an_unknown_lesson_is_told_which_there_are(name):
    with refused("lessons.unknown", repr(name), *SLUGS):
        find_lesson(name)
