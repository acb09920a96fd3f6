"""Which cell of a notebook answers which item: by nbgrader's id, by the cell's own, by its place under the question.

Of several cells with an item's id the last one counts that stands under the item's own heading and was changed; the id
wins over the heading. Locked cells are left out, edited or not: the grader runs its own version of them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from course_utils.grading.bank.items import GradedItem, GradedQuiz, answer_name, grade_id
from course_utils.grading.intake.notebooks import Block, Notebook
from course_utils.grading.names import shown
from course_utils.grading.records import LONGEST_ANSWER, Cell
from course_utils.grading.release.wording import AROUND

HEADING = re.compile(r"^#{1,6} +\w+ (\d\d\.(?:\d+|[A-Z]))\b", re.M)
COMMENT = re.compile(r"(?<!\s)\s++#")  # where one may begin; each sign is looked at once, however many blanks there are
MERGED = (re.compile(r"^<<<<<<< ", re.M), re.compile(r"^>>>>>>> ", re.M))
FLAGS = ("locked", "solution", "grade", "grade_id")
MOST_REMARKS = 30
MOST_ADDED = 20_000  # characters of comments and blank lines in a cell that still counts as blank


class Plan:
    """What of a quiz is looked up for each notebook."""

    def __init__(self, quiz: GradedQuiz):
        self.quiz = quiz
        self.items: dict[str, GradedItem] = {item.id: item for item in quiz.items}
        self.answers = {grade_id(item, "answer"): item.id for item in quiz.items}
        self.questions = {grade_id(item, "question"): item.id for item in quiz.items}
        self.examples = {grade_id(item, "examples"): item.id for item in quiz.items}
        figures = {one.replace("question", "figure") for one in self.questions}
        self.locked = {"setup", *AROUND, *self.questions, *self.examples, *figures}
        self.points = self.examples | {
            answer: item for answer, item in self.answers.items() if self.items[item].in_words
        }
        self.ids = self.locked | self.answers.keys()
        self.flags = {  # of nbgrader's metadata, as FLAGS names them
            one: (one not in self.answers, one in self.answers, one in self.points, one) for one in self.ids
        }
        self.names = {item.id: answer_name(item) for item in quiz.items}
        self.binds = {item: _binding(name) for item, name in self.names.items()}

    def known(self, block: Block) -> str:
        """The id by which a cell is ours: nbgrader's, or else its own; "" when it is the student's."""
        return block.grade_id if block.grade_id in self.ids else block.id if block.id in self.ids else ""

    def headings(self, notebook: Notebook) -> set[str]:
        """The items whose questions a notebook has, by their headings."""
        found = (HEADING.search(block.source) for block in notebook.blocks if not block.code)
        return {named[1] for named in found if named and named[1] in self.items}

    def bound_in(self, source: str) -> set[str]:
        """The items whose names a cell's code binds, as far as its lines tell."""
        return {item for item, name in self.names.items() if name in source and self.binds[item].search(source)}

    def there(self, notebook: Notebook) -> set[str]:
        """The ids of the quiz's answer cells that a notebook has."""
        return {known for block in notebook.blocks if (known := self.known(block)) in self.answers}


@dataclass
class Matched:
    """What `match` found; the names are those of Submission."""

    cells: list[Cell] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    looks: dict[str, str] = field(default_factory=dict)


def match(notebook: Notebook, plan: Plan, handed: Mapping[str, str] | None = None) -> Matched:
    """Find the answers. handed: grade id → source of the cells as handed out; without it, less can be told."""
    return _Matching(notebook.blocks, plan, handed or {}).matched()


class _Matching:
    def __init__(self, blocks: tuple[Block, ...], plan: Plan, handed: Mapping[str, str]):
        self.blocks = blocks
        self.plan = plan
        self.handed = handed
        self.locked_sources = {_plain_handed(source) for one, source in self.handed.items() if one not in plan.answers}
        self.known = [plan.known(block) for block in blocks]
        self.under = list(self._headings())
        self.bound = [plan.bound_in(block.source) if block.code else set() for block in blocks]
        self.chosen: dict[int, str] = {}  # the block's number → the item that it answers
        self.found = Matched()

    def _headings(self) -> Iterator[str]:
        """For each block the item whose question stands above it; "" before the first."""
        here = ""
        for block, known in zip(self.blocks, self.known, strict=True):
            if known in self.plan.questions:
                here = self.plan.questions[known]
            elif not block.code and known not in self.plan.answers:  # a text of the student's moves nothing
                named = HEADING.search(block.source)
                here = named[1] if named and named[1] in self.plan.items else here
            yield here

    def matched(self) -> Matched:
        by_grade_id = {number: block.grade_id for number, block in enumerate(self.blocks)}
        by_own_id = {number: block.id for number, block in enumerate(self.blocks)}
        for named in (by_grade_id, by_own_id):
            candidates: dict[str, list[int]] = {}
            for number, one in named.items():
                if one in self.plan.answers and number not in self.chosen:
                    candidates.setdefault(self.plan.answers[one], []).append(number)
            for item, numbers in candidates.items():
                if item not in self.chosen.values():
                    self._choose(item, numbers)
        for item in self.plan.items:
            found = None if item in self.chosen.values() else self._by_place(item)
            if found is not None:
                self.chosen[found] = item
                self._remark(f"{item}: the answer was found by its place, its cell has lost its id.")
                self.found.looks[item] = "Its cell has lost its id and was found by its place."
        self._compare()
        self._collect()
        if (more := len(self.found.remarks) - MOST_REMARKS) > 0:
            self.found.remarks[MOST_REMARKS:] = [f"{more} more things were odd."]
        return self.found

    def _remark(self, sentence: str) -> None:
        if sentence not in self.found.remarks:
            self.found.remarks.append(sentence)

    def _choose(self, item: str, candidates: list[int]) -> None:
        fitting = [n for n in candidates if self.blocks[n].code or self.plan.items[item].in_words]
        if not fitting:
            self._remark(f"{item}: its answer stands in a text cell, which isn't run.")
            return
        own = [n for n in fitting if self.under[n] == item] or fitting
        number = ([n for n in own if not self._is_blank(n, item)] or own)[-1]
        self.chosen[number] = item
        if len(candidates) > 1:
            self._remark(f"{item}: {len(candidates)} cells carry its id, and cell {number + 1} counts.")
            if sum(not self._is_blank(n, item) for n in candidates) > 1:
                self.found.looks[item] = f"{len(candidates)} cells carry its id."
        if self.under[number] not in ("", item):
            self._remark(f"{item}: its answer stands under the heading of {self.under[number]}; the cell's id counts.")

    def _is_blank(self, number: int, item: str) -> bool:
        """Whether an answer cell is as it was handed out, as far as that is known."""
        blank = self.handed.get(grade_id(self.plan.items[item], "answer"))
        source = self.blocks[number].source
        if blank is None or len(source) > len(blank) + MOST_ADDED:
            return False
        return not (code := _code_of(source)) or code == _code_of(blank)

    def _by_place(self, item: str) -> int | None:
        """The first cell of the student's under the question that binds the answer's name, or else the first."""
        text = self.plan.items[item].in_words
        free = [
            number
            for number, block in enumerate(self.blocks)
            if self.under[number] == item and not self.known[number] and number not in self.chosen
            if block.code != text and not self._is_handed_out(block)
        ]
        if text:
            return next((number for number in free if not HEADING.search(self.blocks[number].source)), None)
        binding = [number for number in free if item in self.bound[number]]
        return next(iter(binding or [n for n in free if not self._is_check(self.blocks[n].source, item)]), None)

    def _is_handed_out(self, block: Block) -> bool:
        """Whether the cell is one of the locked ones, which has lost its ids."""
        return _plain(block.source) in self.locked_sources

    def _is_check(self, source: str, item: str) -> bool:
        """Whether the code is that of the cell with the examples, or no code at all."""
        lines = [line for line in source.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        examples = getattr(self.plan.items[item], "examples", [])
        return not lines or (bool(examples) and all(example.split("\n")[0] in source for example in examples))

    def _compare(self) -> None:
        """Remark on what differs from what was handed out."""
        edited, changed = [], []
        for block, known in zip(self.blocks, self.known, strict=True):
            if known in self.plan.locked:
                if known in self.handed and known not in AROUND and not _same(block.source, self.handed[known]):
                    edited.append(known)
            elif block.grading.get("locked") is True and not known:
                self._remark(
                    f"A cell of the student's says that it is locked ({shown(block.grade_id, 40)!r}): it is run."
                )
            if known and block.grading and self._is_changed(block, known):
                changed.append(known)
            if known in self.plan.points and "points" in block.grading:
                points, item = block.grading["points"], self.plan.points[known]
                if type(points) not in (int, float) or points != self.plan.items[item].points:
                    self._remark(
                        f"{item}: the points in the notebook were changed to {_said(points)}, which has no effect."
                    )
        questions = [one for one in _distinct(edited) if one in self.plan.questions]
        others = [one for one in _distinct(edited) if one not in self.plan.questions]
        if questions:
            for one in questions:
                self.found.looks[self.plan.questions[one]] = "Its question differs from the one that was handed out."
            self._remark(
                f"Questions differ from this student's: {', '.join(questions)}. Were they edited, or is it another "
                "student's notebook? Then its letters are others."
            )
        if others:
            self._remark(f"Locked cells were edited: {', '.join(others)}; the grader runs its own.")
        if changed:
            self._remark(f"Grading metadata were changed in {', '.join(_distinct(changed))}, which has no effect.")
        there = set(self.known)
        kept = {*there, *self.plan.answers, *AROUND}  # the words around the questions may be an earlier version's
        if gone := [one for one in self.handed if one not in kept]:
            self._remark(f"Cells that were handed out are gone: {', '.join(gone)}.")

    def _is_changed(self, block: Block, known: str) -> bool:
        right = self.plan.flags[known]
        return tuple(map(block.grading.get, FLAGS, right)) != right

    def _collect(self) -> None:
        for number, block in enumerate(self.blocks):
            item = self.chosen.get(number)
            if item and self.plan.items[item].in_words:
                self.found.texts[item] = self._text(number, item)
                if not self.found.texts[item] and self._beside(number, item):
                    self.found.looks[item] = "Its own cell is blank, and another cell of the question isn't."
            elif item:
                self._collect_answer(number, item)
            elif block.code and block.source.strip() and self._is_students(number):
                self.found.cells.append(Cell(block.source))
        self.found.missing = [item for item in self.plan.items if item not in self.chosen.values()]

    def _collect_answer(self, number: int, item: str) -> None:
        """Take an item's answer cell; a blank one isn't run where another cell answers, since it would undo that."""
        others = [n for n in range(len(self.blocks)) if n != number and self._answers_too(n, item)]
        if others:
            self.found.elsewhere.append(item)
        if not self._is_blank(number, item):
            self.found.cells.append(Cell(self.blocks[number].source, item))
            if all(mark.search(self.blocks[number].source) for mark in MERGED):
                self.found.looks[item] = (
                    "Two versions were merged in its cell, and the marks of that are left (<<<<<<<)."
                )
            if self.handed:
                self.found.changed.append(item)
            return
        self.found.cells.append(Cell("" if others else self.blocks[number].source, item))
        if others:
            self._remark(f"{item}: its own cell is blank; the answer stands in cell {others[-1] + 1}.")
        elif beside := self._beside(number, item):
            self._remark(f"{item}: its own cell is blank, and something stands in cell {beside[0] + 1}.")
            self.found.looks[item] = "Its own cell is blank, and another cell of the question isn't."
        elif not _comments(self.blocks[number].source) <= _comments(
            self.handed[grade_id(self.plan.items[item], "answer")]
        ):
            self.found.looks[item] = "Its own cell holds a comment and no answer."

    def _answers_too(self, number: int, item: str) -> bool:
        """Whether a cell of the student's, or one that the student wrote into, binds the item's name as well."""
        return item in self.bound[number] and self._is_students(number)

    def _is_students(self, number: int) -> bool:
        """Whether the code is the student's: also in a locked cell, when answers were written into it."""
        block, known = self.blocks[number], self.known[number]
        if known in self.plan.locked and known in self.handed and not _same(block.source, self.handed[known]):
            return bool(self.bound[number])
        return not self._is_ours(number, block)

    def _beside(self, number: int, item: str) -> list[int]:
        """The cells under an item's heading that the student added and wrote into."""
        return [
            place
            for place, block in enumerate(self.blocks)
            if self.under[place] == item and not self.known[place] and place not in self.chosen
            if block.source.strip() and not HEADING.search(block.source) and not self._is_handed_out(block)
        ]

    def _is_ours(self, number: int, block: Block) -> bool:
        known = self.known[number]
        if known in self.plan.answers:  # a copy that doesn't count: a blank one would undo the answer before it
            return self._is_blank(number, self.plan.answers[known])
        return known in self.plan.locked or self._is_handed_out(block)

    def _text(self, number: int, item: str) -> str:
        """The answer in words, and what the student wrote into cells of their own below it; "" when left blank."""
        parts = [] if self._is_blank(number, item) else [self.blocks[number].source]
        below = [
            block.source
            for place, block in enumerate(self.blocks)
            if self.under[place] == item and not self.known[place] and place != number and not block.code
            if block.source.strip() and not HEADING.search(block.source) and not self._is_handed_out(block)
        ]
        if below:
            self._remark(
                f"{item}: the answer goes on in {len(below)} cell{'s' * (len(below) > 1)} of the student's own."
            )
        text = "\n\n".join(parts + below)
        if len(text) > LONGEST_ANSWER:
            self._remark(f"{item}: the answer has {len(text)} characters, and {LONGEST_ANSWER} are kept.")
        return text[:LONGEST_ANSWER]


def _same(source: str, other: str) -> bool:
    """Whether two cells say the same, apart from spaces at the ends of lines."""
    return source == other or _plain(source) == _plain(other)


def _plain(source: str) -> str:
    return "\n".join(line.rstrip() for line in source.rstrip().split("\n"))


def _code_of(source: str) -> str:
    """A cell without its comments and empty lines."""
    lines = (line.rstrip() for line in source.split("\n"))
    return "\n".join(_without_comment(line) for line in lines if line and not line.lstrip().startswith("#"))


def _without_comment(line: str) -> str:
    """A line without the comment at its end, which holds no quote: a `#` before one may stand in a text."""
    quoted = max(line.rfind("'"), line.rfind('"')) + 1
    found = COMMENT.search(line, quoted)
    return line[: found.start()] if found else line


def _comments(source: str) -> set[str]:
    return {line.strip() for line in source.split("\n") if "#" in line}


def _binding(name: str) -> re.Pattern[str]:
    """What a line looks like that binds a name: an assignment, also to several names or timed, or a definition."""
    assigned = rf"(?:%\w+[ \t]+)?(?:[\w.,* \t]{{1,60}}[,=][ \t]*+)?{name}[ \t]*+(?:[,:][^=\n]{{0,60}})?=(?!=)"
    return re.compile(rf"^[ \t]*+(?:{assigned}|(?:async[ \t]+)?(?:def|class)[ \t]+{name}\b)", re.M)


_plain_handed = lru_cache(4096)(_plain)  # the same for every student


def _distinct(names: list[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _said(points: object) -> str:
    return shown(str(points), 20) if isinstance(points, (int, float, str)) else "no number"
