"""What waits for a person, item by item, and how it is marked: the same for the notebook and for the browser."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.grading.bank.assignments import Assignment, Version
from course_utils.grading.bank.items import GradedItem, GradedQuiz
from course_utils.grading.exports.cells import points_text
from course_utils.grading.gradebook.people import Manual, Seen
from course_utils.grading.gradebook.store import Store
from course_utils.grading.records import Mark, Outcome
from course_utils.grading.returning.feedback import OUTCOMES, clean, in_words, question_html
from course_utils.grading.returning.originals import Originals
from course_utils.quiz import reading
from course_utils.quiz.answers import read_number

PATIENCE = 10  # seconds that a person waits while another process writes
Key = tuple[str, str, str]  # (assignment, student, item)


@dataclass(frozen=True)
class Entry:
    """One answer to mark. number: stands for the student where names are hidden; request: for a regrade.

    remarks: what was odd about the notebook; source: where it lies; by_hand: whether a person had given its points
    """

    version: Version
    number: int
    mark: Mark
    request: str = ""
    remarks: tuple[str, ...] = ()
    source: str = ""
    by_hand: bool = False

    @property
    def quiz(self) -> GradedQuiz:
        """The quiz that the item is of."""
        return self.version.assignment.quiz

    @property
    def student(self) -> str:
        """Whose answer it is."""
        return self.version.student or ""

    @property
    def item(self) -> GradedItem:
        """The item that it answers."""
        return self.quiz.item(self.mark.item)

    @property
    def key(self) -> Key:
        """What the store knows it by."""
        return self.quiz.lesson, self.student, self.mark.item

    @property
    def found(self) -> str:
        """What grading found, in a sentence; "" where only a person can find anything."""
        if self.mark.outcome is Outcome.WAITING:
            return ""
        points = f", {points_text(self.mark.points) or 'no'} of {points_text(self.mark.most)} points"
        told = " ".join(self.mark.feedback)
        return clean(f"{OUTCOMES[self.mark.outcome]}{'' if self.by_hand else points}. {told}".rstrip())


class Queue:
    """All answers that wait for a person or were marked by one, in an order that says nothing of the students.

    by: who marks, for the store's history
    figures: the folder of the items' images, which is the item bank's
    originals: the notebooks as they were handed in
    """

    def __init__(
        self,
        store: Store,
        assignments: Sequence[Assignment],
        by: str = "",
        figures: Path = reading.FOLDER,
        originals: Originals | None = None,
    ):
        self.store, self.assignments, self.by, self.originals = store, list(assignments), by, originals
        self.figures = figures
        self._numbers: dict[str, dict[str, int]] = {assignment.name: {} for assignment in self.assignments}
        self.load()

    def load(self) -> None:
        """Read what waits and what is marked; whoever has a number keeps it."""
        self.version = self.store.version
        self.open: set[Key] = set()
        self.given: dict[Key, Manual] = {}
        self.seen: dict[Key, Seen] = {}
        self.gone: Counter[str] = Counter()  # items that the bank has no more → how many answers to them wait
        self.entries = [entry for assignment in self.assignments for entry in self._entries(assignment)]

    def refresh(self) -> None:
        """Load again where somebody else has written to the store since."""
        if self.store.version != self.version:
            self.load()

    def _entries(self, assignment: Assignment) -> list[Entry]:
        lesson, order = assignment.name, {item.id: n for n, item in enumerate(assignment.quiz.items)}
        given, latest = self.store.manual(lesson), self.store.seen(lesson)
        requests = {(one.student, one.item): one.text for one in self.store.regrade_requests(lesson)}
        entries, numbers = [], self._numbers[lesson]
        standing = sorted(self.store.standing(lesson), key=lambda one: _shuffle(lesson, one[0].student))
        for result, waiting in standing:
            number = numbers.setdefault(result.student, len(numbers) + 1)
            for mark in result.marks:
                about = result.student, mark.item
                waits = mark in waiting
                if not waits and about not in given:
                    continue
                if mark.item not in order:
                    self.gone[mark.item] += waits
                    continue
                key = lesson, *about
                if waits:
                    self.open.add(key)
                if about in given:
                    self.given[key] = given[about]
                self.seen[key] = Seen(result.digest, latest.get(about, 0))
                odd = (requests.get(about, ""), result.remarks, result.source, about in given)
                entries.append(Entry(assignment.for_student(result.student), number, mark, *odd))
        return sorted(entries, key=lambda entry: (order[entry.mark.item], entry.number))

    def mark(self, entries: Iterable[Entry], points: float, comment: str = "") -> None:
        """Give the same points to answers of one assignment, and keep that at once; CourseError when it can't be.

        Among these are answers that somebody else has marked since they were loaded: they are loaded again.
        """
        self._change(list(entries), partial(self.store.mark_many, points=points, comment=comment, by=self.by))

    def undo(self, entries: Iterable[Entry]) -> None:
        """Take back the marks of these answers: what held before them holds again."""
        self._change(list(entries), partial(self.store.undo, by=self.by))

    def _change(self, entries: list[Entry], write: Callable[..., dict[tuple[str, str], Seen]]) -> None:
        lesson = entries[0].quiz.lesson
        pairs = [entry.key[1:] for entry in entries]
        try:
            now = write(lesson, pairs, seen={entry.key[1:]: self.seen[entry.key] for entry in entries})
        except CourseError as error:
            if error.code == "grading.overtaken":
                self.load()
            raise
        self.seen |= {(lesson, *pair): seen for pair, seen in now.items()}
        students = {student for student, _ in pairs}
        given = self.store.manual(lesson, students)
        waiting = {(one.student, mark.item) for one, marks in self.store.standing(lesson, students) for mark in marks}
        for pair in pairs:
            key = lesson, *pair
            self.given.pop(key, None)
            self.open.discard(key)
            if pair in given:
                self.given[key] = given[pair]
            if pair in waiting:
                self.open.add(key)

    def differs(self, entry: Entry) -> bool:
        """Whether each student saw this question otherwise: in another order, or with other numbers."""
        return entry.item.personal and entry.version.assignment.personal

    def own_item(self, entry: Entry) -> GradedItem:
        """The item as the student saw it."""
        return entry.version.item(entry.item)

    def question(self, entry: Entry) -> str:
        """The question as the student saw it, as HTML."""
        return question_html(self.own_item(entry), entry.version, self.figures)

    def words(self, entry: Entry) -> str:
        """The answer as text, letters with what they stand for."""
        return clean(in_words(entry.item, entry.mark.answer, entry.version))


def read_points(typed: str, most: float) -> tuple[float, str]:
    """(the points that a person wrote, what is wrong with them or "")."""
    if not typed.strip():
        return 0.0, "tick what the answer meets, or write its points; 0 when it meets nothing."
    points, trouble = read_number(typed, "")
    if not trouble and not 0 <= points <= most:
        trouble = f"Points lie between 0 and {points_text(most)}."
    return points, trouble


def open_queue(
    store: str | Path,
    bank: str | Path,
    released: str | Path = "released",
    key: str | Path | None = None,
    course_key: str | Path | None = None,
    by: str = "",
    submissions: str | Path | None = None,
) -> Queue:
    """All that waits in a store, from the paths of its parts."""
    from course_utils.grading.bank.reading import open_bank
    from course_utils.grading.bank.variants import read_course_key
    from course_utils.grading.release.manifest import as_released

    if not Path(store).is_file():
        raise CourseError(
            f"{store} isn't there: grade first, or name the file of the marks with --store.", code="grading.no-store"
        )
    kept = Store(Path(store), PATIENCE)
    seen = kept.assignments()
    quizzes = [quiz for quiz in open_bank(Path(bank), key=Path(key) if key else None) if quiz.lesson in seen]
    if not quizzes:
        raise CourseError(
            f"{store} holds no submission of the assignments in {bank}: grade first.", code="grading.no-results"
        )
    secret = Path(course_key) if course_key else None
    assignments = [as_released(quiz, Path(released), read_course_key(secret, quiz)) for quiz in quizzes]
    originals = Originals(Path(submissions)) if submissions else None
    return Queue(kept, assignments, by, Path(bank), originals)


def _shuffle(lesson: str, student: str) -> str:
    return hashlib.sha256(f"{lesson} {student}".encode("utf-8", "replace")).hexdigest()
