"""Marks for other people's gradebooks: nbgrader, Canvas, Moodle, Gradescope, LTI.

What every form keeps: points that are None stay an empty cell (or are left out) and are never a zero; what stands in a
cell can't begin a formula; a file is replaced as a whole or not at all. `docs/grading.md` tells how to import each.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.grading.exports.cells import Comments, Exported
from course_utils.grading.exports.gradebooks import to_canvas, to_moodle
from course_utils.grading.exports.records import to_gradescope, to_lti
from course_utils.grading.exports.tables import to_nbgrader
from course_utils.grading.records import Result

__all__ = ["FORMS", "Exported", "export", "to_canvas", "to_gradescope", "to_lti", "to_moodle", "to_nbgrader"]

FORMS = ("nbgrader", "canvas", "moodle", "gradescope", "lti")
MERGED = ("canvas", "moodle")


def export(
    form: str,
    results: Sequence[Result],
    out: Path,
    gradebook: Path | None = None,
    title: str = "",
    comments: Comments | None = None,
) -> Exported:
    """Write results in one of FORMS.

    gradebook: the file that the instructor exported: needed for canvas and moodle; nbgrader takes names from it
    title: what Canvas calls the assignment, where that isn't its name
    comments: (assignment, student, item) → what the person who marked it wrote
    CourseError when there is nothing to write, or when the gradebook doesn't hold what is needed.
    """
    if form not in FORMS:
        raise CourseError(
            f"There is no export {form!r}: choose one of {', '.join(FORMS)}.", code="grading.unknown-export"
        )
    if not results:
        raise CourseError("There are no results to export: grade the submissions first.", code="grading.no-results")
    if form in MERGED and gradebook is None:
        raise CourseError(
            f"{form} takes marks in its own file: export that from {form}, and name it with --gradebook.",
            code="grading.no-gradebook",
        )
    if form == "canvas" and gradebook is not None:
        return to_canvas(results, out, gradebook, title)
    if form == "moodle" and gradebook is not None:
        return to_moodle(results, out, gradebook, comments)
    if form == "nbgrader":
        return to_nbgrader(results, out, gradebook)
    return {"gradescope": to_gradescope, "lti": to_lti}[form](results, out, comments)


def comments_of(store, assignments: Sequence[str]) -> Mapping[tuple[str, str, str], str]:
    """What people wrote beside their marks, as `export` takes it."""
    return {
        (assignment, student, item): manual.comment
        for assignment in assignments
        for (student, item), manual in store.manual(assignment).items()
        if manual.comment
    }
