"""The control for a sentence of one's own: what it answers, and what it refuses."""

import pytest
from support.errors import refused

from course_utils.controls import sentence_control
from course_utils.display import widgets as output
from course_utils.errors import CourseError


def by_exclamation(text):
    if "?" in text:
        raise CourseError("Questions aren't reviews: write a statement.", code="test.question")
    if "%" in text:
        raise ValueError("a per cent\nsign")
    share = 0.9 if text.endswith("!") else 0.2
    return {"negative": 1 - share, "positive": share}


@pytest.fixture
def control():
    return sentence_control(by_exclamation, "It works.")


def test_the_example_is_answered_at_once_and_a_new_sentence_too(control):
    assert control.result == "negative (80%)" and "It works.: <strong>negative (80%)" in control.answer.value
    control.line.value = "<b>Great!"
    assert control.result == "positive (90%)" and 'role="status"' in control.answer.value
    assert "&lt;b&gt;Great!" in control.answer.value and "<b>" not in control.answer.value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" \n", "There is nothing to classify: write a sentence."),
        ("x" * 2001, "The sentence has 2,001 characters: write at most 2,000."),
        ("Why?", "Questions aren&#x27;t reviews: write a statement."),
        ("100%", "This sentence can&#x27;t be classified: a per cent sign."),
    ],
)
def test_what_cannot_be_classified_takes_the_old_answers_place(control, text, said):
    control.line.value = text
    assert control.answer.value == f'<p role="alert"><strong>No answer.</strong> {said}</p>'


def test_an_example_is_refused_like_a_sentence():
    with refused("controls.no-sentence", "write a sentence"):
        sentence_control(by_exclamation, "")
    with refused("controls.long-sentence", "2,000"):
        sentence_control(by_exclamation, "x" * 2001)


def test_the_answer_stands_where_no_kernel_runs(control, monkeypatch):
    outputs = []
    monkeypatch.setattr(output, "display", lambda data, raw: outputs.append(data))
    control._ipython_display_()
    assert "negative (80%)" in outputs[0]["text/html"] and "negative (80%)" in outputs[0]["text/plain"]
