"""Recorded runs: read as they were written, with intervals and paired differences, and refused where they can't be."""

import json

import pandas as pd
import pytest
from support.errors import refused

from course_utils.experiments import all_rungs
from course_utils.experiments.records import RUNGS, names, recorded
from course_utils.experiments.text.ladder import all_text_rungs
from course_utils.statistics import mean_interval, paired_difference
from course_utils.training import FromScratch

ROWS = [
    {
        "strategy": arm,
        "labels": labels,
        "seed": seed,
        "metric": "accuracy",
        "score": 0.5 + bonus + seed / 100,
        "seconds": 6,
    }
    for arm, bonus in (("tuned", 0.2), ("scratch", 0.0))
    for labels in (5, 20)
    for seed in range(10)
]
MADE_WITH = {"date": "2026-01-02", "machine": "2 cores of a processor", "images": "drawings"}


def store(rows, folder):
    table = pd.DataFrame(rows).to_csv(index=False)
    (folder / "01" / "compare.csv").write_text(f"# {json.dumps(MADE_WITH)}\n{table}")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "01").mkdir()
    store(ROWS, tmp_path)
    return tmp_path


def test_a_record_gives_scores_by_seed_and_paired_differences(folder):
    runs = recorded("01/compare", folder)
    assert runs.seeds == 10 and runs.made_with == MADE_WITH
    tuned = runs.scores("tuned", labels=5)
    assert tuned.tolist() == pytest.approx([0.7 + seed / 100 for seed in range(10)])
    expected = paired_difference(tuned.tolist(), runs.scores("scratch", labels=5).tolist())
    assert runs.difference("tuned", "scratch", labels=5) == expected == pytest.approx((0.2, 0), abs=1e-12)


def test_the_summary_has_a_row_for_each_arm_and_factor(folder):
    summary = recorded("01/compare", folder).summary()
    assert summary[["strategy", "labels", "runs"]].values.tolist() == [
        *(["tuned", 5, 10], ["tuned", 20, 10]),
        *(["scratch", 5, 10], ["scratch", 20, 10]),
    ]
    assert (summary["mean"][0], summary.half_width[0]) == mean_interval([row["score"] for row in ROWS[:10]])


def test_an_arm_to_which_a_factor_does_not_apply_keeps_its_row(folder):
    rows = [row | {"learning rate": 0.01 if row["strategy"] == "tuned" else None} for row in ROWS]
    store(rows, folder)
    runs = recorded("01/compare", folder)
    assert runs.summary().strategy.tolist() == ["tuned", "tuned", "scratch", "scratch"]
    assert "–" in str(runs) and ">–</td>" in runs._repr_html_() and "NaN" not in str(runs) + runs._repr_html_()


def test_the_ladder_is_said_from_its_simplest_rung_up(folder):
    arms = ["fine_tune", "SVM on pixels", "adapters", "from scratch", "majority class"]
    rows = [row | {"strategy": arm} for arm in arms for row in ROWS[:20]]
    store(rows, folder)
    runs = recorded("01/compare", folder)
    said = list(dict.fromkeys(runs.said().strategy))
    assert said == ["majority class", "SVM on pixels", "from scratch", "fine_tune", "adapters"]
    assert runs.said().labels.tolist() == [5, 20] * 5
    assert list(dict.fromkeys(runs.summary().strategy)) == arms  # as it was recorded
    page = runs._repr_html_()
    places = [page.index(f">{arm}<") for arm in said]
    assert places == sorted(places)


@pytest.mark.parametrize("ladder", [all_rungs, all_text_rungs])
def test_every_rung_of_a_ladder_has_its_place(ladder):
    names = [rung.name for rung in [*ladder(), FromScratch(1, 1e-3)]]
    assert names == [rung for rung in RUNGS if rung in names]


def test_it_says_means_intervals_seeds_and_circumstances(folder):
    runs = recorded("01/compare", folder)
    for text in (str(runs), runs._repr_html_()):
        for part in ("10 seeds", "2026-01-02", "2 cores of a processor", "drawings", "1 minutes", "74.5% ± 2.2"):
            assert part in text, part


def test_runs_with_two_metrics_say_each_in_its_own_unit(folder):
    losses = [row | {"metric": "loss", "score": 2 * row["score"]} for row in ROWS]
    store([*ROWS, *losses], folder)
    runs = recorded("01/compare", folder)
    said = runs.said().set_index(["strategy", "labels", "metric"]).Mean
    assert said["tuned", 5, "accuracy"] == "74.5% ± 2.2" and said["tuned", 5, "loss"] == "1.49 ± 0.043"
    assert runs.scores("tuned", labels=5, metric="loss").iloc[0] == pytest.approx(1.4)
    gap = runs.difference("tuned", "scratch", labels=20, metric="loss")
    assert gap == pytest.approx((0.4, 0), abs=1e-12)
    with refused("experiments.not-recorded", "'metric': 'loss'".replace("'metric': ", "metric=")):
        runs.scores("tuned", labels=5)


def test_what_is_no_single_row_a_seed_is_refused_with_the_choices(folder):
    runs = recorded("01/compare", folder)
    for arm, factors in (("tuned", {}), ("tuned", {"labels": 7}), ("frozen", {"labels": 5}), ("tuned", {"size": 3})):
        with refused("experiments.not-recorded", "scratch", "20"):
            runs.scores(arm, **factors)


def test_a_missing_record_is_told_which_there_are(folder, tmp_path):
    assert names(folder) == ["01/compare"]
    with refused("experiments.no-record", "'01/probe'", "01/compare"):
        recorded("01/probe", folder)
    with refused("experiments.no-record", "none so far"):
        recorded("01/probe", tmp_path / "empty")


@pytest.mark.parametrize(
    "harm",
    [
        lambda text: "",
        lambda text: "a,b\n1,2\n",
        lambda text: "\0\1",
        lambda text: text.split("\n", 1)[1],
        lambda text: text.replace("}", "", 1),
        lambda text: text.replace("strategy", "arm", 1),
    ],
    ids=["empty", "another table", "no text", "without its first line", "broken first line", "without a column"],
)
def test_a_damaged_record_is_told(folder, harm):
    file = folder / "01" / "compare.csv"
    file.write_text(harm(file.read_text()))
    with refused("experiments.damaged-record", "01/compare"):
        recorded("01/compare", folder)
