"""What lesson 18 says of few labels is what its recorded runs show, with room to spare."""

import pytest

from course_utils.experiments import recorded
from course_utils.statistics import paired_difference

TASKS = ("5-way 1-shot", "5-way 5-shot", "20-way 1-shot")
FROZEN = recorded("18/solved")


def low(one, other) -> float:
    """The lower end of the interval of one minus other, on the divisions that both were run on."""
    runs = min(len(one), len(other))
    mean, half_width = paired_difference(one[:runs], other[:runs])
    return mean - half_width


@pytest.mark.parametrize("task", TASKS)
def test_frozen_features_are_far_ahead_of_pixels_and_the_probe_a_little_ahead_of_prototypes(task):
    photo, probe, pixels = (
        FROZEN.scores(name, task=task) for name in ("photo network", "linear probe", "pixels, nearest mean")
    )
    assert low(photo, pixels) > 0.25
    assert 0.01 < low(probe, photo) < (probe - photo).mean() < 0.03


@pytest.mark.parametrize("task", ["5-way 1-shot", "20-way 1-shot"])
def test_with_one_shot_features_are_right_about_twice_as_often_as_pixels_and_lite0_is_behind(task):
    photo, pixels = (FROZEN.scores(name, task=task) for name in ("photo network", "pixels, nearest mean"))
    assert (
        (1.9 if task == "5-way 1-shot" else 2.7) < photo.mean() / pixels.mean() < (2.1 if task == "5-way 1-shot" else 3)
    )
    assert low(photo, FROZEN.scores("EfficientNet-Lite0", task=task)) > 0.01


def test_the_middle_stage_is_best_in_both_networks_and_the_last_one_is_behind():
    tried = recorded("18/depths").table.groupby(["strategy", "task", "setting"]).score.mean()
    for name, middle, last in (("photo network", "stage 3", "stage 4"), ("EfficientNet-Lite0", "stage 5", "stage 7")):
        for task in TASKS:
            assert tried[name, task].idxmax() == middle
            assert tried[name, task, middle] - tried[name, task, last] > 0.01


def test_the_strength_of_the_probe_hardly_matters():
    tried = recorded("18/strengths").table.groupby(["task", "setting"]).score.mean()
    assert (tried.groupby("task").max() - tried.groupby("task").min() < 0.02).all()
    assert tried["5-way 1-shot"].idxmax() == 30
    assert tried["5-way 1-shot", 30] - tried["5-way 1-shot", 300] < 0.001


def test_each_best_learning_rate_lies_inside_its_grid():
    tried = recorded("18/rates").table.groupby(["strategy", "setting"]).score.mean()
    tuned = recorded("18/tuning").table.groupby(["strategy", "setting"]).score.mean()
    for means in (tried, tuned):
        for name in means.index.unique("strategy"):
            assert means[name].index.min() < means[name].idxmax() < means[name].index.max()


def test_off_by_a_factor_of_three_costs_maml_and_anil_about_ten_points_and_the_prototype_network_few():
    tried = recorded("18/rates").table.groupby(["strategy", "setting"]).score.mean()
    for name in ("MAML", "ANIL"):
        rates = list(tried[name].index)
        best = rates.index(tried[name].idxmax())
        assert all(tried[name].max() - tried[name, rates[each]] > 0.095 for each in (best - 1, best + 1))
    assert tried["prototype network"].max() - tried["prototype network"].min() < 0.05


def trained(name, task, on="letters"):
    """Scores of a network that was trained on letters, in the order of the divisions."""
    record = "slow_to_train" if name.startswith(("MAML", "Reptile")) else "fast_to_train"
    return recorded(f"18/{record}").scores(name, task=task, on=on)


@pytest.mark.parametrize("task", TASKS[:2])
def test_after_short_training_the_prototype_network_leads_and_the_others_are_behind_the_photo_network(task):
    prototypes, photo = trained("prototype network", task), FROZEN.scores("photo network", task=task)
    for name in ("classifier", "ANIL", "MAML", "Reptile"):
        assert low(prototypes, trained(name, task)) > 0.03
        assert low(photo, trained(name, task)) > 0.03
        assert low(trained(name, task), trained("no training", task)) > 0


@pytest.mark.parametrize("task", TASKS)
def test_practice_on_letters_and_on_photos_are_within_seven_points_of_each_other(task):
    mean, half_width = paired_difference(trained("prototype network", task), FROZEN.scores("photo network", task=task))
    assert abs(mean) < half_width
    assert abs(mean) + half_width < 0.07


@pytest.mark.parametrize("task", TASKS[:2])
@pytest.mark.parametrize("name", ["ANIL", "MAML"])
def test_the_steps_add_nothing_to_the_features_of_anil_and_maml(name, task):
    mean, half_width = paired_difference(trained(name, task), trained(f"{name}, body alone", task))
    assert mean + half_width < 0.035


@pytest.mark.parametrize("task", TASKS[:2])
def test_the_steps_add_a_lot_to_reptile(task):
    assert low(trained("Reptile", task), trained("Reptile, body alone", task)) > 0.05


def test_no_network_that_was_trained_on_letters_is_ahead_of_no_training_or_of_pixels_on_photos():
    none, photos = trained("no training", TASKS[1], "photographs"), recorded("18/photos")
    photo, pixels = (photos.scores(name, task=TASKS[1]) for name in ("photo network, stage 4", "pixels"))
    for name in ("prototype network", "classifier", "ANIL", "MAML", "Reptile"):
        own = trained(name, TASKS[1], "photographs")
        assert (own - none).mean() < 0
        assert low(pixels, own) > 0.01
        assert low(photo, own) > 0.1


@pytest.mark.parametrize("task", TASKS[:2])
def test_plain_fine_tuning_shows_no_gain_over_prototypes_and_no_difference_of_two_points_by_what_moves(task):
    tuned, prototypes = recorded("18/tuned"), FROZEN.scores("photo network", task=task)
    for name in ("head tuned", "all layers tuned"):
        assert low(tuned.scores(name, task=task), prototypes) < 0
    mean, half_width = tuned.difference("all layers tuned", "head tuned", task=task)
    assert abs(mean) + half_width < 0.02


def test_the_company_of_all_queries_is_worth_points_with_one_shot_and_sorted_queries_break_the_network():
    runs = recorded("18/company")
    for task in TASKS[:2]:
        assert low(runs.scores("the support set", task=task), runs.scores("its own class", task=task)) > 0.3
    mean, half_width = runs.difference("other queries", "the support set", task=TASKS[0])
    assert 0.015 < mean - half_width < mean + half_width < 0.04


@pytest.mark.parametrize("task", TASKS)
def test_on_the_same_episodes_practice_on_letters_and_on_photos_are_level_again(task):
    same = recorded("18/objections").scores("on the same 16 episodes", task=task)
    mean, half_width = paired_difference(trained("prototype network", task), same)
    assert abs(mean) < half_width < 0.05


def test_unit_length_explains_half_of_the_lead_of_the_probe_with_one_shot_and_less_elsewhere():
    scaled = recorded("18/objections")
    for task, least, most in zip(TASKS, (0.4, 0, 0), (0.6, 0.35, 0.35), strict=True):
        probe, plain = (FROZEN.scores(name, task=task) for name in ("linear probe", "photo network"))
        assert least < (scaled.scores("of unit length", task=task) - plain).mean() / (probe - plain).mean() < most


@pytest.mark.parametrize("task", TASKS[:2])
def test_tuning_shows_no_gain_on_the_same_episodes_and_the_start_of_reptile_matters(task):
    answers = recorded("18/objections")
    assert (
        low(
            recorded("18/tuned").scores("all layers tuned", task=task),
            answers.scores("on the same 6 episodes", task=task),
        )
        < 0
    )
    assert low(trained("Reptile", task), answers.scores("random weights, ten steps", task=task)) > 0.05


def test_in_grey_and_at_28_pixels_the_photo_network_is_ahead_of_all_that_learned_letters_on_photos():
    grey = recorded("18/objections").scores("photos in grey, 28 pixels", task=TASKS[1])
    for name in ("prototype network", "classifier", "ANIL", "MAML", "Reptile"):
        assert low(grey, trained(name, TASKS[1], "photographs")) > 0.03
