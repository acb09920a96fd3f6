"""Means with intervals, and paired differences."""

from course_utils.statistics.intervals import mean_interval, paired_difference

__all__ = ["mean_interval", "paired_difference"]
