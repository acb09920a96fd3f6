"""The glossary, docs/glossary.md, as the tools read it: terms, what they mean, and which words are their uses.

Which words mean a term stands in the glossary itself: its heading, and the words of a comment beneath it,
`<!-- also: freeze, frozen -->`. A comment `<!-- not in: step one, step two -->` names phrases in which the word means
something else, or whole lessons, `lesson 04`. Within a longer term, such as class weights, a shorter one isn't meant
either. A word with a capital after its first letter, such as mAP, is an abbreviation, and is meant as it is written.
"""

import re
from dataclasses import dataclass
from functools import cache, cached_property

ENTRY = re.compile(r"^### (?P<name>.+)\n(?P<body>(?:(?!### ).*\n?)*)", re.M)
ALSO = re.compile(r"<!-- also: (.+?) -->")
NOT_IN = re.compile(r"<!-- not in: (.+?) -->")


@dataclass(frozen=True)
class Term:
    """A term of the glossary: its name, the first sentence on it, plain, and the words that mean it or don't."""

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

    def may_be_in(self, lesson: str) -> bool:
        """Whether the term's words mean it in a lesson, "04"; in some they are said of something else throughout."""
        return f"lesson {lesson}" not in self.not_in

    def first_use(self, text: str, terms: list["Term"]) -> re.Match | None:
        """Find where a text first uses the term, among all the glossary's terms."""
        matches = list(self.pattern.finditer(text))
        if not matches:
            return None
        others = [_pattern(phrase) for phrase in self.not_in]
        others += [other.pattern for other in terms if other != self and self.pattern.search(other.name)]
        spoken_for = [match.span() for pattern in others for match in pattern.finditer(text)]
        for match in matches:
            if not any(start <= match.start() and match.end() <= stop for start, stop in spoken_for):
                return match
        return None


@cache
def _pattern(*phrases: str) -> re.Pattern:
    words = "|".join(r"[\s-]+".join(map(_exactly, phrase.split())) for phrase in phrases)
    return re.compile(rf"(?<![\w-])(?:{words})(?:s|es)?(?![\w-])", re.I)


def _exactly(word: str) -> str:
    abbreviation = re.search(r"(?<=.)[A-Z]", word)
    return f"(?-i:{re.escape(word)})" if abbreviation else re.escape(word)


def read_terms(text: str) -> list[Term]:
    """Read the terms from the glossary's text."""
    found = []
    for entry in ENTRY.finditer(text):
        body = re.sub(r"<!--.*?-->", "", entry["body"], flags=re.S)
        plain = " ".join(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", body).split())
        plain = plain.replace('"', "'").replace("`", "").replace("*", "")
        meaning = re.split(r"(?<=\.)\s+(?=[A-Z])", plain, maxsplit=1)[0]
        words, phrases = (
            tuple(word.strip() for word in match[1].split(",")) if (match := comment.search(entry["body"])) else ()
            for comment in (ALSO, NOT_IN)
        )
        found.append(Term(entry["name"].strip(), meaning, words, phrases))
    return found
