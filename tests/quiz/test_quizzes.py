"""The quizzes themselves: nothing to mend, keys guarded, exercises proven by solution, blank and mistakes."""

import os
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from course_utils.errors import CourseError
from course_utils.lessons import LESSONS
from course_utils.quiz.execution import run_item
from course_utils.quiz.items import Code, Model, Number, OneChoice, Order, Prediction, SeveralChoices, ShortText
from course_utils.quiz.reading import FOLDER, lesson_quiz, read, sections
from course_utils.quiz.rules import faults
from tools.lessons.exercises import blanked, without_markers
from tools.lessons.files import Lesson, read_text

LESSON_FOLDER = Path(__file__).parents[2] / "lessons"
ITEMS = [item for lesson in LESSONS for item in lesson_quiz(lesson.number).items]
EXERCISES = [item for item in ITEMS if isinstance(item, (Code, Model))]
KEYED = [item for item in ITEMS if not isinstance(item, (Code, Model, Prediction))]


def named(item) -> str:
    return item.id


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.slug)
def test_each_lesson_has_a_quiz_and_nothing_is_to_mend(lesson):
    quiz = lesson_quiz(lesson.number)
    assert quiz.lesson == lesson.slug
    text = (LESSON_FOLDER / "text" / f"{lesson.slug}.py").read_text(encoding="utf-8")
    assert not list(faults(quiz, sections(text)))


def test_every_kind_of_item_is_used():
    kinds = {type(item) for item in ITEMS}
    assert kinds == {OneChoice, SeveralChoices, Number, ShortText, Order, Prediction, Code, Model}


# Keys, changed in turn


def mutants(item):
    """The item's YAML with its key changed, once for each way of changing it."""
    (file,) = FOLDER.rglob(f"{lesson_quiz(item.lesson).lesson}.yaml")
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    (place,) = [n for n, one in enumerate(content["items"]) if one["id"] == item.id]

    def changed(**fields):
        return content | {
            "items": [*content["items"][:place], content["items"][place] | fields, *content["items"][place + 1 :]]
        }

    raw = content["items"][place]
    if isinstance(item, OneChoice):
        for other in set(range(len(item.options))) - item.key:
            yield changed(options=[option | {"right": n == other} for n, option in enumerate(raw["options"])])
    elif isinstance(item, SeveralChoices):
        for other, option in enumerate(item.options):
            flipped = raw["options"][other] | {"right": not option.right}
            yield changed(options=[*raw["options"][:other], flipped, *raw["options"][other + 1 :]])
    elif isinstance(item, Number):
        step = max(2.5 * item.tolerance, 0.01 * abs(item.answer), 1e-3)
        for answer in (item.answer + step, item.answer - step, -item.answer, 10 * item.answer, item.mistakes[0].answer):
            if answer != item.answer:
                yield changed(answer=answer)
    elif isinstance(item, ShortText):
        yield changed(accept=[item.mistakes[0].answers[0]], mistakes=[{"answers": list(item.accept), "feedback": "x"}])
    elif isinstance(item, Order):
        for n in range(len(item.steps) - 1):
            steps = list(raw["steps"])
            steps[n], steps[n + 1] = steps[n + 1], steps[n]
            yield changed(steps=steps)


def changed_item(mutant: dict, item) -> dict:
    return next(one for one in mutant["items"] if one["id"] == item.id)


@pytest.mark.parametrize("item", KEYED, ids=named)
def test_a_changed_key_is_noticed(item):
    tried = list(mutants(item))
    assert tried
    for mutant in tried:
        try:
            quiz = read(yaml.safe_dump(mutant, allow_unicode=True), "mutant.yaml")
        except CourseError:
            continue
        assert any(of == item.id for of, _ in faults(quiz)), (
            f"no rule notices this changed key: {changed_item(mutant, item)}"
        )


# Exercises


@cache
def written(name: str, blank: bool) -> dict[str, str]:
    """The code of each exercise of a lesson, by letter: the solution, or the blank."""
    lesson = Lesson(LESSON_FOLDER, name)
    tag = "blank" if blank else "solution"
    cells = (blanked(lesson) if blank else read_text(lesson)).cells
    tasks = [
        re.search(r"Exercise \d\d\.([A-Z])", cell.source)[1]
        for cell in cells
        if "exercise" in cell.metadata.get("tags", [])
    ]
    codes = [without_markers(cell.source) for cell in cells if tag in cell.metadata.get("tags", [])]
    return dict(zip(tasks, codes, strict=True))


def answered(item: Code | Model, code: str):
    """The verdict on some code, run where the item's stand-ins stand for the lesson."""
    names: dict = {"__name__": "exercise"}
    exec(compile(item.stand_in, f"<stand-in of {item.id}>", "exec"), names)
    context = {name: names[name] for name in item.needs}
    exec(compile(code, f"<{item.id}>", "exec"), names)
    return run_item(item, names[item.name], context)


def solved(item: Code | Model, blank: bool = False) -> str:
    code = written(lesson_quiz(item.lesson).lesson, blank)[item.id[-1]]
    return code


@pytest.mark.parametrize("item", EXERCISES, ids=named)
def test_the_solution_passes(item):
    verdict = answered(item, solved(item))
    assert verdict.right, verdict.feedback


@pytest.mark.parametrize("item", EXERCISES, ids=named)
def test_the_blank_gets_a_helpful_sentence(item):
    verdict = answered(item, solved(item, blank=True))
    assert verdict.right is None and verdict.feedback[0] == "To do."
    assert verdict.feedback[1:] == (f"{item.name} isn't written yet.", f"A hint: {item.hints[0]}")


@pytest.mark.parametrize("item", EXERCISES, ids=named)
def test_typical_mistakes_get_their_feedback(item):
    for mistake in item.mistakes:
        verdict = answered(item, mistake.code)
        assert verdict.right is False, f"this passes: {mistake.code}"
        assert mistake.feedback in " ".join(verdict.feedback), f"{mistake.code}\n{verdict.feedback}"


def test_practice_leaves_the_learners_own_file_alone():
    assert "COURSE_PROGRESS" in os.environ
