"""The benchmark: its arms train, its ratios have spreads, and its tables come from its runs."""

import argparse
import json
import sys
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

FOLDER = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(FOLDER))  # its modules are scripts beside each other

import bench  # noqa: E402
import report  # noqa: E402
import results_tables  # noqa: E402
from aims import aims  # noqa: E402
from comparisons import COMPARISONS, Point, find_comparison, shrink, write_images  # noqa: E402
from journal import Journal  # noqa: E402
from markdown_tables import tables  # noqa: E402

from course_utils.errors import CourseError  # noqa: E402

WHERE = {"machine": "a machine", "versions": "fastai 0", "weights": "abc"}


def options(out: Path, **given) -> argparse.Namespace:
    usual = {"dataset": ["digits"], "repeats": 2, "minutes": 9, "quick": True, "fresh": False, "rates": False}
    return argparse.Namespace(**usual | {"out": out} | given)


def result(epoch: float, accuracy: float = 0.9, cached: float = 0.0) -> dict:
    seconds = {"seconds": [9.0, epoch, epoch], "accuracy": [0.5, accuracy, accuracy], "cached": cached}
    return seconds | {"prepared": 1.0, "steps": 3, "memory_mb": 100, "date": "2026-01-01"}


@pytest.fixture
def in_process(monkeypatch):
    """Runs happen in this process, without the seconds that a new one takes to import torch; they are counted."""
    import arms
    import growth

    monkeypatch.setenv("COURSE_PROFILE", "mini")
    done = []

    def run(what: dict, images: Path) -> dict:
        done.append(what)
        if "arm" in what:
            found = arms.train(what | {"images": str(images)})
        else:
            found = growth.measure(Point(what["labels"], what["width"], what["size"]))
        return found | {"memory_mb": 100, "date": "2026-01-01"}

    monkeypatch.setattr(bench, "run", run)
    return done


@pytest.fixture
def made_up(tmp_path) -> Journal:
    """Three repeats on the digits, in which stock fastai takes 20, 30 and 40 times as long an epoch for the head."""
    journal, task = Journal(tmp_path / "runs.jsonl", WHERE), COMPARISONS["digits"]
    for seed, times in enumerate((20, 30, 40)):
        for arm, seconds in (("ours", 0.1), ("fastai", 0.1 * times), ("torch", 1.0)):
            what = bench.wanted(task, "head", arm, seed, task.lr_of("head", arm), False)
            journal.add(what, result(seconds, 0.91 + 0.01 * seed, cached=0.5 if arm == "ours" else 0))
    return journal


def test_the_quick_run_trains_every_arm_and_makes_table_and_image(in_process, tmp_path, capsys):
    bench.bench(options(tmp_path, dataset=["digits", "growth"]))
    trained = {(what["regime"], what["arm"]) for what in in_process if "arm" in what}
    assert trained == {(regime, arm) for regime, arms in bench.ARMS.items() for arm in arms}
    text = (tmp_path / "table.md").read_text()
    assert text.strip() in capsys.readouterr().out
    for part in (
        "the head alone",
        "all layers",
        "from stage 4 on",
        "a probe at two depths",
        "stock fastai",
        "plain PyTorch",
        "limit",
        "How cost grows",
        "torch 2",
    ):
        assert part in text
    assert text.startswith("Measured 2026-01-01 on ") and "![How many times as long as ours" in text
    assert Image.open(tmp_path / "bench.png").width > 800
    ratios = pd.read_csv(tmp_path / "ratios.csv")
    assert (ratios.groupby(["task", "regime", "arm", "measure"]).seed.nunique() == 2).all() and (ratios.ratio > 0).all()
    growth = pd.read_csv(tmp_path / "growth.csv")
    assert set(growth.labels) == {100, 200} and set(growth.arm) == {"ours", "fastai", "limit", "caching"}
    # a second call finds everything done, and draws the same
    count = len(in_process)
    bench.bench(options(tmp_path, dataset=["digits", "growth"]))
    assert len(in_process) == count and (tmp_path / "table.md").read_text() == text


def test_a_run_is_a_process_whose_memory_is_seen(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "mini")
    task = shrink(COMPARISONS["digits"])
    write_images(task, 0, tmp_path)
    assert len(list((tmp_path / "train").glob("*/*.png"))) == 40
    found = bench.run(bench.wanted(task, "full", "torch", 0, 1e-3, True), tmp_path)
    assert found["steps"] == task.task.epochs * 40 // task.bs and len(found["seconds"]) == task.task.epochs
    assert all(0 <= value <= 1 for value in found["accuracy"]) and 200 < found["memory_mb"] < 4000


def test_a_run_that_fails_is_told_in_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "arms.py").write_text("open('train/0.png')")
    monkeypatch.setattr(bench, "HERE", tmp_path)
    what = bench.wanted(shrink(COMPARISONS["digits"]), "head", "torch", 0, 1e-3, True)
    with pytest.raises(
        CourseError, match=r"digits: head, torch, repeat 0, .* failed \(FileNotFoundError: .*train/0.png"
    ):
        bench.run(what, tmp_path / "nowhere")


def test_ratios_are_taken_within_repeats_and_have_a_spread(made_up):
    runs = results_tables.runs_table(made_up)
    ratios = results_tables.select(results_tables.ratios_table(runs), arm="fastai", measure="epoch").ratio
    assert str(results_tables.spread(ratios)) == "30× (20–40)"
    ours = results_tables.select(runs, arm="ours")
    assert ours.epoch.tolist() == pytest.approx([0.1] * 3)  # the first epoch warms up
    assert ours.training.tolist() == pytest.approx([9.7] * 3)  # with the seconds of storing features
    assert ours.goal.tolist() == pytest.approx([9.6] * 3)  # 0.9 in the second epoch
    assert results_tables.accuracy_difference(results_tables.select(runs, arm="torch"), ours) == pytest.approx((0, 0))
    assert "digits: an epoch of head training takes stock fastai 30× (20–40) of ours; aim at least 20×: met" in (
        aims(runs)
    )
    slow = runs.assign(epoch=runs.epoch.where(runs.arm == "ours", 1.0))
    assert "10.0× (10.0–10.0) of ours; aim at least 20×: **missed**" in aims(slow)


@pytest.mark.parametrize(
    ("shift", "said"),
    [((0, 0, 0), "met"), ((0.02, 0.02, 0.021), "**missed**"), ((-0.02, 0, 0.02), "not settled")],
)
def test_equal_accuracy_is_judged_by_its_interval(made_up, shift, said):
    runs = results_tables.runs_table(made_up)
    fastai = runs.arm == "fastai"
    runs.loc[fastai, "accuracy"] += runs.seed[fastai].map(dict(enumerate(shift)))
    assert f"aim within 0.5: {said}" in aims(runs)


def test_partial_training_and_the_probe_stand_beside_the_others_training_of_all_layers(made_up):
    task = COMPARISONS["digits"]
    for seed in range(3):
        for regime, arm, seconds in (("full", "fastai", 8.0), ("full", "ours", 6.0), ("stage 4", "ours", 2.0)):
            made_up.add(bench.wanted(task, regime, arm, seed, task.lr_of(regime, arm), False), result(seconds))
        what = bench.wanted(task, "probe", "ours", seed, task.lr_of("probe", "ours"), False)
        made_up.add(what, result(1.0) | {"seconds": [1.0], "accuracy": [0.93]})
    ratios = results_tables.ratios_table(results_tables.runs_table(made_up))

    def ratio(regime, measure):
        return results_tables.select(ratios, regime=regime, arm="fastai", measure=measure).ratio.tolist()

    assert ratio("stage 4", "epoch") == [4.0] * 3
    assert ratio("probe", "goal") == [17.0] * 3  # stock fastai gets there in its second epoch, 9 + 8 s
    assert ratio("probe", "epoch") == [], "a probe has no epochs"
    assert "beside ours from stage 4 on, 4.0× (4.0–4.0) of ours; aim at least 4×: met" in aims(
        results_tables.runs_table(made_up)
    )


def test_a_goal_that_was_not_reached_is_said(made_up):
    runs = results_tables.runs_table(made_up)
    runs.loc[(runs.arm == "fastai") & (runs.seed > 0), "goal"] = float("nan")
    runs.loc[runs.arm == "torch", "goal"] = float("nan")
    text = tables(runs, results_tables.growth_table(made_up))
    assert "1 of 3 repeats" in text and "not reached" in text


def test_runs_with_a_rate_that_was_given_up_are_left_out(made_up):
    before = len(results_tables.runs_table(made_up))
    made_up.add(bench.wanted(COMPARISONS["digits"], "head", "ours", 9, 0.123, False), result(1.0))
    assert len(results_tables.runs_table(made_up)) == before


def test_an_arm_that_ran_once_is_left_out_and_named(made_up, tmp_path, capsys):
    task = COMPARISONS["digits"]
    for arm in ("ours", "fastai"):
        made_up.add(bench.wanted(task, "full", arm, 0, task.lr_of("full", arm), False), result(1.0))
    report.write(made_up, tmp_path, None)
    assert "one run says nothing about its spread: digits, full, fastai; digits, full, ours." in capsys.readouterr().out
    assert "all layers" not in (tmp_path / "table.md").read_text()


def test_without_two_repeats_there_is_no_table(tmp_path, capsys):
    report.write(Journal(tmp_path / "runs.jsonl", WHERE), tmp_path, None)
    assert "There is no table yet" in capsys.readouterr().out and not (tmp_path / "table.md").exists()


def test_the_readme_gets_the_text_between_its_marks():
    readme = f"above\n{report.MARKS[0]}\nold\n{report.MARKS[1]}\nbelow\n"
    assert report.fill(readme, "new") == readme.replace("old", "new")
    with pytest.raises(CourseError, match="has lost its comments"):
        report.fill("nothing here", "new")


def test_the_committed_table_comes_from_the_committed_runs(tmp_path):
    committed, runs = (FOLDER / "README.md").read_text(encoding="utf-8"), FOLDER / "results" / "runs.jsonl"
    if not runs.exists():
        assert report.fill(committed, "") == committed.replace("\n".join(report.MARKS), "\n\n".join(report.MARKS))
        return
    copy, readme = tmp_path / "results" / "runs.jsonl", tmp_path / "README.md"
    copy.parent.mkdir()
    copy.write_bytes(runs.read_bytes())
    readme.write_text(committed, encoding="utf-8")
    report.write(Journal(copy, json.loads(copy.read_text(encoding="utf-8").splitlines()[0])), copy.parent, readme)
    assert readme.read_text(encoding="utf-8") == committed


def test_a_damaged_journal_is_told_by_its_line(tmp_path):
    path = tmp_path / "runs.jsonl"
    Journal(path, WHERE).add({"seed": 0}, result(1.0))
    path.write_text(path.read_text()[:-20])
    with pytest.raises(CourseError, match=r"runs\.jsonl is damaged in line 2: delete that line, and its run is made"):
        Journal(path, WHERE)
    path.write_text("[]\n")
    with pytest.raises(CourseError, match=r"damaged in line 1: delete the file"):
        Journal(path, WHERE)
    path.write_text("")
    with pytest.raises(CourseError, match="is empty: delete it"):
        Journal(path, WHERE)


def test_runs_of_another_machine_are_set_aside(tmp_path, capsys):
    path = tmp_path / "runs.jsonl"
    Journal(path, WHERE).add({"seed": 0}, result(1.0))
    assert {"seed": 0} in Journal(path, WHERE)
    assert {"seed": 0} not in Journal(path, WHERE | {"versions": "fastai 1"})
    assert "other versions (fastai 0)" in capsys.readouterr().out
    assert len((tmp_path / "runs.old.jsonl").read_text().splitlines()) == 2


def test_vehicles_are_photographs_where_the_archive_is_at_hand(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("COURSE_DATA_MIRROR", raising=False)
    assert find_comparison("vehicles").name == "drawings"


def test_photographs_are_found_in_the_mirror(monkeypatch, tmp_path, mirror):
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(mirror))
    assert find_comparison("vehicles").name == "photographs"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--dataset", "digit"], "There is no data set 'digit' here (did you mean 'digits'?): choose from vehicles,"),
        (["--repeats", "1"], "repeats is 1: one run says nothing about its spread, so give at least 2."),
    ],
)
def test_a_wrong_argument_gets_one_sentence(arguments, said, tmp_path):
    with pytest.raises(SystemExit) as ended:
        bench.main(["--out", str(tmp_path), *arguments])
    assert str(ended.value).startswith(f"bench: {said}") and "\n" not in str(ended.value)
