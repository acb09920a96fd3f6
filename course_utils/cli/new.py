"""`course new`: a folder for a project of your own."""

from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The project's name, and that of its folder.")],
    example: Annotated[
        bool, typer.Option("--example", help="Put the course's photos of rubbish in, with all entries filled in.")
    ] = False,
) -> None:
    """Make a folder with all that a project needs: notebook, place for photos, README and tests."""
    from course_utils.projects.making import new_project

    folder = new_project(name)
    if example:
        from course_utils.projects.example import fill_with_example

        typer.echo(fill_with_example(folder))
    typer.echo(f"{folder} is ready. Go on with its README.md.")
