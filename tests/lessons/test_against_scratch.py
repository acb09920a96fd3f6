"""What lesson 07 says of fine-tuning and its rivals is what its recorded runs show, with room to spare."""

import pandas as pd

from course_utils.experiments.label_efficiency import label_saving
from course_utils.experiments.records import recorded
from course_utils.statistics import paired_difference

FEW, MANY, LONGEST = recorded("07/few"), recorded("07/many"), recorded("07/longest")


def low(difference: tuple[float, float]) -> float:
    """The lower end of the interval."""
    mean, half_width = difference
    return mean - half_width


def test_fine_tuning_is_well_ahead_of_training_from_scratch_with_50_and_with_250_labels():
    assert low(FEW.difference("fine_tune", "from scratch", labels=50)) > 0.1
    tuned, scratch = MANY.scores("fine_tune"), LONGEST.scores("from scratch")
    assert low(paired_difference(tuned.tolist(), scratch.tolist())) > 0.02


def test_training_from_scratch_gains_from_more_epochs_with_250_labels():
    long, short = LONGEST.scores("from scratch"), MANY.scores("from scratch")
    assert low(paired_difference(long.tolist(), short.tolist())) > 0


def test_a_third_of_the_epochs_is_enough_to_be_ahead_of_training_from_scratch():
    quick, scratch = recorded("07/quick").scores("fine_tune"), FEW.scores("from scratch", labels=50)
    assert low(paired_difference(quick.tolist(), scratch.tolist())) > 0.1


def test_training_from_scratch_needs_more_than_twice_the_labels():
    others = MANY.table[MANY.table.strategy != "from scratch"]
    saving = label_saving(pd.concat([FEW.table, others, LONGEST.table]), "fine_tune", "from scratch", labels=50)
    assert saving.low > 2
