"""`course tune`: search for the settings of a lesson's fine-tuning, stop, go on, and test what was found."""

from typing import Annotated

import typer

from course_utils.errors import CourseError

app = typer.Typer()
STARTS = 3  # trainings of the chosen and of the default settings each, at the end
INTERRUPTED = 130  # what a shell expects after Ctrl-C


@app.command()
def tune(
    lesson: Annotated[str, typer.Argument(help="A lesson by number or slug, e.g. 09.")],
    trials: Annotated[int, typer.Option(help="Finished trials in all, those of earlier calls included.")] = 20,
    workers: Annotated[int, typer.Option(help="Processes that share the search.")] = 1,
    storage: Annotated[
        str | None,
        typer.Option(help="A journal file's name or an Optuna URL; a file in the data folder when left out."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the split and the search; the study's own when left out.")
    ] = None,
) -> None:
    """Search for the settings of a lesson's fine-tuning; the same call goes on where an earlier one was stopped."""
    from course_utils.environment import seed as chosen_seed
    from course_utils.environment import silence_known_warnings

    silence_known_warnings()
    from course_utils.experiments.objective import Objective, find_task
    from course_utils.experiments.studies import default_file, described, open_place, without_password
    from course_utils.experiments.trials import progress_of
    from course_utils.experiments.tuning import tune as search

    task = find_task(lesson)
    place = storage or default_file(task.lesson)
    if not storage:
        place.parent.mkdir(parents=True, exist_ok=True)
    if seed is None:
        known = (described(open_place(place), task.lesson) or {}).get("task")
        seed = known.get("seed", chosen_seed()) if isinstance(known, dict) else chosen_seed()
    again = f"course tune {lesson} --trials N" + (f" --storage {without_password(storage)}" if storage else "")
    try:
        study = search(
            Objective(task, seed),
            task.space,
            trials,
            task=task.described(seed),
            storage=place,
            name=task.lesson,
            workers=workers,
            seed=seed,
            progress=lambda state: typer.echo(line_of(state, workers)),
        )
        state = progress_of(study, trials)
        if state.best is None:
            raise CourseError(
                f"None of {state.finished} trials came to a score, all were pruned or diverged: search on with more."
            )
        typer.echo(_report(task, state, seed, workers))
    except KeyboardInterrupt:
        typer.echo(f"Stopped. What has finished is kept: `{again}` goes on from there.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    typer.echo(f"To search on from here: `{again}`, with N above {state.finished}.")


def line_of(state, workers: int) -> str:
    """The state of a search in one line."""
    parts = [f"{state.finished} of {state.wanted} finished ({state.pruned} pruned, {state.diverged} failed)"]
    if state.running:
        parts.append(f"{state.running} running")
    if state.best is not None:
        parts.append(f"best {state.best:.1%}")
    left = state.seconds_left(workers)
    if left:
        parts.append(f"about {left:.0f} s left" if left < 100 else f"about {left / 60:.0f} min left")
    return ", ".join(parts)


def _report(task, state, seed: int, workers: int) -> str:
    """The best settings beside the default ones, each trained anew and tested."""
    from course_utils.experiments import run_parallel
    from course_utils.experiments.objective import test_score
    from course_utils.statistics import mean_interval, paired_difference

    lines = [f"{'':10} {'default':>10} {'chosen':>10}"]
    for name, default in task.defaults.items():
        lines.append(f"{name:10} {default:>10.3g} {state.settings[name]:>10.3g}")
    arms = (task.defaults, state.settings)
    calls = [(task, settings, seed, seed + start) for settings in arms for start in range(1, STARTS + 1)]
    scores = run_parallel(test_score, calls, jobs=workers)
    reached = [scores[:STARTS], scores[STARTS:]]
    said = [f"{100 * mean:.1f} ± {100 * half:.1f}" for mean, half in map(mean_interval, reached)]
    gain, half = paired_difference(reached[1], reached[0])
    lines.append(
        f"Test {task.metric}, each trained {STARTS} times anew: default {said[0]}%, chosen {said[1]}%, gain "
        f"{100 * gain:+.1f} ± {100 * half:.1f} points."
    )
    flattered = state.best - sum(reached[1]) / STARTS
    lucky = ": the best of many is lucky, too" if flattered > 0 else ""
    lines.append(
        f"The best trial's validation score was {state.best:.1%}, {100 * flattered:+.1f} points from what its settings "
        f"then reached on the test part{lucky}."
    )
    return "\n".join(lines)
