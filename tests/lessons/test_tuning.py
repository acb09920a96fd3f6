"""What lesson 09 says of searches is what its recorded runs show, with room to spare."""

from course_utils.experiments import recorded
from course_utils.statistics import mean_interval

WAYS = recorded("09/budgets")


def test_the_score_that_chose_is_optimistic():
    trials = recorded("09/trials").table
    chosen = trials.loc[trials.groupby("seed").valid.idxmax()]
    mean, half = mean_interval(100 * (chosen.valid - chosen.score))
    assert mean - half > 3


def test_one_long_training_is_ahead_of_a_search_of_short_ones():
    for search in ("random search", "TPE", "default, short"):
        mean, half = WAYS.difference("default, long", search, images="test")
        assert mean - half > 0.01, search


def test_the_chosen_trials_score_again_as_they_did():
    trials = recorded("09/trials").table
    chosen = trials.loc[trials.groupby("seed").valid.idxmax()].set_index("seed")
    again = WAYS.scores("random search", images="test")
    assert abs(chosen.score - again).max() < 0.005


def test_the_lessons_task_is_the_one_that_the_command_searches_on():
    from course_utils.experiments.objective import find_task
    from course_utils.tasks import ImageTask

    task = find_task("09").task
    assert task == ImageTask(
        "vehicles", name="09_tuning", labels=20, epochs=4, flip=True, size=48, bs=10, split=(50, 250)
    )
