"""`course data`: what can be downloaded, under which licence, and whether what is here is sound."""

from typing import Annotated

import typer

from course_utils.data.sources import SOURCES, fetch_archive, is_here
from course_utils.data.sources import verify as verify_source
from course_utils.errors import CourseError

app = typer.Typer(no_args_is_help=True, help="List, fetch and verify the data sets.")


@app.command("list")
def list_sources() -> None:
    """Every source: its size, whether it is here, licence and citation."""
    for source in SOURCES.values():
        state = "here" if is_here(source.name) else "not here"
        typer.echo(f"{source.name} ({source.size / 1e6:.0f} MB, {state})")
        typer.echo(f"  {source.about}\n  licence: {source.licence}\n  cite: {source.citation}\n  from: {source.url}")
    typer.echo("The data sets 'digits', 'vehicles' (drawn) and 'scans' (drawn) need no download.")


@app.command()
def fetch(name: Annotated[str, typer.Argument(help="A source that `course data list` names.")]) -> None:
    """Download a source, or find it in the mirror, and check it."""
    typer.echo(f"{name}: {fetch_archive(name)}")


@app.command()
def verify(name: Annotated[str | None, typer.Argument(help="A source; all of them when left out.")] = None) -> None:
    """Check what is here again, down to every file's content; exit status 1 when something is damaged."""
    damaged = False
    for each in [name] if name else SOURCES:
        try:
            typer.echo(f"{each}: {'sound' if verify_source(each) else 'not here'}")
        except CourseError as error:
            typer.echo(f"{each}: {error}", err=True)
            damaged = True
    if damaged:
        raise typer.Exit(1)
