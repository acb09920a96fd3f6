"""`course tune`: search for the settings of a lesson's fine-tuning, stop, go on, and test what was found."""

from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from course_utils.arguments import LARGEST_SEED, whole
from course_utils.cli.stopping import one_line
from course_utils.display.steps import time_left
from course_utils.errors import CourseError

if TYPE_CHECKING:
    from course_utils.experiments.objective import SearchedTask
    from course_utils.experiments.search import Progress

app = typer.Typer()
STARTS = 3  # trainings of the chosen and of the default settings each, at the end


@app.command()
def tune(
    lesson: Annotated[str, typer.Argument(help="A lesson by number or slug, e.g. 09.")],
    trials: Annotated[int, typer.Option(help="Finished trials in all, those of earlier calls included.")] = 20,
    workers: Annotated[int, typer.Option(help="Processes that share the search.")] = 1,
    storage: Annotated[
        str | None,
        typer.Option(help="A SQLite file's name or an Optuna URL; a file in the data folder when left out."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the split and the search; the study's own when left out.")
    ] = None,
) -> None:
    """Search for the settings of a lesson's fine-tuning; the same call goes on where an earlier one was stopped."""
    from course_utils.environment import silence_known_warnings

    silence_known_warnings()
    from course_utils.experiments.objective import Objective, find_task
    from course_utils.experiments.search import progress_of, without_password
    from course_utils.experiments.search import tune as search

    task = find_task(lesson)
    if seed is None:
        seed = _seed_of(storage, task.lesson)
    again = f"course tune {lesson} --trials N"
    if storage is not None:
        again += f" --storage {quote(without_password(storage))}"
    with one_line(lambda: f"What has finished is kept: `{again}` goes on from there."):
        study = search(
            Objective(task, seed),
            task.space,
            trials,
            task=task.described(seed),
            storage=storage,
            name=task.lesson,
            workers=workers,
            seed=seed,
            progress=lambda state: typer.echo(line_of(state, workers)),
        )
        state = progress_of(study, trials)
        if state.best is None:
            raise CourseError(
                f"None of {state.finished} trials came to a score, all were pruned or diverged: search on with more.",
                code="cli.no-score",
            )
        typer.echo(_report(task, state, seed, workers))
    typer.echo(f"To search on from here: `{again}`, with N above {state.finished}.")


def _seed_of(storage: str | None, name: str) -> int:
    """The seed that the study in this storage was made with, or this machine's where there is none."""
    from course_utils.environment import seed
    from course_utils.experiments.search import find_address, study_attributes

    attributes = study_attributes(find_address(storage, name), name) or {}
    task = attributes.get("task")
    own = whole(task.get("seed"), 0, LARGEST_SEED) if isinstance(task, dict) else None
    if own is not None:
        return own
    return seed()


def line_of(state: "Progress", workers: int) -> str:
    """The state of a search in one line."""
    parts = [f"{state.finished} of {state.wanted} finished ({state.pruned} pruned, {state.diverged} failed)"]
    if state.running:
        parts.append(f"{state.running} running")
    if state.best is not None:
        parts.append(f"best {state.best:.1%}")
    if left := state.seconds_left(workers):
        parts.append(time_left(left))
    return ", ".join(parts)


def _report(task: "SearchedTask", state: "Progress", seed: int, workers: int) -> str:
    """The best settings beside the default ones, each trained anew and tested."""
    from course_utils.experiments import run_parallel
    from course_utils.experiments.objective import test_score
    from course_utils.statistics import mean_interval, paired_difference

    starts = range(seed + 1, seed + 1 + STARTS)
    calls = [(task, settings, seed, start) for settings in (task.defaults, state.settings) for start in starts]
    scores = run_parallel(test_score, calls, jobs=workers)
    default, chosen = scores[:STARTS], scores[STARTS:]
    default_mean, default_half = mean_interval(default)
    chosen_mean, chosen_half = mean_interval(chosen)
    gain, gain_half = paired_difference(chosen, default)
    optimism = 100 * (state.best - sum(chosen) / STARTS)
    lucky = ": the best of many is lucky, too" if optimism > 0 else ""

    lines = [f"{'':10} {'default':>10} {'chosen':>10}"]
    for name, value in (task.defaults | state.settings).items():
        lines.append(f"{name:10} {task.defaults[name]:>10.3g} {value:>10.3g}")
    lines.append(
        f"Test {task.metric}, each trained {STARTS} times anew: default {100 * default_mean:.1f} ± "
        f"{100 * default_half:.1f}%, chosen {100 * chosen_mean:.1f} ± {100 * chosen_half:.1f}%, gain "
        f"{100 * gain:+.1f} ± {100 * gain_half:.1f} points."
    )
    lines.append(
        f"The best trial's validation score was {state.best:.1%}, {optimism:+.1f} points from what its settings then "
        f"reached on the test set{lucky}."
    )
    return "\n".join(lines)
