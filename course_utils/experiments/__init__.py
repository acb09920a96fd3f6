"""Honest comparisons: strategies over labels and seeds, as a tidy table; means, intervals and paired differences."""

from course_utils.experiments.intervals import mean_interval, paired_difference

__all__ = ["Experiment", "mean_interval", "paired_difference"]


def __getattr__(name: str):
    if name == "Experiment":  # it brings fastai, which an interval doesn't need
        from course_utils.experiments.grid import Experiment

        return Experiment
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
