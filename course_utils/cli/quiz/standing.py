"""`course quiz status` and `mark`: how the marks stand, what to do next, and marks that a person gives."""

import getpass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from course_utils.errors import CourseError

StoreFile = Annotated[Path, typer.Option(help="The file that holds the marks.")]
NAMED = 20  # students that the status names
NOTHING = timedelta()
NEXT = {
    "graded": "ready: export them or write feedback",
    "partial": "mark their waiting items: course quiz review",
    "missing cell": "look into the notebooks, then mark the items: course quiz mark",
    "look at this": "see why with --assignment, and mark what waits: course quiz review",
    "unreadable": "see why with --assignment, and ask the student for another file",
    "timeout": "look at their code, or raise the items' limit in the item bank",
    "crashed": "look at their code, or grade --again with more --memory",
    "infrastructure error": "a failure on our side, no mark yet: grade again",
}


def status(
    assignment: Annotated[str | None, typer.Option(help="One assignment, e.g. 04_frozen; all when left out.")] = None,
    store: StoreFile = Path("marks.sqlite"),
    released: Annotated[Path, typer.Option(help="The folder that release wrote.")] = Path("released"),
) -> None:
    """Count the submissions by how they ended, and say what to do about each."""
    from collections import Counter

    from course_utils.grading.gradebook.decisions import TIMES
    from course_utils.grading.names import shown
    from course_utils.grading.release.manifest import students_of

    with existing(store) as marks:
        results = marks.results(assignment)
        names = sorted({result.assignment for result in results})
        if not names:
            about = f"no submission of {shown(assignment)}" if assignment else "no submission yet"
            raise CourseError(f"{store} holds {about}: grade first, with `course quiz grade`.", code="quiz.no-results")
        for name in names:
            own = [result for result in results if result.assignment == name]
            typer.echo(f"{shown(name) or '(unknown assignment)'}: {_several(len(own), 'submission')}")
            states = Counter(result.state for result in own)
            for state, todo in NEXT.items():
                if states[state]:
                    typer.echo(f"  {states[state]:>6} {state}: {todo}")
            if assignment:
                _troubled(own)
                _remarked(own)
            waiting = marks.waiting(name)
            if waiting:
                students = len({student for student, _ in waiting})
                typer.echo(f"  {_several(len(waiting), 'item')} of {_several(students, 'student')} wait for a person.")
            here = marks.current(name)
            if absent := [who for who in students_of(name, released) if who not in here]:
                typer.echo(f"  {_several(len(absent), 'student')} handed in nothing: {_named(absent)}")
            _timed(own, marks.deadlines(name), name, here)
            for one in marks.decisions(name):
                if one.kind in TIMES:
                    continue
                typer.echo(f"  {one.kind} {shown(one.about)}: {shown(one.why)} ({shown(one.by) or 'unknown'})")
            if requests := sum(one.open for one in marks.regrade_requests(name)):
                typer.echo(f"  {_several(requests, 'regrade request')} open.")


def mark(
    assignment: Annotated[str, typer.Argument(help="E.g. 04_frozen.")],
    student: Annotated[str | None, typer.Argument(help="The student's id.")] = None,
    item: Annotated[str | None, typer.Argument(help="E.g. 04.2.")] = None,
    points: Annotated[float | None, typer.Argument(help="The points to give.")] = None,
    store: StoreFile = Path("marks.sqlite"),
    missing: Annotated[
        float | None, typer.Option(help="Give these points to every item whose cell is missing, and to no other.")
    ] = None,
    comment: Annotated[str, typer.Option(help="For the student, beside the points.")] = "",
    by: Annotated[str, typer.Option(help="Who marks; your user name when left out.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="With --missing: do it, once you have seen how many.")] = False,
) -> None:
    """Give points by hand; grading never changes them, and a later mark replaces them."""
    from course_utils.grading.names import shown

    one = (student, item, points)
    if (missing is None) == (points is None) or (missing is not None and one != (None, None, None)):
        raise CourseError(
            "Whose mark? Give STUDENT ITEM POINTS, or --missing POINTS for all missing cells.", code="quiz.whose-mark"
        )
    by = by or user()
    with existing(store) as marks:
        if missing is None:
            assert student is not None and item is not None and points is not None, "checked above"
            marks.mark(assignment, student, item, points, comment, by)
            typer.echo(f"{shown(student)}, {item}: {points:g} points, by {shown(by)}.")
            return
        marked = marks.manual(assignment)
        gaps = [(who, gap.item) for who, gap in marks.waiting(assignment) if gap.outcome == "missing"]
        chosen = [gap for gap in gaps if gap not in marked]
        students = len({who for who, _ in chosen})
        said = f"{_several(len(chosen), 'missing cell')} of {_several(students, 'student')} in {shown(assignment)}"
        if not chosen:
            typer.echo(f"{said}: nothing to mark.")
            return
        if not yes:
            typer.echo(f"{said} would get {missing:g} points each. Nothing is marked yet: add --yes to do it.")
            raise typer.Exit(1)
        marks.mark_many(assignment, chosen, missing, comment, by)
        typer.echo(f"{said}: {missing:g} points each, by {shown(by)}. Next: course quiz status.")


def existing(store: Path):
    from course_utils.grading.gradebook.store import Store

    if not store.is_file():
        raise CourseError(
            f"{store} isn't there: name the file that `course quiz grade` wrote the marks to.", code="quiz.no-store"
        )
    return Store(store)


def _troubled(results: list) -> None:
    """Name those that a person should look at, and why: first those whom the review doesn't show."""
    from course_utils.grading.names import shown

    found = [result for result in results if result.state not in ("graded", "partial")]
    found.sort(key=lambda result: result.state in ("look at this", "missing cell"))
    for result in found[:NAMED]:
        looks = [
            f"{mark.item}: {' '.join(mark.feedback)}" for mark in result.marks if mark.outcome in ("look", "missing")
        ]
        why = shown(" ".join((*result.remarks, *looks)), 200)
        typer.echo(f"  {shown(result.student)}: {result.state}. {why}".rstrip())
    if len(found) > NAMED:
        typer.echo(f"  … and {len(found) - NAMED} more")


def _remarked(results: list) -> None:
    """Say what was odd about the others."""
    from course_utils.grading.names import shown

    found = [result for result in results if result.remarks and result.state in ("graded", "partial")]
    for result in found[:NAMED]:
        typer.echo(f"  {shown(result.student)}: {shown(' '.join(result.remarks), 200)}")
    if len(found) > NAMED:
        typer.echo(f"  … and {len(found) - NAMED} more with remarks")


def _timed(results: list, deadlines, name: str, here: dict) -> None:
    """Say when it was due, who is late and by how much, who may be, and who has longer."""
    from course_utils.grading.exports.cells import how_long, points_text

    if (rule := deadlines.rules.get(name)) is None:
        return
    typer.echo(f"  {rule.said()}")
    timed = [(one.student, one.timing) for one in results if one.timing]
    late, open_ones = [], []
    for who, timing in timed:
        by = f" by {how_long(timing.late)}" if timing.late else ""
        if timing.penalty is None:
            open_ones.append(f"{who}{by} ({timing.source})")
        elif timing.late != NOTHING and (timing.late or timing.sure):
            cost = "nothing counts" if timing.over else f"-{points_text(timing.penalty)}" if timing.penalty else "free"
            late.append(f"{who}{by} ({cost})")
    if late:
        typer.echo(f"  {_several(len(late), 'file')} came late: {_named(late)}")
    if open_ones:
        typer.echo(f"  {_several(len(open_ones), 'file')} may be late and wait for a person: {_named(open_ones)}")
        typer.echo(f"    say when each came, with `course quiz handed-in {name} STUDENT WHEN`, or grade with --times")
    if unknown := [who for who, timing in timed if timing.arrived is None and not timing.sure]:
        typer.echo(f"  {_several(len(unknown), 'file')} without a known time count as on time: {_named(unknown)}")
    if weak := sum(timing.arrived is not None and not timing.sure and timing.late == NOTHING for _, timing in timed):
        typer.echo(f"  {_several(weak, 'file')} on time by the file's own time, which is no proof.")
    longer = {who: end for (of, who), end in sorted(deadlines.extensions.items()) if of == name}
    if longer:
        said = [f"{who} until {end}{'' if who in here else ', nothing yet'}" for who, end in longer.items()]
        typer.echo(f"  {_several(len(longer), 'student')} with an extension: {_named(said)}")


def _named(words: list[str]) -> str:
    from course_utils.grading.names import shown

    return ", ".join(map(shown, words[:NAMED])) + (f", and {len(words) - NAMED} more" if len(words) > NAMED else "")


def _several(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no name for this user
        return ""
