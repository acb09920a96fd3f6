"""What a page can tell of hidden inputs: few sentences, however cleverly code that has seen them chooses its ways."""

import builtins
import math
import random
from dataclasses import replace
from pathlib import Path

import pytest
from honest import EXAM, KEY
from needs import bwrap, run

from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.items import GradedCode, GradedModel
from course_utils.grading.bank.reading import open_bank
from course_utils.grading.marking.expected import Expected
from course_utils.grading.marking.marker import Marker
from course_utils.grading.marking.verdicts import network_judged
from course_utils.grading.records import Cell, Mark, Outcome, Result, State, Submission
from course_utils.grading.returning.feedback import page
from course_utils.grading.sandbox import shell
from course_utils.grading.sandbox.values import encode
from course_utils.grading.sandbox.worker_pool import Replies, WorkerPool

MOST_BITS = 6  # that an item's sentences may carry, beside those of its known mistakes
SECRET = "s3cr3t"
NUMBER = 8642013579
ITEM = EXAM.item("91.A").model_copy(update={"inputs": "[(int(n),) for n in rng.integers(1, 15, 5)]"})
QUIZ = EXAM.model_copy(update={"setup": "", "items": [ITEM, EXAM.item("91.2"), EXAM.item("91.1")]})
ERRORS = [name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)]
VALUES = [
    *(encode(one) for one in (None, SECRET, NUMBER, 0.5, [], [[1]] * 5, {"a": 1}, {1}, (1,), b"x", True, 1j)),
    *({"list": [{"other": name}] * 5} for name in (SECRET, "function", "list", "Series")),
    *({"list": [{"parts": [name, []]}] * 5} for name in (SECRET, "map", "generator")),
    *({"list": [{"record": [name, {"dict": []}]}] * 5} for name in (SECRET, "Point")),
    {"list": [{"raised": [SECRET]}] * 5},
    {"list": [encode(f"{SECRET}{n}") for n in range(5)]},
    {SECRET: 1},
]


class Forger:
    """Workers that reply what a generator says; a run without hidden inputs ends in the same way each time."""

    tier, at_once = shell.SANDBOX, 2

    def __init__(self, dice):
        self.dice = dice

    async def do(self, steps, *_, **__):
        if not any("name" in step for step in steps):
            return Replies([{"error": "KeyError: public"} for _ in steps], "done")
        replies = [self.reply(step) for step in steps]
        end = self.dice.choice(["done", "done", "timeout", "crashed"])
        return Replies(replies if end == "done" else replies[: self.dice.randrange(len(replies))], end)

    def reply(self, step):
        if step["do"] == "run" and self.dice.random() < 0.5:
            return {"done": True}
        said = self.dice.choice(
            [
                *(f"{name}: {SECRET} {NUMBER}" for name in self.dice.sample(ERRORS, 5)),
                *(f"{SECRET}: x", SECRET, f"ModuleNotFoundError: No module named '{SECRET}'", "RuntimeError: CUDA"),
                *("PermissionError", "FileNotFoundError: x", "gaierror: x", NUMBER, None),
            ]
        )
        return self.dice.choice(
            [{"value": self.dice.choice(VALUES)}] * 3
            + [{"value": self.dice.choice(VALUES), "error": said}, {"error": said}, {"timeout": True, "busy": 1.0}]
            + [{"blank": True, "none": True, "printed": self.dice.random() < 0.5}, {"error": said, "unbound": True}]
            + [{"error": said, "blank": True}, {SECRET: SECRET}]
        )


class Author:
    """A worker pool for the author's own code, which isn't at stake here."""

    async def do(self, *_, **__):
        return Replies([], "crashed")


def forged(dice, item):
    """The mark of an item whose worker replies anything."""
    marker = Marker(Assignment(QUIZ, KEY), Forger(dice), local=Author())

    async def expected(submissions, wanted):
        return [{ITEM.id: Expected(encode([(2,)] * 5), [[1, 4]] * 5)}]

    marker._expected = expected
    cells = (Cell("def squares(n): return [0]", "91.A"), Cell("x = 1"), Cell("answer_91_2 = x", "91.2"))
    one = Submission("eve", QUIZ.lesson, "here", "1", (*cells, Cell("answer_91_1 = x", "91.1")))
    one = replace(one, changed=frozenset(["91.A"] if dice.random() < 0.5 else []))
    (result,) = run(marker.mark([one]))
    return next(mark for mark in result.marks if mark.item == item)


@pytest.mark.parametrize("item", [one.id for one in QUIZ.items])
def test_forged_replies_of_any_kind_lead_to_few_sentences(item):
    dice, told = random.Random(5), set()
    for _ in range(600):
        mark = forged(dice, item)
        words = " ".join(mark.feedback)
        assert SECRET not in words and str(NUMBER) not in words
        told.add((mark.outcome, mark.points, mark.feedback))
    mistakes = len(getattr(QUIZ.item(item), "mistakes", None) or QUIZ.item(item).options)
    assert 3 < len(told) <= 2**MOST_BITS + mistakes, f"{len(told)} are {math.log2(len(told)):.1f} bits"


# As code that has been given `n`, a hidden input, would tell it: what it does, what no page may hold.
CHANNELS = {
    "an error's text": "raise ValueError(f'{n}')",
    "an error's name": "raise type(f'Secret{n}', (Exception,), {})()",
    "one of Python's own errors": "raise (KeyError, IndexError, OSError, EOFError, NameError)[n % 5]",
    "a package's name": "raise ModuleNotFoundError(f\"No module named 'Secret{n}'\")",
    "a value's type": "return type(f'Secret{n}', (), {})()",
    "a dataclass's name": "import dataclasses\n    return dataclasses.make_dataclass(f'Secret{n}', [])()",
    "an iterator's name": "return type(f'Secret{n}', (list,), {'__next__': None, '__iter__': lambda s: iter(())})()",
    "what is printed": "print(f'Secret{n}')",
    "a warning": "import warnings\n    warnings.warn(f'Secret{n}')\n    return n",
    "the name of a thread": "import threading\n    threading.current_thread().name = f'Secret{n}'\n    return n",
    "another answer's number": "global told\n    told = n\n    return n",
    "another answer's words": "global told\n    told = f'Secret{n}'\n    return n",
    "a note on the scratch": "open('note', 'w').write(f'Secret{n}')\n    return n",
    "its time": "import time\n    time.sleep(n / 10**6)\n    return n",
}
AFTER = "told, noted = globals().get('told', 0), __import__('os').path.exists('note') and open('note').read()"
PUBLIC = ("Secret", "KeyError", "IndexError", "OSError", "EOFError", "NameError")


@bwrap
def test_a_page_is_the_same_whatever_the_hidden_inputs_were():
    quiz = QUIZ.model_copy(update={"items": [ITEM.model_copy(update={"examples": []}), *QUIZ.items[1:]]})
    cells = {name: Cell(f"def squares(n):\n    {code}", "91.A") for name, code in CHANNELS.items()}
    two, one = Cell("answer_91_2 = told or noted", "91.2"), Cell("answer_91_1 = told or noted", "91.1")
    later = (Cell(AFTER), two, one, Cell("if noted: raise ValueError(noted)"))
    found = {}

    async def work():
        async with WorkerPool(2, [], tier=shell.SANDBOX) as pool:
            for number in (3, 4):
                chosen = quiz.items[0].model_copy(update={"inputs": f"[(n,) for n in range({number}, {number + 5})]"})
                changed = quiz.model_copy(update={"items": [chosen, *quiz.items[1:]]})
                marker = Marker(Assignment(changed, KEY), pool)
                each = [Submission(name, quiz.lesson, "", name, (cell, *later)) for name, cell in cells.items()]
                found[number] = await marker.mark(each)

    run(work())
    for one, other in zip(found[3], found[4], strict=True):
        pages = [page(Assignment(quiz, KEY), replace(result, digest=""), {}) for result in (one, other)]
        assert pages[0] == pages[1], one.student
        told = [" ".join(mark.feedback) for mark in one.marks]
        assert not any(word in text for word in PUBLIC for text in told), told
        assert not one.marks[0].points


@bwrap
def test_an_error_that_the_examples_show_is_named():
    item = ITEM.model_copy(update={"examples": ["assert squares(3) == [1, 4, 9]"]})
    quiz = QUIZ.model_copy(update={"items": [item]})
    bodies = ["def squares(n): raise KeyError(n)", "def squares(n):\n    if n != 3: raise KeyError(n)", "1 / 0"]
    each = [Submission(f"s{n}", quiz.lesson, "", f"{n}", (Cell(body, item.id),)) for n, body in enumerate(bodies)]

    async def work():
        async with WorkerPool(2, [], tier=shell.SANDBOX) as pool:
            return await Marker(Assignment(quiz, KEY), pool).mark(each)

    shown, hidden, cell = (result.marks[0].feedback for result in run(work()))
    assert shown == ("squares stopped with a KeyError.",)
    assert hidden == ("squares stopped with an error that the examples don't show: try it with data of your own.",)
    assert cell == ("squares stopped with a ZeroDivisionError.",)


def test_a_networks_share_is_told_in_three_steps():
    import numpy as np

    (bank,) = open_bank(Path(__file__).parents[3] / "docs" / "example_bank")
    item = next(one for one in bank.items if isinstance(one, GradedModel))
    truth = np.arange(200) % 2
    told = {}
    for right in range(201):
        scores = np.eye(2)[np.where(np.arange(200) < right, truth, 1 - truth)]
        outcome, said = network_judged(item, scores, truth)
        told.setdefault((outcome, said), []).append(right)
    assert [outcome for outcome, _ in told] == [Outcome.WRONG, Outcome.WRONG, Outcome.RIGHT]
    assert [min(one) for one in told.values()] == [0, 121, 180]


def test_shares_by_hidden_inputs_are_told_in_quarters_until_the_end():
    item = GradedCode.model_validate(ITEM.model_dump() | {"credit": "shares"})
    quiz = QUIZ.model_copy(update={"items": [item]})

    def told(points, explain=False, comments=None):
        mark = Mark(item.id, Outcome.WRONG, points, 3.0, ("Other results.",))
        return page(
            Assignment(quiz, KEY), Result("eve", quiz.lesson, "", "", State.GRADED, (mark,)), comments or {}, explain
        )

    every = [n / 100 for n in range(300)]
    assert len({told(points) for points in every}) == 4 and len({told(points, explain=True) for points in every}) == 300
    assert "You have <strong>at least 1.5 of 3 points" in told(1.8) and "at least 2.25 of 3" in told(2.25)
    assert "<strong>1.8 of 3" in told(1.8, comments={item.id: "Yes."})
