"""Episodes: what is in one, and what can't be drawn."""

import numpy as np
import pytest
import torch
from support.errors import refused

from course_utils import data

LABELS = torch.arange(7).repeat(9)[torch.randperm(63, generator=torch.Generator().manual_seed(0))]


def test_an_episode_holds_distinct_classes_and_no_example_twice():
    episodes = data.sample_episodes(LABELS, ways=4, shots=2, queries=3, count=50, seed=1)
    assert episodes.support.shape == (50, 4, 2) and episodes.queries.shape == (50, 4, 3)
    assert len(episodes) == 50 and episodes.ways == 4 and episodes.shots == 2
    both = torch.cat([episodes.support, episodes.queries], 2)
    for episode in both:
        kinds = LABELS[episode]
        assert (kinds == kinds[:, :1]).all(), "one class a way"
        assert len(kinds[:, 0].unique()) == 4 and len(episode.unique()) == 4 * 5


def test_every_class_and_every_example_comes_and_the_order_of_classes_varies():
    episodes = data.sample_episodes(LABELS, ways=3, shots=1, queries=2, count=400, seed=0)
    assert len(torch.cat([episodes.support.flatten(), episodes.queries.flatten()]).unique()) == len(LABELS)
    firsts = torch.bincount(LABELS[episodes.support[:, 0, 0]], minlength=7) / 400
    assert (firsts - 1 / 7).abs().max() < 0.07


def test_the_seed_decides_and_more_episodes_begin_with_the_same():
    few, more = (data.sample_episodes(LABELS, 3, 1, 2, count, seed=5) for count in (10, 30))
    assert torch.equal(few.support, more.support[:10]) and torch.equal(few.queries, more.queries[:10])
    other = data.sample_episodes(LABELS.numpy(), 3, 1, 2, 10, seed=6)
    assert not torch.equal(few.support, other.support)


def test_labels_need_not_be_numbered_from_zero():
    episodes = data.sample_episodes(np.array([8, 8, 3, 3, 5, 5]), ways=3, shots=1, queries=1, count=3)
    assert len(episodes) == 3


def test_episodes_come_in_groups_and_one_by_one():
    episodes = data.sample_episodes(LABELS, 3, 1, 2, 7)
    assert [len(group) for group in episodes.split(3)] == [3, 3, 1]
    assert torch.equal(torch.cat([one.support for one in episodes]), episodes.support)


@pytest.mark.parametrize(
    ("options", "code", "fact"),
    [
        ({"ways": 8}, "data.too-few-classes", "there are 7"),
        ({"shots": 5, "queries": 5}, "data.too-few-items", "9 examples, and 5 shots with 5 queries take 10"),
        ({"ways": 0}, "data.bad-number", "ways"),
        ({"shots": 1.5}, "data.bad-number", "shots"),
        ({"count": 0}, "data.bad-number", "count"),
        ({"seed": -1}, "data.bad-number", "seed"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(options, code, fact):
    with refused(code, fact):
        data.sample_episodes(LABELS, **options)


def test_labels_of_several_numbers_are_refused():
    with refused("data.bad-labels", "(63, 1)"):
        data.sample_episodes(LABELS[:, None])
    with refused("data.bad-labels", "example 1 is NaN"):
        data.sample_episodes([0.0, float("nan"), 1.0], 2, 1, 1)
