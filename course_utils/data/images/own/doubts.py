"""What is odd about the labels of your own images, though they can be used: told, and never changed."""

from collections import Counter

import numpy as np

from course_utils.data.images.own.examples import Examples
from course_utils.data.names import rough
from course_utils.data.splits import SPLITS
from course_utils.data.tables import first_few

NO_LABEL = frozenset(
    ("none", "null", "na", "n/a", "unknown", "unlabeled", "unlabelled", "unsup", "undefined", "?", "inf")
)
DELIMITERS = ";|,"  # not a space: "red apple" and "green pear" are names


def doubts(examples: Examples) -> tuple[str, ...]:
    """Tell in a sentence each what may be wrong with the labels."""
    found = (_alike(examples.vocab), _nameless(examples.vocab), _missing_in_ready_made(examples))
    return tuple(filter(None, (*found, "" if examples.several else _several(examples.vocab))))


def _alike(vocab: list[str]) -> str:
    """Tell which classes may be one that was written in two ways."""
    written: dict[str, list[str]] = {}
    for name in vocab:
        written.setdefault(rough(name), []).append(repr(name))
    alike = [" and ".join(names) for names in written.values() if len(names) > 1]
    return f"Classes whose names are nearly the same, and may be one: {first_few(alike)}." if alike else ""


def _nameless(vocab: list[str]) -> str:
    """Tell which classes may be images that nobody labelled."""
    found = [repr(name) for name in vocab if rough(name) in NO_LABEL]
    return f"Classes whose names may say that there is no label: {first_few(found)}." if found else ""


def _several(vocab: list[str]) -> str:
    """Tell which classes may be several labels in one cell: all their parts are parts of other names, too."""
    for delimiter in DELIMITERS:
        parts = {name: {part.strip() for part in name.split(delimiter)} for name in vocab}
        times = Counter(part for each in parts.values() for part in each)
        found = [repr(name) for name, each in parts.items() if len(each) > 1 and all(times[part] > 1 for part in each)]
        if found:
            return f"Classes that may be several labels each: {first_few(found)}; then give delimiter={delimiter!r}."
    return ""


def _missing_in_ready_made(examples: Examples) -> str:
    """Tell which classes a ready-made set lacks, where they can't be measured."""
    if examples.sets is None:
        return ""
    hot, sets = examples.targets(), np.array(examples.sets)
    found = []
    for name in SPLITS[1:]:
        if (sets == name).any():
            missing = np.flatnonzero(~hot[sets == name].any(0))
            found += [f"{examples.vocab[index]!r} in {name}" for index in missing]
    return f"Classes that a ready-made set lacks, where they aren't measured: {first_few(found)}." if found else ""
