"""The decision chart: who leads, who ties, what is refused, and what a reader without the image is told."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from support.errors import refused

from course_utils.plots import plot_decision
from course_utils.plots.decision import decisions
from course_utils.statistics import paired_difference


@pytest.fixture(autouse=True)
def style():
    with plt.style.context("course_utils.course"):
        yield


def runs(**arms):
    """Rows of one cell: an arm's scores by seed."""
    return [("noise", 5, arm, seed, value) for arm, values in arms.items() for seed, value in enumerate(values)]


def table(rows):
    return pd.DataFrame(rows, columns=["target", "labels", "strategy", "seed", "score"]).assign(metric="accuracy")


CLEAR = runs(head=(0.50, 0.52, 0.48), all=(0.70, 0.72, 0.69))
CLOSE = runs(head=(0.50, 0.60, 0.52), all=(0.52, 0.58, 0.55), first=(0.10, 0.11, 0.12))


def test_the_best_arm_stands_alone_when_its_paired_lead_excludes_zero():
    [found] = decisions(table(CLEAR)).to_dict("records")
    lead, half = paired_difference((0.70, 0.72, 0.69), (0.50, 0.52, 0.48))
    assert found["best"] == "all" and found["tied"] == ("all",)
    assert found["lead"] == pytest.approx(lead) and found["half_width"] == pytest.approx(half)


def test_arms_tie_where_the_interval_of_their_difference_covers_zero():
    [found] = decisions(table(CLOSE)).to_dict("records")
    assert found["tied"] == ("all", "head")  # the best one first, and not the arm that is clearly behind


def test_equal_arms_tie():
    [found] = decisions(table(runs(head=(0.5, 0.6), all=(0.5, 0.6)))).to_dict("records")
    assert set(found["tied"]) == {"head", "all"} and found["lead"] == 0


def test_runs_are_paired_by_seed_whatever_their_order():
    rows = runs(head=(0.1, 0.5, 0.9), all=(0.2, 0.6, 1.0))
    [found] = decisions(table([rows[i] for i in (5, 0, 3, 2, 4, 1)])).to_dict("records")
    assert found["tied"] == ("all",) and found["lead"] == pytest.approx(0.1) and found["half_width"] < 1e-9


def test_each_cell_decides_for_itself():
    other = [("swapped", *row[1:]) for row in runs(head=(0.9, 0.92), all=(0.4, 0.41))]
    found = decisions(table(CLEAR + other))
    assert list(zip(found.target, found.labels, found.best, strict=True)) == [
        ("noise", 5, "all"),
        ("swapped", 5, "head"),
    ]


@pytest.mark.parametrize(
    ("rows", "fact"),
    [
        (runs(all=(0.1, 0.2)), "at least two arms"),
        (runs(all=(0.1, 0.2), head=(0.1,)), "same seeds"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(rows, fact):
    with refused("plots.unpaired-arms", fact):
        decisions(table(rows))


def test_a_single_seed_is_refused():
    with refused("statistics.too-few-runs"):
        decisions(table(runs(all=(0.1,), head=(0.1,))))


@pytest.mark.parametrize("column", ["seed", "metric", "score"])
def test_a_missing_column_is_named(column):
    with refused("plots.column-missing", column):
        plot_decision(table(CLEAR).drop(columns=column))


def test_runs_of_several_metrics_are_refused():
    mixed = table(CLEAR)
    mixed.loc[0, "metric"] = "recall"
    with refused("tasks.mixed-metrics", "recall, accuracy"):
        decisions(mixed)


def test_where_a_lower_score_is_better_the_lowest_one_leads(drawn):
    losses = table(CLEAR).assign(metric="loss")
    [found] = decisions(losses).to_dict("records")
    assert found["best"] == "head" and found["tied"] == ("head",) and found["lead"] == pytest.approx(0.2033, abs=1e-4)
    plot_decision(losses)
    [(_, alt)] = drawn
    assert alt.startswith("What to choose, and its lead in loss. noise, 5: head +0.203 ± ")


def test_the_chart_says_who_leads_by_how_much_and_where_there_is_a_tie(drawn):
    plot_decision(table(CLEAR + [("blur", *row[1:]) for row in CLOSE]), title="My chart")
    [(figure, alt)] = drawn
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts[0].startswith("all\n+20.3 ± ") and texts[1] == "tie: all, head"
    assert alt.startswith("My chart. noise, 5: all +20.3 ± ") and "blur, 5: tie: all, head" in alt
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["all", "tie"]


def test_columns_stand_in_order_and_names_of_columns_are_free(drawn):
    rows = [(f"{labels} images", labels, arm, seed, value) for labels in (20, 5) for _, _, arm, seed, value in CLEAR]
    renamed = table(rows).rename(columns={"target": "shift", "strategy": "what trains"})
    plot_decision(renamed, "shift", "labels", arm="what trains", alt="Said otherwise")
    [(figure, alt)] = drawn
    assert alt == "Said otherwise"
    axis = figure.axes[0]
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["5", "20"]
    assert axis.get_xlabel() == "labels per class"
    plot_decision(renamed, "shift", "labels", arm="what trains", xlabel="images per class")
    assert drawn[1][0].axes[0].get_xlabel() == "images per class"
