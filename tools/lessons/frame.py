"""What the build puts around and into a lesson's text: its opening, its way on, and links that work anywhere.

Previous and next, minutes, goals and what to know come from the registry, `course_utils.lessons`: they can't go stale.

A link within the clone, `[batch](../docs/glossary.md#batch)`, is relative in the text, where an editor follows it. In
the notebook it is absolute, since Colab and a website have no clone around it; one to the glossary gets the term's
definition as its title, which is shown where the mouse rests, without a network too. Links between lessons stay
relative, for Lab and a website; beside them stand those for Colab.

A browser may break a line within 1e-3, after the hyphen, so the notebook says that it mustn't.
"""

import re
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_utils import lessons
from course_utils.quiz.text import EXPONENT
from tools.glossary import read_terms
from tools.lessons.exercises import blanked
from tools.lessons.files import Lesson, locate

OPENING, CLOSING = "opening", "closing"  # the tags, and ids, of the two cells
COLAB = re.compile(r"https://colab\.research\.google\.com/github/(?P<slug>[\w.-]+/[\w.-]+)/blob/main/lessons/")
INTO_THE_CLONE = re.compile(r"\]\(\.\./(?P<path>[^)\s#]+)(?:#(?P<anchor>[^)\s]+))?\)")
GLOSSARY = "docs/glossary.md"
# What holds no prose: blocks and pieces of code, targets of links, tags, formulas.
NO_PROSE = re.compile(r"(^```.*?^```|`[^`\n]+`|\]\([^)\s]*|<[^>]+>|\$[^$\n]+\$)", re.S | re.M)
SHORT = 30  # characters of code that fit into a line of any page


def framed(lesson: Lesson) -> NotebookNode:
    """The lesson as learners get it, without outputs: blanks, opening, way on, absolute links, folded setup."""
    notebook = blanked(lesson)
    found = COLAB.search(notebook.cells[0].source) if notebook.cells else None
    colab = found[0] if found else ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and found:
            cell.source = _absolute(cell.source, f"https://github.com/{found['slug']}", lesson.folder.parent)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = unbroken(cell.source)
    if setup := next((cell for cell in notebook.cells if cell.cell_type == "code"), None):
        setup.metadata["jupyter"] = {"source_hidden": True}  # nobody needs to read how the course installs itself
    notebook.cells.insert(1, _cell(OPENING, _opening(lessons.find_lesson(lesson.name), colab)))
    notebook.cells.append(_cell(CLOSING, _closing(lessons.find_lesson(lesson.name), colab)))
    return notebook


def lines(lesson: Lesson, notebook: NotebookNode) -> list[int]:
    """The line of the text at which each cell of the built notebook begins; for the build's own, that of the last."""
    known = locate(lesson)
    found, passed = [], 0
    for cell in notebook.cells:
        passed += not is_frame(cell)
        found.append(known[passed - 1])
    return found


def is_frame(cell: NotebookNode) -> bool:
    """Whether the build has made the cell."""
    return bool({OPENING, CLOSING} & set(cell.metadata.get("tags", [])))


def _cell(name: str, source: str) -> NotebookNode:
    return nbformat.v4.new_markdown_cell(source, id=name, metadata={"tags": [name]})


def _opening(lesson: lessons.Lesson, colab: str) -> str:
    before, after = _neighbours(lesson)
    place = f"{f'Lesson {int(lesson.number)}' if before else 'The start, before lesson 1'} of {lessons.LAST}"
    ways = [f"back: {_link(before)}"] * bool(before) + [f"next: {_link(after)}"] * bool(after)
    parts = [f"**{place}** · {lesson.minutes} minutes · {' · '.join([*ways, *_on_colab(before, after, colab)])}"]
    if lesson.goals:
        parts.append("You will be able to\n\n" + "\n".join(f"- {goal}" for goal in lesson.goals))
    parts.append(f"*You need {re.sub(r'[0-9]{2}', _linked, lesson.know)}*")
    return "\n\n".join(parts)


def _closing(lesson: lessons.Lesson, colab: str) -> str:
    _, after = _neighbours(lesson)
    if not after:
        return f"That was the last lesson. Back to the first: {_link(lessons.LESSONS[0])}"
    return " · ".join([f"**Next:** {_link(after)}", *_on_colab(None, after, colab)])


def _neighbours(lesson: lessons.Lesson) -> tuple[lessons.Lesson | None, lessons.Lesson | None]:
    place = lessons.LESSONS.index(lesson)
    return (
        lessons.LESSONS[place - 1] if place else None,
        lessons.LESSONS[place + 1] if place + 1 < len(lessons.LESSONS) else None,
    )


def _link(lesson: lessons.Lesson | None, words: str = "", folder: str = "") -> str:
    return f"[{words or lesson.title}]({folder}{lesson.slug}.ipynb)" if lesson else ""


def _on_colab(before: lessons.Lesson | None, after: lessons.Lesson | None, colab: str) -> list[str]:
    """The same ways for Colab, which knows no folder around a notebook."""
    ways = [_link(before, "back", colab), _link(after, "next", colab)]
    return [f"on Colab: {', '.join(filter(None, ways))}"] if colab and any(ways) else []


def _linked(number: re.Match) -> str:
    return _link(lessons.find_lesson(number[0]), number[0])


def _absolute(markdown: str, address: str, root: Path) -> str:
    """The Markdown with each link into the clone on the repository's pages."""

    def moved(link: re.Match) -> str:
        anchor = f"#{link['anchor']}" if link["anchor"] else ""
        told = definitions(root / GLOSSARY).get(link["anchor"], "") if link["path"] == GLOSSARY else ""
        title = f' "{told}"' if told else ""
        return f"]({address}/blob/main/{link['path']}{anchor}{title})"

    return INTO_THE_CLONE.sub(moved, markdown)


def unbroken(markdown: str) -> str:
    """Keep a number like 1e-3, and a short piece of code with one, in one line."""
    parts = NO_PROSE.split(markdown)  # every other one is a match
    parts[::2] = (EXPONENT.sub(r"<nobr>\g<0></nobr>", part) for part in parts[::2])
    short = [re.fullmatch(f"`.{{,{SHORT}}}`", part) and EXPONENT.search(part) for part in parts[1::2]]
    parts[1::2] = (f"<nobr>{part}</nobr>" if keep else part for part, keep in zip(parts[1::2], short, strict=True))
    return "".join(parts)


@cache
def definitions(glossary: Path) -> dict[str, str]:
    """What the first sentence of each of the glossary's terms says, by the term's anchor; plain, without quotes."""
    return {term.anchor: term.meaning for term in read_terms(glossary.read_text(encoding="utf-8"))}
