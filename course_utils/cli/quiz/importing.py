"""`course quiz import`: an assignment that was written for nbgrader becomes a file of an item bank."""

import re
from pathlib import Path
from typing import Annotated

import typer

from course_utils.errors import CourseError

NAMED = 12  # remarks that the terminal shows of each notebook; the page has all


def import_quiz(
    form: Annotated[str, typer.Argument(help="Where it comes from: nbgrader.")],
    path: Annotated[Path, typer.Argument(help="A notebook of nbgrader's source/, or an assignment's folder there.")],
    out: Annotated[Path, typer.Option(help="The folder of the plain items.")] = Path("plain"),
    name: Annotated[
        str, typer.Option("--as", help="What to call it, like 07_trees; made from the file's name when left out.")
    ] = "",
) -> None:
    """Turn an nbgrader assignment into items; what can't become one is listed with its cell and the reason."""
    from course_utils.grading.bank.importing.nbgrader import import_notebook

    if form != "nbgrader":
        raise CourseError(f"{form!r} can't be imported: only nbgrader can.", code="grading.no-import")
    files = sorted(path.glob("*.ipynb")) if path.is_dir() else [path]
    if not files:
        raise CourseError(f"{path} holds no notebook: name one of nbgrader's source/.", code="grading.no-notebook")
    if name and (len(files) > 1 or not re.fullmatch(r"\d\d_\w+", name)):
        raise CourseError(
            "--as takes two digits and a name, such as 07_trees, and works for one notebook at a time.",
            code="grading.no-name",
        )
    done = [import_notebook(file, name or _named(file)) for file in files]
    if there := [one.lesson for one in done if (out / f"{one.lesson}.yaml").exists()]:
        raise CourseError(
            f"{out / there[0]}.yaml already exists, and nothing was written: name another folder, or choose --as.",
            code="grading.import-there",
        )
    out.mkdir(parents=True, exist_ok=True)
    for one in done:
        (out / f"{one.lesson}.yaml").write_text(one.text, encoding="utf-8")
        (out / f"{one.lesson}.review.md").write_text(one.review, encoding="utf-8")
        points = sum(item.points for item in one.quiz.items)
        typer.echo(f"{out / one.lesson}.yaml: {len(one.quiz.items)} items, {points:g} points")
        for left in one.left[:NAMED]:
            typer.echo(f"  {'in no item' if left.lost else 'look at'}: cell {left.cell}: {left.why}")
        more = f"  … and {len(one.left) - NAMED} more" if len(one.left) > NAMED else ""
        typer.echo(f"{more}\n  {out / one.lesson}.review.md has them all, with their sources".lstrip("\n"))
    typer.echo(f"Next: course quiz selftest --bank {out}")


def _named(file: Path) -> str:
    """An assignment's name from a file's: problem1.ipynb is 01_problem1."""
    stem = re.sub(r"\W+", "_", file.stem).strip("_")
    numbers = re.findall(r"\d+", stem) or re.findall(r"\d+", file.resolve().parent.name)
    if not numbers or int(numbers[-1]) > 99:
        raise CourseError(
            f"{file.name} has no number to begin the assignment's name with: add one with --as 07_{stem}.",
            code="grading.no-name",
        )
    return stem if re.fullmatch(r"\d\d_\w+", stem) else f"{int(numbers[-1]):02}_{stem}"
