"""Which tests are slow, and in what order they go to the workers: by the seconds that they took in a recorded run.

Run as a script on the JUnit report of a quiet run, this renews the table: `make durations`.
"""

import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

TABLE = Path(__file__).parent / "durations.json"
SLOW = 2.0  # seconds from which a test is left out of `make quick`
NOTED = 0.5  # what takes less isn't worth a line
USUAL = 0.03  # what the tests without a line take, on average


def durations() -> dict[str, float]:
    """Seconds by test function, whatever its file, and by lesson ("05_full_or_partial.ipynb")."""
    return json.loads(TABLE.read_text(encoding="utf-8"))


def function(nodeid: str) -> str:
    """The name under which the table holds a test: its function, without file and parameters."""
    return nodeid.partition("[")[0].rpartition("::")[2]


def group(nodeid: str) -> str:
    """What runs in one worker, one after the other: a file, since its tests share fixtures, or all of the browser's."""
    file = nodeid.partition("::")[0]
    return "tests/browser" if file.startswith("tests/browser/") else file


def heaviest_first(nodeids: Iterable[str]) -> list[str]:
    """The groups of these tests, the longest first, so that no long one is left for a single worker at the end."""
    table = durations()
    seconds: dict[str, float] = defaultdict(float)
    for nodeid in nodeids:
        file = group(nodeid)
        if file.endswith(".ipynb"):
            seconds[file] = table.get(Path(file).name, 1000)  # a lesson not measured yet
        else:
            seconds[file] += table.get(function(nodeid), USUAL)
    return sorted(seconds, key=lambda name: -seconds[name])


class HeaviestFirst(LoadScopeScheduling):
    """xdist's own distribution of groups to workers, with our groups, in the order of the collection."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def measured(report: Path) -> dict[str, float]:
    """Seconds by test function (the mean of its cases) and by lesson (the sum of its cells), from a JUnit report."""
    taken: dict[str, list[float]] = defaultdict(list)
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        file, name, seconds = case.get("classname", ""), case.get("name", ""), float(case.get("time", 0))
        lesson = re.fullmatch(r"lessons\.(\w+)\.ipynb", file)
        taken[f"{lesson[1]}.ipynb" if lesson else function(name)].append(seconds)
    means = {name: sum(all_) / (1 if name.endswith(".ipynb") else len(all_)) for name, all_ in taken.items()}
    return {name: round(seconds, 1) for name, seconds in sorted(means.items()) if seconds >= NOTED}


if __name__ == "__main__":
    table = measured(Path(sys.argv[1]))
    TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    print(f"{len(table)} tests and lessons of {NOTED} seconds or more stand in {TABLE.name}.")
