"""Run by a test in a process of its own: marks each attack beside honest work, and tells the most memory held at once.

All processes count (the grader, the fork server, the workers), what they share once. Prints {attack: megabytes}, and
the most that the grader itself held.
"""

import asyncio
import json
import sys
import threading
from pathlib import Path

import psutil
from attacks import POINTS

from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.reading import open_bank
from course_utils.grading.bank.variants import PUBLIC
from course_utils.grading.marking.marker import Marker
from course_utils.grading.records import Cell, Submission
from course_utils.grading.sandbox import shell
from course_utils.grading.sandbox.worker_pool import WorkerPool

HONEST = "def balanced(t, g):\n    return float(np.mean([np.mean(g[t == one] == one) for one in np.unique(t)]))"


class Peak:
    """The most memory held while it is open, in MB: of all processes, and of this one."""

    def __enter__(self):
        self.whole, self.own, self.over = 0, 0, threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        return self

    def _watch(self):
        me = psutil.Process()
        while not self.over.wait(0.01):
            held = []
            for process in (me, *me.children(recursive=True)):
                try:
                    held.append(process.memory_full_info().pss >> 20)
                except psutil.Error:  # it has ended
                    held.append(0)
            self.whole, self.own = max(self.whole, sum(held)), max(self.own, held[0])

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


async def measured(memory: int, attacks: list[str]) -> dict[str, list[int]]:
    (quiz,) = open_bank(Path(__file__).parents[2] / "docs" / "example_bank")
    quiz = quiz.model_copy(update={"items": [quiz.item("90.A").model_copy(update={"limit": 1.0})]})
    found = {}
    async with WorkerPool(2, ["numpy"], tier=shell.SANDBOX, memory=memory << 20) as pool:
        marker = Marker(Assignment(quiz, PUBLIC, personal=False), pool)
        for name in attacks:
            each = [
                Submission(f"s{n}", quiz.lesson, "", f"{name} {n}", (Cell("import numpy as np"), Cell(source, "90.A")))
                for n, source in enumerate((POINTS[name], HONEST, HONEST))
            ]
            with Peak() as peak:
                hostile, *honest = await marker.mark(each)
            assert hostile.marks[0].points == 0 and all(one.marks[0].points == 3 for one in honest), name
            found[name] = [peak.whole, peak.own]
    return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measured(int(sys.argv[1]), sys.argv[2:] or list(POINTS)))))
