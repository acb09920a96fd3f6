"""The file that an experiment keeps its finished runs in: what they share in the first line, then a run a line."""

import json
from collections.abc import Mapping
from pathlib import Path

from course_utils.errors import CourseError


def read_finished(file: Path, shared: Mapping) -> list[dict]:
    """Return the runs in a file, which is made if it isn't there.

    Parameters
    ----------
    file : Path
        JSON lines. A run that was cut off while it was written is left out, and so runs again.
    shared : mapping
        What all runs of the experiment share, as JSON can hold it.

    Raises
    ------
    CourseError
        Where the file's runs share something else (`experiments.other-experiment`), and where it can't be written
        (`experiments.keep-unusable`).
    """
    shared = json.loads(json.dumps(shared))
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(shared) + "\n", encoding="utf-8")
            return []
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as problem:
        raise _unusable(file, problem) from problem
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    if not found or found[0] != shared:
        begun = found[0] if found and isinstance(found[0], dict) else {}
        # Files of earlier versions say neither what code nor what data they belong to.
        parts = [part for part in shared if begun.get(part) != shared[part]] if begun.keys() & shared.keys() else []
        told = f" (other {' and '.join(parts)})" if parts else ""
        raise CourseError(
            f"{file.name} holds the runs of another experiment{told}: give another file, or delete it.",
            code="experiments.other-experiment",
        )
    try:
        with file.open("a", encoding="utf-8") as journal:
            journal.write("\n")  # after a line that was cut off
    except OSError as problem:
        raise _unusable(file, problem) from problem
    return [run for run in found[1:] if isinstance(run, dict)]


def add_finished(file: Path, run: Mapping) -> None:
    """Write one more run down."""
    with file.open("a", encoding="utf-8") as journal:
        journal.write(json.dumps(run) + "\n")


def _unusable(file: Path, problem: OSError) -> CourseError:
    return CourseError(
        f"Finished runs can't be kept in {file.name} ({problem.strerror or problem}): name a file that can be written "
        "as keep=, or leave it out.",
        code="experiments.keep-unusable",
    )
