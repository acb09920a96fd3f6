"""reviews: what customers praise and blame, and sentences on films; public data, or a set written for this course."""

import csv
import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
import torch
from fastai.torch_basics import delegates

from course_utils import environment
from course_utils.data.archives import read_files
from course_utils.data.decoded import decode_once
from course_utils.data.fetching import fetch_archive
from course_utils.data.options import SplitOptions, check_known
from course_utils.data.sources import SOURCES
from course_utils.data.text.cleaning import clean, comparable, near_duplicates, says_nothing, words
from course_utils.data.text.texts import Texts, divide
from course_utils.errors import CourseError

CLASSES = ("negative", "positive")
COLUMNS = ["text", "label", "area", "aspect", "difficulty"]  # of the texts written for this course
# SST is left out: nearly all of its sentences are among those of sentence polarity (docs/data.md).
PUBLISHED = {"products": "pros_cons", "films": "sentence_polarity"}
WHAT = {"products": "statements from product reviews", "films": "sentences on films"}
# Of each class for validation and test, unless a lesson asks for others: a test set of 400 to 500 is scored in seconds.
SPLITS = {True: {"products": (100, 250), "films": (100, 250)}, False: {"products": (100, 250), "films": (20, 60)}}


@delegates(SplitOptions)
def reviews(
    n_per_class: int | None = None,
    *,
    domain: str = "products",
    split: tuple[float, float] | None = None,
    **kwargs: Any,
) -> Texts:
    """Load short texts that praise or blame, as tables of three splits.

    They are public: the pros and cons of product reviews, or sentences from film reviews. Where these can't be had, a
    sentence says why, and texts that were written for this course stand in, whose columns `area`, `aspect` and
    `difficulty` say what they are about and what makes them hard. All are cleaned of HTML; texts without a word, texts
    that say there is nothing to say, and those that stand under both labels are left out, and of equal ones all but
    one. No near-duplicate is on two sides.

    Parameters
    ----------
    domain : str
        "products" or "films".
    split : (float, float), optional
        The size of the validation and of the test set, as in `SplitOptions`; None is 100 and 250 texts of each class,
        and of the written ones on films, which are fewer, 20 and 60.
    n_per_class, **kwargs
        The options of `SplitOptions`. Of the written texts on films, some 80 of each class are left to train on.

    Raises
    ------
    CourseError
        `data.unknown-domain`; those of `split_by_class`.
    """
    check_known(kwargs, "reviews", SplitOptions)
    _check_domain(domain)
    public = _public(domain) if environment.images() == "photographs" else None
    table, pairs, notes = public or _written(domain)
    options = SplitOptions(n_per_class=n_per_class, split=split or SPLITS[public is not None][domain], **kwargs)
    what = WHAT[domain] if public else f"{WHAT[domain]}, written for this course"
    return divide(table, CLASSES, options, pairs, what=what, real=public is not None, notes=notes)


Found = tuple[pd.DataFrame, np.ndarray, tuple[str, ...]]  # texts, pairs of near-duplicates, what was left out


@cache  # a sweep over labels or strategies asks again and again; and a machine without a network waits for each try
def _public(domain: str) -> Found | None:
    """Return the public texts, or None where they can't be had."""
    source = SOURCES[PUBLISHED[domain]]
    try:
        labels, said = zip(*_read(source.name), strict=True)
    except CourseError as error:
        print(f"{WHAT[domain].capitalize()} that were written for this course stand in for the public ones. {error}")
        return None
    texts = [clean(text) for text in said]
    kept, note = sift(texts, labels)
    table = pd.DataFrame({"text": [texts[number] for number in kept], "label": [labels[number] for number in kept]})

    def compare() -> dict[str, torch.Tensor]:
        return {"pairs": torch.from_numpy(near_duplicates(table.text.tolist()))}

    fingerprint = zlib.crc32("\n".join(table.text).encode())
    pairs = decode_once(f"{source.name}-{fingerprint:08x}", compare, ["pairs"])["pairs"]
    return table, pairs.numpy(), (note,)


def _read(source: str) -> Iterator[tuple[str, str]]:
    """Yield label and text of each statement of a public archive, in the archive's order."""
    for file, content in read_files(fetch_archive(source), SOURCES[source].unpacked):
        lines = content.decode("utf-8").splitlines()
        if found := re.search(r"Integrated(Pros|Cons)\.txt$", file):
            label = CLASSES[found[1] == "Pros"]
            yield from ((label, line.strip()) for line in lines if line.strip())
        elif found := re.search(r"rt-polarity\.(neg|pos)$", file):
            label = CLASSES[found[1] == "pos"]
            yield from ((label, line) for line in lines)


@cache
def _written(domain: str) -> Found:
    """Return the texts that were written for this course."""
    folder = files("course_utils.data.text") / "written"
    rows: list[dict[str, str]] = []
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        if file.name.endswith(".csv") and (file.name == "films.csv") == (domain == "films"):
            rows += csv.DictReader(file.read_text(encoding="utf-8").splitlines())
    table = pd.DataFrame(rows).rename(columns={"sentiment": "label"})[COLUMNS]
    return table, near_duplicates(table.text.tolist()), ()


def written_reviews(domain: str = "products") -> pd.DataFrame:
    """Give all short texts that were written for this course, wherever public ones can be had: a test of hard cases.

    Parameters
    ----------
    domain : str
        "products" or "films".

    Returns
    -------
    DataFrame
        A row for each text: `text`, `label`, `area`, `aspect`, and `difficulty`, which is "plain", "implied",
        "negation", "mixed", "irony" or "typos".

    Raises
    ------
    CourseError
        `data.unknown-domain`.
    """
    _check_domain(domain)
    return _written(domain)[0].copy()


def _check_domain(domain: str) -> None:
    if domain not in PUBLISHED:
        raise CourseError(
            f"There is no domain {domain!r} of reviews: choose 'products' or 'films'.", code="data.unknown-domain"
        )


def sift(texts: Sequence[str], labels: Sequence[str]) -> tuple[list[int], str]:
    """Choose the cleaned texts that are kept: each once, if it says something, and always under one label.

    Returns
    -------
    list of int, str
        Their numbers, in order, and a sentence that counts what was left out.
    """
    under: dict[str, set[str]] = defaultdict(set)
    kept: dict[str, int] = {}
    empty = nothing = both = 0
    keys = [comparable(text) for text in texts]
    for key, label in zip(keys, labels, strict=True):
        under[key].add(label)
    for number, (text, key) in enumerate(zip(texts, keys, strict=True)):
        if not words(text):
            empty += 1
        elif says_nothing(text):
            nothing += 1
        elif len(under[key]) > 1:
            both += 1
        else:
            kept.setdefault(key, number)
    twice = len(texts) - empty - nothing - both - len(kept)
    return list(kept.values()), (
        f"Of {len(texts):,} texts, {empty:,} hold no word, {nothing:,} only say that there is nothing to say, {both:,} "
        f"stand under both labels, and {twice:,} repeat another: these are left out."
    )
