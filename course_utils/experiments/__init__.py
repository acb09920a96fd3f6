"""Honest comparisons: strategies over labels and seeds, as a tidy table; means and intervals; what freezing costs."""

from course_utils.experiments.intervals import mean_interval, paired_difference

__all__ = ["Experiment", "freezing_costs", "mean_interval", "paired_difference"]


def __getattr__(name: str):
    if name == "Experiment":  # it brings fastai, which an interval doesn't need
        from course_utils.experiments.grid import Experiment

        return Experiment
    if name == "freezing_costs":
        from course_utils.experiments.costs import freezing_costs

        return freezing_costs
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
