"""What must hold before anybody relies on this project: `python -m pytest tests`."""

from pathlib import Path

import pandas as pd
import pytest

from course_utils.projects import open_project
from course_utils.shipping import check_manifest, load_network

FOLDER = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def project():
    return open_project(FOLDER)


def test_nothing_is_left_blank(project):
    project.check_filled()


def test_no_group_of_photos_is_in_two_sets(project):
    factors = project.loaders().factors
    if project.groups:
        assert (factors.groupby("group").split.nunique() == 1).all()
    assert not factors.file.duplicated().any()


def test_the_network_that_was_saved_is_as_good_as_the_one_that_was_tested(project):
    saved, factors = load_network(project.results / "network"), project.loaders().factors
    test = factors[factors.split == "test"]
    raw = FOLDER / project.settings.photos.folder
    answers = [saved.predict(raw / file) for file in test.file]
    right = [max(answer, key=answer.get) == label for answer, label in zip(answers, test.label, strict=True)]
    logged = pd.read_csv(project.results / "tests.csv").accuracy.iloc[-1]
    assert sum(right) / len(right) == pytest.approx(logged, abs=1e-6)


def test_the_results_belong_to_these_files():
    assert [line for line in check_manifest(FOLDER) if line.endswith("differs.")] == []
