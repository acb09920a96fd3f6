"""Tasks on images: a data set of the course, a network of fastai's `vision_learner`, and a metric."""

import copy
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.vision.learner import vision_learner
from torch import nn

from course_utils.backbones import default
from course_utils.surgery import replace_head
from course_utils.tasks.learned import LearnedTask


@dataclass(frozen=True, init=False)
class ImageTask(LearnedTask):
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

    arch: Callable[..., nn.Module] | None
    flip: bool
    head: str | None
    images: str | None

    kind = "An image"

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
        shared: dict[str, Any] = {"name": name, "metric": metric, "labels": labels, "epochs": epochs}
        own: dict[str, Any] = {"arch": arch, "flip": flip, "head": head, "images": images}
        super().__init__(dataset, **shared, **own, options=options)

    @property
    def network(self) -> Callable[..., nn.Module]:
        """The architecture that learners are made with on this machine."""
        return self.arch or default()

    def load(self, seed: int, labels: int) -> DataLoaders:
        """Return the loaders of one split, with so many labelled images per class to train on."""
        if not isinstance(self.dataset, str):
            return own_loaders(self.read(seed, labels), seed)
        with _images(self.images):
            return self.read(seed, labels)

    def build(self, dls: DataLoaders, pretrained: bool, **how: Any) -> Learner:
        """Make a learner as `vision_learner` does, with this task's head."""
        # fastai's loaders say which loss their labels need; those that were made from pairs don't.
        loss = getattr(dls.train_ds, "loss_func", None) or CrossEntropyLossFlat()
        learn = vision_learner(dls, self.network, pretrained=pretrained, loss_func=loss, **how)
        if self.head:
            replace_head(learn, self.head)
        return learn

    def describe(self) -> dict[str, Any]:
        """Return data set, options, network, metric and images, as JSON can hold them."""
        own = {name: given for name, given in (("head", self.head), ("images", self.images)) if given}
        return super().describe() | own


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
