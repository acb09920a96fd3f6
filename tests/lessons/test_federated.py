"""What lesson 19 says of training in many places is what its recorded runs show, with room to spare."""

from itertools import pairwise

import numpy as np
import pytest

from course_utils.data.clients import split_among_clients
from course_utils.experiments import recorded
from course_utils.statistics import paired_difference

HEADS, ROBUST, PRIVATE = recorded("19/heads"), recorded("19/robust"), recorded("19/private")


def low(one, other) -> float:
    """The lower end of the interval of one minus other."""
    mean, half_width = paired_difference(one.tolist(), other.tolist())
    return mean - half_width


def on(asked, way, mix="skewed"):
    return HEADS.scores(way, mix=mix, asked=asked)


def whole(start, mix, epochs):
    return recorded("19/rounds").scores(start, mix=mix, epochs=epochs)


def test_of_all_photographs_plants_together_get_twice_as_many_right_as_one_alone():
    assert low(on("all photographs", "together"), 2 * on("all photographs", "alone")) > 0


def test_on_its_own_mix_a_plant_alone_is_far_ahead_and_a_little_more_after_training_together():
    assert low(on("own mix", "alone"), on("own mix", "together")) > 0.2
    assert low(on("own mix", "together, then alone"), on("own mix", "alone")) > 0.01


def test_once_told_its_mix_the_shared_head_is_ahead_of_those_that_trained_alone():
    told = recorded("19/fair").scores("together, told the mix", asked="own mix")
    assert low(told, on("own mix", "alone")) > 0.02
    assert low(told, on("own mix", "together, then alone")) > 0


@pytest.mark.parametrize("name", ["median", "trimmed mean"])
def test_robust_averages_are_free_among_alike_plants_and_dear_among_skewed_ones(name):
    price, half = ROBUST.difference("average", name, mix="alike")
    assert abs(price) + half < 0.012
    assert low(ROBUST.scores("average", mix="skewed"), ROBUST.scores(name, mix="skewed")) > 0.04


@pytest.mark.parametrize("name", ["median", "trimmed mean"])
def test_a_poisoner_ruins_the_average_of_alike_plants_and_not_a_robust_one(name):
    lied = ROBUST.scores(f"{name}, one poisons", mix="alike")
    assert low(lied, ROBUST.scores("average, one poisons", mix="alike")) > 0.2
    assert low(lied, ROBUST.scores(name, mix="alike")) > -0.06


def test_hiding_costs_more_the_smaller_epsilon_and_less_in_a_crowd():
    limits = [PRIVATE.scores(name, where="plants") for name in ("clipped", "epsilon 10", "epsilon 3", "epsilon 1")]
    assert all(low(looser, tighter) > 0.05 for looser, tighter in pairwise(limits))
    assert low(PRIVATE.scores("epsilon 3", where="one place"), limits[2]) > 0.1


@pytest.mark.parametrize("epochs", [1, 5])
def test_skew_costs_the_pre_trained_network_dear_and_it_stays_far_ahead(epochs):
    assert low(whole("pre-trained", "alike", epochs), whole("pre-trained", "skewed", epochs)) > 0.03
    for mix in ("alike", "skewed"):
        assert low(whole("pre-trained", mix, epochs), whole("from scratch", mix, epochs)) > 0.1


def test_skew_takes_more_from_scratch_with_one_local_epoch_and_less_with_five():
    one, five = (
        [whole(start, "alike", epochs) - whole(start, "skewed", epochs) for start in ("from scratch", "pre-trained")]
        for epochs in (1, 5)
    )
    assert low(*one) > 0
    assert low(*reversed(five)) > 0.05


def test_averaging_often_matters_among_skewed_plants():
    assert low(whole("pre-trained", "skewed", 1), whole("pre-trained", "skewed", 5)) > 0.02


def test_telling_the_mix_costs_what_the_head_knows_of_other_materials():
    told = recorded("19/fair").scores("together, told the mix", asked="all photographs")
    assert low(on("all photographs", "together"), told) > 0.15


def test_on_its_own_mix_a_lone_head_is_little_ahead_of_always_the_commonest_material():
    labels = np.repeat(range(6), 40)
    parts = [split_among_clients(labels, 10, 0.1, seed=seed) for seed in range(HEADS.seeds)]
    rung = np.array([np.mean([np.bincount(labels[part]).max() / len(part) for part in each]) for each in parts])
    assert 0.7 < rung.mean() < 0.8
    mean, half = paired_difference(on("own mix", "alone").tolist(), rung.tolist())
    assert mean - half > 0 and mean + half < 0.1


def test_lora_is_no_worse_than_training_everything():
    everything, lora = (
        recorded("19/parts").scores(part, norm="fixed", asked="all photographs")
        for part in ("everything", "LoRA and head")
    )
    assert low(lora, everything) > -0.01
