"""Marks merged into the file that an instructor exported from Canvas or Moodle, which stays as it was otherwise."""

import html
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.grading.exports.cells import CONTROL, Comments, Exported, most_of, only_one, points_text, said
from course_utils.grading.exports.tables import Sheet, read_sheet
from course_utils.grading.records import Result

CANVAS_KEYS = ("ID", "SIS User ID", "SIS Login ID")
CANVAS_TITLE = re.compile(r"(.*) \((\d+)\)\s*", re.S)
MOODLE_KEYS = ("Identifier", "ID number", "Username", "Email address", "Full name")


def to_canvas(results: Sequence[Result], out: Path, gradebook: Path, title: str = "") -> Exported:
    """Write points into the assignment's column `Title (123456)`; rows are matched by ID, SIS User ID, SIS Login ID.

    title: as Canvas has it, with or without the number; when left out, the assignment's name, "04_frozen" or "frozen".
    A student without points keeps the cell that was there, and so does one who is excused (EX). Source: Canvas's
    lib/gradebook_importer.rb.
    """
    assignment = only_one(results, "Canvas")
    sheet = read_sheet(gradebook, ["Student", "ID"], "the file that Canvas's Gradebook exports")
    column = _canvas_column(sheet, title or assignment, gradebook)
    places = [place for place in map(sheet.column, CANVAS_KEYS) if place is not None]
    keys = [[row[p] for p in places if p < len(row)] for row in sheet.rows]
    found, unmatched = _match(results, keys)
    written = {row: points_text(result.points) for row, result in found.items() if result.points is not None}
    excused = {row for row in written if column < len(sheet.rows[row]) and sheet.rows[row][column].strip() == "EX"}
    for row in written.keys() - excused:
        _put(sheet.rows[row], column, written[row])
    sheet.write(out)
    possible = next((row for row in sheet.rows[1:] if row and row[0].strip() == "Points Possible"), None)
    remarks = _scale(possible[column] if possible and column < len(possible) else "", results, "Points Possible")
    remarks += _late(results, "Canvas's late policy (Gradebook → Settings → Late Policies)")
    if excused:
        remarks += (f"{len(excused)} stay excused (EX) although there are marks: empty their cells to give those.",)
    return Exported(out, len(found), len(found) - len(written), unmatched, remarks)


def to_moodle(results: Sequence[Result], out: Path, gradebook: Path, comments: Comments | None = None) -> Exported:
    """Write Grade and Feedback comments into Moodle's grading worksheet; rows are matched by MOODLE_KEYS.

    Both together: comments that are imported alone wipe the grades. A student without points keeps both cells. Comments
    are escaped, since Moodle reads them as HTML. Source: Moodle's mod/assign/feedback/offline.
    """
    only_one(results, "Moodle")
    sheet, found, unmatched = _moodle_rows(results, gradebook)
    grade, feedback = sheet.column("Grade"), sheet.column("Feedback comments")
    assert grade is not None, "read_sheet has asked for the column"
    written = {row: result for row, result in found.items() if result.points is not None}
    for row, result in written.items():
        _put(sheet.rows[row], grade, points_text(result.points))
        if feedback is not None:
            lines = said(result, {} if comments is None else comments)
            _put(sheet.rows[row], feedback, _as_html(lines))
    sheet.write(out)
    most = sheet.column("Maximum Grade")
    full = next((sheet.rows[row][most] for row in found if most is not None and most < len(sheet.rows[row])), "")
    remarks = _scale(full, results, "Maximum Grade")
    remarks += _late(results, "a penalty rule of Moodle's assignment")
    if feedback is None:
        remarks += ("The worksheet has no column 'Feedback comments': turn that feedback on, or only grades go back.",)
    return Exported(out, len(found), len(found) - len(written), unmatched, remarks)


def moodle_numbers(results: Sequence[Result], gradebook: Path) -> dict[str, str]:
    """student → the participant's number, "123" of "Participant 123", of those who have a row of their own."""
    sheet, found, _ = _moodle_rows(results, gradebook)
    identifier = sheet.column("Identifier")
    assert identifier is not None, "read_sheet has asked for the column"
    return {result.student: _number(sheet.rows[row][identifier]) for row, result in found.items()}


def _moodle_rows(results: Sequence[Result], gradebook: Path) -> tuple[Sheet, dict[int, Result], tuple[str, ...]]:
    """The grading worksheet, and the results by its rows as `_match` finds them."""
    what = "the grading worksheet that Moodle's assignment exports, downloaded with Moodle set to English"
    sheet = read_sheet(gradebook, ["Identifier", "Grade"], what)
    places = [place for place in map(sheet.column, MOODLE_KEYS) if place is not None]
    keys = [[row[p] for p in places if p < len(row)] for row in sheet.rows]
    identifier = sheet.column("Identifier")
    assert identifier is not None, "read_sheet has asked for the column"
    for cells, names in zip(sheet.rows, keys, strict=True):
        names += [_number(name) for name in cells[identifier : identifier + 1]]
    return sheet, *_match(results, keys)


def _canvas_column(sheet: Sheet, title: str, gradebook: Path) -> int:
    titles = {place: match[1] for place, name in enumerate(sheet.rows[0]) if (match := CANVAS_TITLE.fullmatch(name))}
    exact = [place for place in titles if sheet.rows[0][place].strip() == title.strip()]
    wanted = _plain(title), _plain(re.sub(r"^\d\d_", "", title))
    found = exact or [place for place, one in titles.items() if _plain(one) in wanted]
    if len(found) == 1:
        return found[0]
    have = ", ".join(repr(sheet.rows[0][place]) for place in titles) or "none"
    amount = "several columns" if found else "no column"
    raise CourseError(
        f"{gradebook.name} has {amount} for {title!r}: choose one with --title; it has {have}.",
        code="grading.gradebook-column",
    )


def _plain(title: str) -> str:
    return "".join(letter for letter in title.casefold() if letter.isalnum())


def _number(identifier: str) -> str:
    """ "123" of "Participant 123"."""
    return re.sub(r"^\D+", "", identifier)


def _as_html(lines: Iterable[str]) -> str:
    """Lines as Moodle's HTML; what a spreadsheet that splits at semicolons would take for a formula is an entity."""
    page = "<br>".join(html.escape(" ".join(CONTROL.sub("", line).split())) for line in lines)
    return re.sub(r"(;\s*)([=@+\-\uff1d\uff20\uff0b\uff0d])", lambda found: f"{found[1]}&#{ord(found[2])};", page)


def _match(results: Iterable[Result], keys: list[list[str]]) -> tuple[dict[int, Result], tuple[str, ...]]:
    """(row → its result, the students without a row of their own): a doubt is told and never guessed away.

    keys: what names the student in each row, the header's first
    """
    rows = defaultdict(set)
    for row, names in enumerate(keys[1:], 1):
        for name in names:
            if name.strip():
                rows[_name(name)].add(row)
    claims = defaultdict(list)
    unmatched = set()
    for result in results:
        candidates = rows.get(_name(result.student), ())
        if len(candidates) == 1:
            claims[next(iter(candidates))].append(result)
        else:
            unmatched.add(result.student)
    unmatched |= {result.student for several in claims.values() if len(several) > 1 for result in several}
    return {row: several[0] for row, several in claims.items() if len(several) == 1}, tuple(sorted(unmatched))


def _name(text: str) -> str:
    """A name as it is compared: file systems keep ä as one character or as two."""
    return unicodedata.normalize("NFC", text.strip()).casefold()


def _put(row: list[str], column: int, text: str) -> None:
    row += [""] * (column + 1 - len(row))
    row[column] = text


def _late(results: Sequence[Result], own: str) -> tuple[str, ...]:
    """A platform that takes points off itself would do it a second time."""
    late = sum(bool(result.points is not None and result.penalty) for result in results)
    if not late:
        return ()
    return (f"{late} have their late penalty in these points: turn {own} off, or it is taken twice.",)


def _scale(possible: str, results: Sequence[Result], name: str) -> tuple[str, ...]:
    try:
        there = float(possible.replace(",", "."))
    except ValueError:
        return ()
    most = max(most_of(results).values())
    if abs(there - most) < 1e-9:
        return ()
    return (
        f"{name} is {points_text(there)} and the assignment has {points_text(most)} points: set it to those first.",
    )
