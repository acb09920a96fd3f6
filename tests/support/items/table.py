"""The tables of docs/items.md: each field of each kind of graded item, whether it is needed, and an example.

`python tests/support/items/table.py` writes them anew; a test holds the page against the classes.
"""

import re
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from course_utils.grading.bank.items import Graded, GradedItem, GradedQuiz

PAGE = Path(__file__).parents[3] / "docs" / "items.md"
KINDS = {get_args(one.model_fields["kind"].annotation)[0]: one for one in get_args(get_args(GradedItem)[0])}
PRACTICE = {"below", "classes", "needs", "prepare", "expect"}  # fields of practice, which a graded item has no use for
# field → what it is, an example as YAML has it; "kind.field" where a kind means something else by it
FIELDS = {
    "lesson": ("the assignment's number and name, the same as the file's name", "90_example"),
    "bank": ("`graded`, or `example` if the answer keys are public", "graded"),
    "title": ("the notebook's title", "Midterm"),
    "setup": ("code at the start of the notebook, which the items' code may use too", "import numpy as np"),
    "items": ("the items, each beginning with `-`", None),
    "id": ("the assignment's number and the item's (a letter for code and model); never reuse one", '"90.1"'),
    "kind": ("the kind of item", None),
    "topic": ("a word or two for the item's heading", "momentum"),
    "stem": ("the question, in Markdown", "Which of these hold?"),
    "points": ("what the item is worth, up to 100; halves are allowed", "2.5"),
    "explanation": ("why the answer is right; shown on the feedback page with `--explain`",
                    "Each class counts the same."),
    "hints": ("what the feedback page tells a student whose answer is wrong", "[Divide.]"),
    "section": ("where it was taught; for your own use", "Freezing"),
    "difficulty": ("`easy`, `medium` or `hard`; for your own use", "easy"),
    "source": ("a link at the end of the explanation", '"[fastai](https://docs.fast.ai)"'),
    "figure": ("an image beside the question: a file, and its alternative text", "{file: a.png, alt: A curve.}"),
    "options": ("two to six; the right ones have `right: true`, and each may have `feedback`",
                "[{text: yes it does, right: true}, {text: rarely}, {text: both, right: RIGHT}]"),
    "credit": ("`shares` gives partial credit: [how](grading.md#how-values-are-compared)", "shares"),
    "answer": ("the right number", "86.67"),
    "tolerance": ("how far an answer may be off", "0.5"),
    "code.tolerance": ("how far numbers may be off, relative to the right one", "0.01"),
    "unit": ("the unit of the answer; students may write it", '"%"'),
    "mistakes": ("wrong answers that known mistakes lead to, each with its feedback",
                 "[{answer: 13.33, feedback: That is the rest.}]"),
    "varied number.mistakes": ("wrong answers that known mistakes lead to, as expressions in the variant's names",
                               "[{answer: n - 1, feedback: One more.}]"),
    "short text.mistakes": ("wrong words that known mistakes lead to, with their feedback",
                            "[{answers: [train], feedback: The other.}]"),
    "code.mistakes": ("code that makes a known mistake, with its feedback",
                      '[{code: "double = lambda x: x", feedback: Twice.}]'),
    "model.mistakes": ("code that must not pass; the self-test runs it", '[{code: "net = None", feedback: No net.}]'),
    "variant": ("code that draws the names in the stem's braces, and `answer`; `rng` is the student's random generator",
                "n = int(rng.integers(9)); answer = n + 1"),
    "varied number.stem": ("the question, with the variant's names in braces", '"How much is {n} and one?"'),
    "accept": ("the right words; case, spaces and full stops don't matter", "[eval, evaluation]"),
    "steps": ("three to six, in order; each may have `feedback`", "[{text: one}, {text: two}, {text: three}]"),
    "name": ("the name that the answer cell must bind", "double"),
    "inputs": ("a list of argument tuples, one for each call; `rng` is the student's random generator; without "
               "`inputs` the answer is a value", '"[(2,), (int(rng.integers(9)),)]"'),
    "reference": ("code that binds `name` to the right answer", '"def double(x): return 2 * x"'),
    "model.reference": ("code that binds `name` to a network that passes", '"net = torch.nn.Linear(2, 2)"'),
    "starter": ("the answer cell as it is handed out; made from the reference's signature when left out",
                '"def double(x):\\n    ..."'),
    "examples": ("lines that students see and may run", '["assert double(2) == 4"]'),
    "limit": ("seconds that the cell, and each call to what it binds, may take; up to 120", "5"),
    "stand_in": ("code that students don't see, with definitions for the inputs and the reference", "import math"),
    "absolute": ("how far numbers may be off in absolute terms, for values near 0", "0.001"),
    "exact": ("types count", "true"),
    "dtype": ("dtypes of arrays and columns count", "true"),
    "order": ("whether the order of sequences and rows counts", "false"),
    "index": ("whether a table's index counts", "false"),
    "raises": ("errors that the reference may end a call with", "[ValueError]"),
    "weights": ("one weight per input, for `credit: shares`", "[1, 2]"),
    "held_out": ("code that binds `inputs`, in the form that the network takes, and `truth`, their class numbers",
                 '"import torch; inputs = torch.zeros(9, 2); truth = torch.zeros(9).long()"'),
    "at_least": ("the share of right predictions that passes", "0.9"),
    "rubric": ("lines whose points add up to the item's", "[{text: says why, points: 1}]"),
}  # fmt: skip


def said(kind: str, field: str) -> tuple[str, str | None]:
    """What a field of a kind is, and its example."""
    words, example = FIELDS.get(f"{kind}.{field}", FIELDS[field])
    return words, example and example.replace("RIGHT", "true" if kind == "several choices" else "false")


def row(kind: str, form: type[BaseModel], field: str) -> str:
    """One line of a table."""
    words, example = said(kind, field)
    shown = f"`{example}`".replace("|", "\\|") if example else ""
    return f"| `{field}` | {_type(form.model_fields[field].annotation)} | {_default(form, field)} | {words} | {shown} |"


def table(kind: str, form: type[BaseModel]) -> str:
    """The table of one kind: what it needs first, without what all kinds share."""
    common = PRACTICE if kind in ("file", "all kinds") else set(Graded.model_fields) | {"kind"} | PRACTICE
    fields = [one for one in form.model_fields if one not in common]
    if kind == "all kinds":
        fields = ["id", "kind", *(one for one in fields if one not in ("id", "kind"))]
    fields.sort(key=lambda one: not form.model_fields[one].is_required() if one != "kind" else False)
    head = "| field | what stands there | when left out | what it is | example |\n| --- | --- | --- | --- | --- |\n"
    return head + "\n".join(row(kind, form, one) for one in fields)


def tables() -> dict[str, str]:
    """Every table of the page by its name."""
    every = KINDS["free text"].model_construct().__class__
    shared = {"kind": every.model_fields["kind"], **Graded.model_fields}
    common: Any = types.SimpleNamespace(model_fields=shared)
    return {"file": table("file", GradedQuiz), "all kinds": table("all kinds", common)} | {
        kind: table(kind, form) for kind, form in KINDS.items()
    }


def _default(form: Any, field: str) -> str:
    info = form.model_fields[field]
    if info.is_required():
        return "**needed**"
    value = info.get_default(call_default_factory=True)
    if value is PydanticUndefined or (value in ("", None, []) and value is not False):
        return "nothing"
    return f"`{str(value).lower() if isinstance(value, bool) else f'{value:g}' if isinstance(value, float) else value}`"


def _type(form: Any) -> str:
    """A type in an author's words."""
    origin, inside = get_origin(form), get_args(form)
    if origin is Annotated:
        return _type(inside[0])
    if origin in (Union, types.UnionType):
        return _type(next(one for one in inside if one is not type(None)))
    if origin is Literal:
        return "a word"
    if origin is list:
        return "a list"
    if isinstance(form, type) and issubclass(form, BaseModel):
        return "fields"
    return {str: "a text", bool: "true or false", float: "a number", int: "a number"}[form]


def written(page: str, name: str) -> str:
    """The table of that name as the page holds it."""
    found = re.search(rf"<!-- table: {name} -->\n(.*?)\n<!-- end -->", page, re.DOTALL)
    assert found, f"the page has no table {name!r} between its two markers"
    return found[1]


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    for each, made in tables().items():
        text = text.replace(written(text, each), made)
    PAGE.write_text(text, encoding="utf-8")
