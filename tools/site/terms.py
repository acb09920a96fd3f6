"""Links each glossary term at its first use in a lesson; a Sphinx extension.

Which words mean a term stands in docs/glossary.md itself: its heading, and the words of a comment beneath it,
`<!-- also: freeze, frozen -->`. A comment `<!-- not in: step one, step two -->` names phrases in which the word means
something else. Within a longer term, such as class weights, a shorter one isn't meant either.
"""

import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

GLOSSARY, PAGE = "glossary.md", "../glossary.html"  # its source, and where it lies as seen from a lesson
ENTRY = re.compile(r"^### (?P<name>.+)\n(?P<body>(?:(?!### ).*\n?)*)", re.M)
ALSO = re.compile(r"<!-- also: (.+?) -->")
NOT_IN = re.compile(r"<!-- not in: (.+?) -->")
PASSED_OVER = (nodes.reference, nodes.title, nodes.literal, nodes.literal_block, nodes.raw, nodes.Invisible)


@dataclass(frozen=True)
class Term:
    """A term of the glossary: its name, the first sentence on it, and the words that mean it."""

    name: str
    meaning: str
    also: tuple[str, ...]
    not_in: tuple[str, ...]

    @property
    def anchor(self) -> str:
        """Its heading's id, as GitHub and MyST make it."""
        return re.sub(r"[^\w\- ]", "", self.name.lower()).replace(" ", "-")

    @cached_property
    def pattern(self) -> re.Pattern:
        """What its words look like: whole, in any case, also in the plural."""
        return _pattern(self.name, *self.also)

    def first_use(self, text: str, terms: list["Term"]) -> re.Match | None:
        """Find where a text first uses the term, among all the glossary's terms."""
        others = [_pattern(phrase) for phrase in self.not_in]
        others += [other.pattern for other in terms if other != self and self.pattern.search(other.name)]
        spoken_for = [match.span() for pattern in others for match in pattern.finditer(text)]
        for match in self.pattern.finditer(text):
            if not any(start <= match.start() and match.end() <= stop for start, stop in spoken_for):
                return match
        return None


@cache
def _pattern(*phrases: str) -> re.Pattern:
    words = "|".join(r"[\s-]+".join(map(re.escape, phrase.split())) for phrase in phrases)
    return re.compile(rf"(?<![\w-])(?:{words})(?:s|es)?(?![\w-])", re.I)


def read_terms(text: str) -> list[Term]:
    """Read the terms from the glossary's text."""
    found = []
    for entry in ENTRY.finditer(text):
        body = re.sub(r"<!--.*?-->", "", entry["body"], flags=re.S)
        plain = " ".join(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", body).split())
        meaning = re.split(r"(?<=[.;]) ", plain, maxsplit=1)[0].rstrip(";")
        words, phrases = (
            tuple(word.strip() for word in match[1].split(",")) if (match := comment.search(entry["body"])) else ()
            for comment in (ALSO, NOT_IN)
        )
        found.append(Term(entry["name"].strip(), meaning, words, phrases))
    return found


class FirstUses(SphinxPostTransform):
    """Makes the first use of each term in a lesson a link that shows the term's meaning under the mouse."""

    default_priority = 900  # after MyST has resolved the authors' own links

    def run(self, **kwargs: Any) -> None:
        """Link the terms of one page; Sphinx calls this."""
        name = self.env.current_document.docname
        if not name.startswith("lessons/"):
            return
        terms = read_terms((Path(self.env.srcdir) / GLOSSARY).read_text(encoding="utf-8"))
        by_address = {f"{PAGE}#{term.anchor}": term for term in terms}
        waiting = terms
        _join_lines(self.document)
        for node in list(self.document.findall(lambda node: isinstance(node, (nodes.reference, nodes.Text)))):
            if isinstance(node, nodes.Text):
                if _is_prose(node):
                    waiting = _link(node, waiting, terms)
            elif term := by_address.get(node.get("refuri", "")):  # linked by the lesson's author
                node["reftitle"] = term.meaning
                node["classes"].append("course-term")
                waiting = [other for other in waiting if other != term]


def _join_lines(document: nodes.document) -> None:
    """Make one text of the lines of a paragraph, or a term of two words would be missed where a line ends within it."""
    for element in document.findall(nodes.TextElement):
        children: list[nodes.Node] = []
        for child in element.children:
            if children and isinstance(child, nodes.Text) and isinstance(children[-1], nodes.Text):
                children[-1] = nodes.Text(children[-1].astext() + child.astext())
            else:
                children.append(child)
        if len(children) < len(element.children):
            element.children = []
            element.extend(children)


def _link(text: nodes.Text, waiting: list[Term], terms: list[Term]) -> list[Term]:
    """Link the terms that a text is the first to use; those that it doesn't use go on waiting."""
    words = text.astext()
    uses = sorted(
        ((match.start(), -match.end(), term) for term in waiting if (match := term.first_use(words, terms))),
        key=lambda use: use[:2],
    )
    pieces: list[nodes.Node] = []
    end = 0
    linked = set()
    for start, minus_stop, term in uses:
        if start < end:
            continue  # it overlaps with another
        link = nodes.reference("", words[start:-minus_stop], refuri=f"{PAGE}#{term.anchor}", internal=True)
        link["reftitle"] = term.meaning
        link["classes"].append("course-term")
        pieces += [nodes.Text(words[end:start]), link]
        end = -minus_stop
        linked.add(term.name)
    if pieces:
        text.parent.replace(text, [*pieces, nodes.Text(words[end:])])
    return [term for term in waiting if term.name not in linked]


def _is_prose(text: nodes.Text) -> bool:
    """Whether a text is no part of a heading, of code, an output or a link."""
    node = text.parent
    while node is not None:
        if isinstance(node, PASSED_OVER) or "cell_output" in node.get("classes", ()):
            return False
        node = node.parent
    return True


def setup(app: Sphinx) -> dict[str, bool]:
    """Enter the transform; Sphinx calls this."""
    app.add_post_transform(FirstUses)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
