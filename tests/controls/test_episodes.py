"""The slider over episodes: one figure for each, and the sentence that belongs to it."""

import pytest
import torch
from support.errors import refused

from course_utils.controls import episode_slider
from course_utils.data import sample_episodes
from course_utils.training.few_shot import nearest_mean

LABELS = torch.arange(6).repeat_interleave(6)
FEATURES = torch.eye(6)[LABELS] + 0.01 * torch.rand(36, 6, generator=torch.Generator().manual_seed(0))
IMAGES = torch.zeros(36, 1, 8, 8, dtype=torch.uint8)


def episodes(**sizes):
    return {name: sample_episodes(LABELS, ways, 1, 2, count) for name, (ways, count) in sizes.items()}


def test_a_move_shows_another_episode():
    control = episode_slider(IMAGES, FEATURES, episodes(three=(3, 2), six=(6, 1)), nearest_mean)
    names = ["three, episode 1", "three, episode 2", "six, episode 1"]
    assert list(control.slider.options) == names and control.slider.value == names[0]
    assert control.result == "3 classes, 1 labelled example and 2 queries each: 6 of 6 queries right."
    before = control.shown.value
    control.slider.value = names[2]
    assert "6 classes" in control.result and "12 of 12 queries right" in control.shown.value != before


def test_wrong_answers_are_counted():
    control = episode_slider(
        IMAGES, FEATURES, episodes(three=(3, 1)), lambda support, queries: -nearest_mean(support, queries)
    )
    assert "0 of 6 queries right" in control.result


@pytest.mark.parametrize("count", [0, 13])
def test_too_many_episodes_are_refused(count):
    with refused("controls.too-many-episodes", f"There are {count} episodes"):
        episode_slider(IMAGES, FEATURES, {"three": sample_episodes(LABELS, 3, 1, 2, 13)} if count else {}, nearest_mean)


def test_what_is_no_dictionary_or_of_other_examples_is_refused():
    drawn = sample_episodes(LABELS, 3, 1, 2, 2)
    with refused("controls.no-names", "Episodes", "5-way 1-shot"):
        episode_slider(IMAGES, FEATURES, drawn, nearest_mean)
    with refused("training.not-these-examples", "there are 3"):
        episode_slider(IMAGES, FEATURES[:3], {"three": drawn}, nearest_mean)
