"""Whose quiz it is: what differs from student to student, and what is the same for all."""

import pytest
from example_quiz import BANK, KEY, changed

from course_utils.errors import CourseError
from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.items import GradedNumber
from course_utils.grading.bank.reading import open_bank
from course_utils.grading.bank.variants import PUBLIC

(QUIZ,) = open_bank(BANK)
ALIKE = changed(QUIZ, items=[item for item in QUIZ.items if item.kind != "varied number"])
ITEM = QUIZ.item("90.1")


def orders(assignment, item=ITEM):
    return {tuple(assignment.for_student(f"s{n}").order(item)) for n in range(30)}


def test_a_personal_notebook_has_an_order_of_its_own_and_everybodys_is_one_for_all():
    assert len(orders(Assignment(ALIKE, KEY, personal=True))) > 2
    assert orders(Assignment(ALIKE, KEY)) == {tuple(Assignment(ALIKE, KEY).for_student(None).order(ITEM))}


def test_the_order_comes_from_the_key_and_is_the_same_each_time():
    first, second = (Assignment(QUIZ, KEY, personal=True).for_student("ada") for _ in range(2))
    assert first == second and first.order_key == second.order_key
    assert first.order_key != Assignment(QUIZ, bytes(32)).for_student("ada").order_key
    assert first.order_key != first.assignment.for_student("eve").order_key


def test_numbers_that_vary_make_every_notebook_a_students_own():
    assignment = Assignment(QUIZ, KEY, personal=False)
    assert assignment.personal and not Assignment(ALIKE, KEY).personal
    ada, eve = (assignment.for_student(student).item(QUIZ.item("90.4")) for student in ("ada", "eve"))
    assert type(ada) is type(eve) is GradedNumber and ada.stem != eve.stem
    assert assignment.for_student("ada").item(ITEM) is ITEM
    with pytest.raises(CourseError, match="--students"):
        assignment.for_student(None).item(QUIZ.item("90.4"))


def test_what_is_drawn_differs_by_student_also_where_notebooks_are_alike():
    assignment = Assignment(ALIKE, KEY)
    drawn = {
        assignment.for_student(student).seed(item) for student in ("ada", "eve", None) for item in ("90.A", "90.B")
    }
    assert len(drawn) == 6


def test_an_example_has_a_public_key_and_a_graded_quiz_has_none():
    assert Assignment(ALIKE).course_key == PUBLIC
    with pytest.raises(CourseError, match="needs the course's key"):
        Assignment(changed(ALIKE, bank="graded"))
