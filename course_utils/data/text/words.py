"""Words for recurrent language models: fastai's tokenizer with rules that leave no trace of capitals."""

from collections import Counter
from collections.abc import Sequence

import torch
from fastai.text.core import (
    BOS,
    PAD,
    UNK,
    SpacyTokenizer,
    TokenizeWithRules,
    fix_html,
    lowercase,
    replace_rep,
    replace_wrep,
    rm_useless_spaces,
    spec_add_spaces,
)
from torch import Tensor

from course_utils.errors import CourseError

# fastai's own rules without those for capitals: the reviews that the language model was trained on have none.
RULES = [fix_html, replace_rep, replace_wrep, spec_add_spaces, rm_useless_spaces, lowercase]
SPECIAL = (UNK, PAD, BOS, "xxeos", "xxfld", "xxrep", "xxwrep", "xxup", "xxmaj")  # fastai's, in its order
UNKNOWN, PADDING, BEGIN = range(3)  # their numbers


def split_words(texts: Sequence[str]) -> list[list[str]]:
    """Split each text into lower-case words and punctuation marks, as spaCy's English tokenizer does.

    Each list begins with "xxbos", and a word or character that is repeated becomes fastai's "xxwrep 3 the" and
    "xxrep 3 !". Line breaks are spaces.

    Raises
    ------
    CourseError
        For a single text in place of a list (`data.one-text`), and for something that isn't a text, or has no words
        (`data.no-words`).
    """
    if isinstance(texts, str):
        raise CourseError("This is one text where a list of texts is needed: write [text].", code="data.one-text")
    for number, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise CourseError(
                f"Text {number} is {text!r}, which has no words: leave it out, or give it some.", code="data.no-words"
            )
    one_line = (" ".join(text.split()) for text in texts)
    return [list(words) for words in TokenizeWithRules(SpacyTokenizer("en"), rules=RULES, post_rules=[])(one_line)]


def build_vocabulary(documents: Sequence[Sequence[str]], most: int, least_often: int = 1) -> list[str]:
    """List the special words, and then the most frequent ones; ties in alphabetical order.

    Parameters
    ----------
    documents : sequence of sequence of str
        Words of each text, from `split_words`.
    most : int
        How many words the vocabulary has at most, the nine special ones among them.
    least_often : int
        Words that come less often than this are left out.
    """
    counts = Counter(word for document in documents for word in document if word not in SPECIAL)
    often = [word for word, count in counts.items() if count >= least_often]
    return [*SPECIAL, *sorted(often, key=lambda word: (-counts[word], word))[: most - len(SPECIAL)]]


def number_words(documents: Sequence[Sequence[str]], vocabulary: Sequence[str]) -> list[Tensor]:
    """Turn each document's words into their numbers in the vocabulary; words that it lacks become "xxunk", number 0."""
    number = {word: index for index, word in enumerate(vocabulary)}
    return [torch.tensor([number.get(word, UNKNOWN) for word in words]) for words in documents]


def join_words(words: Sequence[str]) -> str:
    """Write words as a line of text: no "xxbos", no space before a punctuation mark."""
    line = " ".join(word for word in words if word not in (BOS, PAD))
    for mark in (".", ",", "!", "?", ";", ":", "'s", "n't", ")"):
        line = line.replace(f" {mark}", mark)
    return line.replace("( ", "(").replace("do n't", "don't")
