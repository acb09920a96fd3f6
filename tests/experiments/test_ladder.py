"""The ladder of baselines: cheap rungs on the very split, as rows that join an experiment's table."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.data.core import DataLoaders, TfmdDL
from fastai.torch_core import TensorImage
from sklearn.svm import SVC
from support.datasets import coloured_images, few_digits, store_loaders
from support.errors import refused
from support.learners import tiny, tiny_is_known, tiny_learner

from course_utils import training
from course_utils.data.images.store import Store
from course_utils.experiments import Experiment, all_rungs, baselines, ladder
from course_utils.experiments.grid import COLUMNS
from course_utils.plots import accuracy as accuracy_plots
from course_utils.tasks import ImageTask

METRICS = ["accuracy", "balanced accuracy"]
RUNGS = [rung.name for rung in all_rungs()]


@pytest.fixture
def dls():
    return store_loaders(coloured_images(), (60, 30, 60))


@pytest.fixture
def learn(dls, tmp_path):
    with tiny_is_known():
        torch.manual_seed(0)
        yield tiny_learner(dls, path=tmp_path)


def plain_loaders(images: torch.Tensor, labels: torch.Tensor, *sizes: int) -> DataLoaders:
    """fastai's own DataLoaders over pairs, with as many sets as there are sizes."""
    pairs, start, loaders = list(zip(images, labels, strict=True)), 0, []
    for size in sizes:
        loaders.append(TfmdDL(pairs[start : start + size], bs=8, shuffle=not start, num_workers=0))
        start += size
    made = DataLoaders(*loaders)
    made.c = int(labels.max()) + 1 if labels.ndim == 1 else labels.shape[1]
    return made


def test_every_rung_is_a_row_of_the_experiments_table(dls, drawn):
    with tiny_is_known():
        table = baselines(dls, tiny, seed=3, flip=True)
    assert list(table.columns) == COLUMNS and table.strategy.tolist() == RUNGS
    assert not any(table.error), table.error.tolist()
    assert set(table.labels) == {20} and set(table.seed) == {3} and table.lr.isna().all()
    scores = table.set_index("strategy").score
    assert scores["majority class"] == pytest.approx(1 / 3)
    assert (scores.drop("majority class") > 0.9).all(), "colours are easy"
    accuracy_plots.plot_grid(pd.concat([table, table.assign(seed=4)]))
    assert "Best by labels: 20" in drawn[0][1]


def test_rungs_stand_in_an_experiment_beside_strategies():
    task = ImageTask("digits", size=32, bs=8, augment=False, split=(0.02, 0.05))
    rungs = [ladder.MajorityClass(), ladder.PixelRegression(), ladder.BestDepthProbe()]
    experiment = Experiment(task, [*rungs, training.HeadOnly(1)], labels=[2], seeds=[0], lrs=[1e-3, 1e-2])
    table = experiment.run()
    assert not any(table.error), table.error.tolist()
    assert table.strategy.tolist() == [*(rung.name for rung in rungs), "head only"]
    assert set(experiment.tuning.strategy) == {"head only"}
    assert table.score.iloc[0] == pytest.approx(0.1, abs=0.05)


def test_a_pixel_model_scores_images_as_scikit_learn_does(learn):
    ladder.PixelSVM().train(learn)
    images, labels = learn.dls.test.one_batch()
    fitted = learn.model.classifier
    predicted = learn.model(images).argmax(1)
    assert np.array_equal(predicted, fitted.predict(images.flatten(1).numpy()))
    assert isinstance(fitted[-1], SVC) and (predicted == labels).float().mean() > 0.9
    again = pickle.loads(pickle.dumps(learn.model))
    assert torch.equal(again(images), learn.model(images))
    found, truth = learn.get_preds(dl=learn.dls.test)
    assert np.array_equal(found.argmax(1)[: len(predicted)], predicted) and len(truth) == 60


@pytest.mark.parametrize("rung", [ladder.MajorityClass(), ladder.PixelRegression(), ladder.PixelSVM()])
def test_neither_test_nor_validation_images_choose(learn, rung):
    images = learn.dls.test.one_batch()[0]
    expected = rung.train(copy.copy(learn)).model(images)
    store = learn.dls.train.dataset.tls[0].tfms.fs[0].store
    others = [*learn.dls.valid.items, *learn.dls.test.items]
    store.images[others], store.labels[others] = 0, 0
    assert torch.equal(expected, rung.train(copy.copy(learn)).model(images))


def test_majority_is_the_training_sets_and_balanced_accuracy_is_chance():
    store = coloured_images()
    store = Store(store.images, (torch.arange(150) % 5 == 0).long(), ("common", "rare"))
    unequal = store_loaders(store, (60, 30, 60))
    with tiny_is_known():
        found = [baselines(unequal, tiny, metric=metric, rungs=[ladder.MajorityClass()]) for metric in METRICS]
    assert [table.score[0] for table in found] == pytest.approx([0.8, 0.5])
    assert [table.metric[0] for table in found] == METRICS


def test_other_peoples_loaders_of_one_channel_without_a_test_set(capsys):
    store = coloured_images()
    grey = TensorImage(store.images[:, :1].float() / 255)
    labels = (store.labels == 0).long()
    with tiny_is_known():
        table = baselines(plain_loaders(grey, labels, 60, 30), tiny)
    assert not any(table.error), table.error.tolist()
    assert "validation set" in capsys.readouterr().out
    assert table.score.iloc[0] == pytest.approx(2 / 3) and (table.score.iloc[1:] > 0.9).all()
    assert set(table.labels) == {30}
    coloured = plain_loaders(TensorImage(store.images.float() / 255), labels, 60, 30, 30)
    with tiny_is_known():
        baselines(coloured, tiny, rungs=[ladder.MajorityClass()])
    assert not any(type(each).__name__ == "Normalize" for dl in coloured.loaders for each in dl.after_batch.fs)
    assert not capsys.readouterr().out, "a third loader is the test set"


def test_an_empty_test_set_is_none(capsys):
    with tiny_is_known():
        table = baselines(store_loaders(coloured_images(), (60, 31, 0)), tiny, rungs=[ladder.MajorityClass()])
    assert table.score[0] == pytest.approx(11 / 31) and "validation set" in capsys.readouterr().out


def test_large_images_are_shrunk_and_small_ones_are_not():
    assert ladder.small(torch.rand(2, 3, 96, 64)).shape == (2, 3, 32, 21)
    images = torch.rand(2, 1, 20, 32)
    assert torch.equal(ladder.small(images), images)


def test_classes_without_images_come_last_and_one_image_a_class_is_enough(learn, tmp_path):
    with tiny_is_known():
        few = tiny_learner(store_loaders(coloured_images(), (3, 30, 60), bs=3), path=tmp_path)
    for rung in (ladder.PixelRegression(), ladder.PixelSVM()):
        assert rung.train(few).model(learn.dls.test.one_batch()[0]).shape[1] == 3
    found = ladder.ClassicalModel(few.model.classifier, 5)(learn.dls.test.one_batch()[0])
    assert found.shape[1] == 5 and (found[:, 3:] == ladder.NEVER).all() and (found[:, :3] > ladder.NEVER).all()


def test_what_can_not_be_measured_is_refused(dls, learn, monkeypatch):
    words = plain_loaders(torch.randint(9, (20, 8)), torch.arange(20) % 2, 12, 8)
    with refused("experiments.no-images", "DataLoaders of images"):
        baselines(words)
    several = plain_loaders(TensorImage(torch.rand(20, 3, 8, 8)), torch.ones(20, 4), 12, 8)
    with refused("training.no-classes", "one label"):
        baselines(several)
    with refused("experiments.nothing-to-score", "test or a validation set"):
        baselines(store_loaders(coloured_images(), (60, 0, 0)))
    with refused("experiments.unmeasured-metric", "'F1'"):
        baselines(dls, metric="F1")
    monkeypatch.setattr(ladder, "MOST_FOR_SVM", 50)
    with tiny_is_known():
        table = baselines(dls, tiny, rungs=[ladder.PixelSVM(), ladder.PixelRegression()])
    assert "at most 50" in table.error[0] and np.isnan(table.score[0]) and table.score[1] > 0.9
    learn.dls.train.dataset.tls[0].tfms.fs[0].store.labels[: len(learn.dls.train.items)] = 1
    with refused("training.empty-class"):
        ladder.PixelRegression().train(learn)


def test_pixels_beat_guessing_on_real_digits():
    """The course's counter-example: with few labels, an SVM on raw pixels reads digits."""
    table = baselines(few_digits(n_per_class=10), rungs=[ladder.MajorityClass(), ladder.PixelSVM()])
    assert table.score[0] < 0.15 and table.score[1] > 0.6
