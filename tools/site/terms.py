"""Links each glossary term at its first use in a lesson; a Sphinx extension."""

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from tools.glossary import Term, read_terms

GLOSSARY, PAGE = "glossary.md", "../glossary.html"  # its source, and where it lies as seen from a lesson
PASSED_OVER = (nodes.reference, nodes.title, nodes.literal, nodes.literal_block, nodes.raw, nodes.Invisible)


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
        lesson = name.removeprefix("lessons/")[:2]
        waiting = [term for term in terms if term.may_be_in(lesson)]
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
