"""All pages of an assignment in one zip, as a platform takes them back: each page to its own student, or to nobody.

Moodle reads the participant's number from a folder's name (mod/assign/feedback/file/importziplib.php), ILIAS the
user's number from its end (Exercise, TutorFeedbackZipRepository), Canvas the user's and the submitted file's numbers
from a file's name (app/models/abstract_assignment.rb, infer_comment_context_from_filename).
"""

import json
import os
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from course_utils.errors import CourseError
from course_utils.grading.exports.cells import make_folder
from course_utils.grading.exports.gradebooks import moodle_numbers
from course_utils.grading.intake.layouts import CANVAS, ENDING
from course_utils.grading.names import shown
from course_utils.grading.returning.feedback import Page

NUMBER = re.compile(r"[0-9]{1,18}")
WHEN = (1980, 1, 1, 0, 0, 0)  # the same pages give the same bytes
HEADERS = 46 + 30 + 40  # bytes around a member, its two names aside
NONE = {
    "blackboard": "Blackboard takes no files back in bulk: send each student their page, as index.csv tells.",
    "gradescope": "Gradescope takes no files back: its students see what `course quiz export gradescope` writes.",
    "nbgrader": "nbgrader takes no other pages than its own back: send each student theirs, as index.csv tells.",
}


class Zipped(NamedTuple):
    """The zips of one assignment.

    files: each with how many pages it holds; left_out: students whose page is in none of them, with the reason
    """

    files: list[tuple[Path, int]]
    left_out: dict[str, str]


def zipped(
    form: str, pages: Sequence[Page], out: Path, most_mb: float | None = None, gradebook: Path | None = None
) -> list[Zipped]:
    """Write `out/FORM_NN_slug.zip` for each assignment among the pages; several, `…_1.zip`, where one is too large.

    form: moodle, canvas or ilias; most_mb: MB that one zip may have, as the platform takes them
    gradebook: Moodle's grading worksheet, where students' ids aren't its participants' numbers
    CourseError when a platform takes none, or when there are no pages.
    """
    if form in NONE:
        raise CourseError(NONE[form], code="grading.no-bulk-return")
    if form not in FORMS:
        raise CourseError(
            f"Pages can't be packed for {form!r}: choose one of {', '.join(FORMS)}.", code="grading.unknown-form"
        )
    if gradebook is not None and form != "moodle":
        raise CourseError(
            "Only Moodle needs its worksheet, --gradebook: leave it out.",
            code="grading.needless-gradebook",
        )
    if not pages:
        raise CourseError("There are no pages to hand back: grade the submissions first.", code="grading.no-results")
    return [
        _of_assignment(form, name, [page for page in pages if page.result.assignment == name], out, most_mb, gradebook)
        for name in dict.fromkeys(page.result.assignment for page in pages)
    ]


def _of_assignment(
    form: str, name: str, pages: list[Page], out: Path, most_mb: float | None, gradebook: Path | None
) -> Zipped:
    numbers = {page.result.student: page.result.student for page in pages}
    if gradebook is not None:
        numbers = moodle_numbers([page.result for page in pages], gradebook)
    left_out, members = {}, {}
    for page in pages:
        number = numbers.get(page.result.student, "")
        try:
            if not NUMBER.fullmatch(number):
                raise _LeftOut(_no_number(form, gradebook))
            members[page.result.student] = (int(number), FORMS[form](page, int(number)))
        except _LeftOut as error:
            left_out[page.result.student] = str(error)
    times = Counter(number for number, _ in members.values())
    for student in [student for student, (number, _) in members.items() if times[number] > 1]:
        left_out[student] = "another student's number is the same"
        del members[student]
    if not members:
        student, why = next(iter(left_out.items()))
        raise CourseError(
            f"None of the {len(left_out)} pages can go back to {form} in a zip: of {shown(student)}, {why}.",
            code="grading.no-bulk-return",
        )
    make_folder(out)
    stem = f"{form}_{name}"
    for old in out.glob(f"{stem}*.zip"):
        if re.fullmatch(rf"{re.escape(stem)}(_\d+)?\.zip", old.name):
            old.unlink()  # of an earlier run, and maybe another split
    return Zipped(_written(out, stem, [member for _, member in members.values()], most_mb), left_out)


class Member(NamedTuple):
    """A file of the zip; its bytes are made when they are asked for: pages of a large class needn't all be held."""

    name: str
    content: Callable[[], bytes]


class _LeftOut(Exception):
    """Why a student's page is in no zip."""


def _no_number(form: str, gradebook: Path | None) -> str:
    if gradebook is not None:
        return f"no row of {gradebook.name}, or more than one, is theirs"
    told = {"moodle": "; name Moodle's grading worksheet with --gradebook"}.get(form, "")
    return f"their id is no number of {'a participant' if form == 'moodle' else 'a user'}{told}"


def _moodle(page: Page, number: int) -> Member:
    # With the last "_" older versions read it too. Names would need care: Moodle splits at "_".
    return Member(f"Participant_{number}_assignsubmission_file_/{page.path.name}", page.path.read_bytes)


def _ilias(page: Page, number: int) -> Member:
    name = f"multi_feedback_{page.result.assignment}/user_{number}/{page.path.name}"
    return Member(name, page.path.read_bytes)


def _canvas(page: Page, number: int) -> Member:
    """Canvas shows what comes back under the name of the file that was handed in: it must be of its kind."""
    parts = page.result.source.split("/")
    found = next((match for part in parts if (match := CANVAS.fullmatch(part))), None)
    if found is None or int(found["student"]) != number:
        raise _LeftOut("what was graded isn't named as Canvas names it")
    ending = (ENDING.search(found.string) or re.search(r"\.\w+$", found.string) or [""])[0].lower()
    of_kind: dict[str, Callable[[], bytes]] = {
        ".ipynb": lambda: as_notebook(page.path.read_text(encoding="utf-8")),
        ".zip": lambda: _in_a_zip(page.path),
        ".html": page.path.read_bytes,
        ".htm": page.path.read_bytes,
    }
    if ending not in of_kind:
        raise _LeftOut(f"Canvas would show their page as a {ending or 'file without an ending'}")
    head = found["name"] if not found["name"].isdecimal() and not found["name"].startswith(".") else "student"
    # Canvas takes the first two parts that are numbers, and skips what ends in "_link…".
    return Member(f"{head}_{number}_{int(found['attempt'])}_feedback{ending}", of_kind[ending])


FORMS: dict[str, Callable[[Page, int], Member]] = {"moodle": _moodle, "canvas": _canvas, "ilias": _ilias}


def as_notebook(page: str) -> bytes:
    """A page as a notebook of one text cell, which Jupyter shows without running anything."""
    inside = page.partition("<main>")[2].rpartition("</main>")[0]
    inside = re.sub(r"<svg\b.*?</svg>", "", inside, flags=re.S)
    inside = re.sub(r"(<pre\b.*?</pre>)", lambda found: found[0].replace("\n", "&#10;"), inside, flags=re.S)
    comment = re.compile(r'(<p class="comment".*?</p>)', re.S)
    inside = comment.sub(lambda found: found[0].replace("\n", "<br>"), inside)
    line = " ".join(inside.split("\n"))  # one block of HTML: behind an empty line Markdown would begin again
    cell = {"cell_type": "markdown", "id": "feedback", "metadata": {}, "source": f"<main>{line}</main>"}
    book = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(book, ensure_ascii=False, indent=1).encode()


def _written(out: Path, stem: str, members: list[Member], most_mb: float | None) -> list[tuple[Path, int]]:
    parts: list[list[Member]] = []
    size, most = 0, most_mb * 2**20 - 22 if most_mb else float("inf")
    for member in members:
        needed = len(zlib.compress(member.content())) + 2 * len(member.name.encode()) + HEADERS if most_mb else 0
        if not parts or size + needed > most:
            parts.append([])
            size = 0
        parts[-1].append(member)
        size += needed
    written = []
    for number, part in enumerate(parts, 1):
        file = out / (f"{stem}_{number}.zip" if len(parts) > 1 else f"{stem}.zip")
        half = out / f".{os.getpid()}.tmp"
        try:
            _write(half, part)
            os.replace(half, file)
        except OSError as error:
            half.unlink(missing_ok=True)
            raise CourseError(
                f"{file} can't be written ({error.strerror}): name a place where you may write.",
                code="grading.unwritable",
            ) from None
        written.append((file, len(part)))
    return written


def _in_a_zip(path: Path) -> bytes:
    buffer = BytesIO()
    _write(buffer, [Member(path.name, path.read_bytes)])
    return buffer.getvalue()


def _write(file: Path | BytesIO, members: Sequence[Member]) -> None:
    with zipfile.ZipFile(file, "w") as opened:
        for member in members:
            info = zipfile.ZipInfo(member.name, WHEN)
            info.external_attr = 0o600 << 16
            opened.writestr(info, member.content(), zipfile.ZIP_DEFLATED)
