"""Solved heads: the network gives the regression's own predictions, and training images alone choose."""

import numpy as np
import pytest
import torch
from fastai.losses import CrossEntropyLossFlat
from fastai.vision.augment import RandTransform
from sklearn.linear_model import LogisticRegression
from support.datasets import coloured_images, store_loaders
from support.errors import refused
from support.learners import noise_learner, silent, tiny_is_known, tiny_learner

from course_utils import surgery, training
from course_utils.data.images.store import Store
from course_utils.training import MultiDepthProbe, SolvedHead, probing


@pytest.fixture
def learn(tmp_path):
    with tiny_is_known():
        torch.manual_seed(0)
        yield tiny_learner(store_loaders(coloured_images(), (60, 30, 60)), path=tmp_path)


def test_the_network_itself_gives_the_regressions_predictions(learn):
    features, labels = probing.pooled_features(learn, learn.dls.train, ["stage 1"], ["average", "max"])
    inputs = features["stage 1"].astype(float)
    inputs -= inputs.mean(0)
    inputs /= inputs.std(0)
    probe = training.solve_head(learn, [["stage 1"]], flip=False)
    expected = LogisticRegression(C=probe.c, max_iter=5000).fit(inputs, labels).predict_proba(inputs)
    with probing.plainly(learn.dls.train) as loader:
        found, targets = learn.get_preds(dl=loader)
    assert np.array_equal(targets, labels)
    assert np.allclose(found, expected, atol=1e-3)


def test_two_classes_have_the_regressions_probabilities(tmp_path):
    store = coloured_images()
    store = Store(store.images, (store.labels > 0).long(), ("red", "other"))
    with tiny_is_known():
        torch.manual_seed(0)
        learn = tiny_learner(store_loaders(store, (60, 30, 60)), path=tmp_path)
    features, labels = probing.pooled_features(learn, learn.dls.train, ["stage 1"], ["max"], flip=True)
    inputs = features["stage 1"].astype(float)
    inputs = (inputs - inputs.mean(0)) / inputs.std(0)
    assert len(inputs) == 2 * len(labels)
    probe = training.solve_head(learn, [["stage 1"]], ["max"], flip=True)
    regression = LogisticRegression(C=probe.c, max_iter=5000).fit(inputs, np.tile(labels, 2))
    with probing.plainly(learn.dls.train) as loader:
        found, _ = learn.get_preds(dl=loader)
    assert np.allclose(found, regression.predict_proba(inputs[: len(labels)]), atol=1e-3)


def test_the_strategy_solves_the_head_and_moves_nothing_else(learn):
    body = surgery.fingerprints(learn)[:-1]
    assert MultiDepthProbe().train(learn) is learn
    assert (surgery.fingerprints(learn)[:-1] == body).all().all()
    trains = {name for name, weight in learn.model.named_parameters() if weight.requires_grad}
    assert trains == {"1.linear.weight", "1.linear.bias"}
    assert learn.validate(dl=learn.dls.test)[1] > 0.9
    learn.fit_one_cycle(1, 1e-3)  # and training can go on
    surgery.unfreeze(learn)
    learn.fit_one_cycle(1, 1e-4)
    assert learn.validate(dl=learn.dls.test)[1] > 0.9


def test_a_head_is_solved_on_the_statistics_that_will_be_evaluated(learn):
    training.run_phases(learn, [training.Phase(training.Everything(), 1, 1e-2), SolvedHead()])
    found = learn.model.state_dict()
    assert training.reestimate_batchnorm(learn, [learn.model[0][1]]) == 1
    SolvedHead().solve(learn)
    assert all(torch.allclose(found[name], tensor, atol=1e-4) for name, tensor in learn.model.state_dict().items())


def test_neither_test_nor_validation_images_choose(learn):
    MultiDepthProbe().train(learn)
    expected = learn.model.state_dict()
    store = learn.dls.train.dataset.tls[0].tfms.fs[0].store
    others = [*learn.dls.valid.items, *learn.dls.test.items]
    store.images[others], store.labels[others] = 0, 0
    MultiDepthProbe().train(learn)
    assert all(torch.equal(expected[name], tensor) for name, tensor in learn.model.state_dict().items())


def test_the_depth_with_the_lowest_loss_is_taken():
    """Of two blocks, the last one forgets the colour on which the classes depend."""
    learn = silent(noise_learner())
    store = coloured_images(side=32)
    store = Store(store.images, (store.labels > 0).long(), ("red", "other"))
    learn.dls = store_loaders(store, (60, 30, 60))
    learn.model[0][-1].register_forward_hook(lambda layer, inputs, output: torch.zeros_like(output))
    probe = SolvedHead("each").solve(learn)
    assert probe.stages != ("stage 4",) and 0 < probe.loss < 0.3
    assert learn.model[1].stages == probe.stages
    blind = training.solve_head(learn, [["stage 4"]], flip=False)
    assert blind.loss == pytest.approx(0.64, abs=0.05)  # the entropy of one third and two thirds


@pytest.mark.parametrize(
    ("stages", "groups"),
    [("last", [1, 2, 4, 5]), ("each", [1] * 5), (("stem", "stage 4"), [2])],
)
def test_what_there_is_to_choose_from(stages, groups):
    learn = noise_learner()
    candidates = SolvedHead(stages).candidates(learn)
    assert [len(group) for group in candidates] == groups
    assert {block for group in candidates for block in group} <= set(surgery.multi_depth.body_blocks(learn))


def test_augmentation_and_random_order_do_not_reach_a_probe(tmp_path):
    class Darken(RandTransform):
        order = 40

        def encodes(self, images: torch.Tensor) -> torch.Tensor:
            return images * torch.rand(1).item()

    with tiny_is_known():
        torch.manual_seed(0)
        plain = tiny_learner(store_loaders(coloured_images(), (60, 30, 60)), path=tmp_path)
        torch.manual_seed(0)
        dls = store_loaders(coloured_images(), (60, 30, 60), augment=True, default_augment=[Darken(p=1.0)])
        augmented = tiny_learner(dls, path=tmp_path)
    found = [probing.pooled_features(each, each.dls.train, ["stage 1"], ["max"]) for each in (plain, augmented)]
    assert np.array_equal(found[0][1], found[1][1])
    assert np.allclose(found[0][0]["stage 1"], found[1][0]["stage 1"], atol=1e-5)


@pytest.mark.parametrize("count", [40, 6000])
def test_folds_keep_copies_together_and_use_every_example_or_a_sample(count):
    labels = np.arange(count) % 3
    rows, splits = probing.paired_folds(labels, 2)
    assert len(rows) == 2 * min(count, probing.MOST_FOR_CHOOSING) and len(splits) == 5
    for fit, score in splits:
        assert not set(rows[fit] % count) & set(rows[score] % count), "a mirrored image in the other part"
        assert set(np.tile(labels, 2)[rows[score]]) == {0, 1, 2}
    assert sorted(np.concatenate([score for _, score in splits])) == list(range(len(rows)))
    assert probing.paired_folds(np.array([0, 0, 0, 1]), 1) is None


def test_one_example_a_class_and_weights_of_classes_are_taken(learn, tmp_path):
    with tiny_is_known():
        few = tiny_learner(store_loaders(coloured_images(), (3, 30, 60), bs=3), path=tmp_path)
    probe = SolvedHead().solve(few)
    assert np.isnan(probe.loss) and probe.stages == ("stage 1",)
    learn.loss_func = CrossEntropyLossFlat(weight=torch.tensor([1e6, 1.0, 1.0]))
    SolvedHead().solve(learn)
    predicted = learn.get_preds(dl=learn.dls.test)[0].argmax(1)
    learn.loss_func = CrossEntropyLossFlat()
    SolvedHead().solve(learn)
    assert (predicted == 0).sum() >= (learn.get_preds(dl=learn.dls.test)[0].argmax(1) == 0).sum()


def test_what_a_probe_can_not_learn_from_is_refused(learn):
    learn.dls.train.dataset.tls[0].tfms.fs[0].store.labels[: len(learn.dls.train.items)] = 1
    with refused("training.one-class", "another class"):
        SolvedHead().solve(learn)
    with refused("surgery.unknown-depth", "'stage 9'"):
        training.solve_head(learn, [["stage 9"]], flip=False)
    with refused("surgery.unknown-pool", "'median'"):
        training.solve_head(learn, [["stage 1"]], ["median"], flip=False)
    with refused("training.no-classes", "one label"):
        probing.classes_of([torch.zeros(4, 3)])
    with refused("training.no-images", "flip=True"):
        probing.mirrored(torch.zeros(4, 3))
