"""The graded kinds of items: those of practice that can be judged from values alone, and three of their own.

`docs/items.md` lists their fields. What practice asks for and an exam needs not is optional: section, source,
difficulty, hints, explanation, feedback and known mistakes.
"""

import ast
import hashlib
import json
import math
import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, PlainSerializer, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from course_utils.quiz.items import (
    Code,
    Item,
    Model,
    Number,
    OneChoice,
    Option,
    Order,
    Part,
    Quiz,
    SeveralChoices,
    ShortText,
    Step,
    Text,
    WrongCode,
    WrongNumber,
    WrongText,
)


def _is_python(code: str) -> str:
    """The code. A fault of the file when it is no Python."""
    try:
        ast.parse(code)
    except (SyntaxError, ValueError) as error:
        said, line = getattr(error, "msg", str(error)), getattr(error, "lineno", None) or 1
        raise PydanticCustomError("no_python", "{said}", {"said": said, "line": line}) from None
    return code


def _is_expression(code: str) -> str:
    try:
        ast.parse(f"({code}\n)", mode="eval")  # over several lines too
    except (SyntaxError, ValueError):
        _is_python(code)  # its fault is told better there
        raise ValueError("it should be one expression, such as a list of argument tuples") from None
    return code


Python = Annotated[str, AfterValidator(_is_python)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*$")]  # of practice in small letters
Lines = Annotated[Text, AfterValidator(_is_python)]
Points = Annotated[
    float,
    Field(gt=0, le=100),
    AfterValidator(lambda points: int(points) if points % 1 == 0 else points),
    PlainSerializer(lambda points: points),  # a whole number stays one: digests and notebooks hold it as written
]
Credit = Literal["all", "shares"]  # all points or none, or a share of them for what is right


class Graded(Item):
    """What an exam needs not, and practice does; and how the kinds differ.

    executed: answered in code, which is judged by what it gives; in_words: in sentences, which a person marks
    personal: students may see different questions: options in another order, or other numbers
    """

    executed: ClassVar[bool] = False
    in_words: ClassVar[bool] = False
    personal: ClassVar[bool] = False

    @property
    def criteria(self) -> "list[Criterion]":
        """What a person ticks who marks it; nothing where there is no rubric."""
        return getattr(self, "rubric", [])

    section: str = ""
    difficulty: Literal["", "easy", "medium", "hard"] = ""  # type: ignore[assignment]  # one more than in practice
    points: Points = 1  # type: ignore[assignment]  # halves too
    hints: list[Text] = Field(default_factory=list)
    explanation: str = ""
    source: str = ""


class GradedOption(Option):
    """One answer to choose; its feedback may be left out."""

    feedback: str = ""


class GradedStep(Step):
    """One of the steps to be ordered; its feedback may be left out, and `cue` is for practice."""

    cue: str = ""
    feedback: str = ""


class GradedWrongCode(WrongCode):
    """Code that a known mistake leads to."""

    code: Lines


class GradedOneChoice(Graded, OneChoice):
    """One right option among two to six."""

    personal: ClassVar[bool] = True
    options: list[GradedOption] = Field(min_length=2, max_length=6)  # type: ignore[assignment]


class GradedSeveral(Graded, SeveralChoices):
    """Several choices; with credit "shares", each right one gives a share and each wrong one takes one away."""

    personal: ClassVar[bool] = True
    options: list[GradedOption] = Field(min_length=2, max_length=6)  # type: ignore[assignment]
    credit: Credit = "all"


class GradedNumber(Graded, Number):
    """A number within a tolerance."""

    mistakes: list[WrongNumber] = Field(default_factory=list)


class GradedText(Graded, ShortText):
    """A word or two: any of `accept`."""

    mistakes: list[WrongText] = Field(default_factory=list)


class GradedOrder(Graded, Order):
    """Steps to be ordered; with credit "shares", each step at its place gives a share."""

    personal: ClassVar[bool] = True
    steps: list[GradedStep] = Field(min_length=3, max_length=6)  # type: ignore[assignment]
    credit: Credit = "all"


class GradedCode(Graded, Code):
    """Code, judged by its results alone: they are compared outside the process that the student's code ran in.

    examples: lines that the student sees and may run, `assert double(2) == 4`
    starter: the answer cell as it is handed out; made from the reference's signature when left out
    tolerance, absolute: how far numbers may be off, relative to the right one and beside that
    exact: types count: a tuple is no list, and 1 is no 1.0; dtype: so do the dtypes of arrays and columns
    order, index: whether the order of sequences and rows counts, and a table's index
    raises: the errors that the reference may end a call with; the same is asked of the student's
    credit: "shares" gives a share of the points for each hidden input that is right; weights: of the inputs, in order
    """

    executed: ClassVar[bool] = True
    name: Name
    stand_in: Python = ""
    mistakes: list[GradedWrongCode] = Field(default_factory=list)  # type: ignore[assignment]
    inputs: Annotated[str, AfterValidator(_is_expression)] | None = None
    reference: Python | None = None
    examples: list[Lines] = Field(default_factory=list)
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


class GradedModel(Graded, Model):
    """A trained network, judged by its scores on images whose truth it never sees.

    reference: code that binds `name` to something that passes
    """

    raises: ClassVar[tuple[str, ...]] = ()  # its scores are read, whatever it raises
    executed: ClassVar[bool] = True
    name: Name
    stand_in: Python = ""
    mistakes: list[GradedWrongCode] = Field(default_factory=list)  # type: ignore[assignment]
    held_out: Lines
    reference: Lines
    examples: list[Lines] = Field(default_factory=list)
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


class VariedNumber(Graded):
    """A number that is another for each student: `variant` draws what the stem names in braces.

    variant: code that binds those names and `answer`; `rng` is a numpy Generator of the student's own
    tolerance: absolute
    """

    personal: ClassVar[bool] = True
    kind: Literal["varied number"]
    variant: Lines
    tolerance: float = Field(ge=0)
    unit: str = ""
    mistakes: list[WrongVaried] = Field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """What the stem names in braces."""
        return sorted(set(re.findall(r"\{([a-z_]\w*)\}", self.stem)))

    @model_validator(mode="after")
    def _bound(self):
        bound = {node.id for node in ast.walk(ast.parse(self.variant)) if isinstance(node, ast.Name)}
        if unbound := [name for name in (*self.names, "answer") if name not in bound]:
            raise ValueError(f"`variant` should bind {', '.join(unbound)}")
        if not self.names:
            raise ValueError("the stem names nothing of `variant`: write a name in braces, like {n}")
        return self


class Criterion(Part):
    """One line of a rubric."""

    text: Text
    points: float = Field(gt=0)


class FreeText(Graded):
    """An answer in sentences, marked by a person along the rubric, whose points add up to the item's."""

    in_words: ClassVar[bool] = True
    kind: Literal["free text"]
    rubric: list[Criterion] = Field(min_length=1)

    @model_validator(mode="after")
    def _adds_up(self):
        if not math.isclose(total := sum(criterion.points for criterion in self.rubric), self.points):
            raise ValueError(f"the rubric's points add up to {total:g} and the item's are {self.points:g}")
        return self


GradedItem = Annotated[
    GradedOneChoice
    | GradedSeveral
    | GradedNumber
    | VariedNumber
    | GradedText
    | GradedOrder
    | GradedCode
    | GradedModel
    | FreeText,
    Field(discriminator="kind"),
]


Executed = GradedCode | GradedModel
EXECUTED = (GradedCode, GradedModel)  # kinds that are answered in code, which is run
Lettered = GradedOneChoice | GradedSeveral | GradedOrder
LETTERED = (GradedOneChoice, GradedSeveral, GradedOrder)  # kinds whose parts are shown in an order of their own


class GradedQuiz(Quiz):
    """An assignment: the graded items of one lesson.

    bank: "graded" stands in no public repository; the keys of an "example" are known to everybody
    setup: code that the notebook begins with, and that the grader runs in place of what the student made of it
    """

    bank: Literal["graded", "example"]
    title: Text
    setup: Python = ""
    items: list[GradedItem] = Field(min_length=1)  # type: ignore[assignment]  # other kinds than a lesson's

    @model_validator(mode="after")
    def _names_differ(self):
        names = [item.name for item in self.executed]
        if twice := next((one for one in names if names.count(one) > 1), None):
            raise ValueError(f"two items bind {twice!r}: the second would judge the first one's answer")
        return self

    @property
    def number(self) -> str:
        """The lesson's number, "04"."""
        return self.lesson[:2]

    @property
    def executed(self) -> list[Executed]:
        """The items that are answered in code."""
        return [item for item in self.items if isinstance(item, EXECUTED)]

    @property
    def compared(self) -> list[GradedCode]:
        """The items whose results are held against a reference's."""
        return [item for item in self.items if isinstance(item, GradedCode)]

    @property
    def varies(self) -> bool:
        """Whether there is a number that is another for each student."""
        return any(isinstance(item, VariedNumber) for item in self.items)

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
