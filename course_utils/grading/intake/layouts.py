"""Whose a handed-in file is: the names that learning platforms, nbgrader and plain folders give."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from course_utils.errors import CourseError
from course_utils.grading.intake.archives import Entry
from course_utils.grading.names import shown, student_id

FORMS = ("notebooks", "canvas", "moodle", "nbgrader", "blackboard", "ilias")
PLATFORMS = ("canvas", "moodle", "blackboard", "ilias")
ASSIGNMENT = re.compile(r"\d\d_\w")
TOPS = ("submitted", "submissions", "abgaben")  # folders that hold a class: nbgrader's, Gradescope's, ILIAS's
CHECKPOINTS = ".ipynb_checkpoints"  # Jupyter's own copies
ENDING = re.compile(r"\.ipynb(?:\.txt|\.json)?$", re.I)  # browsers and mail programs add the second
PACKED = re.compile(r"\.(?:zip|7z|rar|tar|tgz|tar\.\w+)$", re.I)
COPY = re.compile(r"(?:-Copy\d+| ?\((?P<number>\d{1,2})\))+$", re.I)  # "90_example-Copy1", "90_example (1)"
# Canvas leaves no "_" in a name, so that nothing in a file's name can pass for the ids before it.
CANVAS = re.compile(
    r"(?P<name>[^_]+)(?P<late>_LATE)?_(?P<student>\d+)_(?P<attempt>\d+)_(?P<file>.+?)(?:-(?P<again>\d+))?(?P<end>\.\w+)?"
)
# Of Moodle's folders the last words count: a student may choose the first. Its old form has no folder.
MOODLE = re.compile(r".*_(?P<student>\d+)_assignsubmission_[a-z]+_?")
MOODLE_FILE = re.compile(r".*?_(?P<student>\d+)_assignsubmission_[a-z]+_(?P<file>.+)")

# "Quiz_ada_attempt_2026-01-31-10-00-00_90_example.ipynb": the first id counts, the last words are the student's.
# The same without them, and with .txt, is Blackboard's own note on the attempt.
BLACKBOARD = re.compile(r".*?_(?P<student>[^_]+)_attempt_(?P<when>\d{4}(?:-\d\d){5})(?:_(?P<file>.+)|\.txt)")
# "Lovelace_Ada_alovelace_345", the number being the user's, in a team's folder or none.
ILIAS = re.compile(r"[^_]+_[^_]+_.+_(?P<student>\d+)")


@dataclass(frozen=True, slots=True)
class Found:
    """A file and whose it is.

    names: what may name the assignment: the file's name as the student gave it, and nbgrader's folder
    order: the later of two files of a student has the greater one
    trouble: why the student can't be told, or ""
    is_stray: no notebook, and no student's: a list that lies beside the students' folders, say
    mark, stamp: what the platform's name says of when it came: Canvas's "late" or "on time", Blackboard's time
    form: of FORMS, how it lies there
    """

    entry: Entry
    student: str
    names: tuple[str, ...]
    order: tuple[int, ...]
    trouble: str = ""
    is_stray: bool = False
    mark: str = ""
    stamp: str = ""
    form: str = ""

    @property
    def is_notebook(self) -> bool:
        """By its name."""
        return is_notebook(self.entry)


def is_notebook(entry: Entry) -> bool:
    """By its name."""
    return ENDING.search(entry.name) is not None


def found(entries: Sequence[Entry], form: str | None = None) -> list[Found]:
    """Each file with its student, by the form that most of the notebooks have, or by the one named.

    Of Jupyter's own copies those are left out beside which the student has another notebook.
    CourseError when the form is unknown, when it can't be told whose the files are, or when there are none.
    """
    if form not in (None, *FORMS):
        raise CourseError(
            f"{form!r} isn't a known layout: choose one of {', '.join(FORMS)}.", code="grading.unknown-form"
        )
    if not entries:
        raise CourseError(
            "Nothing was handed in: the folder or zip contains no files.", code="grading.nothing-handed-in"
        )
    notebooks = [entry for entry in entries if is_notebook(entry)] or list(entries)
    notebooks = [entry for entry in notebooks if CHECKPOINTS not in entry.parts] or notebooks
    below = _around(notebooks, entries, form)
    outside = notebooks[0].parts[:below]
    told = form or recognised([_outer(entry, below) for entry in notebooks])
    if form is None and told not in PLATFORMS:
        _refuse_doubt(notebooks, below)
    all_found = [
        _whose(entry, below if entry.parts[:below] == outside else -1, told, form is not None) for entry in entries
    ]
    busy = {CHECKPOINTS} | {one.student for one in all_found if one.is_notebook and CHECKPOINTS not in one.entry.parts}
    return [one for one in all_found if CHECKPOINTS not in one.entry.parts or one.student not in busy]


def _around(notebooks: Sequence[Entry], entries: Sequence[Entry], form: str | None) -> int:
    """How many folders or zips stand around the whole class. CourseError when that can't be told."""
    common = notebooks[0].parts[:-1]
    for entry in notebooks:
        while entry.parts[: len(common)] != common or len(entry.parts) == len(common):
            common = common[:-1]
    if tops := [n for n, name in enumerate(common, 1) if _stem(name).casefold() in TOPS]:
        return tops[-1]
    for below in range(len(common) + 1):
        if recognised([_outer(entry, below) for entry in notebooks]) in PLATFORMS:
            return below
    if form or not common:
        return 0
    if any(len(entry.parts) > 1 and entry.parts[0] != common[0] for entry in entries):
        return 0  # there are others beside it
    inside = {entry.parts[len(common)] for entry in notebooks}
    for_assignments = any(ASSIGNMENT.match(name) for name in inside)  # a file or folder for each: one student's
    saved = any((found := COPY.search(_stem(name))) and found["number"] for name in inside)  # anybody's, by a browser
    if ASSIGNMENT.match(common[-1]):  # nbgrader's folder of one student
        return max(0, len(common) - 2)
    if len(inside) > 1 and for_assignments and not saved:
        return len(common) - 1
    if len(inside) > 1 and not for_assignments and all(len(entry.parts) > len(common) + 1 for entry in notebooks):
        return len(common)
    folders = min(len(common), *(n - 1 for n in notebooks[0].zips)) if notebooks[0].zips else len(common)
    if len(inside) == 1 and folders <= 1:  # in a student's folder or zip
        return 0
    raise _doubt(f"All notebooks lie in {shown('/'.join(common))!r}", "it holds one student's")


def recognised(paths: Sequence[tuple[str, ...]]) -> str:
    """The form that most of these paths have, below what stands around the class.

    No form that would make one student of several: Canvas's numbers name one file, ILIAS's one folder.
    """
    canvas = [found for path in paths if len(path) == 1 and (found := CANVAS.fullmatch(path[0]))]
    ilias = [found for path in paths if (found := _ilias(path))]
    votes = {
        "canvas": len(canvas) * _one_to_one((found["student"], found["attempt"], found["file"]) for found in canvas),
        "blackboard": sum(len(path) == 1 and BLACKBOARD.fullmatch(path[0]) is not None for path in paths),
        "moodle": sum(_moodle(path) is not None for path in paths),
        "ilias": len(ilias) * _one_to_one((found["student"], found.string) for found in ilias),
        "nbgrader": sum(len(path) == 3 for path in paths),
    }
    best = max(votes, key=lambda form: votes[form])
    return best if votes[best] * 2 > len(paths) else "notebooks"


def _one_to_one(named: Iterable[tuple[str, ...]]) -> bool:
    """Whether all that have the same numbers have the same name, which stands last."""
    different = set(named)
    return len({one[:-1] for one in different}) == len(different)


def _refuse_doubt(notebooks: Sequence[Entry], below: int) -> None:
    """CourseError where a class would become one student, or copies of one name a class."""
    zips: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    tops: dict[str, set[str]] = {}
    for entry in notebooks:
        if (depth := next((n for n in entry.zips if n > below), 0)) > below:
            zips.setdefault(entry.parts[:depth], []).append(entry.parts[depth:])
        if len(path := entry.parts[below:]) > 1:
            tops.setdefault(path[0], set()).add(COPY.sub("", _stem(path[1])))
    for around, paths in zips.items():
        if len(paths) > 1 and recognised(paths) in PLATFORMS:
            raise _doubt(f"{shown('/'.join(around))!r} holds a class of its own", "each such zip is one student's")
    everywhere = Counter(name for names in tops.values() for name in names)
    crowded = {
        top
        for top, names in tops.items()
        if len({name for name in names if everywhere[name] == 1 and not ASSIGNMENT.match(name)}) > 1
    }
    if sum(entry.parts[below] in crowded for entry in notebooks) * 2 > len(notebooks):
        raise _doubt(
            f"{shown(min(crowded))!r} and others hold several notebooks each", "each such folder is a student's"
        )
    flat = [COPY.sub("", _stem(_outer(entry, below)[0])) for entry in notebooks if len(_outer(entry, below)) == 1]
    named = [name for name in flat if ASSIGNMENT.match(name)]
    if len(named) > 1 and len(named) * 2 > len(notebooks):
        raise _doubt(f"{len(named)} notebooks are named after the assignment", "these names are the students' ids")


def _doubt(what: str, otherwise: str) -> CourseError:
    return CourseError(
        f"{what}, so that it can't be told whose they are: name the folder or zip in which each student's folder or "
        f"file lies under the student's id, or say --form notebooks when {otherwise}.",
        code="grading.layout",
    )


def _outer(entry: Entry, below: int) -> tuple[str, ...]:
    """Its path as the platform knows it: a zip that a student handed in stands for what is in it."""
    around = next((n for n in entry.zips if n > below), len(entry.parts))
    return entry.parts[below:around]


def _moodle(path: tuple[str, ...]) -> tuple[str, str] | None:
    """(participant, file), or None where it can't be told."""
    if len(path) > 1:
        folder = MOODLE.fullmatch(path[0])
        return (folder["student"], path[-1]) if folder else None
    single = MOODLE_FILE.fullmatch(path[0]) if path[0].count("_assignsubmission_") == 1 else None
    return (single["student"], single["file"]) if single else None


def _ilias(path: tuple[str, ...]) -> re.Match[str] | None:
    """The user's folder, which may lie in a team's; None where there is none."""
    return next((found for part in path[:-1][:2] if (found := ILIAS.fullmatch(part))), None)


def _whose(entry: Entry, below: int, form: str, sure: bool) -> Found:
    """below: -1 when it doesn't lie in what stands around the class; sure: whether the form was named."""
    path = _outer(entry, max(0, below))
    file = path[-1]
    order = entry.when
    names: tuple[str, ...] = ()
    student, trouble = None, ""
    mark = stamp = ""
    if form == "canvas":
        if len(path) == 1 and (match := CANVAS.fullmatch(file)):
            student, file = match["student"], match["file"]
            order = (int(match["attempt"][:30]), int((match["again"] or "0")[:30]), *entry.when)
            mark = "late" if match["late"] else "on time"
    elif form == "blackboard":
        if len(path) == 1 and (match := BLACKBOARD.fullmatch(file)):
            student, file = match["student"], match["file"] or file
            order = (int(match["when"].replace("-", "")), *entry.when)
            stamp = "{}-{}-{}T{}:{}:{}".format(*match["when"].split("-"))
    elif form == "moodle":
        if told := _moodle(path):
            student, file = told
    elif form == "ilias":
        student = match["student"] if (match := _ilias(path)) else None
        order = (*entry.when, _copy(entry.parts[-1]))
    elif len(path) > 1:
        student, names = path[0], path[1:-1]
    else:
        student, file = _stem(file), ""  # the file's name is the student's id and tells no assignment
        if (copied := COPY.search(student)) and not sure:
            trouble = (
                f"Whose it is can't be told: it may be another file of {shown(student[: copied.start()])!r}. Put both "
                "into one folder of the student's id, or say --form notebooks when this is an id."
            )
    lost = below < 0 or student is None or (len(path) == 1 and not file and not PACKED.search(path[0]))
    nobodys = lost and not is_notebook(entry) and entry.plain
    if student is None:
        student = f"(unusable id) {shown(entry.name)}"
        trouble = f"The file's name doesn't tell whose it is: it should be as {form} writes it."
    else:
        student, fault = student_id(student)
        trouble = trouble or fault
    if entry.zips:
        file = entry.parts[-1]
    return Found(entry, student, (_stem(file), *names), order, trouble, nobodys, mark, stamp, form)


def _copy(file: str) -> int:
    """2 of "90_example (2).ipynb", which ILIAS calls the second file of a name; 0 of the first."""
    found = COPY.search(_stem(file))
    return int(found["number"] or 0) if found else 0


def _stem(file: str) -> str:
    return ENDING.sub("", PACKED.sub("", file))
