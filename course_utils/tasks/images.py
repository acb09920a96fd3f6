"""Tasks on images: a data set of the course, a network of fastai's `vision_learner`, and a metric."""

import copy
import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any

from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.torch_core import set_seed
from fastai.vision.learner import vision_learner
from torch import nn

from course_utils import data, environment
from course_utils.backbones import default
from course_utils.surgery import replace_head
from course_utils.tasks.metrics import find_metric
from course_utils.tasks.parameters import as_json, check_measured, check_options, loader_of, named
from course_utils.training import Strategy


@dataclass(frozen=True, init=False)
class ImageTask:
    """Classify the images of a data set; a `tasks.protocol.Task`.

    Parameters
    ----------
    dataset : str or callable
        A data set of the course by name, as `data.load` takes it. Or a function of yours that loads images: called with
        `n_per_class` and `seed` and the options, it returns DataLoaders whose third loader is the test set, such as
        `functools.partial(data.images, "my photos")`.
    name : str, optional
        What the task is called; the data set's name if left out.
    metric : str
        What is scored: "accuracy" or "balanced accuracy".
    labels : int
        Labelled images per class that the task is usually learned with.
    epochs : int
        The budget of a strategy: passes over the training set.
    arch : callable, optional
        What `vision_learner` takes as its architecture; the course's own network for this machine if left out.
    flip : bool
        Whether a mirrored image still belongs to its class.
    head : str, optional
        Another head than `vision_learner`'s two layers, by the name that `surgery.replace_head` takes: "linear".
    images : str, optional
        "photographs" or "drawings", where the task should not follow the machine's own choice.
    **options
        For the data set: `size`, `bs`, `split`, `augment` and so on.

    Raises
    ------
    CourseError
        For a metric that fastai doesn't compute here (`tasks.unmeasured-metric`), and for `seed` or `n_per_class`
        among the options (`tasks.option-of-a-run`): each run has its own.
    """

    dataset: str | Callable[..., DataLoaders]
    name: str
    metric: str
    labels: int
    epochs: int
    arch: Callable[..., nn.Module] | None
    flip: bool
    head: str | None
    images: str | None
    options: Mapping[str, Any] = field(hash=False)

    def __init__(
        self,
        dataset: str | Callable[..., DataLoaders],
        *,
        name: str | None = None,
        metric: str = "accuracy",
        labels: int = 20,
        epochs: int = 5,
        arch: Callable[..., nn.Module] | None = None,
        flip: bool = False,
        head: str | None = None,
        images: str | None = None,
        **options: Any,
    ):
        check_measured(metric, "An image")
        check_options(options)
        own: dict[str, Any] = {
            "dataset": dataset,
            "name": name or named(dataset),
            "metric": metric,
            "labels": labels,
            "epochs": epochs,
        }
        own |= {"arch": arch, "flip": flip, "head": head, "images": images, "options": options}
        vars(self).update(own)  # a frozen dataclass refuses assignment

    def changed(self, **changes: Any) -> "ImageTask":
        """Return a copy with other parameters or other options of the data set."""
        own = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "options"}
        return ImageTask(**(own | dict(self.options) | changes))

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher score is a better one."""
        return find_metric(self.metric).higher_is_better

    @property
    def network(self) -> Callable[..., nn.Module]:
        """The architecture that learners are made with on this machine."""
        return self.arch or default()

    def load(self, seed: int, labels: int) -> DataLoaders:
        """Return the loaders of one split, with so many labelled images per class to train on."""
        if not isinstance(self.dataset, str):
            return own_loaders(self.dataset(n_per_class=labels, seed=seed, **self.options), seed)
        with _images(self.images):
            return data.load(self.dataset, n_per_class=labels, seed=seed, **self.options)

    def learner(self, seed: int, labels: int, strategy: Strategy, *, start: int | None = None) -> Learner:
        """Return a fresh learner: `data.load`, then `vision_learner`, both from fixed seeds.

        Parameters
        ----------
        seed : int
            Of the split, and of random weights and order too unless `start` is given.
        labels : int
            Labelled images per class.
        strategy : Strategy
            Says whether the network starts from pre-trained weights.
        start : int, optional
            Seed of random weights and order alone.
        """
        set_seed(seed)
        dls = self.load(seed, labels)
        if start is not None:
            dls.train.rng = random.Random(start)
            set_seed(start)
        measure = find_metric(self.metric).for_fastai
        assert measure is not None  # __init__ refuses others
        # fastai's loaders say which loss their labels need; those that were made from pairs don't.
        loss = getattr(dls.train_ds, "loss_func", None) or CrossEntropyLossFlat()
        how: dict[str, Any] = {"metrics": measure(), "loss_func": loss}
        learn = vision_learner(dls, self.network, pretrained=strategy.pretrained, **how)
        if self.head:
            replace_head(learn, self.head)
        return learn

    def score(self, learn: Learner, split: str = "test") -> float:
        """Return the metric on the "valid" or the "test" set."""
        with learn.no_bar(), learn.no_logging():
            return float(learn.validate(dl=loader_of(learn.dls, split))[1])

    def describe(self) -> dict[str, Any]:
        """Return data set, options, network, metric and images, as JSON can hold them."""
        return {
            "dataset": self.dataset if isinstance(self.dataset, str) else named(self.dataset),
            "options": as_json(self.options),
            "network": named(self.network),
            "metric": self.metric,
            **({"head": self.head} if self.head else {}),
            "images": self.images or environment.images(),
        }


def own_loaders(dls: DataLoaders, seed: int) -> DataLoaders:
    """Return loaders of a learner's own, since fastai adds the network's normalisation to them; seed: of the order."""
    own = copy.copy(dls)
    own.loaders = [dl.new() for dl in dls.loaders]
    own.train.rng = random.Random(seed)
    return own


@contextmanager
def _images(choice: str | None) -> Iterator[None]:
    """Load other images than the machine's own choice."""
    before = os.environ.get("COURSE_IMAGES")
    if choice is not None:
        os.environ["COURSE_IMAGES"] = choice
    try:
        yield
    finally:
        if choice is not None:
            os.environ.pop("COURSE_IMAGES")
            if before is not None:
                os.environ["COURSE_IMAGES"] = before
