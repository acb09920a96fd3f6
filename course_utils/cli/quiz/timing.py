"""`course quiz deadline`, `extend` and `handed-in`: when an assignment is due, for whom later, and when a file came."""

import json
import re
from datetime import UTC
from pathlib import Path
from typing import Annotated

import typer

from course_utils.errors import CourseError

Why = Annotated[str, typer.Option(help="The reason, for the history.")]
By = Annotated[str, typer.Option(help="Who decides; your user name when left out.")]
StoreFile = Annotated[Path, typer.Option(help="The file that holds the marks.")]
Released = Annotated[Path, typer.Option(help="The folder that release wrote.")]
Undo = Annotated[bool, typer.Option("--undo", help="Reverse it.")]
MARKS, RELEASED = Path("marks.sqlite"), Path("released")
ASSIGNMENT = re.compile(r"\d\d_\w+")


def deadline(
    file: Annotated[Path, typer.Argument(help="A YAML file with the time zone, and a rule for each assignment.")],
    why: Why,
    store: StoreFile = MARKS,
    released: Released = RELEASED,
    by: By = "",
    undo: Undo = False,
) -> None:
    """Set deadlines, grace, late penalties and last dates; points, pages and exports follow, and nobody is regraded."""
    from course_utils.cli.quiz.standing import user
    from course_utils.grading.gradebook.deadlines import read_deadlines
    from course_utils.grading.gradebook.store import Store
    from course_utils.grading.names import shown

    rules = read_deadlines(file)
    with Store(store) as marks:
        known = {result.assignment for result in marks.results()}
        known |= {one.name.removesuffix(".manifest.json") for one in released.glob("*.manifest.json")}
        for name in rules:
            if not ASSIGNMENT.fullmatch(name) or (known and name not in known):
                raise CourseError(
                    f"Nobody was handed {name!r}: name one of {', '.join(sorted(known)) or 'the form NN_slug'}.",
                    code="grading.unknown-assignment",
                )
        there = marks.deadlines().rules
        for name, rule in rules.items():
            if not undo and there.get(name) == rule:
                typer.echo(f"{name}: unchanged. {rule.said()}")
                continue
            marks.decide(name, "deadline", name, why, by or user(), undo, rule.model_dump_json(exclude_defaults=True))
            if undo:
                typer.echo(f"{name}: its deadline is withdrawn; nothing is late.")
            else:
                typer.echo(f"{name}: {rule.said()} (that is {rule.ends.astimezone(UTC):%Y-%m-%d %H:%M} UTC).")
                for student, end in _needless(marks.deadlines(name), name):
                    typer.echo(
                        f"  The extension of {shown(student)} to {shown(end)} isn't after it, and has no effect."
                    )
    typer.echo("Next: course quiz status --assignment NAME names who is late. Export and hand back again.")


def _needless(deadlines, name: str) -> list[tuple[str, str]]:
    ends = {who: end for (of, who), end in deadlines.extensions.items() if of == name}
    return [(who, end) for who, end in ends.items() if deadlines.due(name, who) == deadlines.rules[name].ends]


def extend(
    assignment: Annotated[str, typer.Argument(help="E.g. 04_frozen.")],
    student: Annotated[str | None, typer.Argument(help="The student's id.")] = None,
    until: Annotated[str | None, typer.Argument(help="The student's own deadline, '2026-12-08 23:59'.")] = None,
    students: Annotated[
        Path | None, typer.Option(help="Instead, a CSV file with `student` and `until`, for several students.")
    ] = None,
    why: Annotated[str, typer.Option(help="The reason, for the history; a column `why` overrides it.")] = "",
    store: StoreFile = MARKS,
    released: Released = RELEASED,
    by: By = "",
    undo: Undo = False,
) -> None:
    """Give one student, or those in a file, a later deadline; grace and penalty then count from it."""
    from course_utils.cli.quiz.standing import existing, user
    from course_utils.grading.gradebook.deadlines import moment, read_extensions
    from course_utils.grading.names import shown
    from course_utils.grading.release.manifest import students_of

    if (students is None) == (student is None) or (student is not None and until is None and not undo):
        raise CourseError("Whose deadline? Give STUDENT UNTIL, or --students FILE.", code="grading.extend-whom")
    chosen = read_extensions(students) if students else [(student or "", until or "", "")]
    with existing(store) as marks:
        rule = marks.deadlines(assignment).rules.get(assignment)
        if rule is None:
            raise CourseError(
                f"{assignment} has no deadline to extend: set one first, with `course quiz deadline`.",
                code="grading.no-deadline",
            )
        known = {*students_of(assignment, released), *marks.current(assignment)}
        roster = bool(students_of(assignment, released))
        for who, end, reason in chosen:
            if not (reason or why).strip():
                raise CourseError(f"Say why {shown(who)} has longer, with --why.", code="grading.no-reason")
            if roster and who not in known:
                raise CourseError(
                    f"{shown(who)!r} isn't a student's id in {assignment}: write it as in the roster. No extension "
                    "was given.",
                    code="grading.unknown",
                )
            if not undo and moment(end, rule.zone) <= rule.ends:
                raise CourseError(
                    f"{end} for {shown(who)} isn't after the deadline, {rule.due}: no extension was given.",
                    code="grading.extension-before-deadline",
                )
        for who, end, reason in chosen:
            marks.decide(assignment, "extend", who, reason or why, by or user(), undo, end)
            strange = "" if who in known else " Nobody with this id has handed in yet."
            said = "the extension is withdrawn" if undo else f"until {end} {rule.zone}"
            typer.echo(f"{shown(who)}: {said}.{strange}")


def handed_in(
    assignment: Annotated[str, typer.Argument(help="E.g. 04_frozen.")],
    student: Annotated[str | None, typer.Argument(help="The student's id.")] = None,
    when: Annotated[
        str | None, typer.Argument(help="'2026-12-04 23:50', 'on time', or 'as found', which believes the file's time.")
    ] = None,
    everybody: Annotated[
        str | None,
        typer.Option("--all", help="'on time' or 'as found', for everyone whose lateness waits for a person."),
    ] = None,
    why: Annotated[str, typer.Option(help="The reason, for the history.")] = "",
    store: StoreFile = MARKS,
    by: By = "",
    yes: Annotated[bool, typer.Option("--yes", help="With --all: do it, once you have seen how many.")] = False,
    undo: Undo = False,
) -> None:
    """Say when a student's file came, if that is uncertain; it applies to that file, not to a later one."""
    from course_utils.cli.quiz.standing import existing, user
    from course_utils.grading.gradebook.deadlines import arrived_at
    from course_utils.grading.gradebook.timing import WORDS
    from course_utils.grading.names import shown

    if (everybody is None) == (student is None) or (student is not None and when is None and not undo):
        raise CourseError("Whose file, and when did it come? Give STUDENT WHEN, or --all.", code="grading.came-when")
    said = everybody or when or ""
    said = said.replace("-", " ") if said.replace("-", " ") in WORDS else said
    with existing(store) as marks:
        rule = marks.deadlines(assignment).rules.get(assignment)
        if rule is None:
            raise CourseError(
                f"{assignment} has no deadline: set it first, with `course quiz deadline`.", code="grading.no-deadline"
            )
        if said not in WORDS and not (undo or (student and arrived_at(said, rule.zone))):
            raise CourseError(
                f"{said!r} can't be used for several files: choose one of {', '.join(WORDS)}.", code="grading.no-time"
            )
        results = marks.results(assignment)
        open_ones = {one.student: one.digest for one in results if one.timing and one.timing.penalty is None}
        files = {one.student: one.digest for one in results} if student else open_ones
        if student and student not in files:
            raise CourseError(
                f"{assignment} has no result of {shown(student)!r}: write the name as the submissions have it.",
                code="grading.unknown",
            )
        chosen = [student] if student else sorted(open_ones)
        if not student and not yes:
            typer.echo(f"{len(chosen)} files of {assignment} would count as {said}. Add --yes to do it.")
            raise typer.Exit(1)
        for who in chosen:
            value = json.dumps([files[who], said])
            marks.decide(assignment, "handed in", who, why, by or user(), undo, value)
        told = "this is withdrawn" if undo else f"handed in {said}"
        about = shown(student) if student else f"{len(chosen)} files of {assignment}"
    typer.echo(f"{about}: {told}. Next: course quiz status --assignment {shown(assignment)}")
