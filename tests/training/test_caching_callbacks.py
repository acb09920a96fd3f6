"""The frozen-feature cache beside callbacks, and what a learner does apart from training: as without it, or refused."""

import copy
import inspect
from collections.abc import Callable

import pytest
import torch
from fastai.callback import (
    channelslast,
    core,
    data,
    fp16,
    hook,
    mixup,
    preds,
    progress,
    rnn,
    schedule,
    tracker,
    training,
)
from fastai.callback.core import Callback
from fastai.callback.schedule import SchedLin
from fastai.interpret import Interpretation
from fastai.learner import Learner, load_learner
from fastai.losses import CrossEntropyLossFlat
from fastai.torch_core import set_seed
from fastai.vision.all import ImageDataLoaders, Resize, accuracy
from support.datasets import class_folders, coloured_images, store_loaders
from support.learners import silent
from support.training import close
from torch import nn

from course_utils import surgery
from course_utils.errors import CourseError
from course_utils.training import HeadOnly, cached_body
from course_utils.training.feature_loader import FeatureDL


def network(classes: int) -> nn.Sequential:
    """A body with BatchNorm and a head."""
    body = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, 2))
    return nn.Sequential(body, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes)))


def learner(path=".") -> Learner:
    """A small frozen network on 48 images in three colours."""
    set_seed(0)
    dls = store_loaders(coloured_images(84), (48, 12, 24), bs=8)
    learn = silent(Learner(dls, network(3), loss_func=CrossEntropyLossFlat(), metrics=accuracy, path=path))
    surgery.freeze(learn, batchnorm="fixed")
    return learn


def ended(learn: Learner, make: Callable[[], Callback]) -> dict[str, torch.Tensor]:
    """All tensors, and the last line of the recorder, after a fit with a callback."""
    set_seed(5)
    learn.fit(2, 1e-2, cbs=make())
    return surgery.snapshot(learn) | {"record": torch.tensor(learn.recorder.values[-1])}


class Counted(Callback):
    """A callback of one's own that only looks at a batch."""

    seen = 0

    def before_batch(self) -> None:
        self.seen += len(self.x)


class Darker(Callback):
    """One that changes a batch in place."""

    def before_batch(self) -> None:
        self.learn.xb[0].mul_(0.5)


class Brighter(Callback):
    """One that gives the network another batch."""

    run_valid = False

    def before_batch(self) -> None:
        self.learn.xb = (self.x + 1,)


SAME = {
    core.FetchPredsCallback: core.FetchPredsCallback,
    channelslast.ChannelsLast: channelslast.ChannelsLast,
    data.CollectDataCallback: data.CollectDataCallback,
    fp16.MixedPrecision: fp16.MixedPrecision,
    preds.MCDropoutCallback: preds.MCDropoutCallback,
    progress.CSVLogger: progress.CSVLogger,
    schedule.ParamScheduler: lambda: schedule.ParamScheduler({"lr": SchedLin(1e-2, 1e-3)}),
    tracker.EarlyStoppingCallback: lambda: tracker.EarlyStoppingCallback(patience=1, min_delta=10),
    tracker.ReduceLROnPlateau: lambda: tracker.ReduceLROnPlateau(patience=0, min_delta=10),
    tracker.SaveModelCallback: tracker.SaveModelCallback,
    tracker.TerminateOnNaNCallback: tracker.TerminateOnNaNCallback,
    tracker.TrackerCallback: tracker.TrackerCallback,
    training.BnFreeze: training.BnFreeze,
    training.GradientAccumulation: lambda: training.GradientAccumulation(16),
    training.GradientClip: lambda: training.GradientClip(0.1),
    training.ShortEpochCallback: lambda: training.ShortEpochCallback(0.5),
    Counted: Counted,
}
REFUSED = {
    mixup.MixUp: ("training.inputs-changed", mixup.MixUp),
    mixup.CutMix: ("training.inputs-changed", mixup.CutMix),
    hook.HookCallback: ("training.hooked-block", lambda: hook.HookCallback(hook=lambda *_: None)),
    hook.ActivationStats: ("training.hooked-block", hook.ActivationStats),
    Darker: ("training.inputs-changed", Darker),
    Brighter: ("training.inputs-changed", Brighter),
}
ELSEWHERE = {  # in every learner, or for predictions, a GPU, a recurrent network, a notebook
    core.GatherPredsCallback,
    core.TrainEvalCallback,
    fp16.ModelToHalf,
    fp16.NonNativeMixedPrecision,
    mixup.MixHandler,
    progress.ProgressCallback,
    progress.ShowGraphCallback,
    rnn.ModelResetter,
    rnn.RNNCallback,
    rnn.RNNRegularizer,
    schedule.LRFinder,
}


def test_the_tables_name_every_callback_of_fastai():
    modules = (channelslast, core, data, fp16, hook, mixup, preds, progress, rnn, schedule, tracker, training)
    found = {
        value
        for module in modules
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Callback) and value.__module__ == module.__name__
    }
    assert found - {Callback} == {kind for kind in {*SAME, *REFUSED, *ELSEWHERE} if kind.__module__ != __name__}


@pytest.mark.parametrize("kind", SAME, ids=lambda kind: kind.__name__)
def test_with_a_callback_the_weights_are_those_of_the_uncached_run(kind, tmp_path):
    learn = learner(tmp_path)
    expected = ended(learn, SAME[kind])
    learn = learner(tmp_path)
    with cached_body(learn):
        found = ended(learn, SAME[kind])
    assert close(found, expected)


@pytest.mark.parametrize("kind", REFUSED, ids=lambda kind: kind.__name__)
def test_a_callback_that_needs_the_images_is_refused_and_strategies_train_uncached(kind):
    code, make = REFUSED[kind]
    learn = learner()
    with cached_body(learn), pytest.raises(CourseError, match=kind.__name__ if "inputs" in code else "hook") as caught:
        ended(learn, make)
    assert caught.value.code == code
    assert isinstance(learn.loss_func, CrossEntropyLossFlat)
    ends = []
    for cache in ("when exact", "never"):
        learn = learner()
        learn.add_cb(make())
        set_seed(5)
        HeadOnly(1, batchnorm="fixed", cache=cache).train(learn)
        ends.append(surgery.snapshot(learn))
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_a_rate_is_found_as_without_the_cache(tmp_path):
    found = []
    for cached in (False, True):
        learn = learner(tmp_path)
        set_seed(5)
        if cached:
            with cached_body(learn):
                found.append(learn.lr_find(num_it=8, show_plot=False))
        else:
            found.append(learn.lr_find(num_it=8, show_plot=False))
    assert found[0].valley == pytest.approx(found[1].valley)


def test_hooks_on_frozen_layers_are_refused_but_on_the_last_one():
    learn = learner()
    handle = learn.model[0][0].register_forward_hook(lambda *_: None)
    with pytest.raises(CourseError) as caught, cached_body(learn):
        pass
    assert caught.value.code == "training.hooked-block"
    handle.remove()
    shapes = []
    learn.model[0][-1].register_forward_hook(lambda _, __, output: shapes.append(output.shape[1:]))
    with cached_body(learn) as what:
        shapes.clear()
        learn.fit(1)
    assert set(shapes) == {what.shape}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return class_folders(tmp_path_factory.mktemp("files"))


def test_predictions_exports_and_copies_go_by_the_images(files, tmp_path):
    set_seed(0)
    dls = ImageDataLoaders.from_folder(
        files, valid_pct=0.3, seed=1, item_tfms=Resize(16, "squish"), bs=4, num_workers=0
    )
    learn = silent(Learner(dls, network(2), loss_func=CrossEntropyLossFlat(), metrics=accuracy, path=tmp_path))
    surgery.freeze(learn, batchnorm="fixed")
    file = files / "cat" / "0.png"

    def told(learn: Learner) -> torch.Tensor:
        with learn.no_bar():
            return learn.predict(file)[2]

    expected, images = told(learn), dls.valid.one_batch()[0]
    scores = learn.model.eval()(images)
    with cached_body(learn), learn.no_bar():
        assert torch.equal(told(learn), expected)
        assert learn.dls.valid_ds is dls.valid_ds and isinstance(learn.dls.train, FeatureDL)
        assert torch.allclose(learn.get_preds(dl=learn.dls.test_dl([file]))[0][0], expected)
        losses = Interpretation.from_learner(learn).top_losses(2)[0]
        learn.show_results(max_n=1)
        copied = copy.deepcopy(learn.model)
        learn.export("inside.pkl")
        learn.fit(1)
    assert torch.equal(copied(images), scores)
    again = load_learner(tmp_path / "inside.pkl")
    assert "forward" not in vars(again.model) and torch.equal(told(again), expected)
    learn.model.load_state_dict(again.model.state_dict())
    with learn.no_bar():
        assert torch.allclose(Interpretation.from_learner(learn).top_losses(2)[0], losses, atol=1e-5)
