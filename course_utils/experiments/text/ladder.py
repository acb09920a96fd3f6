"""The ladder of baselines for texts: what counting words and a frozen encoder reach on the same split.

    Experiment(task, [*all_text_rungs(), Full(5, 1e-4)], labels=[20])

Like the rungs for images, each is a strategy that turns a fresh learner into one that predicts, without epochs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from fastai.learner import Learner
from torch import Tensor

from course_utils.errors import CourseError
from course_utils.experiments.ladder import ClassicalModel, MajorityClass
from course_utils.surgery import freeze
from course_utils.surgery.blocks import evaluating
from course_utils.training import Strategy
from course_utils.training.checks import check_data
from course_utils.training.probing import (
    class_weights,
    classes_of,
    one_blas_thread,
    paired_folds,
    plainly,
    solve_linear,
)
from course_utils.training.randomness import randomness_kept

STRENGTHS = tuple(float(c) for c in np.logspace(-1, 3, 9))  # C, for rows of length 1
NGRAMS = {"word": (1, 2), "char_wb": (2, 5)}


def all_text_rungs() -> list[Strategy]:
    """List the rungs from the cheapest up, for `Experiment`.

    Majority class; logistic regression on the counts of words and of characters; one on a frozen encoder.
    """
    return [MajorityClass(), TfidfRegression(), TfidfRegression(count="character"), FrozenEncoder()]


@dataclass(frozen=True)
class TfidfRegression(Strategy):
    """A logistic regression on weighted counts of words and pairs of words, tuned by cross-validation.

    It reads what the tokenizer leaves of a text: small letters, no accents, and no more than the network gets.

    count: "word", or "character" for runs of two to five characters within words, which forgive typos
    """

    count: Literal["word", "character"] = "word"

    solved = True

    @property
    def name(self) -> str:  # type: ignore[override]
        """What tables call it."""
        return "TF-IDF" if self.count == "word" else "TF-IDF of characters"

    def check(self, learn: Learner) -> None:
        """Refuse what isn't counted."""
        if self.count not in ("word", "character"):
            raise CourseError(f"count is {self.count!r}: give 'word' or 'character'.", code="experiments.unknown-count")

    def train(self, learn: Learner) -> Learner:
        """Put the tuned model in the network's place."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV
        from sklearn.pipeline import make_pipeline

        self.check(learn)
        check_data(learn)
        batches, labels = _training_batches(learn)
        texts = [text for batch in batches for text in words_of(learn.dls.tokenizer, batch)]
        analyzer = "word" if self.count == "word" else "char_wb"
        count = TfidfVectorizer(
            analyzer=analyzer, ngram_range=NGRAMS[analyzer], sublinear_tf=True, token_pattern=r"(?u)\b\w+\b"
        )
        regression = LogisticRegression(max_iter=3000, class_weight=class_weights(learn, labels))
        model = make_pipeline(count, regression)
        found = paired_folds(labels, 1)
        with one_blas_thread():
            if found is None:  # nothing can be held out, so the choice in the middle
                c = STRENGTHS[len(STRENGTHS) // 2]
            else:
                rows, splits = found
                search = GridSearchCV(
                    model, {"logisticregression__C": STRENGTHS}, scoring="neg_log_loss", cv=splits, refit=False
                )
                c = search.fit([texts[row] for row in rows], labels[rows]).best_params_["logisticregression__C"]
            model.set_params(logisticregression__C=c).fit(texts, labels)
        learn.model = CountedWords(model, learn.dls.c, learn.dls.tokenizer)
        return learn


@dataclass(frozen=True)
class FrozenEncoder(Strategy):
    """A linear head on the averaged last states of a frozen encoder, solved; how strict, cross-validation chooses."""

    name = "frozen encoder"
    solved = True

    def train(self, learn: Learner) -> Learner:
        """Embed the training texts, and give the network the head that a logistic regression finds."""
        check_data(learn)
        batches, labels = _training_batches(learn)
        with torch.no_grad(), evaluating(learn.model):
            device = next(learn.model.parameters()).device
            moved = [{name: part.to(device) for name, part in batch.items()} for batch in batches]
            features = torch.cat([learn.model.embed(batch).float().cpu() for batch in moved]).numpy()
        weight, bias = solve_linear(features, labels, learn.dls.c, class_weights(learn, labels))
        head = learn.model.head
        with torch.no_grad():
            head.weight.copy_(torch.from_numpy(weight))
            head.bias.copy_(torch.from_numpy(bias))
        freeze(learn, batchnorm="fixed")
        return learn


class CountedWords(ClassicalModel):
    """A fitted scikit-learn pipeline of texts in the place of a network; it takes the same batches."""

    def __init__(self, classifier: Any, classes: int, tokenizer: Any) -> None:
        super().__init__(classifier, classes)
        self.tokenizer = tokenizer

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:  # type: ignore[override]
        """Give (batch, classes) scores."""
        return self.scores(words_of(self.tokenizer, batch))


def words_of(tokenizer: Any, batch: Mapping[str, Tensor]) -> list[str]:
    """Put a batch's tokens together to texts again, without those that mark and fill."""
    return tokenizer.batch_decode(batch["input_ids"].cpu(), skip_special_tokens=True)


def _training_batches(learn: Learner) -> tuple[list[dict[str, Tensor]], np.ndarray]:
    """The training texts in batches, and their classes in the same order.

    Raises
    ------
    CourseError
        `experiments.no-texts` for other batches than those of texts; `experiments.one-class`.
    """
    with randomness_kept(), plainly(learn.dls.train) as loader:
        read = [(given, classes_of(targets)) for given, *targets in loader]
    if not all(isinstance(given, Mapping) and "input_ids" in given for given, _ in read) or not hasattr(
        learn.dls, "tokenizer"
    ):
        raise CourseError(
            "This baseline is for texts, in batches that `data.text_loaders` makes: give it such a task.",
            code="experiments.no-texts",
        )
    labels = torch.cat([classes for _, classes in read]).numpy()
    if len(np.unique(labels)) < 2:
        raise CourseError(
            "All training examples are of one class, so there is nothing to tell apart: add another class.",
            code="experiments.one-class",
        )
    return [given for given, _ in read], labels
