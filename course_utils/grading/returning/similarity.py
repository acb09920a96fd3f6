"""Which code answers share more than chance: winnowing over normalised tokens, without comparing every two.

Source: Schleimer, Wilkerson and Aiken, "Winnowing: local algorithms for document fingerprinting", SIGMOD 2003. A pair
is a reason to read both answers, and no proof: for a short task there are few ways to be right.
"""

import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations
from keyword import kwlist
from typing import NamedTuple

GRAM = 8  # tokens of a fingerprint: what is shorter is never found
WINDOW = 4  # of as many grams one is kept: GRAM + WINDOW - 1 shared tokens are always found
LEAST = 6  # shared fingerprints of a pair: fewer is chance
COMMON = 0.02  # share of the class; what more of them have is the task's own
RING = 10  # as many may share a fingerprint in a small class too
BUDGET = 1_000_000  # counted pairs at most: the rarest fingerprints, which say most, go first
# One expression instead of the tokenizer: an answer that is no Python has tokens too.
TOKEN = re.compile(
    r"#[^\n]*|(?P<text>[rbfuRBFU]{0,2}(?:'''.*?'''|\"\"\".*?\"\"\"|'[^'\n]*'|\"[^\"\n]*\"))"
    r"|(?P<name>[^\W\d]\w*)|(?P<number>\d[\w.]*)|(?P<sign>\*\*|//|[-+*/%&|^<>=!:]=|->|[^\w\s])",
    re.S,
)
KEPT = frozenset(kwlist)


class Pair(NamedTuple):
    """Two answers with much in common; share: of the smaller one's own fingerprints, those that the other has too."""

    first: str
    second: str
    share: float
    shared: int


def similar(
    answers: Mapping[str, str], handed_out: Iterable[str] = (), threshold: float = 0.6, most: int = 200
) -> list[Pair]:
    """The most similar pairs among answers, student → source, down to `threshold`; those with the most in common first.

    handed_out: code that everybody was given; it counts for nobody, wherever it stands
    Renamed variables, other numbers, comments and spaces change nothing. Answers that are alike to the token form one
    group, whose members are compared with others once.
    """
    given = {one for source in handed_out for one in _hashes(source)}  # all, since windows fall elsewhere in an answer
    groups = defaultdict(list)
    for student in sorted(answers):
        if own := fingerprints(answers[student]) - given:
            groups[own].append(student)
    held: Counter[int] = Counter()
    for prints, students in groups.items():
        held.update(dict.fromkeys(prints, len(students)))
    limit = max(RING, COMMON * len(answers))
    fingerprints_of = {
        members[0]: frozenset(one for one in prints if held[one] <= limit)
        for prints, members in groups.items()
        if len(prints) >= LEAST
    }
    counted = _shared(fingerprints_of, held)
    pairs = [
        Pair(first, second, shared / smaller, shared)
        for (first, second), shared in counted.items()
        if shared >= LEAST
        and shared / (smaller := min(len(fingerprints_of[first]), len(fingerprints_of[second]))) >= threshold
    ]
    for members in groups.values():
        shared = len(fingerprints_of.get(members[0], ()))
        if shared >= LEAST:
            pairs += [Pair(members[0], other, 1.0, shared) for other in members[1:]]
    return sorted(pairs, key=lambda pair: (-pair.share * pair.shared, pair))[:most]


def fingerprints(source: str) -> frozenset[int]:
    """The hashes that winnowing keeps of a source: the least of every WINDOW grams."""
    hashes = _hashes(source)
    if len(hashes) <= WINDOW:
        return frozenset(hashes)
    return frozenset(min(hashes[n : n + WINDOW]) for n in range(len(hashes) - WINDOW + 1))


def _hashes(source: str) -> list[int]:
    tokens = list(_tokens(source))
    return [zlib.crc32(" ".join(tokens[n : n + GRAM]).encode()) for n in range(len(tokens) - GRAM + 1)]


def _tokens(source: str) -> Iterable[str]:
    """Keywords and signs as they are, any name as N, any number as 0, any text as S; comments are left out."""
    for found in TOKEN.finditer(source):
        kind = found.lastgroup
        if kind == "sign":
            yield found[0]
        elif kind == "name":
            yield found[0] if found[0] in KEPT else "N"
        elif kind:
            yield "S" if kind == "text" else "0"


def _shared(own: Mapping[str, frozenset[int]], held: Mapping[int, int]) -> Counter:
    """(first, second) → how many fingerprints both have, by an inverted index and within BUDGET."""
    index = defaultdict(list)
    for student, prints in own.items():
        for one in prints:
            index[one].append(student)
    counted: Counter = Counter()
    left = BUDGET
    for one in sorted((one for one, students in index.items() if len(students) > 1), key=lambda one: (held[one], one)):
        left -= len(index[one]) * (len(index[one]) - 1) // 2
        if left < 0:
            break
        counted.update(combinations(index[one], 2))
    return counted
