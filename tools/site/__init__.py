"""`python -m tools site`: the course as pages to read, from the executed notebooks; nothing is executed."""

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from course_utils.errors import CourseError


def site(
    out: Annotated[Path, typer.Argument(help="The folder of the pages; what was in it goes.")] = Path("build/site"),
    pdf: Annotated[bool, typer.Option(help="Print the cheat sheet and the decision guide, with Chromium.")] = True,
) -> None:
    """Build the course's site and check its links, without a network; run it at the top of a clone."""
    missing = [name for name in ("furo", "myst_nb", "sphinx") if not find_spec(name)]
    if missing:
        raise CourseError(
            f"{', '.join(missing)} can't be imported: install what the site needs at the top of your clone with "
            'pip install -e ".[lab,site]".',
            code="tools.missing-packages",
        )
    from tools.site import building
    from tools.site.checking import Site
    from tools.site.places import PRINTED
    from tools.site.printing import find_browser, print_page

    if pdf:
        find_browser()  # says at once that there is none
    root, work = Path().resolve(), out.with_name(f"{out.name}-sources")
    shutil.rmtree(out, ignore_errors=True)
    building.lay_out(root, work, pdf)
    building.run_sphinx(root, work, out)
    for name in PRINTED if pdf else ():
        print_page(out / f"{name}.html", out / f"{name}.pdf")
    built = Site(out)
    if broken := list(built.broken()):
        raise CourseError("\n".join(["Mend these links:", *broken]), code="tools.broken-links")
    typer.echo(f"{len(built.pages)} pages, every link leads somewhere: open {out / 'index.html'}")
