"""Run the experiments seed by seed, keep each result at once, and write the tables when all seeds are there."""

import gc
import json
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import torch
import typer

from course_utils.cli.stopping import one_line
from course_utils.display.steps import time_left
from course_utils.errors import CourseError
from course_utils.experiments import records
from course_utils.experiments.finished import add_finished, read_finished
from course_utils.experiments.parallel import unordered
from tools.lessons.files import choose
from tools.recording.digests import belongs_to, circumstances
from tools.recording.experiments import LessonExperiment, experiments_of

BUILD = Path("build") / "records"  # not for git: runs of records that aren't complete yet
LEAST_SEEDS = 10
AGAIN = "the same command goes on from there."


def record(
    names: list[str] | None,
    only: list[str] | None,
    seeds: int,
    jobs: int,
    lessons: Path = Path("lessons"),
    folder: Path = records.FOLDER,
) -> None:
    """Record the experiments of some lessons; a stopped call goes on where it was.

    Parameters
    ----------
    names : list of str or None
        Lessons by number or slug; all if None.
    only : list of str or None
        Experiments by the names of their functions; all if None.
    seeds : int
        How many seeds each experiment shall have, from 0 on, unless its tag says another number.
    jobs : int
        Runs at the same time.
    lessons, folder : Path
        Where the lessons lie, and the records.

    Raises
    ------
    CourseError
        `tools.too-few-seeds`, `tools.no-experiment`, `tools.not-scores`.
    """
    if seeds < LEAST_SEEDS:
        raise CourseError(
            f"seeds is {seeds}: a record needs at least {LEAST_SEEDS}, or its interval says little.",
            code="tools.too-few-seeds",
        )
    chosen = [one for lesson in choose(lessons, names) for one in experiments_of(lesson)]
    chosen = [one for one in chosen if not only or one.function in only]
    if not chosen:
        raise CourseError(
            "No experiment of that name is in these lessons: tag the cell of one `recorded:NAME`.",
            code="tools.no-experiment",
        )
    torch.set_num_threads(1)  # before any work: the processes that run the seeds are copies of this one
    modules: dict[str, ModuleType] = {}
    for experiment in chosen:
        module = modules.setdefault(experiment.lesson.name, ModuleType(f"recorded_{experiment.lesson.name}"))
        record_one(experiment, experiment.seeds or seeds, jobs, folder, module)


def record_one(experiment: LessonExperiment, seeds: int, jobs: int, folder: Path, module: ModuleType) -> None:
    """Run the seeds of one experiment that are missing, and write its table.

    The experiments of a lesson share a module, so what a cell has cached for one of them is there for the next.
    """
    shared = belongs_to(experiment)
    partial = BUILD / f"{experiment.name}.jsonl"
    if partial.exists() and json.loads(partial.read_text().splitlines()[0]) != shared:
        partial.unlink()  # runs of other code
    rows = read_finished(partial, shared)
    missing = sorted(set(range(seeds)) - {row["seed"] for row in rows})
    typer.echo(f"{experiment.name}: {seeds - len(missing)} of {seeds} seeds are there already.")
    with one_line(lambda: f"{experiment.name} has {seeds - len(missing)} of {seeds} seeds; {AGAIN}"):
        sys.modules[module.__name__] = module  # where copies of this process look for its functions
        function = experiment.load(module)
        gc.collect()
        gc.freeze()  # whatever collects later needn't look through all that is loaded: .02 s instead of .3 s
        began, due = time.monotonic(), len(missing)
        for seed, seconds, given in unordered(_timed, [(function, seed) for seed in missing], jobs):
            for row in _rows(experiment, given):
                run = {"seed": seed, **row, "seconds": round(seconds, 1)}
                rows.append(run)
                add_finished(partial, run)
            missing.remove(seed)
            told = f"{experiment.name}: {seeds - len(missing)} of {seeds} seeds; seed {seed} took {seconds:.0f} s"
            left = (time.monotonic() - began) / (due - len(missing)) * len(missing)
            typer.echo(f"{told}, {time_left(left)}" if missing else told)
    write(experiment.name, rows, shared, folder)


def write(name: str, rows: Iterable[Mapping], shared: Mapping, folder: Path) -> None:
    """Write a record: a line that says what it was made with, and the table."""
    file = folder / f"{name}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(rows)
    factors = [column for column in table if column not in records.MEASURED]
    ordered = table.sort_values([*factors, "seed"], kind="stable")[[*factors, *records.MEASURED]]
    lines = ordered.round({"score": 6}).to_csv(index=False, lineterminator="\n")
    made_with = json.dumps({**shared, **circumstances()}, sort_keys=True)
    file.write_text(f"{records.COMMENT}{made_with}\n{lines}", encoding="utf-8")


def _timed(call: tuple) -> tuple[int, float, Any]:
    function, seed = call
    began = time.perf_counter()
    given = function(seed)
    return seed, time.perf_counter() - began, given


def _rows(experiment: LessonExperiment, given: Any) -> list[dict[str, Any]]:
    """Turn what an experiment returned into rows.

    It may return scores by strategy, rows with a strategy and a score, or the table of an `Experiment`.
    """
    if isinstance(given, pd.DataFrame):
        if failed := [error for error in given.get("error", []) if error]:
            raise CourseError(f"A run of {experiment.name} failed: {failed[0]}", code="tools.run-failed")
        given = given[["strategy", "labels", "metric", "score"]].to_dict("records")
    if isinstance(given, Mapping):
        given = [{"strategy": strategy, "score": score} for strategy, score in given.items()]
    try:
        return [
            {"metric": "accuracy", **row, "score": float(row["score"]), "strategy": str(row["strategy"])}
            for row in given
        ]
    except (TypeError, KeyError, ValueError) as problem:
        raise CourseError(
            f"{experiment.name} returned {str(given)[:60]!r}: return scores by strategy, or rows with a strategy and a "
            "score.",
            code="tools.not-scores",
        ) from problem
