"""`course data`: which data sets there are, what can be downloaded, and whether what is here is sound."""

from typing import Annotated

import typer

from course_utils.data.fetching import fetch_archive, fetch_beside, is_here
from course_utils.data.fetching import verify as verify_source
from course_utils.data.registry import DATA_SETS, DataSet
from course_utils.data.sources import SOURCES
from course_utils.errors import CourseError

app = typer.Typer(no_args_is_help=True, help="List, fetch and verify the data sets.")


@app.command("list")
def list_data_sets() -> None:
    """List every data set and every archive that can be downloaded, with size, licence and citation."""
    typer.echo("Data sets, for `data.load(name)`:")
    for data_set in DATA_SETS.values():
        typer.echo(f"{data_set.name} ({data_set.modality}, {_need(data_set)})\n  {data_set.about}")
        typer.echo(f"  licence: {data_set.licence}\n  cite: {data_set.citation}")
    typer.echo("\nArchives, for `course data fetch NAME`:")
    for source in SOURCES.values():
        state = "here" if is_here(source.name) else "not here"
        typer.echo(f"{source.name} ({source.size / 1e6:.0f} MB, {state})")
        typer.echo(f"  {source.about}\n  licence: {source.licence}\n  cite: {source.citation}\n  from: {source.url}")


def _need(data_set: DataSet) -> str:
    if not data_set.sources:
        return "no download"
    downloads = f"downloads {' and '.join(data_set.sources)}"
    return f"{downloads}, or takes {data_set.stand_in}" if data_set.stand_in else downloads


@app.command()
def fetch(name: Annotated[str, typer.Argument(help="A source that `course data list` names.")]) -> None:
    """Download a source, or find it in the mirror, and check it."""
    for file in (fetch_archive(name), *fetch_beside(name).values()):
        typer.echo(f"{name}: {file}")


@app.command()
def verify(name: Annotated[str | None, typer.Argument(help="A source; all of them when left out.")] = None) -> None:
    """Check what is here again, down to every file's content; exit status 1 when something is damaged."""
    damaged = False
    for each in [name] if name else list(SOURCES):
        try:
            typer.echo(f"{each}: {'sound' if verify_source(each) else 'not here'}")
        except CourseError as error:
            typer.echo(f"{each}: {error}", err=True)
            damaged = True
    if damaged:
        raise typer.Exit(1)


@app.command()
def clear() -> None:
    """Remove the features of frozen networks that make a lesson's second start fast; data sets stay."""
    from course_utils.training import feature_store

    count, size = feature_store.clear()
    typer.echo(f"{count} files of features removed, {size / 1e6:.0f} MB.")
