"""`course update`: the newest lessons from the course's repository, beside what a learner has done in the old ones.

Running a lesson changes its notebook, and git won't pull a new version over a changed one. So what a learner has run
and the course has changed moves to lessons/mine first. All other files stay as they are.
"""

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import typer

from course_utils.errors import CourseError

app = typer.Typer(add_completion=False)
MINE = Path("lessons") / "mine"


@app.callback(invoke_without_command=True)
def update() -> None:
    """Fetch the newest lessons; what you did in those that change is kept in lessons/mine."""
    root = Path(_git(Path(), "rev-parse", "--show-toplevel").strip())
    if not (root / "lessons" / "text").is_dir():
        raise CourseError(f"{root} is no clone of the course: run this in yours.", code="cli.no-clone")
    _git(root, "fetch", "--quiet")
    if _git(root, "rev-list", "@{upstream}..HEAD").strip():
        raise CourseError(
            "Your clone has commits of its own: take the course's with `git pull`, and merge where git asks you to.",
            code="cli.own-commits",
        )
    coming = set(_names(root, "HEAD", "@{upstream}"))
    if not coming:
        typer.echo("You have the newest lessons.")
        return
    _git(root, "reset", "--quiet")  # what was staged is a change like others
    changed = sorted(coming & set(_names(root, "HEAD")))
    if others := [name for name in changed if not name.startswith("lessons/")]:
        raise CourseError(
            f"You changed {', '.join(others)}, and so did the course: save your version under another name, "
            f"take back the change (`git checkout -- {' '.join(others)}`), and run this again.",
            code="cli.changed-file",
        )
    for name, copy in _kept(root, changed):
        typer.echo(f"You had run or changed {name}: your version is now {copy.as_posix()}.")
    _git(root, "merge", "--quiet", "--ff-only", "@{upstream}")
    typer.echo(f"{len(coming)} files are new or renewed.")
    if coming & {"pyproject.toml", "requirements.lock"}:
        typer.echo("The course needs newer packages: `make lab` installs them, or the install line in docs/install.md.")


def _kept(root: Path, names: Iterable[str]) -> Iterable[tuple[str, Path]]:
    """Copy each changed lesson to the learner's folder under a free name, and take the change back in its own place."""
    for name in names:
        file = root / name
        if file.exists():
            copy = root / MINE / file.name
            number = 1
            while copy.exists():
                number += 1
                copy = root / MINE / f"{file.stem}_{number}{file.suffix}"
            copy.parent.mkdir(exist_ok=True)
            shutil.copy2(file, copy)
            yield name, copy.relative_to(root)
        _git(root, "checkout", "--quiet", "HEAD", "--", name)


def _names(root: Path, *between: str) -> list[str]:
    return [name for name in _git(root, "diff", "--name-only", "--no-renames", "-z", *between).split("\0") if name]


def _git(folder: Path, *arguments: str) -> str:
    """What git prints; a CourseError with the reason where it refuses."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, encoding="utf-8", errors="replace"
        )
    except OSError:
        raise CourseError("git isn't there: install it, and run this again.", code="cli.no-git") from None
    if done.returncode:
        reason = " ".join(done.stderr.split()).removeprefix("fatal: ").removeprefix("error: ").rstrip(".")
        raise CourseError(f"git can't do this here: {reason}.", code="cli.git-refused")
    return done.stdout
