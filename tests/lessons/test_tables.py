"""What lesson 16 says of tables and of recommenders is what its recorded runs show."""

import pytest

from course_utils.experiments import recorded
from course_utils.statistics import paired_difference

FRAUD, LEAK, SHOP, BOOKS = (recorded(f"16/{name}") for name in ("fraud", "leak", "new_shop", "new_books"))
AVERAGE, RECALL = {"metric": "average precision"}, {"metric": "recall@10"}
ALONE = ("trees", "network from scratch", "logistic regression", "rules")
LENT = ("fine-tuned", "new head", "A's network", "A's trees", "trees of both banks", "trees on both tables")


def low(one, other) -> float:
    """The lower end of the interval of one minus other."""
    mean, half_width = paired_difference(one, other)
    return mean - half_width


def clear(runs, one, other, **given) -> int:
    """1 where one is above other by more than the interval, -1 where it is below, else 0."""
    mean, half_width = runs.difference(one, other, **given)
    return (mean > half_width) - (mean < -half_width)


@pytest.mark.parametrize(("name", "arm"), [("bank_a", "A's trees"), ("bank_b", "fine-tuned"), ("bank_b", "trees")])
def test_the_best_setting_lies_inside_its_grid(name, arm):
    runs = recorded(f"16/{name}").table
    runs = runs[runs.strategy == arm]
    for _, one in runs.groupby("weeks") if "weeks" in runs else [(None, runs)]:
        means = one.groupby("setting").score.mean()
        assert means.index.min() < means.idxmax() < means.index.max()


def test_a_higher_learning_rate_is_no_better_for_the_large_banks_network():
    means = recorded("16/wider").table.groupby("setting").score.mean()
    assert means.index.min() < means.idxmax() < means.index.max()


@pytest.mark.parametrize("arm", ["trees", "network from scratch"])
def test_a_split_by_chance_flatters_what_can_remember_cases(arm):
    chance, time = (LEAK.scores(arm, split=by, **AVERAGE) for by in ("chance", "time"))
    assert low(chance, time) > 0.03


def test_for_the_logistic_regression_no_gain_by_chance_is_seen():
    mean, half_width = paired_difference(
        *(LEAK.scores("logistic regression", split=by, **AVERAGE) for by in ("chance", "time"))
    )
    assert mean < half_width


@pytest.mark.parametrize("weeks", [1, 2, 4, 8])
def test_whatever_has_seen_bank_a_is_ahead_of_whatever_has_not(weeks):
    for one in LENT:
        for other in ALONE:
            assert low(FRAUD.scores(one, weeks=weeks, **AVERAGE), FRAUD.scores(other, weeks=weeks, **AVERAGE)) > 0.04


@pytest.mark.parametrize("weeks", [4, 8])
def test_from_the_banks_own_labels_trees_lead_from_four_weeks_on_with_a_hundred_steps(weeks):
    for other in ALONE[1:]:
        assert low(FRAUD.scores("trees", weeks=weeks, **AVERAGE), FRAUD.scores(other, weeks=weeks, **AVERAGE)) > 0.02


def test_five_times_the_steps_bring_the_network_from_scratch_level_with_trees_at_eight_weeks_alone():
    longer = recorded("16/longer")
    gaps = {}
    for weeks in (2, 8):
        network, trees = (
            one.scores(name, weeks=weeks, **AVERAGE) for one, name in ((longer, ALONE[1]), (FRAUD, "trees"))
        )
        gaps[weeks] = low(trees, network), low(network, trees)
    assert gaps[2][0] > 0
    assert max(gaps[8]) < 0


@pytest.mark.parametrize("weeks", [2, 8])
def test_more_steps_make_fine_tuning_no_better(weeks):
    longer = recorded("16/longer").scores("fine-tuned", weeks=weeks, **AVERAGE)
    assert low(FRAUD.scores("fine-tuned", weeks=weeks, **AVERAGE), longer) > 0
    assert (
        low(
            FRAUD.scores("A's network", weeks=2, **AVERAGE),
            recorded("16/longer").scores("fine-tuned", weeks=2, **AVERAGE),
        )
        > 0
    )
    assert abs(low(longer, FRAUD.scores("trees on both tables", weeks=weeks, **AVERAGE))) < 0.01


@pytest.mark.parametrize("weeks", [2, 8])
def test_no_way_to_grow_trees_gets_ahead_even_when_judged_by_the_test_weeks(weeks):
    ways = recorded("16/hindsight")
    tuned, ours = (FRAUD.scores(name, weeks=weeks, **AVERAGE) for name in ("fine-tuned", "trees on both tables"))
    for way in ways.table.strategy.unique():
        grown = ways.scores(way, weeks=weeks, **AVERAGE)
        assert tuned.mean() > grown.mean()
        assert grown.mean() - ours.mean() < 0.005


def test_tuning_shows_a_gain_only_with_eight_weeks():
    gains = {weeks: FRAUD.difference("fine-tuned", "A's network", weeks=weeks, **AVERAGE) for weeks in (1, 2, 4, 8)}
    assert [weeks for weeks, (mean, half_width) in gains.items() if mean > half_width] == [8]


@pytest.mark.parametrize("weeks", [1, 2, 4, 8])
def test_fine_tuning_leads_trees_on_both_tables_by_points_that_five_cards_a_day_dont_show(weeks):
    pair = ("fine-tuned", "trees on both tables")
    assert clear(FRAUD, *pair, weeks=weeks, **AVERAGE) == 1
    assert 0.015 < FRAUD.difference(*pair, weeks=weeks, **AVERAGE)[0] < 0.035
    assert clear(FRAUD, *pair, weeks=weeks, metric="card precision") == 0


def test_a_search_among_thirty_ways_in_two_worlds_gains_nothing_and_costs_trees_on_both_tables():
    searched = recorded("16/fair_trees")
    for weeks, arm in ((2, "trees"), (8, "trees"), (2, "trees on both tables"), (8, "trees on both tables")):
        assert low(searched.scores(arm, weeks=weeks, **AVERAGE), FRAUD.scores(arm, weeks=weeks, **AVERAGE)) < 0
    both = (one.scores("trees on both tables", weeks=8, **AVERAGE) for one in (FRAUD, searched))
    assert low(*both) > 0


def test_in_the_new_shop_popularity_is_beaten_from_five_ratings_on():
    for arm in ("warm, tuned", "placed, tuned", "placed, frozen"):
        assert [clear(SHOP, arm, "popularity", rated=rated, **RECALL) for rated in (1, 5, 10, 20)] == [0, 1, 1, 1]
    assert all(clear(SHOP, arm, "popularity", rated=1, **RECALL) <= 0 for arm in SHOP.table.strategy.unique())


def test_a_cold_start_beats_popularity_from_ten_ratings_on():
    assert [clear(SHOP, "cold", "popularity", rated=rated, **RECALL) for rated in (1, 5, 10, 20)] == [0, 0, 1, 1]


def test_the_large_banks_network_is_ahead_of_its_trees_and_its_table_gives_half_as_much_with_eight_weeks():
    assert clear(FRAUD, "A's network", "A's trees", weeks=2, **AVERAGE) == 1
    gains = [FRAUD.difference("trees on both tables", "trees", weeks=weeks, **AVERAGE)[0] for weeks in (2, 8)]
    assert gains[1] < 0.55 * gains[0]


def test_frozen_vectors_fall_behind_unless_the_new_books_are_placed():
    behind = [clear(SHOP, "warm, frozen", "warm, tuned", rated=rated, **RECALL) for rated in (5, 10, 20)]
    assert behind == [-1, -1, -1]
    assert clear(SHOP, "warm, frozen", "cold", rated=20, **RECALL) == -1
    assert not any(clear(SHOP, "placed, tuned", "placed, frozen", rated=rated, **RECALL) for rated in (1, 5, 10, 20))


def test_the_chains_readers_help_neighbours_only_while_there_are_few_ratings():
    both = [clear(SHOP, "neighbours, both shops", "neighbours", rated=rated, **RECALL) for rated in (1, 5, 10, 20)]
    assert both == [1, 1, -1, -1]


def test_among_new_books_by_another_hand_the_language_model_leads():
    machine, words, chance = (
        BOOKS.scores(name, blurb=blurb, **RECALL)
        for name, blurb in (("MiniLM", "retold"), ("TF-IDF", "retold"), ("chance", "none"))
    )
    assert low(machine, words) > 0.05
    assert low(words, chance) < 0 < low(machine, chance)
    same = BOOKS.scores("MiniLM", blurb="about", **RECALL)
    assert (machine - chance).mean() > (same - chance).mean() / 2


def test_by_the_same_hand_counted_words_are_within_a_point_of_the_language_model():
    mean, half_width = BOOKS.difference("MiniLM", "TF-IDF", blurb="about", **RECALL)
    assert abs(mean) + half_width < 0.01


def test_factorising_both_shops_shows_no_lead_over_borrowed_vectors():
    both = recorded("16/both_shops")
    for rated in (1, 5, 10, 20):
        given = {"rated": rated, **RECALL}
        for arm in ("cold, both shops", "joint, tuned here"):
            assert low(both.scores(arm, **given), SHOP.scores("warm, tuned", **given)) < 0
        ahead = low(both.scores("implicit's ALS", **given), SHOP.scores("popularity", **given)) > 0
        assert ahead == (rated == 20)
        if rated >= 5:
            assert low(SHOP.scores("cold", **given), both.scores("implicit's ALS", **given)) > 0
        if rated <= 5:
            assert low(SHOP.scores("popularity", **given), both.scores("cold, both shops", **given)) > 0
