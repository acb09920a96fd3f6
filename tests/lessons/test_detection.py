"""What lesson 14 says of a detector's starts is what its recorded runs show, with room to spare."""

import pandas as pd
import pytest

from course_utils.experiments import recorded
from course_utils.statistics import paired_difference

LABELS, FROZEN, BLOOD = recorded("14/labels"), recorded("14/frozen"), recorded("14/blood")
TOP = "body of photographs, neck and head of streets"
LONGER = "photographs, four times the steps"
NIGHTS = "streets, night's learning rate"


def on_cells(name, kind="all"):
    return BLOOD.scores(name, **{"class": kind})


def low(one, other) -> float:
    """The lower end of the interval of one minus other."""
    mean, half_width = paired_difference(one, other)
    return mean - half_width


@pytest.mark.parametrize("images", [16, 48])
def test_by_night_the_detector_by_day_is_by_far_the_best_start(images):
    tuned = LABELS.scores("streets", labels=images)
    assert low(tuned, LABELS.scores("photographs", labels=images)) > 0.4
    assert low(tuned, LABELS.scores("as it was")) > 0.05


def test_sixteen_images_are_within_two_points_of_forty_eight():
    mean, half_width = paired_difference(*(LABELS.scores("streets", labels=images) for images in (48, 16)))
    assert max(abs(mean - half_width), abs(mean + half_width)) < 0.02


def test_batchnorm_measured_anew_gives_more_than_a_third_of_what_tuning_gives():
    untuned, tuned = LABELS.scores("as it was"), LABELS.scores("streets", labels=48)
    anew = FROZEN.scores("BatchNorm measured anew", target="night")
    assert low(anew, untuned) > 0.02
    assert 1 / 3 < (anew - untuned).mean() / (tuned - untuned).mean() < 1 / 2
    top = FROZEN.scores("streets, body frozen", target="night")
    assert low(top, anew) > 0
    assert low(tuned, top) > 0.01


def test_in_the_rain_batchnorm_measured_anew_gives_a_small_part_of_what_tuning_gives():
    rain, anew = recorded("14/rain"), recorded("14/rain_anew").scores("BatchNorm measured anew")
    untuned, tuned = rain.scores("as it was"), rain.scores("streets", labels=48)
    assert low(tuned, anew) > 0.2
    assert (anew - untuned).mean() / (tuned - untuned).mean() < 1 / 6


def test_the_body_of_streets_brings_more_of_the_lead_than_its_neck_and_head():
    body, top = (recorded("14/grafts").scores(name) for name in ("body of streets, random neck and head", TOP))
    assert low(body, top) > 0.1
    assert low(top, LABELS.scores("photographs", labels=48)) > 0.1
    assert low(LABELS.scores("streets", labels=48), body) > 0.1
    lead = (LABELS.scores("streets", labels=48) - LABELS.scores("photographs", labels=48)).mean()
    assert (body - LABELS.scores("photographs", labels=48)).mean() > lead / 2


def test_the_best_learning_rates_of_the_combined_parts_lie_inside_their_grids():
    tried = pd.concat([recorded(f"14/{name}").table for name in ("graft_tuning", "graft_wider")])
    for _, rates in tried.groupby(["strategy", "learning rate"]).score.mean().groupby("strategy"):
        means = rates.droplevel("strategy")
        assert means.index.min() < means.idxmax() < means.index.max()


def test_with_buses_the_start_from_streets_leads_by_far():
    mean, half_width = recorded("14/buses").difference("streets", "photographs")
    assert mean - half_width > 0.4


def test_four_times_the_steps_leave_a_gap_by_night_and_pass_what_streets_reached_on_blood():
    patient = {target: recorded("14/longer").scores(LONGER, target=target) for target in ("night", "blood")}
    assert low(LABELS.scores("streets", labels=48), patient["night"]) > 0.2
    assert low(patient["night"], LABELS.scores("photographs", labels=48)) > 0.2
    assert low(patient["blood"], on_cells("streets")) > 0.03


def test_on_blood_streets_lead_by_platelets_and_photographs_by_red_cells():
    assert low(on_cells("streets"), on_cells("photographs")) > 0.02
    assert (on_cells("streets", "platelet") > 0.05).sum() >= 6
    assert (on_cells("photographs", "platelet") < 0.01).all()
    assert (on_cells("scratch", "platelet") < 0.01).all()
    assert low(on_cells("photographs", "red cell"), on_cells("streets", "red cell")) > 0.02


def test_at_the_learning_rate_of_the_night_the_start_from_streets_finds_red_cells_alone():
    assert low(on_cells("photographs"), on_cells(NIGHTS)) > 0.3
    assert all((on_cells(NIGHTS, kind) < 0.01).all() for kind in ("white cell", "platelet"))


def test_each_best_learning_rate_lies_inside_its_grid():
    means = recorded("14/tuning").table.groupby(["target", "strategy", "learning rate"]).score.mean()
    for _, tried in means.groupby(["target", "strategy"]):
        rates = tried.droplevel(["target", "strategy"])
        assert rates.index.min() < rates.idxmax() < rates.index.max()
