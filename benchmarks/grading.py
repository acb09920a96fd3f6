"""How fast submissions are graded, beside nbgrader on the same ones: python benchmarks/grading.py [--load 20000]."""

import argparse
import asyncio
import json
import statistics
import tempfile
import threading
import time
from pathlib import Path

import joblib
import pandas as pd
import psutil

from course_utils.grading import exports
from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.items import GradedModel, GradedQuiz, VariedNumber, grade_id
from course_utils.grading.bank.reading import open_bank
from course_utils.grading.bank.variants import PUBLIC
from course_utils.grading.gradebook.store import Store
from course_utils.grading.intake.submissions import submissions
from course_utils.grading.marking.batches import imports_of
from course_utils.grading.marking.marker import Marker
from course_utils.grading.marking.run import grade_submissions
from course_utils.grading.release.releasing import release
from course_utils.grading.release.sample_submissions import write_samples
from course_utils.grading.sandbox.worker_pool import WorkerPool

FOLDER = Path(__file__).parent
BATCH = 20
TRAINED = """import torch
x = torch.rand(256, 2) * 2 - 0.5
y = (x.sum(1) > 1).long()
net = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(net.parameters(), 1.0)
for _ in range(100):
    loss = torch.nn.functional.cross_entropy(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def example(*, networks: bool) -> GradedQuiz:
    """The example item bank without what nbgrader can't grade, or its network alone."""
    (whole,) = open_bank(FOLDER.parent / "docs" / "example_bank")
    items = [item for item in whole.items if isinstance(item, GradedModel) == networks]
    return whole.model_copy(update={"items": [item for item in items if not isinstance(item, VariedNumber)]})


async def timed(quiz: GradedQuiz, place: Path) -> tuple[list[float], dict[str, dict[str, float | None]], str]:
    """(milliseconds a submission, batch by batch; student → item → points; the isolation), with one worker."""
    taken, points = [], {}
    async with WorkerPool(1, imports_of([quiz])) as pool:
        marker = Marker(Assignment(quiz), pool)
        everything = list(submissions(place, [quiz]))
        for start in range(0, len(everything), BATCH):
            began = time.perf_counter()
            results = await marker.mark(everything[start : start + BATCH])
            taken.append(1000 * (time.perf_counter() - began) / len(results))
            points |= {result.student: {mark.item: mark.points for mark in result.marks} for result in results}
        return taken, points, pool.tier.name


def beside_nbgrader(folder: Path, ours: int, theirs: int) -> list[dict]:
    """The same honest submissions with both."""
    from nbgrader_peer import nbgrader_scores

    quiz = example(networks=False)
    place = folder / "honest"
    write_samples(Assignment(quiz), place, [f"s{number}" for number in range(ours)], shares={"honest": 1.0})
    taken, points, tier = asyncio.run(timed(quiz, place))
    names = sorted(points)[:theirs]
    answers = {name: _answers(quiz, place / f"{name}.ipynb") for name in names}
    began = time.perf_counter()
    scores = nbgrader_scores(quiz, answers, folder / "nbgrader")
    each = 1000 * (time.perf_counter() - began) / theirs
    differ = [name for name in names if scores[name] != points[name]]
    return [
        _row(f"ours, one worker, {tier}", taken),
        {"what": "nbgrader, autograde", "n": theirs, "value": each, "unit": "ms", "notes": ""},
        {
            "what": "nbgrader's time over ours",
            "n": theirs,
            "value": each / statistics.median(taken),
            "unit": "×",
            "notes": f"{len(differ)} of {theirs} students' scores differ",
        },
    ]


def _row(what: str, taken: list[float]) -> dict:
    spread = f"{min(taken):.1f} to {max(taken):.1f} over {len(taken)} batches of {BATCH}"
    return {"what": what, "n": len(taken) * BATCH, "value": statistics.median(taken), "unit": "ms", "notes": spread}


def _answers(quiz: GradedQuiz, file: Path) -> dict[str, str]:
    cells = {cell["id"]: cell["source"] for cell in json.loads(file.read_bytes())["cells"]}
    return {item.id: cells[grade_id(item, "answer")] for item in quiz.items}


def networks(folder: Path, count: int) -> list[dict]:
    """Submissions that train a network for 100 steps."""
    quiz = example(networks=True)
    place = folder / "networks"
    write_samples(Assignment(quiz), place, [f"s{number}" for number in range(count)], shares={"honest": 1.0})
    for file in place.iterdir():
        content = json.loads(file.read_bytes())
        for cell in content["cells"]:
            if cell["id"] == grade_id(quiz.items[0], "answer"):
                cell["source"] = TRAINED
        file.write_text(json.dumps(content))
    taken, points, tier = asyncio.run(timed(quiz, place))
    assert all(mark == quiz.items[0].points for marks in points.values() for mark in marks.values())
    return [_row(f"ours, 100 training steps, {tier}", taken)]


def load(folder: Path, count: int) -> list[dict]:
    """As many submissions as a large course has: a whole run, its memory, a second run, an export."""
    quiz = example(networks=False)
    place, store, released = folder / "load", folder / "marks.sqlite", folder / "released"
    release(quiz, released, PUBLIC)
    write_samples(
        Assignment(quiz), place, [f"s{number:05}" for number in range(count)], shares={"honest": 0.95, "blank": 0.05}
    )
    asked = {"released": released, "keys": {quiz.lesson: PUBLIC}, "workers": joblib.cpu_count()}
    rows, peak = [], Peak()
    for run in ("first run", "second run"):
        began = time.perf_counter()
        summary, _ = asyncio.run(grade_submissions(place, [quiz], store, **asked))
        seconds = time.perf_counter() - began
        notes = f"{seconds:.0f} s in all; " + ", ".join(f"{count} {state}" for state, count in summary.states.items())
        rows.append({"what": run, "n": summary.seen, "value": 1000 * seconds / count, "unit": "ms", "notes": notes})
    rows.append({"what": "peak memory, all processes", "n": 1, "value": peak.stop() / 2**20, "unit": "MB", "notes": ""})
    began = time.perf_counter()
    with Store(store) as marks:
        exports.export("nbgrader", marks.results(), folder / "marks.csv")
    seconds = time.perf_counter() - began
    rows.append({"what": "export to CSV", "n": count, "value": seconds, "unit": "s", "notes": ""})
    return rows


class Peak:
    """The most memory that this process and its children hold together; what they share counts once."""

    def __init__(self):
        self.most, self.over = 0, threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self.over.wait(1.0):
            total = 0
            for process in (me, *me.children(recursive=True)):
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:  # it has ended
                    continue
            self.most = max(self.most, total)

    def stop(self) -> int:
        """The peak, in bytes."""
        self.over.set()
        self.thread.join()
        return self.most


def main() -> None:
    """Measure, print, and keep the table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--ours", type=int, default=200)
    asked.add_argument("--theirs", type=int, default=10)
    asked.add_argument("--load", type=int, default=0, help="submissions of a whole run; none when left out")
    chosen = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = networks(Path(folder), chosen.ours // 2) + beside_nbgrader(Path(folder), chosen.ours, chosen.theirs)
        rows += load(Path(folder), chosen.load) if chosen.load else []
    table = pd.DataFrame(rows)
    table.to_csv(FOLDER / "results" / "grading.csv", index=False, float_format="%.4g")
    print(table.to_string(index=False, float_format="%.4g"))


if __name__ == "__main__":
    main()
