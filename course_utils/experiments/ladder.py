"""The ladder of baselines: what each cheaper method reaches on the same split, as rows of the experiments' table.

    baselines(dls)                                                 # on the split of any fastai DataLoaders of images
    Experiment(task, [*all_rungs(), Full(5, 1e-3)], labels=[20])  # or beside strategies, on each run's own split

The rungs are strategies: each turns a fresh learner into one that predicts, in one computation and without epochs.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.vision.learner import vision_learner
from torch import Tensor, nn

from course_utils import environment
from course_utils.backbones import default
from course_utils.display.steps import steps
from course_utils.errors import CourseError
from course_utils.experiments.grid import COLUMNS, train_and_test
from course_utils.tasks.metrics import find_metric
from course_utils.training import MultiDepthProbe, SolvedHead, Strategy, check_data, randomness_kept
from course_utils.training.probing import (
    STRENGTHS,
    class_weights,
    classes_of,
    mirrored,
    one_blas_thread,
    paired_folds,
    plainly,
)

SIDE = 32  # pixels; larger images are shrunk before a classical model sees them
COMPONENTS = 200  # principal components of the pixels that it is given
MOST_FOR_SVM = 10_000  # training images; its time grows with their square
NEVER = -1e4  # the score of a class without training images


def baselines(
    dls: DataLoaders,
    arch: Callable[..., nn.Module] | None = None,
    *,
    metric: str = "accuracy",
    flip: bool = False,
    seed: int = 0,
    rungs: Sequence[Strategy] | None = None,
) -> pd.DataFrame:
    """Measure the ladder of baselines on the very split of some DataLoaders.

    Parameters
    ----------
    dls : DataLoaders
        Of images with one class each; left as they are. Scored is `dls.test`, the third loader; where there is none or
        it is empty, the validation set, which a printed line says.
    arch : callable, optional
        What `vision_learner` takes; the course's own network for this machine if left out.
    metric : str
        "accuracy" or "balanced accuracy".
    flip : bool
        Whether a mirrored image still belongs to its class: then each rung learns from both.
    seed : int
        That the split was drawn with: what the column `seed` says.
    rungs : sequence of Strategy, optional
        Some of those that `all_rungs()` gives, or others.

    Returns
    -------
    pandas.DataFrame
        A row for each rung with the columns of `Experiment.run`, so that both tables can be joined and drawn as one;
        `labels` is the average number of training images in a class. A rung that can't be computed has an `error`.

    Raises
    ------
    CourseError
        For data that aren't images (`experiments.no-images`), without one class for each image
        (`training.no-classes`), without images to score on (`experiments.nothing-to-score`), and for a metric that
        fastai doesn't compute here (`experiments.unmeasured-metric`).
    """
    task = GivenSplit(dls, arch or default(), metric)
    if task.split == "valid":
        print("These DataLoaders have no test set, so the baselines are scored on the validation set.")
    labels = round(len(dls.train.dataset) / task.classes)
    rungs = all_rungs(flip=flip) if rungs is None else rungs
    rows = [
        train_and_test(rung.name, rung, labels, seed, task, environment.network(), environment.images())
        for rung in steps(rungs, len(rungs), "baselines")
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"lr": float, "score": float, "seconds": float})


def all_rungs(*, flip: bool = False) -> list[Strategy]:
    """List the rungs from the cheapest up, for `Experiment` or `baselines`.

    Majority class; logistic regression and SVM on pixels; a linear probe at the best depth, and over several depths.
    `flip` says whether a mirrored image still belongs to its class.
    """
    probes = [BestDepthProbe(flip=flip), MultiDepthProbe(flip=flip)]
    return [MajorityClass(), PixelRegression(flip=flip), PixelSVM(flip=flip), *probes]


@dataclass(frozen=True)
class MajorityClass(Strategy):
    """Always the most frequent class of the training set, or the first of several; chance, where sizes are equal."""

    name = "majority class"
    solved = True

    def train(self, learn: Learner) -> Learner:
        """Put a network in that gives the same scores for every example."""
        with randomness_kept(), plainly(learn.dls.train) as loader:
            labels = torch.cat([classes_of(targets) for _, *targets in loader]).numpy()
        counts = torch.from_numpy(np.bincount(labels, minlength=learn.dls.c))
        learn.model = Constant((counts == counts.max()).float())
        return learn


@dataclass(frozen=True)
class PixelRegression(Strategy):
    """A logistic regression on the pixels of small images, tuned by cross-validation on the training images."""

    flip: bool = False

    name = "logistic regression on pixels"
    solved = True
    scoring: ClassVar[str] = "neg_log_loss"

    def train(self, learn: Learner) -> Learner:
        """Put the tuned model in the network's place.

        Pixels are turned into their 200 principal components at most, which takes no labels and is done once.
        """
        self.check(learn)
        check_data(learn)
        pixels, labels = _pixels(learn)
        if len(np.unique(labels)) < 2:
            raise CourseError(
                "All training examples are of one class, so there is nothing to tell apart: add another class.",
                code="experiments.one-class",
            )
        learn.model = ClassicalModel(self._tuned(pixels, labels, class_weights(learn, labels)), learn.dls.c)
        return learn

    def _tuned(self, pixels: Tensor, labels: np.ndarray, balance: dict[int, float] | None) -> Any:
        from sklearn.decomposition import PCA
        from sklearn.model_selection import GridSearchCV
        from sklearn.pipeline import make_pipeline

        copies = [pixels, mirrored(pixels)] if self.flip else [pixels]
        rows, classes = torch.cat(copies).flatten(1).numpy(), np.tile(labels, len(copies))
        reduce = PCA(min(COMPONENTS, *rows.shape), random_state=0).fit(rows)
        inputs = reduce.transform(rows)
        model, choices = self._model(balance), self._choices(float(inputs.var(0).sum()))
        found = paired_folds(labels, len(copies))
        if found is None:  # nothing can be held out, so the choices in the middle
            best = {name: values[len(values) // 2] for name, values in choices.items()}
        else:
            chosen, splits = found
            search = GridSearchCV(model, choices, scoring=self.scoring, cv=splits, refit=False)
            with one_blas_thread():
                best = search.fit(inputs[chosen], classes[chosen]).best_params_
        with one_blas_thread():
            return make_pipeline(reduce, model.set_params(**best).fit(inputs, classes))

    def _model(self, balance: dict[int, float] | None) -> Any:
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(max_iter=3000, class_weight=balance)

    def _choices(self, variance: float) -> dict[str, list[float]]:
        """What to choose from, where the inputs have this variance in all."""
        return {"C": [100 * c / variance for c in STRENGTHS]}


@dataclass(frozen=True)
class PixelSVM(PixelRegression):
    """A support vector machine with an RBF kernel on the pixels of small images, tuned in the same way."""

    name = "SVM on pixels"
    scoring = "accuracy"

    def check(self, learn: Learner) -> None:
        """Refuse more training images than a kernel method takes in some minutes."""
        count = len(learn.dls.train.dataset)
        if count > MOST_FOR_SVM:
            raise CourseError(
                f"An SVM on {count} training images takes too long: give at most {MOST_FOR_SVM}, or leave it out.",
                code="experiments.too-many-for-svm",
            )

    def _model(self, balance: dict[int, float] | None) -> Any:
        from sklearn.svm import SVC

        return SVC(class_weight=balance, break_ties=True)

    def _choices(self, variance: float) -> dict[str, list[float]]:
        return {"C": [0.3, 3, 30], "gamma": [factor / variance for factor in (0.03, 0.1, 0.3, 1, 3)]}


@dataclass(frozen=True)
class BestDepthProbe(Strategy):
    """A linear head on the averaged output of one frozen block, the best by cross-validation, solved."""

    flip: bool = False

    name = "linear probe at the best depth"
    solved = True

    def phases(self) -> list[SolvedHead]:
        """Solve for the head."""
        return [SolvedHead("each", ("average",), self.flip)]


class Constant(nn.Module):
    """Gives every example the same scores."""

    def __init__(self, scores: Tensor) -> None:
        super().__init__()
        self.scores = nn.Parameter(scores, requires_grad=False)  # a parameter, since fastai looks for one

    def forward(self, examples: Tensor | Mapping[str, Tensor]) -> Tensor:
        """Give (batch, classes) scores."""
        batch = next(iter(examples.values())) if isinstance(examples, Mapping) else examples
        return self.scores.expand(len(batch), -1)


class ClassicalModel(nn.Module):
    """A fitted scikit-learn classifier in the place of a network: here, of pixels."""

    def __init__(self, classifier: Any, classes: int) -> None:
        super().__init__()
        self.classifier = classifier
        self.unseen = nn.Parameter(torch.full((classes,), NEVER), requires_grad=False)

    def forward(self, images: Tensor) -> Tensor:
        """Give (batch, classes) scores."""
        return self.scores(small(images).flatten(1).cpu().numpy())

    def scores(self, inputs: Any) -> Tensor:
        """Give (inputs, classes) scores, whose order is the classifier's; classes that it never saw come last."""
        found = self.classifier.decision_function(inputs)
        found = np.stack([-found, found], 1) if found.ndim == 1 else found
        scores = self.unseen.repeat(len(found), 1)
        scores[:, self.classifier.classes_.tolist()] = torch.from_numpy(found).to(scores)
        return scores


def small(images: Tensor) -> Tensor:
    """Shrink a batch of images, (batch, channels, height, width), to at most 32 pixels on the longer side."""
    images = images.as_subclass(Tensor).float()
    longest = max(images.shape[-2:])
    if longest <= SIDE:
        return images
    sides = tuple(max(1, round(side * SIDE / longest)) for side in images.shape[-2:])
    return F.interpolate(images, sides, mode="bilinear", antialias=True)


def _pixels(learn: Learner) -> tuple[Tensor, np.ndarray]:
    """The training images, small and not augmented, and their classes."""
    with randomness_kept(), plainly(learn.dls.train) as loader:
        batches = [(small(given).cpu(), classes_of(targets)) for given, *targets in loader]
    images, labels = zip(*batches, strict=True)
    return torch.cat(images), torch.cat(labels).numpy()


@dataclass
class GivenSplit:
    """A task (`tasks.Task`) whose split is that of some DataLoaders, whatever seed and labels a run names."""

    dls: DataLoaders
    arch: Callable[..., nn.Module]
    metric: str = "accuracy"
    name: str = "given split"
    epochs: int = 5
    channels: int = field(init=False)

    def __post_init__(self) -> None:
        if find_metric(self.metric).for_fastai is None:
            raise CourseError(
                f"{self.metric!r} can't be measured here: give accuracy or balanced accuracy.",
                code="experiments.unmeasured-metric",
            )
        with randomness_kept():
            given, *targets = self.dls.train.one_batch()
        if not isinstance(given, Tensor) or given.ndim != 4 or not given.is_floating_point():
            raise CourseError(
                "The baselines are for images, in batches of (batch, channels, height, width) numbers: give "
                "DataLoaders of images.",
                code="experiments.no-images",
            )
        classes_of(targets)
        if not len(self._scored.dataset):
            raise CourseError(
                "There are no images to score the baselines on: give DataLoaders with a test or a validation set.",
                code="experiments.nothing-to-score",
            )
        self.channels = given.shape[1]

    @property
    def split(self) -> str:
        """What is scored."""
        return "test" if len(self.dls.loaders) > 2 and len(self.dls.loaders[2].dataset) else "valid"

    @property
    def _scored(self) -> Any:
        return self.dls.loaders[2 if self.split == "test" else 1]

    @property
    def classes(self) -> int:
        """How many there are."""
        return self.dls.c

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher score is a better one."""
        return find_metric(self.metric).higher_is_better

    def learner(self, seed: int, labels: int, strategy: Strategy, *, start: int | None = None) -> Learner:
        """Return a fresh learner on loaders of its own, since fastai adds the network's normalisation to them."""
        dls = copy.copy(self.dls)
        dls.loaders = [dl.new() for dl in self.dls.loaders]
        measure = find_metric(self.metric).for_fastai
        assert measure is not None
        loss = getattr(dls.train_ds, "loss_func", None) or CrossEntropyLossFlat()
        options: dict[str, Any] = {"metrics": measure(), "loss_func": loss, "n_in": self.channels}
        with randomness_kept():
            torch.manual_seed(seed if start is None else start)
            return vision_learner(dls, self.arch, pretrained=strategy.pretrained, **options)

    def score(self, learn: Learner, split: str = "test") -> float:
        """Return the metric on the test set, or on the validation set where there is none."""
        with learn.no_bar(), learn.no_logging():
            number = 2 if split == "test" and self.split == "test" else 1
            return float(learn.validate(dl=learn.dls.loaders[number])[1])

    def describe(self) -> dict[str, Any]:
        """Return what its runs share."""
        return {"split": "given", "images": len(self.dls.train.dataset), "metric": self.metric}
