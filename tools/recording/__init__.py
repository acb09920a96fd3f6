"""`python -m tools record`: run a lesson's experiments over many seeds, and keep what they gave."""

import os
from typing import Annotated

import typer

from course_utils.cli.run import Names


def record(
    names: Names = None,
    only: Annotated[list[str] | None, typer.Option(help="Experiments by name; all of them if left out.")] = None,
    seeds: Annotated[int, typer.Option(help="How many seeds each experiment shall have.")] = 10,
    jobs: Annotated[int, typer.Option(help="Runs at the same time, each in a process of its own.")] = 2,
    check: Annotated[bool, typer.Option(help="Run nothing; name the records that don't belong to the code.")] = False,
) -> None:
    """Run the lessons' experiments over many seeds, going on from what is recorded already.

    With the small network and on photographs, unless COURSE_NETWORK and COURSE_IMAGES say otherwise.
    """
    from tools.recording import running, staleness

    if not check:
        os.environ.setdefault("COURSE_NETWORK", "small")
        os.environ.setdefault("COURSE_IMAGES", "photographs")
    if check:
        stale = staleness.find(names)
        for sentence in stale:
            typer.echo(sentence)
        raise typer.Exit(1 if stale else 0)
    running.record(names, only, seeds, jobs)
