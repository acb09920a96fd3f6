"""What grading hands from room to room: a submission as read, and its marks."""

from dataclasses import dataclass, field
from enum import StrEnum

LONGEST_ANSWER = 10_000


class State(StrEnum):
    """How a submission ended; each ends in exactly one."""

    GRADED = "graded"  # every item has its mark
    PARTIAL = "partial"  # some items have none yet (they wait for a person), or ended in time-out or crash
    MISSING_CELL = "missing cell"  # an answer cell could not be found
    LOOK = "look at this"  # something is odd about an item that would have no points: a person looks
    UNREADABLE = "unreadable"
    TIMEOUT = "timeout"  # time was up before any item could be judged
    CRASHED = "crashed"  # the process died before any item could be judged
    INFRASTRUCTURE = "infrastructure error"  # our fault: retried, then listed, never a zero


class Outcome(StrEnum):
    """How one item ended."""

    RIGHT = "right"
    WRONG = "wrong"
    BLANK = "blank"  # left as it was handed out: no points
    RAISED = "raised"  # the student's code stopped with an error: no points
    TIMEOUT = "timeout"  # no points
    CRASHED = "crashed"  # the process died in it: no points
    WAITING = "waiting"  # a person marks it: points are None until then
    LOOK = "look"  # it would have no points, and something about it is odd: points are None until a person looks
    MISSING = "missing"  # its cell could not be found: points are None until a person decides
    UNKNOWN = "unknown"  # unreadable, or our fault: points are None


@dataclass(frozen=True)
class Cell:
    """A code cell of a student; `item` is the id of the item that it answers, "04.2", or None for one of their own."""

    source: str
    item: str | None = None


@dataclass(frozen=True)
class Submission:
    """What was read of one student's notebook; nothing in it was run, and nothing in it is trusted.

    student: the roster's id, as the file's name or the folder gives it
    assignment: the quiz's name, "04_frozen"
    source: where it was found, for people: "moodle.zip/Ada Lovelace_123_assignsubmission_file_/04_frozen.ipynb"
    digest: sha256 of the file's bytes
    cells: the student's own code cells in their order; the cells that were handed out locked are left out
    texts: item id → text, of the items that are answered in words
    missing: ids of the items whose answer cell could not be found
    changed: ids of the items whose answer cell is known to differ from the blank one
    elsewhere: ids of the items whose name another cell of the student's binds as well
    looks: item id → why a person should look at it unless it is right
    remarks: what was odd, in sentences: copied, edited, swapped cells, points changed, names that differ
    trouble: why it could not be read, or ""
    """

    student: str
    assignment: str
    source: str
    digest: str
    cells: tuple[Cell, ...] = ()
    texts: dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    changed: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()
    looks: dict[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    trouble: str = ""


@dataclass(frozen=True)
class Mark:
    """The mark of one item.

    points: None when nothing can be said yet; `most` are to be had
    feedback: the author's own sentences for the student; never a hidden input, a key or a traceback
    answer: what was answered, as plain text of at most LONGEST_ANSWER characters: a value, a cell's source, sentences
    digest: of the item that it was judged by
    """

    item: str
    outcome: Outcome
    points: float | None
    most: float
    feedback: tuple[str, ...] = ()
    answer: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Result:
    """All of one submission: its state, its marks in the quiz's order, and how it was run.

    tier: the isolation that it ran in, "sandbox", "container", ...; environment: digest of what it ran with
    """

    student: str
    assignment: str
    digest: str
    source: str
    state: State
    marks: tuple[Mark, ...]
    remarks: tuple[str, ...] = ()
    seconds: float = 0.0
    tier: str = ""
    environment: str = ""

    @property
    def points(self) -> float | None:
        """The sum; None as long as one item has no points, or none was read: an unknown is never a zero."""
        known = [mark.points for mark in self.marks if mark.points is not None]
        return sum(known) if known and len(known) == len(self.marks) else None

    @property
    def most(self) -> float:
        """The points to be had."""
        return sum(mark.most for mark in self.marks)
