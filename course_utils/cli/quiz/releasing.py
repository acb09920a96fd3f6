"""`course quiz release`, `keygen` and `lock`: assignments go out, and their keys stay in."""

from pathlib import Path
from typing import Annotated

import typer

from course_utils.errors import CourseError

Numbers = Annotated[list[str], typer.Argument(help="Lessons by number, e.g. 04.")]
Bank = Annotated[Path | None, typer.Option(envvar="COURSE_ITEM_BANK", help="The folder of the graded items.")]
Out = Annotated[Path, typer.Option(help="The folder that the notebooks are written to.")]
Students = Annotated[
    Path | None, typer.Option(help="A CSV file with a column `student`: each gets a notebook of their own.")
]
CourseKey = Annotated[
    Path | None, typer.Option(help="The course's key, from `course quiz keygen FOLDER --course`.", envvar="COURSE_KEY")
]
Key = Annotated[Path | None, typer.Option(help="Your private key, when the item bank is locked.")]
Holders = Annotated[list[Path], typer.Option("--for", help="Public keys, NAME.public.key; may be given repeatedly.")]


def release(
    numbers: Numbers,
    bank: Bank = None,
    out: Out = Path("released"),
    students: Students = None,
    course_key: CourseKey = None,
    key: Key = None,
) -> None:
    """Write the students' notebooks of assignments, without any key."""
    from course_utils.grading.bank.reading import open_bank
    from course_utils.grading.bank.variants import read_course_key
    from course_utils.grading.release import releasing
    from course_utils.grading.release.roster import read_roster

    if bank is None:
        raise CourseError(
            "Name the folder of the graded items with --bank, or in COURSE_ITEM_BANK.", code="quiz.no-bank"
        )
    quizzes = open_bank(bank, numbers, key)
    roster, column = read_roster(students) if students else (None, "")
    for quiz in quizzes:
        written = releasing.release(quiz, out, read_course_key(course_key, quiz, releasing=True), roster, figures=bank)
        if roster is None:
            typer.echo(f"{quiz.lesson}: {written[0]}, for everybody")
        else:
            typer.echo(f"{quiz.lesson}: {len(written)} notebooks, {out}/STUDENT/{quiz.lesson}.ipynb")
        if quiz.bank == "example":
            typer.echo(
                f"{quiz.lesson} is an example: its answer keys are public, so use it for trying out, not for marks."
            )
    if roster is not None:
        where = f"the column {column!a}" if column else f"the list, which has no header and begins with {roster[0]!a},"
        typer.echo(f"The students are those of {where} of {students}.")
    typer.echo(f"Next: hand them out, and grade what comes back with course quiz grade FOLDER --released {out}")


def keygen(
    folder: Annotated[Path, typer.Argument(help="A folder of your own, outside every repository.")],
    name: Annotated[str, typer.Option(help="Whose keys these are; the files' names begin with it.")] = "instructor",
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Ask for a passphrase to protect the private key.")
    ] = False,
    course: Annotated[
        bool, typer.Option("--course", help="Make the course's key instead; do this once per course.")
    ] = False,
) -> None:
    """Make your pair of keys for locked item banks, or the course's key for numbers that vary."""
    from course_utils.grading.bank import locks, variants

    if course:
        folder.mkdir(parents=True, exist_ok=True)
        file = variants.new_course_key(folder / "course.key")
        typer.echo(f"{file}: keep it as long as the course's marks, and name it with --course-key.")
        return
    said = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True) if passphrase else None
    private, public = locks.keygen(folder, name, said)
    typer.echo(f"{private}: keep it to yourself: anyone who has it can read what is locked for you.")
    typer.echo(f"{public}: give it to everyone who locks files for you: `course quiz lock BANK --for {public}`.")


def lock(
    path: Annotated[Path, typer.Argument(help="A file NN_slug.yaml, or the folder of an item bank.")], holders: Holders
) -> None:
    """Lock an item bank, so that only the holders of those keys can read it."""
    from course_utils.grading.bank import locks

    written = locks.lock_bank(path, holders) if path.is_dir() else [locks.lock(path, holders)]
    for file in written:
        typer.echo(str(file))
    typer.echo(
        f"Locked for {len(holders)} key{'s' if len(holders) > 1 else ''}. Next: keep the plain files out of what you "
        "share, and lock again after each change: an item bank that holds a file both plain and locked is refused."
    )
