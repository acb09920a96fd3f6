"""What the tasks of every kind of data share: checks of their parameters, and how they are told."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader

from course_utils.errors import CourseError
from course_utils.tasks.metrics import find_metric


def check_measured(metric: str, kind: str, measures: Sequence[str]) -> None:
    """Refuse a metric that a kind of task doesn't compute: CourseError `tasks.unmeasured-metric`.

    kind: of task, for the message
    """
    if find_metric(metric).name not in measures:
        raise CourseError(
            f"{kind} task can't measure {metric!r}: give {' or '.join(measures)}.",
            code="tasks.unmeasured-metric",
        )


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse `seed` and the number of examples among a task's options: CourseError `tasks.option-of-a-run`."""
    if taken := sorted({"seed", "n_per_class", "n_images"} & options.keys()):
        raise CourseError(
            f"{' and '.join(taken)} can't be an option of a task, since each run has its own: give seeds and "
            "labels where the task is run.",
            code="tasks.option-of-a-run",
        )


def loader_of(dls: DataLoaders, split: str) -> DataLoader:
    """Return the loader of the "valid" or the "test" set, which is the third.

    Raises
    ------
    CourseError
        Where there is none, or no example in it (`tasks.no-such-set`).
    """
    number = {"valid": 1, "test": 2}[split]
    if len(dls.loaders) <= number or not len(dls.loaders[number].dataset):
        raise CourseError(
            f"The data have no {split} set to score on: load DataLoaders of three sets, train, valid and test.",
            code="tasks.no-such-set",
        )
    return dls.loaders[number]


def as_json(options: Mapping[str, Any]) -> dict[str, Any]:
    """Give a data set's options as JSON can hold them."""
    return json.loads(json.dumps(dict(options), default=repr, sort_keys=True))


def named(value: Any) -> str:
    """How tables and messages name a data set or a network."""
    if isinstance(value, partial):
        told = [*map(repr, value.args), *(f"{name}={given!r}" for name, given in value.keywords.items())]
        return f"{named(value.func)}({', '.join(told)})"
    return value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__).rpartition(".")[2]
