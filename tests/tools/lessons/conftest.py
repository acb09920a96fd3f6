"""The toy lesson, 07_toy, as the one lesson that there is."""

import shutil
from pathlib import Path

import pytest
from support.toy_lesson import FOLDER, GOOD

from course_utils import lessons
from course_utils.quiz import reading
from tools.lessons.files import Lesson

TOP = Path(__file__).parents[3]


@pytest.fixture
def toy(tmp_path: Path, monkeypatch):
    """Makes the lesson 07_toy from a text, with a quiz."""
    for settings in ("jupytext.toml", "pyproject.toml"):
        shutil.copy(TOP / settings, tmp_path)
    shutil.copytree(TOP / "docs", tmp_path / "docs")
    quizzes = tmp_path / "quizzes"
    quizzes.mkdir()
    shutil.copy(FOLDER / "quiz.yaml", quizzes / "07_toy.yaml")
    monkeypatch.setattr(reading, "FOLDER", quizzes)
    monkeypatch.setattr(lessons, "LESSONS", (lessons.Lesson("07_toy", "Does the toy work?"),))
    reading.lesson_quiz.cache_clear()

    def make(text: str = GOOD) -> Lesson:
        lesson = Lesson(tmp_path / "lessons", "07_toy")
        lesson.text.parent.mkdir(parents=True, exist_ok=True)
        lesson.text.write_text(text, encoding="utf-8", newline="\n")
        return lesson

    yield make
    reading.lesson_quiz.cache_clear()


@pytest.fixture
def one_thread(monkeypatch):
    """Tests run beside each other, so a kernel shouldn't take every core."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
