"""The finished runs of a benchmark: one JSON line each, after a line that says where they were measured."""

import json
from collections.abc import Iterator
from pathlib import Path

from course_utils.errors import CourseError


class Journal:
    """What was run and what came out, in the order of running; `what in journal` and `journal[what]` find a run.

    Runs of another machine, other versions or other weights can't be compared: they are set aside in a file beside.
    Raises CourseError for a file that is damaged.
    """

    def __init__(self, path: Path, where: dict[str, str], *, fresh: bool = False):
        self.path, self.where = path, where
        self._runs: dict[str, dict] = {}
        if path.exists():
            found = [] if fresh else _read(path)
            if found and found[0] == where:
                self._runs = {_key(line["what"]): line for line in found[1:]}
                return
            old = path.with_suffix(".old.jsonl")
            path.replace(old)
            why = f"The runs in {path.name} come from {_differences(found[0], where)}" if found else "As asked"
            print(f"{why}: everything is measured again, and the old runs are kept in {old.name}.", flush=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(where) + "\n", encoding="utf-8")

    def add(self, what: dict, result: dict) -> None:
        line = {"what": what, "result": result}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self._runs[_key(what)] = line

    def __iter__(self) -> Iterator[dict]:
        return (line["what"] for line in self._runs.values())

    def __contains__(self, what: dict) -> bool:
        return _key(what) in self._runs

    def __getitem__(self, what: dict) -> dict:
        return self._runs[_key(what)]["result"]


def _key(what: dict) -> str:
    return json.dumps(what, sort_keys=True)


def _differences(there: dict, here: dict) -> str:
    return "; ".join(f"other {name} ({there.get(name)})" for name in here if there.get(name) != here[name])


def _read(path: Path) -> list[dict]:
    lines = []
    for number, text in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        try:
            line = json.loads(text)
            good = "machine" in line if number == 1 else {"what", "result"} <= set(line)
        except (ValueError, TypeError):
            good = False
        if not good:
            cure = "delete the file" if number == 1 else "delete that line, and its run is made again"
            raise CourseError(f"{path} is damaged in line {number}: {cure}, or start with --fresh.")
        lines.append(line)
    if not lines:
        raise CourseError(f"{path} is empty: delete it, and everything is measured again.")
    return lines
