"""`course manifest`: what a folder's results were made with, and whether this machine has the same."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Write down what results were made with, or compare.")
Folder = Annotated[Path, typer.Argument(help="A project's folder.")]


@app.command()
def make(
    folder: Folder = Path(),
    seed: Annotated[
        list[int] | None, typer.Option(help="A seed that the results follow from; may be repeated.")
    ] = None,
) -> None:
    """Write FOLDER/manifest.json: versions, seeds, commit, and a digest of each file."""
    from course_utils.shipping.manifest import make_manifest

    typer.echo(f"{make_manifest(folder, seed or [])} is written.")


@app.command()
def check(folder: Folder = Path()) -> None:
    """Compare this machine and the folder with its manifest.json; exit status 1 when something differs."""
    from course_utils.shipping.manifest import check_manifest

    differences = check_manifest(folder)
    for line in differences:
        typer.echo(line)
    if differences:
        raise typer.Exit(1)
    typer.echo("Nothing differs.")
