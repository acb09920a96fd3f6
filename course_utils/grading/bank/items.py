"""The graded kinds of items: those of practice that can be judged from values alone, and three of their own."""

import ast
import hashlib
import json
import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from course_utils.quiz.items import (
    Code,
    Item,
    Model,
    Number,
    OneChoice,
    Order,
    Part,
    Quiz,
    SeveralChoices,
    ShortText,
    Text,
)

Credit = Literal["all", "shares"]  # all points or none, or a share of them for what is right


class GradedCode(Code):
    """Code, judged by its results alone: they are compared outside the process that the student's code ran in.

    examples: lines that the student sees and may run, `assert double(2) == 4`
    starter: the answer cell as it is handed out; made from the reference's signature when left out
    tolerance, absolute: how far numbers may be off, relative to the right one and beside that
    exact: types count: a tuple is no list, and 1 is no 1.0; dtype: so do the dtypes of arrays and columns
    order, index: whether the order of sequences and rows counts, and a table's index
    raises: the errors that the reference may end a call with; the same is asked of the student's
    credit: "shares" gives a share of the points for each hidden input that is right; weights: of the inputs, in order
    """

    examples: list[Text] = Field(default_factory=list)
    starter: str = ""
    absolute: float = Field(1e-9, ge=0)
    exact: bool = False
    dtype: bool = False
    order: bool = True
    index: bool = True
    raises: list[Text] = Field(default_factory=list)
    credit: Credit = "all"
    weights: list[Annotated[float, Field(ge=0)]] = Field(default_factory=list)

    @model_validator(mode="after")
    def _by_values(self):
        if self.expect:
            raise ValueError("`expect` runs beside the student's own code: give `reference` and `inputs` instead")
        return self


class GradedModel(Model):
    """A trained network, judged by its scores on pictures whose truth it never sees.

    reference: code that binds `name` to something that passes
    """

    reference: Text
    examples: list[Text] = Field(default_factory=list)
    starter: str = ""

    @model_validator(mode="after")
    def _by_scores(self):
        if self.expect:
            raise ValueError("`expect` runs beside the student's own code: leave it out")
        return self


class WrongVaried(Part):
    """An expression of the variant's names for the number that a known mistake leads to."""

    answer: Text
    feedback: Text


class VariedNumber(Item):
    """A number that is another for each student: `variant` draws what the stem names in braces.

    variant: code that binds those names and `answer`; `rng` is a numpy Generator of the student's own
    tolerance: absolute
    """

    kind: Literal["varied number"]
    variant: Text
    tolerance: float = Field(ge=0)
    unit: str = ""
    mistakes: list[WrongVaried] = Field(min_length=1)

    @property
    def names(self) -> list[str]:
        """What the stem names in braces."""
        return sorted(set(re.findall(r"\{([a-z_]\w*)\}", self.stem)))

    @model_validator(mode="after")
    def _bound(self):
        try:
            bound = {node.id for node in ast.walk(ast.parse(self.variant)) if isinstance(node, ast.Name)}
        except SyntaxError as error:
            raise ValueError(f"`variant` is no Python ({error.msg}, line {error.lineno})") from None
        if unbound := [name for name in (*self.names, "answer") if name not in bound]:
            raise ValueError(f"`variant` should bind {', '.join(unbound)}")
        if not self.names:
            raise ValueError("the stem names nothing of `variant`: write a name in braces, like {n}")
        return self


class GradedSeveral(SeveralChoices):
    """Several choices; with credit "shares", each right one gives a share and each wrong one takes one away."""

    credit: Credit = "all"


class GradedOrder(Order):
    """Steps to be ordered; with credit "shares", each step at its place gives a share."""

    credit: Credit = "all"


class Criterion(Part):
    """One line of a rubric."""

    text: Text
    points: float = Field(gt=0)


class FreeText(Item):
    """An answer in sentences, marked by a person along the rubric, whose points add up to the item's."""

    kind: Literal["free text"]
    rubric: list[Criterion] = Field(min_length=1)

    @model_validator(mode="after")
    def _adds_up(self):
        if (total := sum(criterion.points for criterion in self.rubric)) != self.points:
            raise ValueError(f"the rubric's points add up to {total:g} and the item's are {self.points}")
        return self


GradedItem = Annotated[
    OneChoice | GradedSeveral | Number | VariedNumber | ShortText | GradedOrder | GradedCode | GradedModel | FreeText,
    Field(discriminator="kind"),
]


class GradedQuiz(Quiz):
    """An assignment: the graded items of one lesson.

    bank: "graded" stands in no public repository; the keys of an "example" are known to everybody
    setup: code that the notebook begins with, and that the grader runs in place of what the student made of it
    """

    bank: Literal["graded", "example"]
    title: Text
    setup: str = ""
    items: list[GradedItem] = Field(min_length=1)  # type: ignore[assignment]  # other kinds than a lesson's

    @model_validator(mode="after")
    def _names_differ(self):
        names = [item.name for item in self.items if isinstance(item, (GradedCode, GradedModel))]
        if twice := next((one for one in names if names.count(one) > 1), None):
            raise ValueError(f"two items bind {twice!r}: the second would judge the first one's answer")
        return self

    @property
    def number(self) -> str:
        """The lesson's number, "04"."""
        return self.lesson[:2]

    def item(self, identifier: str) -> GradedItem:
        """The item with that id. KeyError when there is none."""
        return {item.id: item for item in self.items}[identifier]


def digest(item: GradedItem, setup: str = "") -> str:
    """sha256 of all that an item's marks depend on: an item that changed is graded again, and no other."""
    content = json.dumps([item.model_dump(mode="json"), setup], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()


def answer_name(item: GradedItem) -> str:
    """The name that an item's answer cell binds: "answer_04_2", or the exercise's own."""
    own = getattr(item, "name", None)
    return own or f"answer_{item.id.replace('.', '_')}"


def grade_id(item: GradedItem, part: Literal["question", "answer", "examples"]) -> str:
    """The id of one of an item's three cells, as nbgrader's metadata and the cell itself carry it: "04-2-answer"."""
    return f"{item.id.replace('.', '-')}-{part}"
