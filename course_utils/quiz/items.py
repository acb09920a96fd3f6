"""What a question is: the kinds of items that course_utils/quizzes/*.yaml may hold, and the rules each must keep."""

import re
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
DIFFICULTIES = ("easy", "medium", "hard")
AROUND = " .,;:!?'\"`()«»\u2018\u2019\u201c\u201d\u201e"  # what may stand around a short answer


class Part(BaseModel):
    """Something of an item: no unknown names, no silent conversion of one type into another."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Option(Part):
    """One answer to choose, and what the learner who chose it is told.

    Where several are right, the feedback begins with "True:" or "False:": the key written a second time.
    """

    text: Text
    right: bool = False
    feedback: Text


class WrongNumber(Part):
    """A number that a known mistake leads to."""

    answer: float
    tolerance: float = Field(0.0, ge=0)
    feedback: Text


class WrongText(Part):
    """Words that a known mistake leads to."""

    answers: list[Text] = Field(min_length=1)
    feedback: Text


class WrongCode(Part):
    """Code that a known mistake leads to: who finds what it finds gets its feedback."""

    code: Text
    feedback: Text


class Step(Part):
    """One of the steps to be ordered, and why it can't stand earlier.

    cue: words that the explanation holds, cue after cue in the steps' order: the key written a second time
    """

    text: Text
    cue: Text
    feedback: Text


class Figure(Part):
    """An image beside the question: a file of the folder course_utils/quizzes/, and its words."""

    file: Text
    alt: Text


class Item(Part):
    """What all kinds share.

    id: the lesson's number and the item's, "04.2" for a question, "04.A" for an exercise; never given anew
    section: the heading of the lesson's section that answers it
    below: whether the answer comes after the question, in the rest of that section or in a later one: then the
        question asks what the lesson will find
    source: where the fact stands: a link, or "measured" when the lesson's own cells show it
    """

    id: Annotated[str, StringConstraints(pattern=r"^\d\d\.(\d+|[A-Z])$")]
    topic: Text
    stem: Text
    section: Text
    below: bool = False
    difficulty: Literal["easy", "medium", "hard"]
    points: int = Field(1, ge=1, le=10)
    hints: list[Text] = Field(min_length=1)
    explanation: Text
    source: Text
    figure: Figure | None = None

    @model_validator(mode="after")
    def _letter_or_number(self):
        if self.id[-1].isalpha() != isinstance(self, _Executed):
            raise ValueError(f"{self.id!r} should end in a {'letter' if isinstance(self, _Executed) else 'number'}")
        return self

    @property
    def lesson(self) -> str:
        """The lesson's number, "04"."""
        return self.id.partition(".")[0]

    @property
    def label(self) -> str:
        """The item's heading."""
        return f"{'Exercise' if self.id[-1].isalpha() else 'Question'} {self.id} — {self.topic}"


class _Choice(Item):
    options: list[Option] = Field(min_length=2, max_length=6)

    @model_validator(mode="after")
    def _differing(self):
        if twice := _said_twice(option.text for option in self.options):
            raise ValueError(f"two options say {twice!r}: options may not differ in case or spaces alone")
        return self

    @property
    def key(self) -> set[int]:
        """The indices of the right options."""
        return {index for index, option in enumerate(self.options) if option.right}


class OneChoice(_Choice):
    """One right option among two to six."""

    kind: Literal["one choice"]

    @model_validator(mode="after")
    def _one_right(self):
        if len(self.key) != 1:
            raise ValueError(f"{len(self.key)} options are right: mark one with `right: true`")
        return self


class SeveralChoices(_Choice):
    """Each option is right or wrong by itself; neither all nor none is right."""

    kind: Literal["several choices"]

    @model_validator(mode="after")
    def _some_right(self):
        if not 0 < len(self.key) < len(self.options):
            which = "no option is" if not self.key else "all options are"
            raise ValueError(f"{which} right: mark at least one with `right: true`, and not all")
        return self


class Number(Item):
    """A number within a tolerance, written with or without its unit."""

    kind: Literal["number"]
    answer: float
    tolerance: float = Field(ge=0)
    unit: str = ""
    mistakes: list[WrongNumber] = Field(min_length=1)

    @model_validator(mode="after")
    def _mistakes_are_wrong(self):
        for mistake in self.mistakes:
            if abs(mistake.answer - self.answer) <= self.tolerance + mistake.tolerance:
                raise ValueError(f"the mistake {mistake.answer:g} would count as right: the answer is {self.answer:g}")
        return self


class ShortText(Item):
    """A word or two: any of `accept`, whatever the case, the spaces and the punctuation at the ends."""

    kind: Literal["short text"]
    accept: list[Text] = Field(min_length=1)
    mistakes: list[WrongText] = Field(min_length=1)

    @model_validator(mode="after")
    def _mistakes_are_wrong(self):
        right = {plain(text) for text in self.accept}
        for mistake in self.mistakes:
            if both := right & {plain(text) for text in mistake.answers}:
                raise ValueError(f"{min(both)!r} stands among the accepted answers and among the mistakes")
        return self


class Order(Item):
    """Steps, written in the right order and shown in another."""

    kind: Literal["order"]
    steps: list[Step] = Field(min_length=3, max_length=6)

    @model_validator(mode="after")
    def _differing(self):
        if twice := _said_twice(step.text for step in self.steps):
            raise ValueError(f"two steps say {twice!r}: nobody could tell which comes first")
        return self


class Prediction(Item):
    """A number guessed before a cell is run; `found` in that cell compares it with what came out.

    within: how far from the finding a guess may be to count as near
    factor: instead of `within`, for what may differ by orders of magnitude: by which factor it may be off
    low, high: between which guesses make sense; with a factor, both are above 0
    """

    kind: Literal["prediction"]
    unit: str = ""
    within: float | None = Field(None, gt=0)
    factor: float | None = Field(None, gt=1, le=3)
    low: float
    high: float

    @model_validator(mode="after")
    def _a_range(self):
        if (self.within is None) == (self.factor is None):
            raise ValueError("give either `within`, a distance, or `factor`, a ratio")
        if self.factor and self.low <= 0:
            raise ValueError("a ratio needs numbers above 0: raise `low`, or give `within`")
        if not (self.low * self.factor**2 if self.factor else self.low + 2 * (self.within or 0)) < self.high:
            raise ValueError(
                "between low and high every guess would be near: widen them, or lower `within` or `factor`"
            )
        return self


class _Executed(Item):
    """What the learner's own code is asked for.

    name: what the exercise's cell binds, and what `check` is given
    needs: names of the lesson that the item's own code uses; `check` is given them as keywords
    stand_in: code that defines those names, and whatever a solution uses, where no lesson runs: for tests
    prepare: code that runs before the clock starts, for data, networks and trainings that `expect` looks at: in a fresh
        kernel on a busy machine, loading takes longer than a learner's code may
    expect: assertions with messages about `name`; the first that fails is the feedback. What it binds to `said` is
        told when all hold
    mistakes: typical wrong code, each with the feedback that it must get
    limit: seconds after which the learner's code is interrupted, which is no try
    """

    name: Annotated[str, StringConstraints(pattern=r"^[a-z_]\w*$")]
    needs: list[str] = []
    stand_in: str = ""
    prepare: str = ""
    expect: str | None = None
    mistakes: list[WrongCode] = Field(min_length=3)
    limit: float = Field(10.0, gt=0, le=120)


class Code(_Executed):
    """A function or a value, compared with a reference on generated inputs, or held against assertions, or both.

    inputs: an expression, a list of argument tuples for the function; `rng` is a numpy Generator
    reference: code that binds `name` too; its results are compared within `tolerance`, and each mistake's code is
        called on the same inputs: who gets a mistake's results gets its feedback
    """

    kind: Literal["code"]
    inputs: str | None = None
    reference: str | None = None
    tolerance: float = Field(1e-6, ge=0)

    @model_validator(mode="after")
    def _something_to_check(self):
        if not (self.reference or self.expect):
            raise ValueError("nothing is checked: give `reference` (and `inputs` for a function), or `expect`")
        if self.inputs and not self.reference:
            raise ValueError("`inputs` are there for a `reference` to compare with: give one")
        return self


class Model(_Executed):
    """A trained fastai learner or torch module, judged by its predictions on held-out images.

    held_out: code that binds `inputs` (N, 3, H, W), as the network takes them, and `truth` (N,), class numbers; in
        `expect` they are at hand, and `share`, that of right predictions
    at_least: the share of right predictions that passes
    classes: those that the loaders of a learner should name, in this order; looked at before anything is computed
    """

    kind: Literal["model"]
    held_out: Text
    classes: list[Text] = []
    at_least: float = Field(gt=0, lt=1)
    limit: float = Field(60.0, gt=0, le=120)


AnyItem = Annotated[
    OneChoice | SeveralChoices | Number | ShortText | Order | Prediction | Code | Model,
    Field(discriminator="kind"),
]


class Quiz(Part):
    """A lesson's items."""

    lesson: Annotated[str, StringConstraints(pattern=r"^\d\d_\w+$")]
    items: list[AnyItem] = Field(min_length=1)

    @model_validator(mode="after")
    def _own_and_unique(self):
        ids = [item.id for item in self.items]
        if twice := next((one for one in ids if ids.count(one) > 1), None):
            raise ValueError(f"the id {twice!r} comes twice: an id names one item for good")
        if foreign := next((one for one in ids if one[:2] != self.lesson[:2]), None):
            raise ValueError(f"the id {foreign!r} belongs to another lesson: it should begin with {self.lesson[:2]}")
        return self


def _said_twice(texts: Iterable[str]) -> str | None:
    seen = [" ".join(text.casefold().split()) for text in texts]
    return next((text for text in seen if seen.count(text) > 1), None)


def plain(text: str) -> str:
    """Write a short answer as it is compared: lower case, single spaces, no quote, backtick or full stop around it."""
    return re.sub(r"\s+", " ", text.casefold()).strip(AROUND)
