"""project.toml: what is blank, and what can't be."""

import pytest
from support.errors import refused

from course_utils.projects import new_project, open_project

BLANK = ["question", "photos.source", "photos.licence", "photos.groups", "card.use", "card.not_for", "card.harm"]


def test_a_new_project_says_what_is_blank_and_goes_no_further(tmp_path):
    project = open_project(new_project("leaves", tmp_path))
    assert project.settings.blank == [*BLANK, "card.contact"]
    with refused("projects.blank", "photos.licence", "card.harm"):
        project.check_filled()
    with refused("projects.blank"):
        project.loaders()


def test_spaces_fill_nothing_in(folder, change):
    change(folder, {'licence = "free to use"': 'licence = "  "'})
    assert open_project(folder).settings.blank == ["photos.licence"]


def test_a_folder_without_a_project_is_refused(tmp_path):
    with refused("projects.no-project", "course new"):
        open_project(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "fact"),
    [
        ("seed = 42", "seed = -1", "seed"),
        ("seed = 42", "sead = 42\nseed = 42", "sead"),
        ("seed = 42", "", "seed"),
        ("seed = 42", "seed = = 42", "line 6"),
        ('resize = "squish"', 'resize = "stretch"', "photos.resize"),
        ("size = 32", "size = 3", "photos.size"),
        ("mirrored = true", 'mirrored = "perhaps"', "photos.mirrored"),
        ("epochs = 1", "epochs = 0", "search.epochs"),
        ("[1e-3, 1e-2]", "[1e-3]", "search.rates"),
        ("[1e-3, 1e-2]", "[1e-3, 1e-3]", "search.rates"),
        ("[1e-3, 1e-2]", "[1e-3, -1e-2]", "search.rates"),
        ('["head", "all"]', "[]", "search.depths"),
        ('["head", "all"]', '["all", "all"]', "search.depths"),
        ("starts = 2", "starts = 1", "search.starts"),
        ('metric = "accuracy"', 'metric = "F1"', "search.metric"),
        ("[card]", "[cart]", "card"),
    ],
)
def test_a_value_that_cant_be_is_refused_by_the_name_of_its_entry(folder, old, new, fact, change):
    change(folder, {old: new})
    with refused("projects.bad-settings", "project.toml", fact):
        open_project(folder)
