"""The one meaning of "task" in this course: what experiments, searches, benchmarks and recorded runs all take."""

from typing import Any, Protocol, runtime_checkable

from fastai.learner import Learner

from course_utils.training import Strategy


@runtime_checkable
class Task(Protocol):
    """Data, a network and a way to score it; one task can be learned with many strategies, seeds and labels.

    A task travels to other processes, so it must be picklable, and it holds no data: `learner` loads what it needs.

    Attributes
    ----------
    name : str
        What the task is called in the catalogue and in tables.
    metric : str
        What `score` measures: a name of `tasks.metrics.METRICS`, and the column `metric` of every table of runs.
    higher_is_better : bool
        Whether a higher score is a better one; False for a loss or an error.
    epochs : int
        The budget: passes over the training set that a fair comparison on this task grants each strategy.
    """

    @property
    def name(self) -> str:
        """What the task is called."""
        ...

    @property
    def metric(self) -> str:
        """What `score` measures."""
        ...

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher score is a better one."""
        ...

    @property
    def epochs(self) -> int:
        """The budget."""
        ...

    def learner(self, seed: int, labels: int, strategy: Strategy, *, start: int | None = None) -> Learner:
        """Return a fresh, untrained learner.

        Parameters
        ----------
        seed : int
            Decides the split, and also the random weights and the order of the batches unless `start` is given.
        labels : int
            Labelled examples per class in the training set.
        strategy : Strategy
            What will train the learner; it says whether the network starts from pre-trained weights.
        start : int, optional
            Seed of random weights and order alone, for several trainings on one split.
        """
        ...

    def score(self, learn: Learner, split: str = "test") -> float:
        """Return the metric of a trained learner on its "valid" or its "test" set."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return what runs must share to be compared with each other, as JSON can hold it."""
        ...
