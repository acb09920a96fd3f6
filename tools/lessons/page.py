"""A lesson as the rules see it: its cells, their headings, prose, images and outputs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.token import Token
from nbformat import NotebookNode

from course_utils.errors import CourseError
from course_utils.quiz.items import Item
from course_utils.quiz.reading import lesson_quiz
from tools.lessons.exercises import called, calls

GLOSSARY = "docs/glossary.md"
MARKDOWN = MarkdownIt("commonmark").enable("table")


class Images(HTMLParser):
    """Collects (alt, src) of the img elements in HTML; `Images.of(html)`."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an image; HTMLParser calls this for each tag."""
        if tag == "img":
            given = dict(attrs)
            self.found.append((given.get("alt") or "", given.get("src") or ""))

    @classmethod
    def of(cls, html: str) -> list[tuple[str, str]]:
        """Collect the images of some HTML."""
        parser = cls()
        parser.feed(html)
        return parser.found


@dataclass(frozen=True)
class Paragraph:
    """A run of prose without its markup; `cited` when it holds [source] or a link other than to the glossary."""

    text: str
    cited: bool


@dataclass(frozen=True)
class Cell:
    """A cell of a lesson and what its Markdown says; `number` counts all cells from 0."""

    number: int
    node: NotebookNode

    @property
    def source(self) -> str:
        """The cell's text."""
        return self.node.source

    @property
    def tags(self) -> list[str]:
        """The tags in its metadata."""
        return self.node.metadata.get("tags", [])

    @property
    def is_code(self) -> bool:
        """Whether it is executed."""
        return self.node.cell_type == "code"

    @property
    def is_prose(self) -> bool:
        """Whether it is Markdown, and neither an exercise nor made by the build."""
        return not self.is_code and not {"exercise", "opening", "closing"} & set(self.tags)

    @property
    def outputs(self) -> list[NotebookNode]:
        """What is stored below it; nothing for Markdown."""
        return self.node.get("outputs", [])

    @cached_property
    def tokens(self) -> list[Token]:
        """Its Markdown as markdown-it reads it."""
        return [] if self.is_code else MARKDOWN.parse(self.source)

    @cached_property
    def inlines(self) -> list[Token]:
        """The tokens within its paragraphs and headings: text, links, images."""
        return [child for token in self.tokens for child in token.children or []]

    @cached_property
    def headings(self) -> list[tuple[int, str]]:
        """(level, text) of each heading."""
        pairs = zip(self.tokens, self.tokens[1:], strict=False)
        return [(int(a.tag[1]), b.content) for a, b in pairs if a.type == "heading_open"]

    @cached_property
    def paragraphs(self) -> list[Paragraph]:
        """The prose: paragraphs, list items and table cells; no headings, no code, no link targets."""
        found = []
        for before, token in zip([None, *self.tokens], self.tokens, strict=False):
            if token.type == "html_block":
                found.append(Paragraph(re.sub(r"<[^>]*>", " ", token.content), "<a " in token.content))
            elif token.type == "inline" and (before is None or before.type != "heading_open"):
                children = token.children or []
                parts = (" " if part.type == "softbreak" else part.content for part in children if part.type in TEXTUAL)
                text = "".join(parts)
                targets = [str(part.attrs["href"]) for part in children if part.type == "link_open"]
                cited = "[source]" in text or any(GLOSSARY not in target for target in targets)
                found.append(Paragraph(text, cited))
        return found

    @cached_property
    def words(self) -> int:
        """How many words of prose it has."""
        return sum(any(map(str.isalnum, word)) for part in self.paragraphs for word in part.text.split())

    @cached_property
    def images(self) -> list[tuple[str, str]]:
        """(alt, address) of the images in the Markdown."""
        plain = [(part.content, str(part.attrs["src"])) for part in self.inlines if part.type == "image"]
        html = [part for part in [*self.tokens, *self.inlines] if part.type in ("html_block", "html_inline")]
        return plain + [image for part in html for image in Images.of(part.content)]

    @cached_property
    def links(self) -> list[str]:
        """The addresses of its links."""
        return [str(part.attrs["href"]) for part in self.inlines if part.type == "link_open"]

    def texts(self) -> Iterator[str]:
        """What the outputs say in text, HTML without its tags."""
        for output in self.outputs:
            if output.output_type == "stream":
                yield output.text
            for kind, value in output.get("data", {}).items():
                if kind == "text/html":
                    yield re.sub(r"<[^>]*>", " ", value)
                elif kind == "text/plain":
                    yield value


TEXTUAL = ("text", "code_inline", "softbreak")


@dataclass(frozen=True)
class Page:
    """A lesson's name and cells."""

    name: str
    cells: tuple[Cell, ...]

    @classmethod
    def of(cls, name: str, notebook: NotebookNode) -> "Page":
        """Make a page of a notebook."""
        return cls(name, tuple(Cell(number, node) for number, node in enumerate(notebook.cells)))

    @property
    def number(self) -> str:
        """The lesson's number, as in 07."""
        return self.name.split("_")[0]

    @property
    def code(self) -> list[Cell]:
        """Its code cells, in order."""
        return [cell for cell in self.cells if cell.is_code]

    @cached_property
    def practice(self) -> list[tuple[Cell, str, str]]:
        """(cell, function, item's id) of each call that puts an item before the learner."""
        functions = ("ask", "predict", "check")
        named = ((cell, call) for cell in self.code for call in calls(cell.source, *functions))
        return [(cell, called(call), getattr(call.args[0], "value", "")) for cell, call in named if call.args]

    @cached_property
    def questions(self) -> list[Cell]:
        """The cells that show a question."""
        return [cell for cell, function, _ in self.practice if function != "check"]

    @cached_property
    def shown_items(self) -> list[tuple[Cell, Item]]:
        """(cell, item) of each question that the quiz has; none while it can't be read, which another rule tells."""
        try:
            items = {item.id: item for item in lesson_quiz(self.number).items}
        except CourseError:
            return []
        shown = ((cell, items.get(identifier)) for cell, function, identifier in self.practice if function != "check")
        return [(cell, item) for cell, item in shown if item]

    @cached_property
    def awaited(self) -> list[Cell]:
        """The cells whose outputs answer a guess right away.

        They are the cell that calls `found`, with the code cells just above it; where it follows on the first
        question, the lesson's result with those above it, and what comes after it until the next question: a figure
        below a result repeats it; and, for a question whose answer comes below it, the cells of that section up to the
        next question.
        """
        asking = [cell.number for cell in self.questions]
        answering = [cell.number for cell in self.code if any(calls(cell.source, "found"))]
        found: set[int] = set()
        for result in (cell.number for cell in self.tagged("result")):
            if sum(at < result for at in asking) == 1:
                answering.append(result)
                end = min((at for at in asking if at > result), default=len(self.cells))
                found |= {cell.number for cell in self.code if result < cell.number < end}
        for cell, item in self.shown_items:
            section = [one.number for one in self.sections().get(item.section, ())] if item.below else []
            after = [number for number in section if number > cell.number]
            end = min((at for at in asking if after and at >= after[0]), default=len(self.cells))
            found |= {number for number in after if self.cells[number].is_code and number < end}
        for number in answering:
            while self.cells[number].is_code and number not in asking:
                found.add(number)
                number -= 1
        return [self.cells[number] for number in sorted(found)]

    def tagged(self, tag: str) -> list[Cell]:
        """Return the cells with a tag."""
        return [cell for cell in self.cells if tag in cell.tags]

    def sections(self) -> dict[str, list[Cell]]:
        """Each h2 and its cells."""
        found: dict[str, list[Cell]] = {}
        current: list[Cell] = []
        for cell in self.cells:
            for level, text in cell.headings:
                if level == 2:
                    current = found.setdefault(text, [])
            current.append(cell)
        return found
