"""Language models and the classifiers that are made from them, as fastai's learners; and what a model writes."""

import copy
import random
from collections.abc import Sequence
from math import exp
from typing import Any

import pandas as pd
import torch
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import accuracy
from fastai.text.learner import LMLearner, TextLearner, text_classifier_learner
from fastai.text.models.awdlstm import AWD_LSTM, awd_lstm_clas_config, awd_lstm_lm_split
from fastai.torch_core import set_seed
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from course_utils.backbones.text.awd_lstm import SIZES
from course_utils.data.text.words import BEGIN, PADDING, SPECIAL, UNKNOWN, join_words, number_words, split_words
from course_utils.errors import CourseError
from course_utils.surgery.blocks import evaluating
from course_utils.tasks.running import NoValidation


def language_learner(dls: DataLoaders, model: nn.Module) -> LMLearner:
    """Make fastai's learner for a language model such as `awd_lstm("DEFAULT", vocabulary)`; its groups go bottom up.

    Raises
    ------
    CourseError
        Where the loaders number their words by another vocabulary (`tasks.other-vocabulary`).
    """
    _check_same(dls, model)
    how: dict[str, Any] = {"loss_func": CrossEntropyLossFlat(), "splitter": awd_lstm_lm_split, "cbs": NoValidation()}
    return LMLearner(dls, model, **how)


def classifier_learner(
    dls: DataLoaders, model: nn.Module | None = None, *, seed: int = 0, drop_mult: float = 0.5
) -> TextLearner:
    """Make fastai's `text_classifier_learner`, with a new head on the encoder of a language model.

    The head reads the last hidden state, the maximum and the mean of all (concat pooling). There are four layer
    groups: embedding, layer 1, layer 2, head.

    Parameters
    ----------
    dls : DataLoaders
        From `word_loaders`.
    model : nn.Module, optional
        The language model; random weights if left out. It is copied, and stays as it is.
    seed : int
        Of the new head, of dropout, and of the order of the texts.
    drop_mult : float
        By what fastai's shares of dropout for classifiers are multiplied.

    Raises
    ------
    CourseError
        Where the loaders number their words by another vocabulary (`tasks.other-vocabulary`).
    """
    if model is not None:
        _check_same(dls, model)
    set_seed(seed)
    own = copy.copy(dls)
    own.loaders = [dl.new() for dl in dls.loaders]
    own.train.rng = random.Random(seed)
    learn = text_classifier_learner(
        own,
        AWD_LSTM,
        config={**awd_lstm_clas_config, **SIZES},
        pretrained=False,
        drop_mult=drop_mult,
        loss_func=CrossEntropyLossFlat(),
        metrics=accuracy,
        cbs=NoValidation(),
    )
    if model is not None:
        learn.model[0].module.load_state_dict(model[0].state_dict())  # type: ignore[index]
    return learn


def perplexity(model: nn.Module, documents: Sequence[Sequence[str]]) -> float:
    """Measure a language model's perplexity: how many equally likely words it hesitates between, on average.

    Each word is predicted from those before it in its document; "xxbos", which begins each document, isn't predicted.

    Parameters
    ----------
    model : nn.Module
        With an attribute `vocabulary`; words that it lacks count as "xxunk".
    documents : sequence of sequence of str
        Words of each document, from `split_words`.
    """
    surprise = surprises(model, documents)
    return exp(float(torch.cat(surprise).double().mean()))


@torch.no_grad()
def surprises(model: nn.Module, documents: Sequence[Sequence[str]], rows: int = 64, window: int = 70) -> list[Tensor]:
    """For each document, minus the log of the probability that the model gave to each word but the first, in nats."""
    numbered = number_words(documents, model.vocabulary)  # type: ignore[arg-type]
    order = sorted(range(len(numbered)), key=lambda number: len(numbered[number]))
    found: list[Tensor] = [torch.empty(0)] * len(numbered)
    with evaluating(model):
        for start in range(0, len(order), rows):
            chosen = order[start : start + rows]
            words = pad_sequence([numbered[number] for number in chosen], batch_first=True, padding_value=PADDING)
            model.reset()  # type: ignore[operator]
            losses = []
            for left in range(0, words.shape[1] - 1, window):
                given, due = words[:, left : left + window], words[:, left + 1 : left + window + 1]
                scores = model(given[:, : due.shape[1]])[0]
                losses.append(nn.functional.cross_entropy(scores.transpose(1, 2), due, reduction="none"))
            for number, row in zip(chosen, torch.cat(losses, 1), strict=True):
                found[number] = row[: len(numbered[number]) - 1]
    model.reset()  # type: ignore[operator]
    return found


def gradient_reach(
    model: nn.Module, documents: Sequence[Sequence[str]], words: int = 60, rows: int = 40
) -> list[float]:
    """Measure how far back a recurrent network learns: the gradient of one word's loss at each word before it.

    Parameters
    ----------
    documents : sequence of sequence of str
        Words of each document, from `split_words`: read one after the other, in `rows` rows of `words` words and one.

    Returns
    -------
    list of float
        The mean length of the gradient at the embedding of the last word, of the one before it, and so on.

    Raises
    ------
    CourseError
        For too few words (`tasks.too-few-words`).
    """
    stream = torch.cat(number_words(documents, model.vocabulary))  # type: ignore[arg-type]
    if len(stream) < rows * (words + 1):
        raise CourseError(
            f"The documents have {len(stream)} words, and {rows} rows of {words + 1} need more: give more documents.",
            code="tasks.too-few-words",
        )
    read = stream[: rows * (words + 1)].view(rows, words + 1)
    encoder, decoder = model[0], model[1]  # type: ignore[index]
    with evaluating(model):
        model.reset()  # type: ignore[operator]
        embedded = encoder.encoder(read[:, :-1]).detach().requires_grad_()
        scores = decoder(encoder(embedded, from_embeds=True))[0]
        nn.functional.cross_entropy(scores[:, -1], read[:, -1], reduction="sum").backward()
        model.reset()  # type: ignore[operator]
    model.zero_grad()
    assert embedded.grad is not None
    return embedded.grad.norm(dim=2).mean(0).flip(0).tolist()


def next_words(model: nn.Module, start: str, most: int = 5) -> pd.DataFrame:
    """Give the most likely words after a beginning, with the columns `word` and `probability`."""
    chances = _chances(model, _numbers(model, start))
    best = chances.topk(most)
    words = [model.vocabulary[number] for number in best.indices.tolist()]  # type: ignore[index]
    return pd.DataFrame({"word": words, "probability": best.values.tolist()})


def write(model: nn.Module, start: str = "", words: int = 25, *, seed: int = 0, temperature: float = 0.8) -> str:
    """Let a language model go on with a text, each word drawn by the probabilities that it gives.

    Parameters
    ----------
    start : str
        The first words; "" to let it begin a text of its own. Words that it doesn't know are left out of what it reads.
    words : int
        How many it adds at most; it stops before where it begins another text.
    seed : int
        Of the drawing.
    temperature : float
        Below 1, likely words become likelier still.

    Raises
    ------
    CourseError
        For a temperature that isn't above 0 (`tasks.bad-setting`).
    """
    if not temperature > 0:
        raise CourseError(f"temperature is {temperature}: give a number above 0.", code="tasks.bad-setting")
    drawn = torch.Generator().manual_seed(seed)
    numbers = _numbers(model, start)
    for _ in range(words):
        chances = _chances(model, numbers) ** (1 / temperature)
        word = int(torch.multinomial(chances, 1, generator=drawn))
        if word == BEGIN:
            break
        numbers.append(word)
    return join_words([model.vocabulary[number] for number in numbers])  # type: ignore[index, misc]


def _numbers(model: nn.Module, start: str) -> list[int]:
    """The numbers of a beginning, "xxbos" first, without the words that the model doesn't know."""
    if not start.strip():
        return [BEGIN]
    return [number for number in number_words(split_words([start]), model.vocabulary)[0].tolist() if number != UNKNOWN]  # type: ignore[arg-type]


@torch.no_grad()
def _chances(model: nn.Module, numbers: Sequence[int]) -> Tensor:
    """The probabilities of the next word, none for the special words but "xxbos"."""
    with evaluating(model):
        model.reset()  # type: ignore[operator]
        chances = model(torch.tensor([numbers]))[0][0, -1].softmax(0)
        model.reset()  # type: ignore[operator]
    chances[[number for number in range(len(SPECIAL)) if number != BEGIN]] = 0
    return chances


def _check_same(dls: DataLoaders, model: nn.Module) -> None:
    """Refuse loaders of another vocabulary, since each number would mean another word and no error would tell."""
    own: Sequence[str] = model.vocabulary  # type: ignore[assignment]
    if list(dls.vocab) != list(own):
        raise CourseError(
            f"The loaders know {len(dls.vocab):,} words and the language model {len(own):,}, or in another order: make "
            "both with the same vocabulary.",
            code="tasks.other-vocabulary",
        )


def right_share(learn: Learner, split: str = "test") -> float:
    """Measure a classifier's accuracy on the "valid" or the "test" set."""
    learn.remove_cb(NoValidation)
    with learn.no_bar(), learn.no_logging():
        return float(learn.validate(dl=learn.dls[{"valid": 1, "test": 2}[split]])[1])
