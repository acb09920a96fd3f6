"""What tasks on every kind of data have in common: seeds in a fixed order, the metric, and copies with changes."""

import random
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Self

from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.torch_core import set_seed

from course_utils.tasks.metrics import find_metric
from course_utils.tasks.parameters import loader_of
from course_utils.training import Strategy


class SeededTask:
    """A `tasks.protocol.Task` whose learners come from fixed seeds; a frozen dataclass with a field `options`.

    A subclass says how its data are loaded, and which learner is made of them.
    """

    metric: str
    options: Mapping[str, Any]

    def load(self, seed: int, labels: int) -> DataLoaders:
        """Return the loaders of one split (train, valid, test), with so many labels per class to train on."""
        raise NotImplementedError

    def make(self, dls: DataLoaders, strategy: Strategy, metric: Any) -> Learner:
        """Return a learner of these loaders, which random weights are drawn for now."""
        raise NotImplementedError

    def changed(self, **changes: Any) -> Self:
        """Return a copy with other parameters or other options of the data set."""
        own = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "options"}  # type: ignore[arg-type]
        return type(self)(**(own | dict(self.options) | changes))

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher score is a better one."""
        return find_metric(self.metric).higher_is_better

    def learner(self, seed: int, labels: int, strategy: Strategy, *, start: int | None = None) -> Learner:
        """Return a fresh learner from fixed seeds.

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
        assert measure is not None  # `check_measured` refuses others
        return self.make(dls, strategy, measure())

    def score(self, learn: Learner, split: str = "test") -> float:
        """Return the metric on the "valid" or the "test" set."""
        with learn.no_bar(), learn.no_logging():
            return float(learn.validate(dl=loader_of(learn.dls, split))[1])
