"""Ours beside what a user would pick instead: time, memory and accuracy, as ratios with their spread.

    python benchmarks/bench.py                     # or make bench: what is missing of the default run, then the table
    python benchmarks/bench.py --dataset digits --repeats 5
    python benchmarks/bench.py --minutes 5         # stops after a run when time is up; the next call goes on
    python benchmarks/bench.py --rates             # how the learning rates in comparisons.py were chosen

Every training is a process of its own and has the machine to itself; arms take turns within each repeat, which has its
own split of the images, and ratios are taken within repeats. COURSE_DATA_MIRROR may name the folder that holds the
photographs' archive; without it drawings stand in. Leave the machine alone while it runs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from importlib.metadata import version
from pathlib import Path

import joblib
import pandas as pd
import psutil
import report
from comparisons import COMPARISONS, Comparison, Point, find_comparison, shrink, write_images
from journal import Journal
from results_tables import summary

from course_utils.environment import silence_known_warnings
from course_utils.errors import CourseError

HERE = Path(__file__).parent
BUILD = HERE.parent / "build" / "bench"  # not for git: trial runs, and those that chose the rates
ARMS = {
    "head": ("ours", "fastai", "torch"),
    "full": ("ours", "fastai", "torch", "limit"),
    "stage 4": ("ours",),  # the others have nothing of the kind: these stand beside their training of all layers
    "stage 3": ("ours",),
    "probe": ("ours",),
}
POINTS = (  # more labels (on small images, or it would take too long), more channels, more pixels
    Point(100, size=32),
    Point(1000, size=32),
    Point(10_000, size=32),
    Point(width=16),
    Point(),
    Point(width=64),
    Point(size=32),
    Point(size=128),
)
GROWTH_REPEATS = 2  # at most: the large points take long
QUICK_POINTS = (Point(100, 8, 32), Point(200, 8, 32))
TUNING_SEED = 1000  # a split that takes no part in the comparison
LRS = {"ours": (2e-3, 5e-3, 1e-2, 2e-2), "fastai": (2e-3, 5e-3, 1e-2, 2e-2), "torch": (1e-3, 3e-3, 1e-2, 3e-2)}


def trainings(tasks: list[Comparison], seeds: range, quick: bool) -> Iterator[dict]:
    """What to run, repeat by repeat; who comes first within one changes from repeat to repeat."""
    for seed in seeds:
        for task in tasks:
            for regime, arms in ARMS.items():
                turn = seed % len(arms)
                for arm in arms[turn:] + arms[:turn]:
                    yield wanted(task, regime, arm, seed, task.lr_of(regime, arm), quick)


def wanted(compared: Comparison, regime: str, arm: str, seed: int, lr: float, quick: bool) -> dict:
    """What to run, as the journal keys it; there a learning rate is a "rate"."""
    task = compared.task
    settings = f"{task.labels} labels a class, {compared.size} px, batches of {compared.bs}, {task.epochs} epochs"
    run = {"task": task.name, "regime": regime, "arm": arm, "seed": seed, "rate": lr}
    return run | {"settings": settings, "quick": quick}


def growth(points: tuple[Point, ...], seeds: range) -> Iterator[dict]:
    for seed in seeds:
        for point in points:
            yield {"labels": point.labels, "width": point.width, "size": point.size, "seed": seed}


def tuning(tasks: list[Comparison], quick: bool) -> Iterator[dict]:
    """Four learning rates for each arm: an equal budget."""
    for task in tasks:
        for regime, arms in ARMS.items():
            for arm in arms:
                # Stock fastai's is the same training as ours, only slower, and a probe has no rate.
                if (regime, arm) != ("full", "fastai") and regime != "probe":
                    for lr in LRS.get(arm, ()):
                        yield wanted(task, regime, arm, TUNING_SEED, lr, quick)


def run(what: dict, images: Path) -> dict:
    """One run, in a process of its own; its result, with the most memory that it and its workers took together."""
    program = "arms.py" if "arm" in what else "growth.py"
    with tempfile.TemporaryDirectory() as folder:
        result, errors = Path(folder) / "result.json", Path(folder) / "errors"
        with errors.open("w") as stderr:
            command = [sys.executable, str(HERE / program), json.dumps(what | {"images": str(images)}), str(result)]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr)
            try:
                peak = watch_memory(process)
            finally:
                process.kill()
        if process.returncode:
            said = errors.read_text().strip().splitlines() or [f"exit status {process.returncode}"]
            raise CourseError(f"The run {describe(what)} failed ({said[-1]}): what ran before it is kept.")
        return json.loads(result.read_text()) | {"memory_mb": round(peak / 2**20), "date": date.today().isoformat()}


def watch_memory(process: subprocess.Popen, interval: float = 0.25) -> int:
    """Wait for a process to end. The most bytes seen in it and its children; what they share counts once on Linux."""
    peak, seen = 0, psutil.Process(process.pid)
    while process.poll() is None:
        taken = 0
        with suppress(psutil.Error):  # they may end while we look
            for one in (seen, *seen.children(recursive=True)):
                memory = one.memory_full_info()
                taken += getattr(memory, "pss", memory.rss)
        peak = max(peak, taken)
        with suppress(subprocess.TimeoutExpired):
            process.wait(interval)
    return peak


def describe(what: dict) -> str:
    if "arm" not in what:
        return f"growth: {Point(what['labels'], what['width'], what['size']).name}, repeat {what['seed']}"
    return f"{what['task']}: {what['regime']}, {what['arm']}, repeat {what['seed']}, rate {what['rate']:g}"


def run_missing(runs: list[dict], journal: Journal, minutes: float, quick: bool) -> bool:
    """Run what the journal lacks, and write each result down at once. Whether all is done, or time was up before."""
    until = time.monotonic() + 60 * minutes
    missing = [what for what in runs if what not in journal]
    print(f"{len(runs) - len(missing)} of {len(runs)} runs are there already.", flush=True)
    for number, what in enumerate(missing, 1):
        if time.monotonic() > until:
            print(f"Time is up, {len(missing) - number + 1} runs are left: the same call goes on from here.")
            return False
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            if what.get("arm") in ("fastai", "torch"):  # they read files, written before their clock starts
                write_images(sized(COMPARISONS[what["task"]], quick), what["seed"], Path(folder))
            result = run(what, Path(folder))
        journal.add(what, result)
        took = time.monotonic() - began
        print(f"{number}/{len(missing)} {describe(what)}: {summary(result)} (run: {took:.0f} s)", flush=True)
    return True


def machine() -> dict[str, str]:
    """What must be the same for runs to be compared."""
    import torch

    from course_utils.backbones import training_record
    from course_utils.machine import memory, observe

    model = ""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
    gpus = ", ".join(gpu.name for gpu in observe().gpus) or "no GPU"
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision", "fastai"))
    return {
        "machine": f"{model or os.uname().machine}, {torch.get_num_threads()} threads, "
        f"{joblib.cpu_count()} processors, {memory() / 2**30:.0f} GiB of memory, {gpus}",
        "versions": f"Python {'.'.join(map(str, sys.version_info[:3]))}, {libraries}",
        "weights": training_record()["sha256"][:12],
    }


def show_rates(runs: list[dict], journal: Journal) -> None:
    rows = [{**what, "accuracy": journal[what]["accuracy"][-1]} for what in runs if what in journal]
    columns = ["task", "regime", "arm", "rate", "accuracy"]
    print(pd.DataFrame(rows, columns=columns).to_string(index=False, formatters={"accuracy": "{:.1%}".format}))


def read_arguments(given: list[str] | None) -> argparse.Namespace:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    choice = f"digits, vehicles ({' or '.join(list(COMPARISONS)[1:])}) or growth; several are allowed (all)"
    arguments.add_argument(
        "--dataset", nargs="+", default=["digits", "vehicles", "growth"], help=choice, metavar="NAME"
    )
    arguments.add_argument("--repeats", type=int, default=3, help="how often everything runs (3), at least 2")
    arguments.add_argument("--minutes", type=float, default=float("inf"), help="start no run after so many minutes")
    arguments.add_argument("--quick", action="store_true", help="a trial in a minute; its figures say nothing")
    arguments.add_argument("--fresh", action="store_true", help="measure everything again")
    arguments.add_argument("--rates", action="store_true", help="try learning rates on a split of their own")
    arguments.add_argument("--out", type=Path, help="the folder for runs, table and image (benchmarks/results)")
    return arguments.parse_args(given)


def bench(given: argparse.Namespace) -> None:
    """Run what is missing and report what is there."""
    if given.repeats < 2:
        raise CourseError(f"repeats is {given.repeats}: one run says nothing about its spread, so give at least 2.")
    out = given.out or (BUILD if given.quick or given.rates else HERE / "results")
    journal = Journal(out / ("rates.jsonl" if given.rates else "runs.jsonl"), machine(), fresh=given.fresh)
    tasks = [sized(find_comparison(name), given.quick) for name in dict.fromkeys(given.dataset) if name != "growth"]
    if given.rates:
        runs = list(tuning(tasks, given.quick))
        run_missing(runs, journal, given.minutes, given.quick)
        show_rates(runs, journal)
        return
    runs = list(trainings(tasks, range(given.repeats), given.quick))
    if "growth" in given.dataset:
        runs += growth(QUICK_POINTS if given.quick else POINTS, range(min(given.repeats, GROWTH_REPEATS)))
    run_missing(runs, journal, given.minutes, given.quick)
    readme = HERE / "README.md" if out == HERE / "results" else None
    report.write(journal, out, readme, quick=given.quick)


def sized(task: Comparison, quick: bool) -> Comparison:
    return shrink(task) if quick else task


def main(arguments: list[str] | None = None) -> None:
    """Run the command, and end the process with one sentence where it fails."""
    silence_known_warnings()
    try:
        bench(read_arguments(arguments))
    except CourseError as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit("bench: stopped; the same call goes on from here.")


if __name__ == "__main__":
    main()
