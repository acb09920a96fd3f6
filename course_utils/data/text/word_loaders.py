"""fastai's loaders of words for recurrent networks: a stream of text for a language model, or texts with labels."""

from collections.abc import Sequence

import torch
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.text.data import LMDataLoader
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from course_utils.data.text.texts import Texts
from course_utils.data.text.words import PADDING, number_words, split_words
from course_utils.errors import CourseError

LONGEST = 72  # words: what fastai's classifier reads in one piece


def language_loaders(
    train: Sequence[Sequence[str]],
    valid: Sequence[Sequence[str]],
    vocabulary: Sequence[str],
    bs: int = 32,
    seq_len: int = 35,
) -> DataLoaders:
    """Make loaders for a language model: all documents in one stream, cut into `bs` rows and windows of `seq_len`.

    A batch is (words (bs, seq_len), the words that follow them (bs, seq_len)). The documents of the training set are
    put in a new order in each epoch.

    Parameters
    ----------
    train, valid : sequence of sequence of str
        Words of each document, from `split_words`.
    vocabulary : sequence of str
        The words that the model knows.

    Raises
    ------
    CourseError
        Where a set has too few words for one batch (`data.too-few-words`).
    """
    loaders = []
    for name, documents in (("training", train), ("validation", valid)):
        if (found := sum(map(len, documents))) <= bs:
            raise CourseError(
                f"The {name} set has {found} words, too few for {bs} rows: give more texts, or a smaller bs.",
                code="data.too-few-words",
            )
        numbered = number_words(documents, vocabulary)
        loaders.append(LMDataLoader(numbered, bs=bs, seq_len=seq_len, shuffle=name == "training"))
    dls = DataLoaders(*loaders)
    dls.vocab = list(vocabulary)
    return dls


def word_loaders(texts: Texts, vocabulary: Sequence[str], bs: int = 16) -> DataLoaders:
    """Make loaders of labelled texts for a recurrent classifier: training, validation and test set.

    A batch is (words (bs, longest of the batch), padded at their ends, numbers of the classes (bs,)). Of each text, the
    first 72 words count. The validation and the test set go from the shortest text to the longest, which saves padding.

    Raises
    ------
    CourseError
        Where all training texts have one label (`data.one-class`).
    """
    if len(set(texts.targets("train"))) < 2:
        raise CourseError(
            f"All training texts have the label {texts.train.label.iloc[0]!r}: a classifier needs texts of two classes "
            "at least.",
            code="data.one-class",
        )
    loaders = []
    for name in ("train", "valid", "test"):
        numbered = number_words(split_words(texts.texts(name)), vocabulary)
        pairs = list(zip((words[:LONGEST] for words in numbered), texts.targets(name).tolist(), strict=True))
        training = name == "train"
        if not training:
            pairs.sort(key=lambda pair: len(pair[0]))
        size = min(bs, len(pairs)) if training else 128
        loaders.append(DataLoader(pairs, bs=size, shuffle=training, drop_last=training, create_batch=_padded))
    dls = DataLoaders(*loaders)
    dls.vocab, dls.c = list(vocabulary), len(texts.classes)
    return dls


def _padded(pairs: Sequence[tuple[Tensor, int]]) -> tuple[Tensor, Tensor]:
    words, labels = zip(*pairs, strict=True)
    return pad_sequence(list(words), batch_first=True, padding_value=PADDING), torch.tensor(labels)
