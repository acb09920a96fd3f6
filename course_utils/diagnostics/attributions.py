"""Which tokens of a text a classifier leans on: integrated gradients, from the library Captum."""

from typing import Any

import torch
from fastai.learner import Learner
from torch import Tensor

from course_utils.backbones.packages import extra_missing
from course_utils.errors import CourseError
from course_utils.surgery.blocks import evaluating

LONGEST = 128  # tokens: what is shown word by word should be read word by word


def attribute_words(learn: Learner, text: str, towards: str, *, steps: int = 24) -> list[tuple[str, float]]:
    """Share out among a text's tokens what they add to the score of a class, over that of the other classes.

    Parameters
    ----------
    learn : Learner
        Of a `TextClassifier`, as `text_learner` or a text task makes it.
    text : str
        One text; its first 128 tokens are taken.
    towards : str
        A class. The score is its logit minus the mean of the others'.
    steps : int
        On the way from a text without words (padding between the two marks) to this one; more are more exact.

    Returns
    -------
    list of (str, float)
        Each token and its part. The parts sum to the difference between the scores of this text and of the one without
        words, up to the error of a finite number of steps.

    Raises
    ------
    CourseError
        `diagnostics.no-text` for an empty text, `diagnostics.unknown-class`, `diagnostics.no-text-classifier`, and
        `backbones.extra-missing` without Captum.

    Notes
    -----
    Source: Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks".
    """
    vocab, tokenizer = list(getattr(learn.dls, "vocab", ())), getattr(learn.dls, "tokenizer", None)
    encoder: Any = getattr(learn.model, "encoder", None)
    if tokenizer is None or not hasattr(getattr(encoder, "embeddings", None), "word_embeddings"):
        raise CourseError(
            "Words can be weighed for a network that `text_learner` made, with an encoder of the BERT family: give "
            "such a learner.",
            code="diagnostics.no-text-classifier",
        )
    if not isinstance(text, str) or not text.strip():
        raise CourseError("There is nothing to explain: give a text of at least one word.", code="diagnostics.no-text")
    if towards not in vocab:
        raise CourseError(
            f"There is no class {towards!r}: give one of {', '.join(map(str, vocab))}.",
            code="diagnostics.unknown-class",
        )
    try:
        from captum.attr import LayerIntegratedGradients
    except ImportError as problem:
        raise extra_missing("An attribution", "captum", "text") from problem

    weights = torch.full((len(vocab),), -1 / max(len(vocab) - 1, 1))
    weights[vocab.index(towards)] = 1.0
    device = next(learn.model.parameters()).device

    def score(numbers: Tensor, mask: Tensor) -> Tensor:
        return learn.model({"input_ids": numbers, "attention_mask": mask}) @ weights.to(device)

    found = tokenizer([text], truncation=True, max_length=LONGEST, return_tensors="pt")
    numbers, mask = found["input_ids"].to(device), found["attention_mask"].to(device)
    marks = (numbers == tokenizer.cls_token_id) | (numbers == tokenizer.sep_token_id)
    without_words = numbers.where(marks, tokenizer.pad_token_id)
    explain = LayerIntegratedGradients(score, encoder.embeddings.word_embeddings)
    with evaluating(learn.model), torch.enable_grad():
        parts = explain.attribute(numbers, without_words, additional_forward_args=(mask,), n_steps=steps)
    words = tokenizer.convert_ids_to_tokens(numbers[0].tolist())
    return list(zip(words, parts.sum(-1)[0].tolist(), strict=True))[1:-1]
