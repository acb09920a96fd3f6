"""What grading hands from room to room: a submission as read, and its marks."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

LONGEST_ANSWER = 10_000
FULLER = "An earlier file"  # begins why a person looks at an item that an earlier file of the student's answers


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
class Arrival:
    """When a submission was handed in, as far as anything tells.

    time: ISO 8601, "2026-12-04T23:50:00", with its offset from UTC where that is known; "" where there is a mark alone
    mark: what the platform itself says, "late" or "on time", or ""
    source: what tells it, for people: "Moodle's worksheet"
    sure: a platform tells it; a file's own time is no proof
    """

    time: str = ""
    mark: str = ""
    source: str = ""
    sure: bool = False


@dataclass(frozen=True)
class Timing:
    """A submission held against its student's deadline.

    due: in the deadline's time zone, with the student's extension; arrived: the same, None when nobody knows
    late: by how much it came after `due`, 0 when it is on time, None when that isn't known
    source, sure: as of Arrival
    penalty: the points that it costs; None until a person has said when it came, since what is known is no proof
    extended: whether the student has an extension; over: whether it came after the last date, so that nothing counts
    """

    due: datetime
    arrived: datetime | None
    late: timedelta | None
    source: str
    sure: bool
    penalty: float | None
    extended: bool = False
    over: bool = False


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
    arrival: when it was handed in
    superseded: the student has a newer one, which came after the deadline
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
    arrival: Arrival = Arrival()
    superseded: bool = False


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
    superseded: as of its submission
    timing: how it stands to the deadline, None where there is no deadline
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
    superseded: bool = False
    timing: Timing | None = None

    @property
    def raw(self) -> float | None:
        """The items' sum; None as long as one item has no points, or none was read: an unknown is never a zero."""
        known = [mark.points for mark in self.marks if mark.points is not None]
        return sum(known) if known and len(known) == len(self.marks) else None

    @property
    def penalty(self) -> float | None:
        """The points that being late costs; None when a person has to say first whether it was late."""
        return self.timing.penalty if self.timing else 0.0

    @property
    def points(self) -> float | None:
        """What counts: the items' sum less the penalty; None as long as one of the two isn't known."""
        return None if self.raw is None or self.penalty is None else max(0.0, self.raw - self.penalty)

    @property
    def most(self) -> float:
        """The points to be had."""
        return sum(mark.most for mark in self.marks)
