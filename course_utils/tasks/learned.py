"""What tasks on every kind of data share: a data set, seeds, a metric; a kind adds how it loads and what learns."""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self

from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.torch_core import set_seed

from course_utils import data, environment
from course_utils.tasks.metrics import find_metric
from course_utils.tasks.parameters import as_json, check_measured, check_options, loader_of, named
from course_utils.training import Strategy


@dataclass(frozen=True, init=False)
class LearnedTask(ABC):
    """Classify the examples of a data set; a `tasks.protocol.Task`.

    A kind of data is a frozen dataclass with `init=False` that adds its own parameters as fields, hands all of them to
    `__init__`, and says in `load` and `build` how a learner is made.

    Parameters
    ----------
    dataset : str or callable
        A data set of the course by name, as `data.load` takes it. Or a function, called with `n_per_class` and `seed`
        and the options.
    name : str or None
        What the task is called; the data set's name if None.
    metric : str
        What is scored: "accuracy" or "balanced accuracy".
    labels : int
        Labelled examples per class that the task is usually learned with.
    epochs : int
        The budget of a strategy: passes over the training set.
    options : mapping
        For the data set.
    **own
        The fields that the kind of data adds.

    Raises
    ------
    CourseError
        For a metric that fastai doesn't compute here (`tasks.unmeasured-metric`), and for `seed` or `n_per_class`
        among the options (`tasks.option-of-a-run`): each run has its own.
    """

    dataset: str | Callable[..., Any]
    name: str
    metric: str
    labels: int
    epochs: int
    options: Mapping[str, Any] = field(hash=False)

    kind: ClassVar[str]  # "An image", for messages
    counted: ClassVar[str] = "n_per_class"  # the data set's option that takes `labels`
    measures: ClassVar[tuple[str, ...]] = ("accuracy", "balanced accuracy")

    def __init__(
        self,
        dataset: str | Callable[..., Any],
        *,
        name: str | None,
        metric: str,
        labels: int,
        epochs: int,
        options: Mapping[str, Any],
        **own: Any,
    ):
        check_measured(metric, self.kind, self.measures)
        check_options(options)
        shared: dict[str, Any] = {"dataset": dataset, "name": name or named(dataset), "metric": metric}
        shared |= {"labels": labels, "epochs": epochs, "options": options}
        vars(self).update(shared | own)  # a frozen dataclass refuses assignment

    @abstractmethod
    def load(self, seed: int, labels: int) -> DataLoaders:
        """Return the loaders of one split, with so many labelled examples per class to train on."""

    @abstractmethod
    def build(self, dls: DataLoaders, pretrained: bool, **how: Any) -> Learner:
        """Make a learner of these loaders, with a new head.

        Parameters
        ----------
        dls : DataLoaders
            What `load` gave.
        pretrained : bool
            Whether the network starts from trained weights.
        **how
            For fastai's `Learner`: its metrics.
        """

    @property
    @abstractmethod
    def network(self) -> Any:
        """What learners are made with on this machine."""

    def changed(self, **changes: Any) -> Self:
        """Return a copy with other parameters or other options of the data set."""
        own = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "options"}
        return type(self)(**(own | dict(self.options) | changes))

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher score is a better one."""
        return find_metric(self.metric).higher_is_better

    def read(self, seed: int, labels: int) -> Any:
        """Give what the data set's own function gives for one split."""
        how = {self.counted: labels, "seed": seed, **self.options}
        return data.load(self.dataset, **how) if isinstance(self.dataset, str) else self.dataset(**how)

    def learner(self, seed: int, labels: int, strategy: Strategy, *, start: int | None = None) -> Learner:
        """Return a fresh learner from fixed seeds: `load`, then `build`.

        Parameters
        ----------
        seed : int
            Of the split, and of random weights and order too unless `start` is given.
        labels : int
            Labelled examples per class.
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
        return self.build(dls, strategy.pretrained, metrics=measure())

    def score(self, learn: Learner, split: str = "test") -> float:
        """Return the metric on the "valid" or the "test" set."""
        with learn.no_bar(), learn.no_logging():
            return float(learn.validate(dl=loader_of(learn.dls, split))[1])

    def describe(self) -> dict[str, Any]:
        """Return data set, options, network, metric and the choice of data, as JSON can hold them."""
        return {
            "dataset": named(self.dataset),
            "options": as_json(self.options),
            "network": named(self.network),
            "metric": self.metric,
            "images": environment.images(),
        }
