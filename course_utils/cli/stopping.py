"""Ctrl-C ends a command with one line: what was done, and how to go on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

INTERRUPTED = 130  # what a shell expects after Ctrl-C


@contextmanager
def one_line(say: Callable[[], str]) -> Iterator[None]:
    """Turn an interrupt into "Stopped.", what `say` gives then, and exit status 130."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"Stopped. {say()}", err=True)
        raise typer.Exit(INTERRUPTED) from None
