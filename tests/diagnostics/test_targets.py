"""Several labels, numbers, points and masks: the checklist and the costs work, the ladder says what it needs."""

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.metrics import accuracy_multi, rmse
from fastai.vision.all import (
    DataBlock,
    ImageBlock,
    ImageDataLoaders,
    IndexSplitter,
    PointBlock,
    RegressionBlock,
    Resize,
    SegmentationDataLoaders,
    unet_learner,
    vision_learner,
)
from PIL import Image
from support.datasets import write_images
from support.errors import refused
from support.learners import silent, tiny, tiny_is_known

from course_utils.backbones import resnet18_half
from course_utils.diagnostics import inspect_training
from course_utils.experiments import baselines, freezing_costs
from course_utils.plots import plot_freezing_costs
from course_utils.surgery import freeze
from course_utils.training import FineTune, HeadOnly, cached_body

FILES = [f"{number}.png" for number in range(14)]
HOW = {"item_tfms": Resize(16, method="squish"), "bs": 4, "num_workers": 0}


def of_table(folder, **options):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"file": FILES, "words": ["x", "y", "x y", "x"] * 3 + ["y", "x"]})
    table = table.assign(a=rng.random(14), b=rng.random(14), is_valid=[n > 9 for n in range(14)])
    return ImageDataLoaders.from_df(table, folder, valid_col="is_valid", **HOW | options)


def points(folder):
    def corners(file):
        return torch.tensor([[3.0, 4.0], [10.0, 12.0]])

    splitter = IndexSplitter(range(10, 14))
    block = DataBlock((ImageBlock, PointBlock), get_y=corners, splitter=splitter, item_tfms=HOW["item_tfms"])
    return block.dataloaders([folder / name for name in FILES], bs=4, num_workers=0)


TARGETS = {
    "several labels": (lambda folder: of_table(folder, label_col="words", label_delim=" "), accuracy_multi),
    "two numbers": (lambda folder: of_table(folder, label_col=["a", "b"], y_block=RegressionBlock(n_out=2)), rmse),
    "one number": (lambda folder: of_table(folder, label_col="a", y_block=RegressionBlock()), rmse),
    "points": (points, None),
}


@pytest.fixture(params=TARGETS)
def learn(request, tmp_path):
    load, metric = TARGETS[request.param]
    write_images(tmp_path, FILES, side=16)
    with tiny_is_known():
        torch.manual_seed(0)
        yield silent(vision_learner(load(tmp_path), tiny, pretrained=False, metrics=metric))


def test_the_checklist_looks_at_what_it_can(learn):
    HeadOnly(1, batchnorm_statistics="as trained").train(learn)
    inspection = inspect_training(learn)
    assert {"duplicates", "losses", "batches", "mode"} <= set(inspection.sound)
    assert not any("the check ended with" in reason for reason in inspection.unseen), inspection.unseen
    several = learn.dls.train.one_batch()[1].ndim == 2 and hasattr(learn.dls, "vocab")
    assert several or any(reason.startswith("running statistics: the network") for reason in inspection.unseen)


def test_steps_have_costs_where_a_probe_has_no_accuracy(learn, drawn):
    table = freezing_costs(learn, repeats=1, images=8)
    assert table.accuracy.isna().all() and (table.images == 0).all() and (table.seconds > 0).all()
    plot_freezing_costs(table)
    assert "no probe" in drawn[0][1]


def test_the_ladder_says_what_it_needs(learn):
    with refused("training.no-classes", "one label"):
        baselines(learn.dls, tiny)


def test_features_are_stored_after_a_look_at_a_batch(learn):
    freeze(learn, batchnorm="fixed")
    learn.dls.one_batch()  # as show_batch does
    with cached_body(learn):
        learn.fit(1, 1e-3)
    assert np.isfinite(learn.recorder.values[-1]).all()


def test_a_u_net_is_trained_and_inspected_and_the_rest_is_refused(tmp_path):
    write_images(tmp_path, FILES, side=32)
    for number in range(14):
        mask = np.random.default_rng(number).integers(0, 2, (32, 32), dtype=np.uint8)
        Image.fromarray(mask).save(tmp_path / f"mask{number}.png")
    dls = SegmentationDataLoaders.from_label_func(
        tmp_path,
        [tmp_path / name for name in FILES],
        lambda file: tmp_path / f"mask{file.name}",
        codes=["ground", "thing"],
        valid_pct=0.3,
        seed=0,
        **HOW | {"item_tfms": Resize(32)},
    )
    learn = silent(unet_learner(dls, resnet18_half, pretrained=False))
    FineTune(2, cache="never").train(learn)
    inspection = inspect_training(learn)
    assert {"duplicates", "losses", "mode"} <= set(inspection.sound)
    assert not any("the check ended with" in reason for reason in inspection.unseen), inspection.unseen
    for refusal in (lambda: HeadOnly(1).train(learn), lambda: freezing_costs(learn)):
        with refused("surgery.no-head-found", "FineTune"):
            refusal()
    with refused("training.no-classes", "one label"):
        baselines(dls, resnet18_half)
