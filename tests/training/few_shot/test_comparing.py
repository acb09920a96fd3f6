"""Frozen features compared: by the nearest neighbour, by the nearest mean, by a logistic regression."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from support.errors import refused

from course_utils import data
from course_utils.training.few_shot import (
    accuracies,
    logistic_regression,
    nearest_mean,
    nearest_neighbour,
    score_by_comparing,
)

ALL = [nearest_mean, nearest_neighbour, logistic_regression]


@pytest.fixture
def group():
    """Two episodes of three ways, two shots and four queries."""
    torch.manual_seed(0)
    centres = torch.randn(2, 3, 1, 6)
    return centres + 0.7 * torch.randn(2, 3, 2, 6), centres + 0.7 * torch.randn(2, 3, 4, 6)


def test_the_nearest_mean_and_neighbour_are_those_that_a_loop_finds(group):
    support, queries = group
    by_mean, by_neighbour = nearest_mean(*group), nearest_neighbour(*group)
    assert by_mean.shape == by_neighbour.shape == (2, 3, 4, 3)
    for episode, way, query, other in np.ndindex(2, 3, 4, 3):
        point = queries[episode, way, query]
        examples = support[episode, other]
        assert torch.isclose(by_mean[episode, way, query, other], -(point - examples.mean(0)).square().sum(), atol=1e-4)
        nearest = min(float((point - example).square().sum()) for example in examples)
        assert float(by_neighbour[episode, way, query, other]) == pytest.approx(-nearest, abs=1e-4)


def test_with_one_shot_they_are_the_same(group):
    support, queries = group[0][:, :, :1], group[1]
    assert torch.allclose(nearest_mean(support, queries), nearest_neighbour(support, queries), atol=1e-4)


@pytest.mark.parametrize("compare", [nearest_mean, nearest_neighbour])
def test_directions_alone_count_when_asked(group, compare):
    support, queries = group
    assert torch.allclose(compare(support, 9 * queries, cosine=True), compare(support, queries, cosine=True), atol=1e-4)
    assert not torch.allclose(compare(support, 9 * queries), compare(support, queries))


@pytest.mark.parametrize("strength", [0.3, 30.0])
def test_the_regression_is_scikit_learns(group, strength):
    support, queries = (F.normalize(each, dim=-1) for each in group)
    scores = logistic_regression(*group, strength=strength)
    for episode in range(2):
        fitted = LogisticRegression(C=strength, max_iter=5000, tol=1e-8)
        fitted.fit(support[episode].flatten(0, 1).numpy(), np.repeat(np.arange(3), 2))
        expected = fitted.predict_proba(queries[episode].flatten(0, 1).numpy())
        assert np.allclose(scores[episode].flatten(0, 1).softmax(1).numpy(), expected, atol=5e-3)


def test_episodes_do_not_see_each_other(group):
    support, queries = group
    for compare in ALL:
        alone = compare(support[:1], queries[:1])
        assert torch.allclose(compare(support, queries)[:1], alone, atol=2e-2)


def test_accuracy_counts_the_queries_of_each_episode():
    scores = torch.zeros(2, 3, 4, 3)
    for way in range(3):
        scores[0, way, :, way] = 1
        scores[1, way, 0, way] = 1
        scores[1, way, 1:, (way + 1) % 3] = 1
    assert accuracies(scores).tolist() == pytest.approx([1, 0.25])


def test_scores_that_failed_are_at_chance_and_other_shapes_are_refused():
    assert accuracies(torch.full((2, 4, 3, 4), torch.nan)).tolist() == [0.25, 0.25]
    for shape in ((3, 4), (2, 3, 4, 5)):
        with refused("training.bad-scores", str(shape)):
            accuracies(torch.zeros(shape))


@pytest.mark.parametrize("compare", ALL)
@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.uint8])
def test_features_of_any_type_are_compared(compare, kind):
    """Three well-divided classes, as numbers that each type holds exactly."""
    labels = torch.arange(3).repeat_interleave(4)
    features = 50 * torch.eye(3)[labels] + torch.arange(12)[:, None] % 4
    episodes = data.sample_episodes(labels, 3, 1, 2, 4)
    for given in (features.to(kind), features.to(kind).numpy()):
        assert score_by_comparing(given, episodes, compare).tolist() == [1.0] * 4


@pytest.mark.parametrize("compare", ALL)
def test_features_that_do_not_fit_are_refused(compare):
    for support, queries in [((3, 1, 5), (3, 1, 5)), ((2, 3, 1, 5), (2, 3, 1, 4)), ((2, 3, 1, 5), (1, 3, 1, 5))]:
        with refused("training.bad-features", str(support), str(queries)):
            compare(torch.rand(support), torch.rand(queries))
    images = torch.rand(12, 1, 8, 8)
    with refused("training.bad-features", "flatten"):
        score_by_comparing(images, data.sample_episodes(torch.arange(3).repeat_interleave(4), 3, 1, 2, 4), compare)


@pytest.mark.parametrize("strength", [0, -1, float("nan")])
def test_a_strength_that_is_none_is_refused(group, strength):
    with refused("training.bad-setting", f"strength is {strength}"):
        logistic_regression(*group, strength=strength)


@pytest.mark.parametrize("how", [nearest_mean, nearest_neighbour])
@pytest.mark.parametrize("queries", [3, 30])
def test_small_distances_count_beside_a_large_common_part(how, queries):
    random = torch.Generator().manual_seed(0)
    classes = torch.randn(1, 5, 1, 64, generator=random)
    support = 1e4 + classes
    near = 1e4 + classes + 0.01 * torch.randn(1, 5, queries, 64, generator=random)
    assert torch.equal(how(support, near).argmax(3), torch.arange(5)[None, :, None].expand(1, 5, queries))
    expected = ((near.double()[:, :, :, None] - support.double()[:, None, None, :, 0]) ** 2).sum(-1)
    torch.testing.assert_close(-how(support, near).double(), expected, rtol=1e-3, atol=1e-2)
