"""Links each glossary term at its first use in a lesson; a Sphinx extension.

Which words mean a term stands in docs/glossary.md itself: its heading, and the words of a comment beneath it,
`<!-- also: freeze, frozen -->`. `<!-- only linked by hand -->` marks a term that is an everyday word as well, such as
step: a lesson's author links it where it is meant.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

GLOSSARY, PAGE = "glossary.md", "../glossary.html"  # its source, and where it lies as seen from a lesson
ENTRY = re.compile(r"^### (?P<name>.+)\n(?P<body>(?:(?!### ).*\n?)*)", re.M)
ALSO = re.compile(r"<!-- also: (.+?) -->")
BY_HAND = "<!-- only linked by hand -->"
PASSED_OVER = (nodes.reference, nodes.title, nodes.literal, nodes.literal_block, nodes.raw, nodes.Invisible)


@dataclass(frozen=True)
class Term:
    """A term of the glossary: its name, the first sentence on it, and the words that mean it."""

    name: str
    meaning: str
    also: tuple[str, ...]
    by_hand: bool

    @property
    def anchor(self) -> str:
        """Its heading's id, as GitHub and MyST make it."""
        return re.sub(r"[^\w\- ]", "", self.name.lower()).replace(" ", "-")

    @cached_property
    def pattern(self) -> re.Pattern:
        """What its uses look like: whole words, in any case, also in the plural."""
        words = "|".join(r"[\s-]+".join(map(re.escape, word.split())) for word in (self.name, *self.also))
        return re.compile(rf"(?<![\w-])(?:{words})(?:s|es)?(?![\w-])", re.I)


def read_terms(text: str) -> list[Term]:
    """Read the terms from the glossary's text."""
    found = []
    for entry in ENTRY.finditer(text):
        also = ALSO.search(entry["body"])
        body = re.sub(r"<!--.*?-->", "", entry["body"], flags=re.S)
        plain = " ".join(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", body).split())
        meaning = re.split(r"(?<=[.;]) ", plain, maxsplit=1)[0].rstrip(";")
        words = tuple(word.strip() for word in also[1].split(",")) if also else ()
        found.append(Term(entry["name"].strip(), meaning, words, BY_HAND in entry["body"]))
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
        waiting = [term for term in terms if not term.by_hand]
        for node in list(self.document.findall(lambda node: isinstance(node, (nodes.reference, nodes.Text)))):
            if isinstance(node, nodes.Text):
                if _is_prose(node):
                    waiting = _link(node, waiting)
            elif term := by_address.get(node.get("refuri", "")):  # linked by the lesson's author
                node["reftitle"] = term.meaning
                node["classes"].append("course-term")
                waiting = [other for other in waiting if other != term]


def _link(text: nodes.Text, waiting: list[Term]) -> list[Term]:
    """Link the terms that a text is the first to use; those that it doesn't use go on waiting."""
    words = text.astext()
    uses = sorted(
        ((match.start(), -match.end(), term) for term in waiting if (match := term.pattern.search(words))),
        key=lambda use: use[:2],
    )
    pieces: list[nodes.Node] = []
    end = 0
    linked = set()
    for start, minus_stop, term in uses:
        if start < end:
            continue  # within a longer term, such as accuracy in balanced accuracy
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
