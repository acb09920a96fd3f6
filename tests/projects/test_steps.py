"""The steps of a project: one split, a search on validation photos, one test."""

import shutil

import numpy as np
import pandas as pd
import pytest
from support.errors import refused

from course_utils.projects import open_project
from course_utils.projects.testing import test_once as measure
from course_utils.training import HeadOnly


def items(loader) -> list[int]:
    return list(loader.items)


def test_every_run_has_the_projects_split_whatever_its_seed_and_labels(project):
    one, two = project.task.load(0, 1), project.task.load(7, 500)
    assert [items(loader) for loader in one.loaders] == [items(loader) for loader in two.loaders]
    assert sum(len(items(loader)) for loader in one.loaders) == 60


def test_another_seed_of_the_project_divides_otherwise(project, folder, change):
    before = items(project.task.load(0, 1).loaders[2])
    change(folder, {"seed = 42": "seed = 43"})
    assert items(open_project(folder).task.load(0, 1).loaders[2]) != before


def test_a_new_photo_is_seen_by_the_same_session(project, folder):
    assert len(project.loaders().factors) == 60
    raw = folder / "data" / "raw"
    shutil.copy(raw / "red" / "00.png", raw / "red" / "copy.png")
    assert len(project.loaders().factors) == 61


def test_the_loaders_have_no_test_photos_and_tell_how_many_there_are(project):
    dls = project.loaders()
    assert len(dls.loaders) == 2 and "12 test" in dls.about


def test_a_run_is_scored_on_validation_photos_even_where_the_test_set_is_asked_for(project):
    learn = project.train(HeadOnly(1))
    valid = float(learn.validate(dl=learn.dls.loaders[1])[1])
    assert project.task.score(learn, "test") == project.task.score(learn, "valid") == valid


def test_groups_stay_together_and_count_once_in_the_test(folder, change):
    photos = sorted(path.relative_to(folder / "data" / "raw").as_posix() for path in folder.rglob("*.png"))
    things = [f"{name.split('/')[0]} {int(name[-6:-4]) // 4}" for name in photos]  # four photos of each thing
    pd.DataFrame({"file": photos, "group": things}).to_csv(folder / "groups.csv", index=False)
    change(folder, {'groups = "none"': 'groups = "groups.csv"'})
    project = open_project(folder)
    factors = project.loaders().factors
    assert (factors.groupby("group").split.nunique() == 1).all()
    tested = project.test(project.train(HeadOnly(1)))
    test = factors[factors.split == "test"]
    assert test.group.nunique() == 3 and len(test) == 12
    # Three groups, two of them right: the interval is that of three numbers, not of twelve.
    majority = tested.set_index("method").loc["majority class"]
    assert majority.accuracy == pytest.approx(1 / 3)
    assert majority["±"] == pytest.approx(4.3027 * np.std([0, 0, 1], ddof=1) / 3**0.5, rel=1e-3)


def test_a_search_goes_on_where_it_was_and_warns_at_the_end_of_the_rates(project, capsys):
    runs = project.search()
    assert len(runs.tuning) == 4 and len(runs.table) == 4 and not runs.table.error.any()
    assert "at the end of your rates" in capsys.readouterr().out
    kept = (project.results / "search.jsonl").read_text(encoding="utf-8").splitlines()
    again = open_project(project.folder).search()
    pd.testing.assert_frame_equal(again.table, runs.table)
    after = (project.results / "search.jsonl").read_text(encoding="utf-8").splitlines()
    assert [line for line in after if line] == [line for line in kept if line]
    strategy = project.choose(runs)
    best = runs.table.groupby("strategy").score.mean().idxmax()
    assert strategy.name == {"head": "head only", "all": "full"}[best]


def test_each_network_that_is_tested_is_counted_once(project, capsys):
    one, two = project.train(HeadOnly(1)), project.train(HeadOnly(1), start=1)
    first = project.test(one)
    pd.testing.assert_frame_equal(project.test(one), first)
    assert len(pd.read_csv(project.results / "tests.csv")) == 1
    assert "tested" not in capsys.readouterr().out
    project.test(two)
    assert "have tested 2 networks" in capsys.readouterr().out
    assert len(pd.read_csv(project.results / "tests.csv")) == 2


def test_the_table_compares_the_network_with_each_rung_on_the_same_photos(project):
    tested = project.test(project.train(HeadOnly(1))).set_index("method")
    own = tested.loc["this network"]
    rungs = tested.drop("this network")
    np.testing.assert_allclose(rungs["network ahead by"], own.accuracy - rungs.accuracy, atol=1e-12)
    assert tested.loc["majority class"].accuracy == pytest.approx(1 / 3)


def test_one_group_of_test_photos_is_too_few(project):
    learn = project.train(HeadOnly(1))
    learn.dls.factors = learn.dls.factors.assign(group="the same")
    with refused("projects.too-few-tests"):
        measure(learn, project.task, project.results, project.settings, grouped=True)
