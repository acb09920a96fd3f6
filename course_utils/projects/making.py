"""`course new`: a folder with all that a project needs, from the template beside this module."""

import re
import shutil
from importlib import resources
from pathlib import Path
from string import Template

from course_utils import INSTALL
from course_utils._version import __version__
from course_utils.errors import CourseError

ADDRESS = re.search(r"git\+[^\s\"`]+", INSTALL)
EXTRAS = "lab,shipping,app"
RENAMED = {"gitignore": ".gitignore", "project.md": "project.ipynb"}
NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


def new_project(name: str, where: Path | str = ".") -> Path:
    """Make the folder of a new project, and return it.

    Parameters
    ----------
    name : str
        The folder's name: letters, digits, "-", "_" and ".".
    where : Path or str
        The folder that it is made in.

    Raises
    ------
    CourseError
        `projects.bad-name`; `projects.exists` for a folder that holds something; `projects.no-jupytext` without the
        extra `lab`.
    """
    if not NAME.fullmatch(name):
        raise CourseError(
            f"A project can't be called {name!r}: use letters, digits, '-', '_' and '.', and begin with a letter or a "
            "digit.",
            code="projects.bad-name",
        )
    folder = Path(where) / name
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CourseError(
            f"There is something in {folder} already: give another name, or move it away.", code="projects.exists"
        )
    notebook = _notebook()  # refused before anything is made
    template = Path(str(resources.files(__package__) / "template"))
    for file in sorted(template.rglob("*")):
        if not file.is_file() or "__pycache__" in file.parts:
            continue
        target = folder / file.relative_to(template).with_name(RENAMED.get(file.name, file.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix == ".ipynb":
            target.write_text(notebook, encoding="utf-8")
        elif file.suffix in (".md", ".toml", ".txt"):
            target.write_text(_filled(file.read_text(encoding="utf-8"), name), encoding="utf-8")
        else:
            shutil.copyfile(file, target)
    (folder / "data" / "raw").mkdir(parents=True, exist_ok=True)
    return folder


def _filled(text: str, name: str) -> str:
    address = ADDRESS.group() if ADDRESS else ""
    return Template(text).safe_substitute(
        NAME=name, INSTALL=f"fine-tuning-course[{EXTRAS}] @ {address}", VERSION=__version__
    )


def _notebook() -> str:
    """Return the template's notebook, as Jupyter reads it."""
    try:
        import jupytext
    except ModuleNotFoundError:
        raise CourseError(
            'A project has a notebook, and making it needs jupytext: pip install "fine-tuning-course[lab]".',
            code="projects.no-jupytext",
        ) from None
    text = resources.files(__package__).joinpath("template", "project.md").read_text(encoding="utf-8")
    notebook = jupytext.reads(text, fmt="md")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata = {"kernelspec": kernel}
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"step-{number:02}"  # the same in every project, so that two can be compared
    return str(jupytext.writes(notebook, fmt="ipynb"))
