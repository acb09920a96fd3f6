"""Recommenders against counts by hand, and what carried and frozen vectors promise."""

import numpy as np
import pandas as pd
import pytest
import torch
from support.errors import refused

from course_utils.tasks.tables.recommending import factorise, neighbours, next_item_scores, popularity

RATED = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 0]], np.float32)
SOLD = np.ones(4, bool)


def bought(*pairs):
    return pd.DataFrame(pairs, columns=["user", "item"])


def test_popularity_counts_and_is_the_same_for_all():
    assert popularity(RATED).tolist() == [[3, 2, 1, 1]] * 4


def test_neighbours_are_items_that_the_same_users_rated():
    found = neighbours(RATED)
    assert found[3].tolist() == pytest.approx([0, 2 / np.sqrt(6), 0, 0]), "cosine of columns 0 and 1"
    assert found[2].tolist() == pytest.approx([0, 0, 1, 1])
    assert neighbours(RATED, np.eye(4, dtype=np.float32)).tolist() == np.zeros((4, 4)).tolist()


def test_factors_find_the_groups_and_sold_items_only_get_probability():
    found = factorise(RATED, SOLD, factors=2, decay=0.1, steps=200)
    scores = found.scores()
    assert scores[3, 1] > scores[3, 2:].max() and scores[2, 2:].min() > scores[2, :2].max()
    narrow = factorise(RATED[:2], np.array([True, True, False, False]), factors=2, steps=200)
    assert torch.isfinite(narrow.items).all()


def test_frozen_vectors_stay_and_tuned_ones_move_less_under_a_stronger_decay():
    start = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    assert torch.equal(factorise(RATED, SOLD, start=start, frozen=True).items, start)
    moved = [float((factorise(RATED, SOLD, start=start, decay=decay).items - start).norm()) for decay in (0.1, 100.0)]
    assert moved[0] > 3 * moved[1] > 0


def test_without_steps_a_warm_start_recommends_what_is_popular_here():
    start = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    assert factorise(RATED, SOLD, start=start, steps=0).scores() == pytest.approx(
        np.log(popularity(RATED) + 1), abs=1e-6
    )


def test_it_is_repeatable_and_changes_no_random_number_that_follows():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    one, again, other = (factorise(RATED, SOLD, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(one.items, again.items) and not torch.equal(one.items, other.items)


def test_recall_and_ndcg_by_hand():
    pytest.importorskip("torchmetrics")
    scores = np.array([[0.0, 0, 2, 1]] * 4)
    seen = RATED.copy()
    found = next_item_scores(scores, seen, SOLD, bought((0, 2), (1, 3)), top=1)
    assert found == {"recall@1": 0.5, "NDCG@1": 0.5}, "user 0 finds item 2 first, user 1 finds item 3 second"
    found = next_item_scores(scores, seen, SOLD, bought((0, 2), (1, 3)), top=2)
    assert found["recall@2"] == 1 and found["NDCG@2"] == pytest.approx((1 + 1 / np.log2(3)) / 2)


def test_what_was_seen_or_isnt_sold_takes_no_place_in_the_list():
    pytest.importorskip("torchmetrics")
    scores = np.array([[9.0, 9, 1, 2]] * 4)
    assert next_item_scores(scores, RATED, SOLD, bought((0, 3)), top=1)["recall@1"] == 1, "items 0 and 1 were seen"
    sold = np.array([True, True, True, False])
    assert next_item_scores(scores, RATED, sold, bought((0, 2)), top=1)["recall@1"] == 1, "item 3 isn't sold"


def test_negative_scores_count_as_much_as_positive_ones():
    """torchmetrics' own recall finds nothing below 0, and scores of factors often are."""
    pytest.importorskip("torchmetrics")
    scores = np.array([[0.0, 0, 2, 1]] * 4)
    one, other = (next_item_scores(scores - low, RATED, SOLD, bought((0, 2), (1, 3)), top=1) for low in (0, 100))
    assert one == other and one["recall@1"] == 0.5


def test_a_tie_gives_no_item_an_advantage():
    pytest.importorskip("torchmetrics")
    users, items = 400, 20
    found = next_item_scores(
        np.zeros((users, items)),
        np.zeros((users, items)),
        np.ones(items, bool),
        bought(*((user, 0) for user in range(users))),
        top=10,
    )
    assert 0.4 < found["recall@10"] < 0.6, "a list of half of the items holds the right one half of the time"


def test_what_does_not_fit_is_refused():
    with refused("tasks.no-rating", "User 1 has no rating"):
        factorise(np.array([[1.0, 0], [0, 0]]), np.ones(2, bool))
    with refused("tasks.lengths-differ"):
        factorise(RATED, SOLD[:2])
    with refused("tasks.lengths-differ"):
        factorise(RATED, SOLD, start=torch.zeros(3, 2))
    with refused("tasks.not-sold", "Item 0"):
        factorise(RATED, np.array([False, True, True, True]))
    with refused("tasks.lengths-differ", "(items,)"):
        factorise(RATED, SOLD, start=torch.zeros(4))
    with refused("tasks.bad-ratings", "0 and 1"):
        factorise(5 * RATED, SOLD)
    with refused("tasks.lengths-differ", "(4, 4)", "(9, 3)"):
        neighbours(RATED, np.ones((9, 3)))
    for how in ({"factors": 0}, {"steps": -1}, {"lr": 0}, {"seed": None}):
        with refused("training.bad-setting", f"{next(iter(how))} is"):
            factorise(RATED, SOLD, **how)
    with refused("tasks.bad-number", "decay is -1"):
        factorise(RATED, SOLD, decay=-1)
    pytest.importorskip("torchmetrics")
    with refused("tasks.no-rating", "Nobody"):
        next_item_scores(np.zeros((4, 4)), RATED, SOLD, bought())
    for pair in ((4, 2), (0, 4), (-1, 2)):
        with refused("tasks.lengths-differ", "scores of 4"):
            next_item_scores(np.zeros((4, 4)), RATED, SOLD, bought(pair))
    with refused("tasks.not-sold", "Item 2"):
        next_item_scores(np.zeros((4, 4)), RATED, np.array([True, True, False, True]), bought((0, 3), (0, 2)))
    with refused("training.bad-setting", "top is 0"):
        next_item_scores(np.zeros((4, 4)), RATED, SOLD, bought((0, 2)), top=0)
    with refused("tasks.bad-scores", "NaN"):
        next_item_scores(np.full((4, 4), np.nan), RATED, SOLD, bought((0, 2)))
    with refused("tasks.lengths-differ"):
        next_item_scores(np.zeros((4, 4)), RATED, SOLD[:3], bought((0, 2)))


def test_vectors_to_start_from_may_be_of_any_kind():
    start = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    plain = factorise(RATED, SOLD, start=start, steps=5)
    for other in (start.double(), start.numpy(), start.clone().requires_grad_()):
        assert torch.equal(factorise(RATED, SOLD, start=other, steps=5).items, plain.items)
    assert torch.equal(factorise(RATED.astype(bool).tolist(), SOLD, start=start, steps=5).items, plain.items)


def test_several_right_items_share_recall_and_lists_may_be_longer_than_there_are_items():
    pytest.importorskip("torchmetrics")
    scores = np.array([[0.0, 1, 3, 2]])
    found = next_item_scores(scores, np.zeros((1, 4)), SOLD, bought((0, 2), (0, 0)), top=2)
    best = 1 + 1 / np.log2(3)
    assert found == {"recall@2": 0.5, "NDCG@2": pytest.approx(1 / best)}
    assert next_item_scores(scores, np.zeros((1, 4)), SOLD, bought((0, 2), (0, 0)), top=9)["recall@9"] == 1
