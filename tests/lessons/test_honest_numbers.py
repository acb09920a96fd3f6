"""What lesson 10 says of its traps is what its recorded runs show, with room to spare."""

from course_utils.experiments import recorded
from course_utils.statistics import paired_difference

PATIENTS, COPIES, HEADS = recorded("10/patients"), recorded("10/copies"), recorded("10/heads")
IN_USE, RECALLS = recorded("10/in_use"), recorded("10/recalls")


def low(one, other) -> float:
    """The lower end of the interval of one minus other."""
    mean, half_width = paired_difference(one, other)
    return mean - half_width


def test_a_split_by_slice_promises_what_new_patients_do_not_get():
    own, new = (PATIENTS.scores("fine_tune", split="slice", tested=on) for on in ("own test set", "new patients"))
    assert low(own, new) > 0.02


def test_copies_promise_what_photos_without_a_copy_do_not_get():
    for method in ("fine_tune", "multi-depth probe"):
        assert low(*(COPIES.scores(method, tested=on) for on in ("all", "not copied"))) > 0.08


def test_the_best_of_a_hundred_heads_does_worse_on_test_than_on_validation():
    best = [HEADS.scores("best of 100", images=on) for on in ("validation", "test")]
    assert low(*best) > 0


def test_training_mode_and_a_second_normalisation_cost_accuracy():
    for name in ("normalised twice", "one class a batch"):
        assert low(IN_USE.scores("as tested"), IN_USE.scores(name)) > 0.05


def test_recall_averaged_over_batches_is_another_number():
    assert low(RECALLS.scores("over all images"), RECALLS.scores("averaged over batches")) > 0.1
