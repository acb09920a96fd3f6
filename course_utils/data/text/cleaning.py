"""What is done to every text before it is divided: clean it, and find those that are one and the same."""

import html
import re
from collections import defaultdict
from collections.abc import Sequence
from math import ceil
from unicodedata import normalize

import numpy as np

TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<!--.*?-->", re.DOTALL)
# Windows' dashes and quotation marks, which some files hold as control characters.
WINDOWS = {code: bytes([code]).decode("cp1252", "ignore") or " " for code in range(0x80, 0xA0)}
ALIKE = 0.75  # texts that share so much of their words are near-duplicates
# What people write into a form that asks for pros and cons when they have none to tell.
NOTHING = """
    none nothing nil no not any yet so far really n a na at all this time that i can could can't cant t think
    of one find found have haven't havent ve i've to speak see seen above below review applicable know known
    noted noticed here me us was were there are aren't is isn't don't dont do just absolutely whatsoever date
    as moment come comes mind encountered across recall aware discovered thus cons pros con pro bad thing
    things
"""
SAYS_NO = ("none", "nothing", "nil", "no", "not", "n", "na", "can't", "haven't", "see")


def clean(text: str) -> str:
    """Give a text without HTML and line breaks: entities become what they stand for, and tags and extra spaces go."""
    plain = html.unescape(html.unescape(text))  # some are escaped twice: &amp;amp;
    plain = TAG.sub(" ", plain).translate(WINDOWS)
    return " ".join(normalize("NFC", plain).split())


def comparable(text: str) -> str:
    """Give the form in which two texts are one: no case and nothing but letters, numbers and symbols that speak."""
    return " ".join(words(text)) or text.casefold()


def words(text: str) -> list[str]:
    """List the words of a text, in small letters."""
    return re.findall(r"\w+(?:'\w+)*", normalize("NFKC", text).casefold().replace("\u2019", "'"))


def says_nothing(text: str) -> bool:
    """Whether a pro or a con only says that there is none."""
    found = words(text)
    return bool(found) and found[0] in SAYS_NO and set(NOTHING.split()).issuperset(found)


def near_duplicates(texts: Sequence[str], alike: float = ALIKE) -> np.ndarray:
    """Find the pairs of texts that share most of their words, in whatever order.

    Parameters
    ----------
    texts : sequence of str
        Any number; some ten thousand short ones take some seconds.
    alike : float
        The least share of common words among those of both (Jaccard's index).

    Returns
    -------
    (m, 2) int array
        Indices of the two texts, the lower one first.

    Notes
    -----
    Two sets that are so alike share one of their rarest words, so only texts that share such a one are compared
    (prefix filtering: Chaudhuri et al. 2006, "A Primitive Operator for Similarity Joins in Data Cleaning").
    """
    sets = [frozenset(words(text)) for text in texts]
    count: dict[str, int] = defaultdict(int)
    for each in sets:
        for word in each:
            count[word] += 1
    having: dict[str, list[int]] = defaultdict(list)  # by each of its rarest words
    pairs: list[tuple[int, int]] = []
    for number, own in enumerate(sets):
        rarest = sorted(own, key=lambda word: (count[word], word))[: len(own) - ceil(alike * len(own)) + 1]
        for other in {found for word in rarest for found in having[word]}:
            shared = len(own & sets[other])
            if shared >= alike * (len(own) + len(sets[other]) - shared):
                pairs.append((other, number))
        for word in rarest:
            having[word].append(number)
    return np.array(pairs, int).reshape(-1, 2)
