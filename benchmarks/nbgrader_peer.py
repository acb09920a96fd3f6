"""nbgrader itself as a peer: what it gives for the same answers."""

import json
import logging
import os
import sys
from pathlib import Path
from unittest import mock

from course_utils.grading.bank.items import GradedQuiz
from course_utils.grading.release.nbgrader import release_source
from course_utils.grading.release.releasing import release

# nbgrader calls `alembic` by its bare name.
BESIDE_PYTHON = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


@mock.patch.dict(os.environ, BESIDE_PYTHON)
def nbgrader_scores(
    quiz: GradedQuiz, answers: dict[str, dict[str, str]], folder: Path
) -> dict[str, dict[str, float | None]]:
    """student → item → points, None where a person is to mark.

    answers: student → item → the source of the answer cell; items left out stay blank. folder: an empty one, that
    becomes the course's. Each student costs a kernel, a few seconds.
    """
    from nbgrader.api import Gradebook

    api = course(quiz, folder)
    (released,) = release(quiz, folder / "ours")
    for student, given in answers.items():
        place = folder / "submitted" / student / quiz.lesson / released.name
        place.parent.mkdir(parents=True)
        place.write_text(filled(released.read_text(encoding="utf-8"), given), encoding="utf-8")
        done = api.autograde(quiz.lesson, student)
        assert done["success"], done
    scores = {}
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
        for student in answers:
            (notebook,) = book.find_submission(quiz.lesson, student).notebooks
            points = {one.name: None if one.needs_manual_grade else one.auto_score for one in notebook.grades}
            scores[student] = {
                item.id: next(value for name, value in points.items() if name.startswith(f"{_stem(item.id)}-"))
                for item in quiz.items
            }
    return scores


@mock.patch.dict(os.environ, BESIDE_PYTHON)
def course(quiz: GradedQuiz, folder: Path):
    """nbgrader's API on a course folder in which the students' version has been made from our source version."""
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config, PyFileConfigLoader

    release_source(quiz, folder)
    config = Config(PyFileConfigLoader("nbgrader_config.py", path=str(folder)).load_config())
    config.CourseDirectory.root = str(folder)
    config.CourseDirectory.db_url = f"sqlite:///{folder / 'gradebook.db'}"
    config.Exchange.root = str(folder / "exchange")
    api = NbGraderAPI(config=config)
    api.log.setLevel(logging.CRITICAL)
    done = api.generate_assignment(quiz.lesson)
    assert done["success"], done
    return api


def filled(notebook: str, answers: dict[str, str]) -> str:
    """A released notebook with those sources in its answer cells."""
    content = json.loads(notebook)
    cells = {cell["id"]: cell for cell in content["cells"]}
    for item, source in answers.items():
        cells[f"{_stem(item)}-answer"]["source"] = source
    return json.dumps(content)


def _stem(item: str) -> str:
    return item.replace(".", "-")
