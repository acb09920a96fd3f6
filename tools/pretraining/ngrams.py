"""An n-gram language model with modified Kneser-Ney smoothing: what a network's perplexity has to beat."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from math import exp, log

Words = tuple[int, ...]
BEGIN = -1  # fills the context of a document's first words


class KneserNey:
    """Interpolated n-grams with three discounts for each order (Chen and Goodman 1998, section 3).

    The highest order counts how often an n-gram comes; the lower ones count in how many contexts it comes. Below the
    unigrams stands the uniform distribution.

    Parameters
    ----------
    documents : sequence of sequence of int
        Numbers of the words to learn from; each document begins with a word that isn't predicted, such as "xxbos".
    words : int
        Size of the vocabulary.
    order : int
        Length of the longest n-grams; 1 for a unigram model.
    """

    def __init__(self, documents: Sequence[Sequence[int]], words: int, order: int = 5):
        self.words, self.order = words, order
        self.counts: list[Counter[Words]] = [Counter() for _ in range(order + 1)]
        for document in documents:
            self.counts[order].update((*context, word) for context, word in _windows(document, order))
        for length in range(order - 1, 0, -1):
            self.counts[length].update(ngram[1:] for ngram in self.counts[length + 1])
        self.discounts = [_discounts(counts) for counts in self.counts]
        # For each context: the sum of the counts of what follows it, and what the discounts take away from that sum.
        self.totals: list[dict[Words, int]] = [defaultdict(int) for _ in range(order + 1)]
        self.taken: list[dict[Words, float]] = [defaultdict(float) for _ in range(order + 1)]
        for length in range(1, order + 1):
            for ngram, count in self.counts[length].items():
                self.totals[length][ngram[:-1]] += count
                self.taken[length][ngram[:-1]] += self.discounts[length][min(count, 3)]

    def probability(self, context: Words, word: int) -> float:
        """The probability of a word after a context of `order - 1` words."""
        found = 1 / self.words
        for length in range(1, self.order + 1):
            before = context[len(context) - length + 1 :]
            if total := self.totals[length].get(before):
                count = self.counts[length].get((*before, word), 0)
                own = max(count - self.discounts[length][min(count, 3)], 0)
                found = (own + self.taken[length][before] * found) / total
        return found

    def perplexity(self, documents: Sequence[Sequence[int]]) -> float:
        """The perplexity of documents, each word but the first ones predicted from those before it."""
        surprise = [-log(self.probability(*each)) for document in documents for each in _windows(document, self.order)]
        return exp(sum(surprise) / len(surprise))


def _windows(document: Sequence[int], order: int) -> Iterator[tuple[Words, int]]:
    """Each word of a document but the first, with the `order - 1` words before it."""
    filled = (*[BEGIN] * (order - 1), *document)
    for end in range(order, len(filled)):
        yield tuple(filled[end - order + 1 : end]), filled[end]


def _discounts(counts: Counter[Words]) -> list[float]:
    """What is taken from a count of 0, 1, 2, and 3 or more, by how many n-grams have counts of 1 to 4."""
    once, twice, thrice, often = (sum(count == times for count in counts.values()) or 1 for times in (1, 2, 3, 4))
    share = once / (once + 2 * twice)
    least = (1 - 2 * share * twice / once, 2 - 3 * share * thrice / twice, 3 - 4 * share * often / thrice)
    return [0.0, *(min(max(discount, 0.0), float(times)) for times, discount in enumerate(least, 1))]
