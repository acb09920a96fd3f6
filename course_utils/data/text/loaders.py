"""Genuine fastai DataLoaders of texts: dictionary batches, padded to their longest text, similar lengths together."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from fastai.data.load import DataLoader
from fastai.losses import CrossEntropyLossFlat
from fastai.torch_basics import chunked
from torch import Tensor

from course_utils import environment
from course_utils.data.labelled import LabelledLoaders
from course_utils.data.options import check_whole_number
from course_utils.data.splits import SPLITS
from course_utils.data.text.texts import Texts
from course_utils.errors import CourseError

POOL = 8  # batches whose texts are sorted together: the order stays random, and similar lengths meet
LEAST_EVALUATED = 64  # texts a batch outside of training, which keeps nothing for gradients

Batch = tuple[dict[str, Tensor], Tensor]


class TokenSet:
    """Texts as the numbers of their tokens, with their labels.

    Parameters
    ----------
    ids : (n, longest) int tensor
        Padded at the end.
    lengths : (n,) int tensor
        How many tokens of each text count.
    labels : (n,) int tensor
        An index into `vocab` for each text.
    vocab : sequence of str
        The names of the classes.
    """

    loss_func = CrossEntropyLossFlat()

    def __init__(self, ids: Tensor, lengths: Tensor, labels: Tensor, vocab: Sequence[str]) -> None:
        self.ids, self.lengths, self.labels, self.vocab = ids, lengths, labels, list(vocab)

    def __len__(self) -> int:
        """Count the texts."""
        return len(self.lengths)

    def __getitem__(self, number: int) -> Batch:
        """Give one text and its label."""
        batch, labels = self.batch([number])
        return {name: part[0] for name, part in batch.items()}, labels[0]

    def batch(self, numbers: Sequence[int]) -> Batch:
        """Give some texts, padded to the longest of them, and their labels."""
        chosen = torch.as_tensor(numbers)
        lengths = self.lengths[chosen]
        longest = int(lengths.max())
        mask = (torch.arange(longest) < lengths[:, None]).long()
        return {"input_ids": self.ids[chosen, :longest], "attention_mask": mask}, self.labels[chosen]


class TokenDL(DataLoader):
    """A fastai DataLoader that takes whole batches out of a `TokenSet`.

    Parameters
    ----------
    dataset : TokenSet
        The texts.
    bs : int
        Texts in a batch.
    shuffle : bool
        Whether each epoch has an order of its own.
    sort : bool
        Whether texts of similar length share a batch: with `shuffle`, within pools of 8 batches that are drawn anew in
        each epoch; without, the shortest come first.
    """

    def __init__(
        self, dataset: TokenSet, bs: int = 16, shuffle: bool = False, sort: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(dataset, bs=bs, shuffle=shuffle, **kwargs)
        self.sort = sort

    def new(self, dataset: TokenSet | None = None, cls: type | None = None, **kwargs: Any) -> "TokenDL":
        """Make a loader like this one, with other options."""
        return super().new(dataset, cls, **{"sort": self.sort} | kwargs)

    def get_idxs(self) -> list[int]:
        """Draw the order of an epoch."""
        order = super().get_idxs()
        return self._sorted(order) if self.sort else order

    def _sorted(self, order: list[int]) -> list[int]:
        lengths = self.dataset.lengths
        if not self.shuffle:
            return sorted(order, key=lambda number: int(lengths[number]))
        batches: list[list[int]] = []
        for pool in chunked(order, POOL * self.bs):
            batches += chunked(sorted(pool, key=lambda number: int(lengths[number])), self.bs)
        incomplete = [batch for batch in batches if len(batch) < self.bs]  # the last pool's, which stays the last
        whole = self.shuffle_fn([batch for batch in batches if len(batch) == self.bs])
        return [number for batch in [*whole, *incomplete] for number in batch]

    def create_batches(self, samples: Iterator[int]) -> Iterator[Batch]:
        """Index the texts once for each batch."""
        for chunk in chunked(samples, self.bs, self.drop_last):
            yield self.dataset.batch(chunk)


class TextLoaders(LabelledLoaders):
    """Loaders of texts: training, validation and test set.

    Attributes
    ----------
    tokenizer : callable
        What made tokens of the texts.
    longest : int
        The most tokens of a text; longer ones were cut off there.
    truncated : int
        How many texts were.
    """

    tokenizer: Any
    longest: int
    truncated: int = 0

    def padding(self, split: str = "train") -> float:
        """Compute the share of tokens that only fill up, in one epoch over the "train", "valid" or "test" set."""
        loader = self.loaders[SPLITS.index(split)]
        lengths = loader.dataset.lengths
        batches = [lengths[batch] for batch in chunked(loader.new().get_idxs(), loader.bs, loader.drop_last)]
        return 1 - sum(int(each.sum()) for each in batches) / sum(len(each) * int(each.max()) for each in batches)


def text_loaders(
    texts: Texts, tokenizer: Any, *, bs: int = 16, longest: int = 128, sort: bool = True, seed: int | None = None
) -> TextLoaders:
    """Make the DataLoaders (train, valid, test) of some texts.

    A batch is a dictionary of `input_ids` and `attention_mask`, (batch, tokens) each, and the labels (batch,). It is
    padded to its longest text. The validation and the test loader have batches of at least 64 texts.

    Parameters
    ----------
    texts : Texts
        What `data.reviews` gives, or `data.texts` for your own.
    tokenizer : callable
        One of Hugging Face's, such as `backbones.minilm_tokenizer()`.
    bs : int
        Texts in a batch of training; an incomplete last batch is kept.
    longest : int
        The most tokens of a text; what is cut off is said in one line.
    sort : bool
        Whether texts of similar length share a batch, which saves padding.
    seed : int, optional
        Decides the order of batches; None is the course's seed.

    Raises
    ------
    CourseError
        `data.bad-number` for bs, longest and seed; `data.texts-too-long` for more tokens than the tokenizer's network
        takes.
    """
    bs, longest = check_whole_number("bs", bs), check_whole_number("longest", longest, least=3)
    if longest > tokenizer.model_max_length:
        raise CourseError(
            f"longest is {longest}, and this tokenizer's network takes {tokenizer.model_max_length} tokens at most: "
            "give at most that.",
            code="data.texts-too-long",
        )
    sets, truncated = [], 0
    for split in SPLITS:
        ids, lengths, cut = tokens_of(tokenizer, texts.texts(split), longest)
        sets.append(TokenSet(ids, lengths, torch.from_numpy(texts.targets(split).copy()), texts.classes))
        truncated += cut
    train, *others = sets
    loaders = [TokenDL(train, min(bs, len(train)), shuffle=True, sort=sort)]
    loaders += [TokenDL(each, max(bs, LEAST_EVALUATED), sort=sort) for each in others]
    dls = TextLoaders(*loaders, device=environment.device())
    dls.vocab, dls.tokenizer, dls.longest = list(texts.classes), tokenizer, longest
    dls.truncated, dls.about = truncated, texts.about
    own_seed = environment.seed() if seed is None else check_whole_number("seed", seed, least=0)
    dls.train.rng = random.Random(own_seed)
    if truncated:
        print(
            f"{truncated:,} of {sum(map(len, sets)):,} texts are longer than {longest} tokens and were cut off there."
        )
    return dls


def tokens_of(tokenizer: Any, texts: Sequence[str], longest: int) -> tuple[Tensor, Tensor, int]:
    """Turn texts into the numbers of their tokens.

    Returns
    -------
    (n, tokens) int tensor, (n,) int tensor, int
        The numbers, padded to the longest text; how many of each text count; and how many texts were cut off.
    """
    if not texts:
        return torch.zeros(0, 1, dtype=torch.long), torch.zeros(0, dtype=torch.long), 0
    found = tokenizer(list(texts), truncation=True, max_length=longest + 1, return_attention_mask=False)["input_ids"]
    cut = sum(len(each) > longest for each in found)
    if cut:
        found = tokenizer(list(texts), truncation=True, max_length=longest, return_attention_mask=False)["input_ids"]
    lengths = torch.tensor([len(each) for each in found])
    ids = torch.full((len(found), int(lengths.max())), tokenizer.pad_token_id)
    for row, each in zip(ids, found, strict=True):
        row[: len(each)] = torch.tensor(each)
    return ids, lengths, cut
