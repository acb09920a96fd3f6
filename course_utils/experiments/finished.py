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
        Where the file's runs share something else (`experiments.other-experiment`).
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(shared) + "\n")
        return []
    found = []
    for line in file.read_text().splitlines():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    if not found or found[0] != shared:
        raise CourseError(
            f"{file.name} holds the runs of another experiment: give another file, or delete it.",
            code="experiments.other-experiment",
        )
    with file.open("a") as journal:
        journal.write("\n")  # after a line that was cut off
    return found[1:]


def add_finished(file: Path, run: Mapping) -> None:
    """Write one more run down."""
    with file.open("a") as journal:
        journal.write(json.dumps(run) + "\n")
