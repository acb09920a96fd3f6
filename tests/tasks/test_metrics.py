"""Metrics: how scores are written, and what a table of runs must say about them."""

import pandas as pd
import pytest
from support.errors import refused

from course_utils.tasks.metrics import METRICS, find_metric, metric_of


def test_shares_are_written_in_percent_and_their_differences_in_points():
    accuracy = find_metric("accuracy")
    assert (accuracy.label, accuracy.title, accuracy.unit) == ("accuracy (%)", "Accuracy", "points")
    assert accuracy.say(0.8234) == "82.3%" and accuracy.say(0.8234, 0.013) == "82.3% ± 1.3"
    assert accuracy.say_lead(-0.021, 0.005) == "-2.1 ± 0.5"


def test_other_scores_are_written_as_they_are():
    loss = find_metric("loss")
    assert (loss.label, loss.unit, loss.higher_is_better) == ("loss", "loss", False)
    assert loss.say(1.23456) == "1.235" and loss.say(1.23456, 0.0152) == "1.235 ± 0.015"
    assert loss.say_lead(0.3, 0.02) == "+0.3 ± 0.02"


def test_every_metric_is_registered_under_its_name():
    assert all(name == metric.name for name, metric in METRICS.items())


@pytest.mark.parametrize(
    ("table", "code", "fact"),
    [
        ({"score": [0.5]}, "no-metric", "the column metric"),
        ({"metric": ["accuracy"]}, "no-metric", "the column score"),
        ({"metric": [], "score": []}, "no-metric", "no rows"),
        ({"metric": ["accuracy", "loss"], "score": [0.5, 0.1]}, "mixed-metrics", "accuracy, loss"),
        ({"metric": ["glory"], "score": [0.5]}, "unknown-metric", "'glory'"),
    ],
)
def test_a_table_without_one_known_metric_is_refused(table, code, fact):
    with refused(f"tasks.{code}", fact):
        metric_of(pd.DataFrame(table))


def test_a_table_with_one_metric_says_which():
    assert metric_of(pd.DataFrame({"metric": ["recall"] * 2, "score": [0.5, 0.6]})).name == "recall"
