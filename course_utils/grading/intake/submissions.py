"""Takes in what students handed in, from a folder or a zip: one submission of each student for each assignment."""

import hashlib
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.grading.bank.items import GradedQuiz
from course_utils.grading.intake import archives, layouts
from course_utils.grading.intake.archives import Unreadable
from course_utils.grading.intake.arrivals import GRADESCOPE, Arrivals
from course_utils.grading.intake.layouts import Found
from course_utils.grading.intake.matching import Plan, match
from course_utils.grading.intake.nested import Nested
from course_utils.grading.intake.notebooks import Notebook, read_notebook
from course_utils.grading.names import shown
from course_utils.grading.records import FULLER, Arrival, Submission

LARGEST = 10 * 2**20  # bytes of a notebook
MOST_OF_ONE = 50  # files of one student that are looked at, the latest
ASSIGNMENT = re.compile(r"\d\d_\w{1,60}")

HandedOut = Callable[[GradedQuiz, str], Mapping[str, str]]
OnTime = Callable[[str, str, Arrival], bool]


def submissions(
    archive: Path,
    quizzes: Sequence[GradedQuiz],
    handed_out: HandedOut | None = None,
    form: str | None = None,
    largest: int = LARGEST,
    times: Mapping[str, Arrival] | None = None,
    on_time: OnTime | None = None,
) -> "Submissions":
    """Each student's latest notebook for each quiz, by student; read one after another, as they are asked for.

    archive: a folder or zip of one of layouts.FORMS, which is recognised when `form` doesn't name it; or one notebook
    handed_out: the cells as a student got them, grade id → source; edited and blank cells are told by them
    largest: bytes of a notebook
    times: student → when they handed in, as a list says that goes before all that lies in the place
    on_time: whether (assignment, student, arrival) is; of a student whose latest notebook isn't, the latest one that
        is comes too, before it, as superseded
    What can't be read comes with its trouble; where the assignment isn't known either and there are several quizzes,
    its `assignment` is "". CourseError when the archive itself can't be read.
    """
    if not quizzes:
        raise CourseError("There is no assignment to match the notebooks with: name one.", code="grading.no-assignment")
    if (path := Path(archive) / "submitted").is_dir():  # nbgrader's course folder
        archive = path
    opened = Nested(archives.opened(Path(archive)))
    try:
        found = layouts.found(archives.listed(opened), form)
    except BaseException:
        opened.close()
        raise
    arrivals = Arrivals(opened, found, times)
    if strays := [one.entry.name for one in found if one.is_stray and one.entry.parts[-1] != GRADESCOPE]:
        named = ", ".join(shown(name) for name in strays[:5])
        warnings.warn(f"{len(strays)} files are nobody's notebook and were left out: {named}", stacklevel=2)
    of_student: dict[str, list[Found]] = {}
    for one in found:
        if not one.is_stray:
            of_student.setdefault(one.student, []).append(one)
    return Submissions(_Intake(opened, quizzes, handed_out, largest, arrivals, on_time), of_student)


class Submissions(Iterator[Submission]):
    """What `submissions` gives. total: how many there will be, as far as the files' names tell."""

    def __init__(self, intake: "_Intake", of_student: dict[str, list[Found]]) -> None:
        self._expected = {
            student: max(1, min(len(intake.plans), sum(one.is_notebook for one in found)))
            for student, found in of_student.items()
        }
        self.total = sum(self._expected.values())
        self._all = self._read(intake, of_student)

    def __next__(self) -> Submission:
        return next(self._all)

    def _read(self, intake: "_Intake", of_student: dict[str, list[Found]]) -> Iterator[Submission]:
        with closing(intake.archive):
            for student, found in sorted(of_student.items()):
                there = list(intake.of_student(student, found))
                self.total += len(there) - self._expected[student]
                yield from there


class _Intake:
    def __init__(
        self,
        archive: Nested,
        quizzes: Sequence[GradedQuiz],
        handed_out: HandedOut | None,
        largest: int,
        arrivals: Arrivals,
        on_time: OnTime | None,
    ) -> None:
        self.archive = archive
        self.arrivals = arrivals
        self.on_time = on_time
        self.plans = {quiz.lesson: Plan(quiz) for quiz in quizzes}
        self.handed_out = handed_out
        self.largest = largest

    def of_student(self, student: str, found: list[Found]) -> Iterator[Submission]:
        """The latest notebook for each assignment; the others are told in remarks."""
        latest: dict[str, Submission] = {}
        earlier: dict[str, list[str]] = {}
        in_time: dict[str, Submission] = {}
        lost: list[Submission] = []
        notebooks = sorted((one for one in found if one.is_notebook or not one.entry.plain), key=self._order)
        for one in notebooks[-MOST_OF_ONE:]:
            submission = self._read(one, newest=one is notebooks[-1])
            name = submission.assignment
            if name not in self.plans:
                lost.append(submission)
                continue
            if name in latest:
                earlier.setdefault(name, []).append(_told(latest[name]))
                submission = _beside_fuller(submission, latest[name])
            latest[name] = submission
            if self.on_time and not submission.trouble and self.on_time(name, student, submission.arrival):
                in_time[name] = submission
        remarks = [f"{len(notebooks)} files were handed in; the latest {MOST_OF_ONE} were read."]
        remarks = remarks if len(notebooks) > MOST_OF_ONE else []
        if not latest:
            (name,) = self.plans if len(self.plans) == 1 else ("",)
            latest[name] = replace(lost.pop() if lost else self._without_notebook(found), assignment=name)
        # a file for another assignment, which isn't asked for now, is no reason to look twice
        remarks += [f"Left out: {_told(one)}" for one in lost if not one.assignment]
        for name, submission in latest.items():
            before = in_time.get(name)
            if before and self.on_time and not self.on_time(name, student, submission.arrival):
                yield replace(before, superseded=True)
            others = earlier.get(name, [])
            said = [f"Handed in earlier, and not counted: {', '.join(others[-5:])}."] if others else []
            yield replace(submission, remarks=(*submission.remarks, *said, *remarks[:5]))

    def _order(self, one: Found) -> tuple:
        """The latest comes last; of two of the same time, the one with the assignment's own name."""
        return one.order, any(name in self.plans for name in one.names), one.entry.parts, one.entry.number

    def _read(self, one: Found, newest: bool) -> Submission:
        named = next((lesson for lesson in (self._named(name) for name in one.names) if lesson), "")
        arrival = self.arrivals.of(one, newest)
        empty = Submission(one.student, named, self._source(one), "", trouble=one.trouble, arrival=arrival)
        try:
            data = self.archive.read(one.entry, self.largest)
        except Unreadable as error:
            digest = _digest(f"{one.entry.name} {error}".encode("utf-8", "replace"))
            return replace(empty, digest=digest, trouble=one.trouble or f"The file can't be read: {error}.")
        empty = replace(empty, digest=_digest(data))
        if one.trouble:
            return empty
        if len(data) > self.largest:
            size = f"{self.largest / 2**20:.3g} MB"
            return replace(
                empty, trouble=f"The notebook is larger than {size}: clear its outputs, and hand it in again."
            )
        try:
            notebook = read_notebook(data)
        except Unreadable as error:
            return replace(empty, trouble=f"The notebook can't be read: {error}.")
        return self._matched(notebook, empty)

    def _matched(self, notebook: Notebook, empty: Submission) -> Submission:
        scores = {
            lesson: (
                len(plan.there(notebook)),
                notebook.assignment == lesson,
                empty.assignment == lesson,
                len(plan.headings(notebook)),
            )
            for lesson, plan in self.plans.items()
        }
        lesson = max(scores, key=lambda name: scores[name])
        plan = self.plans[lesson]
        named = notebook.assignment if ASSIGNMENT.fullmatch(notebook.assignment) else ""
        foreign = named not in ("", *self.plans) and scores[lesson][0] * 2 < len(plan.items)
        told = any(scores[lesson][:3]) or scores[lesson][3] * 2 >= len(plan.items)
        if foreign or not told:
            other = named or empty.assignment
            which = f"It answers {other}" if other else "Nothing in it tells which assignment it answers"
            return replace(empty, assignment=other, trouble=f"{which}, and {', '.join(self.plans)} is asked for.")
        remarks = []
        if named not in ("", lesson):
            remarks.append(f"The notebook's metadata name {named}; its cells are those of {lesson}.")
        if empty.assignment != lesson and empty.assignment in self.plans:
            remarks.append(f"The file's name is that of {empty.assignment}; its cells are those of {lesson}.")
        handed = self.handed_out(plan.quiz, empty.student) if self.handed_out else None
        found = match(notebook, plan, handed)
        return replace(
            empty,
            assignment=lesson,
            cells=tuple(found.cells),
            texts=found.texts,
            missing=tuple(found.missing),
            changed=frozenset(found.changed),
            elsewhere=frozenset(found.elsewhere),
            looks=found.looks,
            remarks=(*remarks, *found.remarks),
        )

    def _named(self, name: str) -> str:
        """The assignment that a file's name begins with; "04_frozen-2" and "04_frozen (1)" name "04_frozen"."""
        if match := ASSIGNMENT.match(name):
            rest = name[match.end() :]
            return match[0] if not rest or rest[0] in " -(." else ""
        return ""

    def _without_notebook(self, found: list[Found]) -> Submission:
        names = ", ".join(_named_closed(one) for one in found[:5])
        one = found[-1]
        trouble = one.trouble or f"No notebook (.ipynb) was handed in, but {names}."
        return Submission(one.student, "", self._source(one), _digest(trouble.encode()), trouble=trouble)

    def _source(self, one: Found) -> str:
        return shown(f"{self.archive.path.name}/{one.entry.name}", 300)


def _beside_fuller(later: Submission, earlier: Submission) -> Submission:
    """The later notebook, with a look at each item that it leaves blank and the earlier one answers."""
    if later.trouble or earlier.trouble:
        return later
    now, before = _answered(later), _answered(earlier)
    why = f"{FULLER} answers it: {_told(earlier)}."
    looks = dict.fromkeys(before - now, why) | {
        item: said for item, said in earlier.looks.items() if said.startswith(FULLER) and item not in now
    }
    return replace(later, looks=looks | later.looks) if looks else later


def _answered(one: Submission) -> frozenset[str]:
    return one.changed | one.elsewhere | {item for item, text in one.texts.items() if text.strip()}


def _told(submission: Submission) -> str:
    """A file in a remark."""
    name = submission.source.rpartition("/")[2]
    return f"{name} ({submission.trouble.rstrip('.')})" if submission.trouble else name


def _named_closed(one: Found) -> str:
    """A file that is no notebook, with the reason why it stays closed when it is an archive."""
    name = shown(one.entry.parts[-1], 60)
    return f"{name} ({one.entry.why})" if one.entry.why else name


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
