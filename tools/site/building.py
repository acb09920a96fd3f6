"""Lays out what Sphinx reads, and has it build the pages."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import nbformat

from course_utils.errors import CourseError
from course_utils.lessons import LESSONS
from course_utils.quiz.items import Code, Model, Prediction
from tools.links import read_address
from tools.site.landing import landing
from tools.site.notebooks import Reading
from tools.site.places import GUIDES, PRINTED, TEACHING, other_guides, pages, rewrite_links
from tools.site.questions import anchor
from tools.site.reference import ROOMS, index_page, room_page

MENU = """
```{{toctree}}
:hidden:
:caption: {caption}

{entries}
```
"""


def lay_out(root: Path, work: Path, pdf: bool = True) -> None:
    """Write what Sphinx reads, from the files of a clone: pages, files to take home, and a list of all items.

    Parameters
    ----------
    root : Path
        The clone.
    work : Path
        The folder to write to; what is in it goes.
    pdf : bool
        Whether pages for paper get a link to their PDF.
    """
    shutil.rmtree(work, ignore_errors=True)
    for folder in ("pages/lessons", "pages/api", "extra/notebooks", "static"):
        (work / folder).mkdir(parents=True)
    shutil.copytree(root / "docs" / "pictures", work / "extra" / "pictures")
    address = read_address(root)
    readings = [Reading(lesson, root, address) for lesson in LESSONS]
    (work / "static" / "items.js").write_text(_items(readings), encoding="utf-8")
    for name, text in _texts(root, readings, address, pdf):
        (work / "pages" / name).write_text(text, encoding="utf-8")
    for reading in readings:
        shutil.copy(reading.files.notebook, work / "extra" / "notebooks")
        nbformat.write(reading.page(), work / "pages" / "lessons" / f"{reading.lesson.slug}.ipynb")


def _texts(root: Path, readings: list[Reading], address: str, pdf: bool) -> Iterator[tuple[str, str]]:
    """Name and Markdown of each page but the lessons."""
    for source, page in pages(root).items():
        if not source.endswith(".md"):
            continue
        text = rewrite_links((root / source).read_text(encoding="utf-8"), source, root, address)
        if page == "index.md":
            text = landing(text, readings, (root / "README.md").read_text(encoding="utf-8")) + _menus(root)
        elif page.removesuffix(".md") in PRINTED:
            title, _, rest = text.partition("\n")
            link = f'<a class="course-launch" href="{page[:-3]}.pdf">PDF, one page</a>' if pdf else ""
            text = f'{title}\n\n<p class="course-launches course-one-page">{link}</p>\n{rest}'
        yield page, text
    yield "progress.md", (Path(__file__).parent / "progress.md").read_text(encoding="utf-8")
    yield "api/index.md", index_page()
    yield from ((f"api/{room}.md", room_page(room)) for room in ROOMS)


def _menus(root: Path) -> str:
    """The menu at the side of each page."""
    entries = {
        "Lessons": [f"{lesson.title} <lessons/{lesson.slug}>" for lesson in LESSONS],
        "Look up": [*(f"{title} <{name}>" for name, title in GUIDES.items()), "Your progress <progress>"],
        "For teachers": [*(f"{title} <{name}>" for name, title in TEACHING.items()), *other_guides(root)],
        "Reference": ["The helper package <api/index>"],
    }
    return "".join(MENU.format(caption=caption, entries="\n".join(lines)) for caption, lines in entries.items())


def _items(readings: list[Reading]) -> str:
    """What there is to answer, for the pages' scripts."""
    listed = [
        {
            "number": reading.lesson.number,
            "title": reading.lesson.title,
            "page": f"lessons/{reading.lesson.slug}.html",
            "items": [
                {
                    "id": item.id,
                    "label": item.label,
                    "anchor": anchor(item.id),
                    "exercise": isinstance(item, (Code, Model)),
                }
                for item in reading.items.values()
                if not isinstance(item, Prediction)  # a guess can't be right or wrong
            ],
        }
        for reading in readings
    ]
    return f"window.course.lessons = {json.dumps(listed, indent=0)};\n"


def run_sphinx(root: Path, work: Path, out: Path) -> None:
    """Build the pages; in this process, where torch and fastai have been imported for the reference already.

    Raises
    ------
    CourseError
        `tools.site-warnings` when Sphinx has anything to say.
    """
    from sphinx.cmd.build import build_main

    os.environ |= {"COURSE_SITE_REPOSITORY": read_address(root), "COURSE_SITE_FOLDER": str(work.resolve())}
    said = work / "warnings"
    options = ["-b", "html", "-q", "-W", "--keep-going", "-w", str(said)]
    folders = ["-c", str(Path(__file__).parent), "-d", str(work / "doctrees"), str(work / "pages"), str(out)]
    with redirect_stderr(StringIO()):  # it tells what the file holds
        failed = build_main([*options, *folders])
    if failed:
        told = said.read_text(encoding="utf-8").strip() if said.exists() else ""
        raise CourseError(f"Sphinx found something to mend:\n{told}", code="tools.site-warnings")
