"""`python -m tools links`: carry the public address from pyproject.toml into every badge and install line."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from course_utils import lessons
from course_utils.errors import CourseError

FILES = (
    *("README.md", "CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "CITATION.cff", "course_utils/__init__.py"),
    *("docs/**/*.md", "lessons/text/*.py", "lessons/*.ipynb"),
)
# The first code cell of every lesson. `find_spec`, since an import that fails within `except` shows two errors.
SETUP_CELL = """\
# Install the course where it is missing (on Colab or Kaggle, or with this notebook alone), and set it up.
from importlib.util import find_spec

if not find_spec("course_utils"):
    %pip install -q --no-deps {packages}
    assert find_spec("course_utils"), "Installing failed: go online (on Kaggle, in the settings), and run this again."
from course_utils.environment import setup

course = setup("{name}")
"""
INSTALLS = r"course @ git\+|--no-deps [\w -]*git\+"
PAGES = r"https://github\.com/[\w.-]+/[\w.-]+"
WEBSITE = r"\[(?:the|its) website\]\("  # GitHub serves it from the repository, by .github/workflows/site.yml
COLAB, BINDER = "https://colab.research.google.com", "https://mybinder.org"


def links(
    check: Annotated[bool, typer.Option(help="Rewrite nothing; exit status 1 when a file disagrees.")] = False,
) -> None:
    """Carry the public address from pyproject.toml into every badge and install line; run it at the top of a clone."""
    outdated = list(disagreeing(Path()))
    for path, derived in outdated:
        if not check:
            path.write_text(derived, encoding="utf-8", newline="\n")
        advice = "disagrees with pyproject.toml: run `python -m tools links`"
        typer.echo(f"{path} {advice}" if check else f"{path}: rewritten")
    if not outdated:
        typer.echo("every badge and install line agrees with pyproject.toml")
    raise typer.Exit(1 if check and outdated else 0)


def disagreeing(root: Path) -> Iterator[tuple[Path, str]]:
    """Each file of the clone whose links are not those of pyproject.toml, and what it should hold.

    Raises CourseError when root is no clone, the address is not GitHub's, or a lesson or the README lacks its place.
    """
    address, course = read_address(root), read_course(root)
    for path in sorted(path for pattern in FILES for path in root.glob(pattern)):
        text = path.read_text(encoding="utf-8")
        derived, lacking = derive(text, address), course.get("colab-lacks", [])
        if path.parent.name == "text":
            derived = write_setup_cell(derived, path.stem, lacking, address)
        if path.parent.name == "lessons":
            derived = write_install_line(derived, lacking)
        if path.parent.name in ("lessons", "text"):
            derived = point_to_itself(derived, path, address)
        if path.parent == root and path.name == "README.md":
            derived = write_table(derived, address)
        derived = name_ref(derived, address, course.get("ref", "main"))
        if derived != text:
            yield path, derived


def read_address(root: Path) -> str:
    """The repository's address, https://github.com/OWNER/NAME, from [project.urls]."""
    try:
        address = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]
    except (FileNotFoundError, KeyError):
        raise CourseError(
            f"There is no pyproject.toml with the course's address in {root.resolve()}: "
            "run this at the top of a clone.",
            code="tools.no-address",
        ) from None
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+(?<!\.git)", address):
        raise CourseError(
            f"pyproject.toml says that the course is at {address!r}: Colab and Binder need "
            "https://github.com/OWNER/NAME there, without .git or a slash at its end.",
            code="tools.unfit-address",
        )
    return address


def read_course(root: Path) -> dict[str, Any]:
    """What [tool.course] says: the packages that Colab lacks, and the branch or tag that badges open."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return project.get("tool", {}).get("course", {})


def write_setup_cell(text: str, name: str, lacking: list[str], address: str) -> str:
    """A lesson's text with its setup cell, whatever form that had; one that has none is left alone."""
    wanted = SETUP_CELL.format(packages=" ".join([*lacking, f"git+{address}"]), name=name)
    cell = "# %%\n" + wanted.replace("%pip", "# %pip")  # magics are comments in the text
    return re.sub(r"^# %%\n(?:(?!# %%).*\n)*?course = setup\(.*\n", lambda _: cell, text, count=1, flags=re.M)


def write_install_line(text: str, lacking: list[str]) -> str:
    """A notebook with what Colab lacks in the line that installs the course alone, without its dependencies."""
    return re.sub(r"(%pip install -q --no-deps )[\w -]*(?=git\+)", rf"\1{' '.join([*lacking, ''])}", text)


def derive(text: str, address: str) -> str:
    """The text with every link that can only mean the course's repository made to name this address."""
    hosts = r"colab\.research\.google\.com/github|mybinder\.org/v2/gh|codespaces\.new"
    text = re.sub(rf"({hosts})/[\w.-]+/[\w.-]+", rf"\1/{address.removeprefix('https://github.com/')}", text)
    owner, name = address.removeprefix("https://github.com/").split("/")
    text = re.sub(
        rf"({WEBSITE})https://[\w.-]+\.github\.io/[\w.-]+/", rf"\1https://{owner.lower()}.github.io/{name}/", text
    )
    own = r"blob/main/(docs/|course_utils/)|issues/new|security/advisories"
    text = re.sub(rf"{PAGES}(?=/({own}))", address, text)
    return re.sub(rf"({INSTALLS}|git clone |repository-code: )https://[\w./-]+", rf"\1{address}", text)


def name_ref(text: str, address: str, ref: str) -> str:
    """The text with every badge and install line on this branch or tag."""
    slug = address.removeprefix("https://github.com/")
    text = re.sub(rf"({COLAB}/github/{slug}/blob)/[^/\s)]+(?=/lessons/)", rf"\1/{ref}", text)
    text = re.sub(rf"({BINDER}/v2/gh/{slug})/[^/?\s)]+", rf"\1/{ref}", text)
    return re.sub(rf"((?:{INSTALLS}){address})(@[\w.-]+)?", r"\1" + ("" if ref == "main" else f"@{ref}"), text)


def target(service: str, lesson: str, address: str) -> str:
    """The address that opens a lesson in "Colab", on "Binder" or on "Kaggle"."""
    slug, file = address.removeprefix("https://github.com/"), f"lessons/{lesson}.ipynb"
    return {
        "Colab": f"{COLAB}/github/{slug}/blob/main/{file}",
        "Binder": f"{BINDER}/v2/gh/{slug}/main?urlpath=lab/tree/{file}",
        "Kaggle": f"https://kaggle.com/kernels/welcome?src={address}/blob/main/{file}",
    }[service]


def badge(service: str, lesson: str, address: str) -> str:
    """The Markdown badge that opens a lesson in "Colab" or on "Binder"."""
    words, image = {
        "Colab": ("Open in Colab", f"{COLAB}/assets/colab-badge.svg"),
        "Binder": ("Open on Binder", f"{BINDER}/badge_logo.svg"),
    }[service]
    return f"[![{words}]({image})]({target(service, lesson, address)})"


def point_to_itself(text: str, path: Path, address: str) -> str:
    """A lesson's text with its Colab badge on its own notebook; one copied with a lesson would open that one."""
    wanted = badge("Colab", path.stem, address)
    text, found = re.subn(r"\[!\[Open in Colab\]\([^)]*\)\]\([^)]*\)", wanted, text)
    if not found:
        raise CourseError(f"{path} has no Colab badge: put {wanted} under its title.", code="tools.no-badge")
    return text


def write_table(text: str, address: str) -> str:
    """The README with its table of the registered lessons, between two comments."""
    rows = ["| lesson | you will be able to | minutes | |", "| --- | --- | ---: | --- |"]
    for lesson in lessons.LESSONS:
        name, gain = f"[{lesson.title}](lessons/{lesson.slug}.ipynb)", next(iter(lesson.goals), "").rstrip(";.")
        rows.append(f"| {name} | {gain} | {lesson.minutes} | {badge('Colab', lesson.slug, address)} |")
    marks = "<!-- lessons, by `python -m tools links` -->", "<!-- end of lessons -->"
    before, start, rest = text.partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not (start and end):
        raise CourseError(
            f"README.md has lost its comments {marks[0]} and {marks[1]}: put them where the table goes.",
            code="tools.no-table",
        )
    return "\n".join([before + start, *rows, end]) + after
