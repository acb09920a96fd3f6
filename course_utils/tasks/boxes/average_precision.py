"""Mean average precision of what a detector found, as the COCO benchmark defines it, computed by torchmetrics."""

from collections.abc import Sequence
from typing import Any

from fastai.learner import Metric as FastaiMetric
from torch import Tensor

from course_utils.backbones import Found, decode
from course_utils.errors import CourseError

AT_HALF = "mean average precision at 0.5"
OVER_THRESHOLDS = "mean average precision"
KEYS = {AT_HALF: "map_50", OVER_THRESHOLDS: "map"}  # as torchmetrics names them


def mean_average_precision(found: Sequence[Found], rows: Sequence[Tensor]) -> dict[str, float]:
    """Measure what a detector found.

    Parameters
    ----------
    found : sequence of Found
        What it found in each image.
    rows : sequence of (k, 5) tensors
        Left, top, right, bottom and class of what is there; rows of class -1 are none.

    Returns
    -------
    dict of str to float
        "mean average precision at 0.5": the area under the curve of precision against recall, averaged over the
        classes, where a box is right that overlaps with a known one of its class by an intersection over union of at
        least 0.5. "mean average precision": the same, averaged over ten such thresholds from 0.5 to 0.95. NaN where
        nothing is there to be found.

    Raises
    ------
    CourseError
        `tasks.extra-missing` without the extra `detection`.

    Notes
    -----
    Source: Lin et al. 2014, "Microsoft COCO: Common Objects in Context". Classes of which no image has a box don't
    count.
    """
    try:
        from torchmetrics.detection import MeanAveragePrecision
    except ImportError as problem:
        raise CourseError(
            "Average precision needs torchmetrics and faster-coco-eval: install them with "
            'pip install "fine-tuning-course[detection]".',
            code="tasks.extra-missing",
        ) from problem
    metric = MeanAveragePrecision(backend="faster_coco_eval")
    metric.warn_on_many_detections = False
    known = [each.as_subclass(Tensor).cpu() for each in rows]
    metric.update(
        [{name: getattr(each, name).cpu() for name in ("boxes", "scores", "labels")} for each in found],
        [{"boxes": each[each[:, 4] >= 0, :4], "labels": each[each[:, 4] >= 0, 4].long()} for each in known],
    )
    scores = metric.compute()
    return {name: value if (value := float(scores[key])) >= 0 else float("nan") for name, key in KEYS.items()}


class AveragePrecision(FastaiMetric):
    """Collects what a detector finds in a loader's images, for fastai's Learner.

    Parameters
    ----------
    metric : str
        "mean average precision at 0.5" or "mean average precision".
    """

    def __init__(self, metric: str = AT_HALF) -> None:
        self.metric = metric
        self.reset()

    @property
    def name(self) -> str:
        """What it is called in fastai's tables."""
        return self.metric

    @name.setter
    def name(self, value: str) -> None:
        self.metric = value

    def reset(self) -> None:
        """Begin anew."""
        self.found: list[Found] = []
        self.rows: list[Tensor] = []

    def accumulate(self, learn: Any) -> None:
        """Add a batch."""
        self.found += decode(learn.pred.as_subclass(Tensor))
        self.rows += list(learn.y)

    @property
    def value(self) -> float | None:
        """The score of all batches."""
        return mean_average_precision(self.found, self.rows)[self.metric] if self.rows else None
