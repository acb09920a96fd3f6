"""What differs by kind of item: no kind is forgotten where it counts."""

import typing

import pytest
from honest import EXAM, OURS

from course_utils.grading.bank.items import GradedItem
from course_utils.grading.bank.sample_answers import mistaken, right
from course_utils.grading.marking.verdicts import verdict
from course_utils.grading.records import Outcome

KINDS = typing.get_args(typing.get_args(GradedItem)[0])


@pytest.mark.parametrize("function", [right, mistaken, verdict], ids=lambda one: one.__name__)
def test_every_kind_has_its_own(function):
    forgotten = {kind for kind in KINDS if function.dispatch(kind) is function.dispatch(object)}
    assert {kind for kind in forgotten if not (kind.in_words and function is verdict)} == set()
    with pytest.raises(TypeError):
        function(object(), *[OURS.for_student("eve")] * (1 + (function is verdict)))


def test_a_kind_is_executed_or_in_words_or_neither():
    assert {kind.__name__ for kind in KINDS if kind.executed} == {"GradedCode", "GradedModel"}
    assert {kind.__name__ for kind in KINDS if kind.in_words} == {"FreeText"}
    assert not [kind for kind in KINDS if kind.personal and (kind.executed or kind.in_words)]


@pytest.mark.parametrize(
    "item", [item for item in EXAM.items if not (item.executed or item.in_words)], ids=lambda i: i.id
)
def test_the_authors_own_answers_are_judged_as_they_should_be(item):
    for student in ("ada", "eve"):
        version, names = OURS.for_student(student), {}
        exec(right(item, version), names)
        assert verdict(item, next(reversed(names.values())), version).outcome is Outcome.RIGHT
        for source, feedback in mistaken(item, version):
            exec(source, names := {})
            found = verdict(item, next(reversed(names.values())), version)
            assert found.outcome is Outcome.WRONG and (not feedback or feedback in found.feedback)
