"""Correct work as students write it: a small exam, and ways of answering it that a program may misread."""

import json

from handed_in import after, cell, code, text

from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.items import GradedQuiz
from course_utils.grading.bank.sample_answers import right
from course_utils.grading.release.handout import given
from course_utils.grading.release.releasing import notebook

KEY = b"h" * 32
NAMED = {"topic": "t", "section": "s", "difficulty": "easy", "hints": ["h"], "explanation": "e", "source": "measured"}


def _wrong(name, *bodies):
    return [{"code": f"def {name}:\n    return {body}", "feedback": f"mistake {n}"} for n, body in enumerate(bodies)]


EXAM = GradedQuiz.model_validate(
    {
        "lesson": "91_exam",
        "bank": "graded",
        "title": "Exam",
        "setup": "import numpy as np\nimport pandas as pd\nimport torch\n",
        "items": [
            {
                "id": "91.1",
                "kind": "one choice",
                "stem": "Which keeps a running mean of gradients?",
                "options": [
                    {"text": "SGD", "feedback": "no"},
                    {"text": "Adam", "right": True, "feedback": "yes"},
                    {"text": "Adagrad", "feedback": "no"},
                    {"text": "none of them", "feedback": "no"},
                ],
                **NAMED,
            },
            {
                "id": "91.2",
                "kind": "number",
                "stem": "How many bytes?",
                "answer": 4000,
                "tolerance": 0,
                "unit": "bytes",
                "mistakes": [{"answer": 32000, "feedback": "Those are bits."}],
                **NAMED,
            },
            {
                "id": "91.A",
                "kind": "code",
                "stem": "Write `squares(n)`.",
                "points": 3,
                "name": "squares",
                "inputs": "[(int(n),) for n in rng.integers(1, 15, 4)] + [(0,)]",
                "examples": ["assert squares(3) == [1, 4, 9]"],
                "reference": "def squares(n):\n    return [i * i for i in range(1, n + 1)]",
                "mistakes": _wrong(
                    "squares(n)",
                    "[i * i for i in range(n)]",
                    "[i * i for i in range(1, n)]",
                    "[i * 2 for i in range(1, n + 1)]",
                ),
                "limit": 3,
                **NAMED,
            },
            {
                "id": "91.C",
                "kind": "code",
                "stem": "Write `means(cities, prices)`.",
                "points": 3,
                "name": "means",
                "inputs": "[(rng.choice(['Ulm', 'Bonn', 'Köln'], 20).tolist(), rng.normal(10, 3, 20).tolist())"
                " for _ in range(5)]",
                "reference": "def means(cities, prices):\n"
                "    return pd.Series(prices).groupby(cities).mean().sort_values(ascending=False)",
                "mistakes": _wrong(
                    "means(cities, prices)",
                    "pd.Series(prices).groupby(cities).max().sort_values(ascending=False)",
                    "pd.Series(prices).groupby(cities).median().sort_values(ascending=False)",
                    "pd.Series(prices).groupby(cities).sum().sort_values(ascending=False)",
                ),
                "limit": 3,
                **NAMED,
            },
            {
                "id": "91.E",
                "kind": "model",
                "stem": "Train a network `net`.",
                "points": 3,
                "name": "net",
                "starter": "net = ...",
                "held_out": "inputs = torch.tensor(rng.random((200, 2)), dtype=torch.float32) * 2 - 0.5\n"
                "truth = (inputs.sum(1) > 1).long()",
                "reference": "net = torch.nn.Linear(2, 2)\nwith torch.no_grad():\n"
                "    net.weight.copy_(torch.tensor([[0.0, 0.0], [1.0, 1.0]]))\n"
                "    net.bias.copy_(torch.tensor([1.0, 0.0]))",
                "at_least": 0.9,
                "mistakes": [{"code": "net = torch.nn.Linear(2, 1)", "feedback": "f"}] * 3,
                "limit": 10,
                **NAMED,
            },
            {
                "id": "91.4",
                "kind": "free text",
                "stem": "Why?",
                "points": 2,
                "rubric": [{"text": "because", "points": 2}],
                **NAMED,
            },
        ],
    }
)
OURS = Assignment(EXAM, KEY, personal=True)
NET = EXAM.item("91.E").reference
SQUARES = EXAM.item("91.A").reference


def blank(student="ada"):
    """The notebook as it was handed out."""
    return json.loads(notebook(EXAM, given(OURS.for_student(student)), "release"))


def answered(student="ada"):
    """The notebook with every item right."""
    book = blank(student)
    version = OURS.for_student(student)
    for item in EXAM.items:
        cell(book, f"{item.id.replace('.', '-')}-answer")["source"] = right(item, version)
    return book


def letter(book):
    """The right letter, as an answered notebook has it."""
    return cell(book, "91-1-answer")["source"][-2]


def put(item, source):
    """Answer an item otherwise."""

    def change(book, handed):
        cell(book, f"91-{item}-answer")["source"] = source.replace("LETTER", letter(book))

    return change


def beside(item, source, above=False, kept=None):
    """Leave an item's cell blank, or with `kept` in it, and write into a new cell next to it."""

    def change(book, handed):
        identifier = f"91-{item}-answer"
        source_ = source.replace("LETTER", letter(book))
        cell(book, identifier)["source"] = kept if kept is not None else cell(handed, identifier)["source"]
        after(book, identifier.replace("answer", "question") if above else identifier, code(source_))

    return change


def inside(item, other, source):
    """Leave an item's cell blank, and write into another cell that was handed out."""

    def change(book, handed):
        identifier = f"91-{item}-answer"
        source_ = source.replace("LETTER", letter(book))
        cell(book, identifier)["source"] = cell(handed, identifier)["source"]
        kept = "".join(cell(book, other)["source"]) if "answer" in other else ""
        cell(book, other)["source"] = f"{source_}\n{kept}"

    return change


def noted(item, words):
    """Leave an item's cell blank, and write words into a text cell below it."""

    def change(book, handed):
        identifier = f"91-{item}-answer"
        cell(book, identifier)["source"] = cell(handed, identifier)["source"]
        after(book, identifier, text(words))

    return change


def bare(book, handed):
    """Lose all that a platform may strip."""
    for one in book["cells"]:
        one.pop("id")
        one["metadata"] = {}
    book["metadata"] = {}
