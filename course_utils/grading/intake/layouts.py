"""Whose a handed-in file is: the names that learning platforms, nbgrader and plain folders give."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from course_utils.errors import CourseError
from course_utils.grading.intake.archives import Entry
from course_utils.grading.names import shown, student_id

FORMS = ("notebooks", "canvas", "moodle", "nbgrader", "blackboard")
ASSIGNMENT = re.compile(r"\d\d_\w")
MOST_OUTER = 4  # folders around a class that are looked through
TOPS = ("submitted", "submissions")
ENDING = re.compile(r"\.ipynb(?:\.txt|\.json)?$", re.I)  # browsers and mail programs add the second
# Canvas leaves no "_" in a name, so that nothing in a file's name can pass for the ids before it.
CANVAS = re.compile(
    r"[^_]+(?:_LATE)?_(?P<student>\d+)_(?P<attempt>\d+)_(?P<file>.+?)(?:-(?P<again>\d+))?(?P<end>\.\w+)?"
)
# Of Moodle's folders the last words count: a student may choose the first. Its old form has no folder.
MOODLE = re.compile(r".*_(?P<student>\d+)_assignsubmission_[a-z]+_?")
MOODLE_FILE = re.compile(r".*?_(?P<student>\d+)_assignsubmission_[a-z]+_(?P<file>.+)")

# "Quiz_ada_attempt_2026-01-31-10-00-00_90_example.ipynb": the first id counts, the last words are the student's.
BLACKBOARD = re.compile(r".*?_(?P<student>[^_]+)_attempt_(?P<when>\d{4}(?:-\d\d){5})_(?P<file>.+)")


@dataclass(frozen=True, slots=True)
class Found:
    """A file and whose it is.

    names: what may name the assignment: the file's name as the student gave it, and nbgrader's folder
    order: the later of two files of a student has the greater one
    trouble: why the student can't be told, or ""
    is_stray: no notebook, and no student's: a list that lies beside the students' folders, say
    """

    entry: Entry
    student: str
    names: tuple[str, ...]
    order: tuple[int, ...]
    trouble: str = ""

    is_stray: bool = False

    @property
    def is_notebook(self) -> bool:
        """By its name."""
        return is_notebook(self.entry)


def is_notebook(entry: Entry) -> bool:
    """By its name."""
    return ENDING.search(entry.name) is not None


def found(entries: Sequence[Entry], form: str | None = None) -> list[Found]:
    """Each file with its student, by the form that most of the notebooks have, or by the one named.

    CourseError when the form is unknown, or there are no files.
    """
    if form not in (None, *FORMS):
        raise CourseError(f"{form!r} is no form of handing in: choose one of {', '.join(FORMS)}.")
    notebooks = [entry for entry in entries if is_notebook(entry)] or entries
    if not notebooks:
        raise CourseError("Nothing was handed in: the folder or zip holds no files.")
    tops = {entry.parts[0] if len(entry.parts) > 1 else "" for entry in notebooks}
    top = tops.pop() if len(tops) == 1 else ""
    inner = max((n for n in range(1, MOST_OUTER) if _all_below(notebooks, n)), default=0)
    below = inner or int(bool(top) and (_is_platform(notebooks, 1) and not _is_platform(notebooks, 0)))
    if top and not below and form is None:
        below = int(_is_around(notebooks, top))
    form = form or _recognised(notebooks, below)
    return [_whose(entry, entry.parts[below:] if len(entry.parts) > below else entry.parts, form) for entry in entries]


def _all_below(notebooks: Sequence[Entry], depth: int) -> bool:
    """Whether all lie in one folder at that depth that is known to hold a class, like nbgrader's `submitted`."""
    tops = {entry.parts[:depth] if len(entry.parts) > depth else () for entry in notebooks}
    return len(tops) == 1 and (top := tops.pop())[-1:] != () and top[-1] in TOPS


def _is_around(notebooks: Sequence[Entry], top: str) -> bool:
    """Whether the one folder that all lie in stands around a class. CourseError when it may be a student's."""
    inside = {entry.parts[1] for entry in notebooks}
    if len(inside) < 2 or any(ASSIGNMENT.match(name) for name in inside):
        return False  # one student's, with a file or folder for each assignment
    if all(len(entry.parts) > 2 for entry in notebooks):
        return True
    raise CourseError(
        f"All notebooks lie in {shown(top)!r}: unpack it and name that folder when it holds a class, or say --form "
        "notebooks when it is one student's.",
        code="grading.layout",
    )


def _is_platform(entries: Sequence[Entry], below: int) -> bool:
    return _recognised(entries, below) in ("canvas", "moodle", "blackboard")


def _recognised(entries: Sequence[Entry], below: int) -> str:
    paths = [entry.parts[below:] for entry in entries if len(entry.parts) > below]
    votes = {
        "canvas": sum(len(path) == 1 and CANVAS.fullmatch(path[0]) is not None for path in paths),
        "blackboard": sum(len(path) == 1 and BLACKBOARD.fullmatch(path[0]) is not None for path in paths),
        "moodle": sum(_moodle(path) is not None for path in paths),
        "nbgrader": sum(len(path) == 3 for path in paths),
    }
    best = max(votes, key=lambda form: votes[form])
    return best if votes[best] * 2 > len(entries) else "notebooks"


def _moodle(path: tuple[str, ...]) -> tuple[str, str] | None:
    """(participant, file), or None where it can't be told."""
    if len(path) > 1:
        folder = MOODLE.fullmatch(path[0])
        return (folder["student"], path[-1]) if folder else None
    single = MOODLE_FILE.fullmatch(path[0]) if path[0].count("_assignsubmission_") == 1 else None
    return (single["student"], single["file"]) if single else None


def _whose(entry: Entry, path: tuple[str, ...], form: str) -> Found:
    file = path[-1]
    order = entry.when
    names: tuple[str, ...] = ()
    student = None
    if form == "canvas":
        if len(path) == 1 and (match := CANVAS.fullmatch(file)):
            student, file = match["student"], match["file"]
            order = (int(match["attempt"][:30]), int((match["again"] or "0")[:30]))
    elif form == "blackboard":
        if len(path) == 1 and (match := BLACKBOARD.fullmatch(file)):
            student, file = match["student"], match["file"]
            order = (int(match["when"].replace("-", "")),)
    elif form == "moodle":
        if told := _moodle(path):
            student, file = told
    elif len(path) > 1:
        student, names = path[0], path[1:-1]
    else:
        student, file = _stem(file), ""  # the file's name is the student's id and tells no assignment
    nobodys = not is_notebook(entry) and entry.plain and (student is None or (len(path) == 1 and not file))
    if student is None:
        student = f"(unusable id) {shown(entry.name)}"
        trouble = f"The file's name doesn't tell whose it is: it should be as {form} writes it."
    else:
        student, trouble = student_id(student)
    return Found(entry, student, (_stem(file), *names), order, trouble, nobodys)


def _stem(file: str) -> str:
    return ENDING.sub("", file)
