"""What lesson 06 says of its recorded runs is what they show."""

from course_utils.experiments import recorded


def test_a_pre_trained_body_loses_at_a_learning_rate_at_which_a_random_body_does_not():
    runs = recorded("06/rates")

    def change(part):
        before, after = (runs.scores(part, **{"learning rate": rate}).mean() for rate in (1e-3, 1e-2))
        return after - before

    assert change("pre-trained body") < -0.03 < change("random body")


def test_each_optimiser_finds_its_best_learning_rate_inside_its_grid():
    tried = recorded("06/optimisers").table
    for _, runs in tried[tried.images == "valid"].groupby("strategy"):
        means = runs.groupby("learning rate").score.mean()
        assert means.index[0] < means.idxmax() < means.index[-1]
