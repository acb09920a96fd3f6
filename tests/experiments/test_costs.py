"""What freezing costs: counted and measured on a copy, so that the learner stays as it is."""

import copy
import random

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.vision.all import SGD, Learner, accuracy, set_seed, vision_learner
from support.errors import refused
from torch import nn

from course_utils import data, surgery
from course_utils.backbones import resnet18_half
from course_utils.display import figures as output
from course_utils.errors import CourseError
from course_utils.experiments import freezing_costs, step_costs
from course_utils.plots import plot_freezing_costs
from course_utils.plots.costs import freezing_costs_figure
from course_utils.training import cached_body
from course_utils.training.probing import plainly

DEPTHS = ["stem", "stage 1", "stage 2", "stage 3", "stage 4", "head"]
QUICK = {"repeats": 1, "images": 60}


def learner(augment: bool = False, **arguments) -> Learner:
    set_seed(3)
    dls = data.digits(n_per_class=3, size=32, bs=8, seed=1, split=(0.1, 0.05), augment=augment)
    return vision_learner(dls, resnet18_half, metrics=accuracy, **arguments)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return freezing_costs(learner(), **QUICK)


def test_a_row_for_each_depth_from_nothing_frozen_to_the_head_alone(table):
    assert table.depth.tolist() == DEPTHS
    assert table.frozen.tolist() == ["nothing", "stem"] + [f"stem to stage {n}" for n in range(1, 5)]
    assert (table.images == 60).all()


def test_trainable_weights_are_those_of_freeze_to(table):
    learn = learner()
    counts = [int(surgery.describe(learn).parameters.sum())]
    for depth in DEPTHS[1:]:
        surgery.freeze_to(learn, depth, batchnorm="fixed")
        counts.append(int(surgery.describe(learn).trainable.sum()))
    assert table.trainable.tolist() == counts


def test_gradients_and_adams_state_follow_the_trainable_weights(table):
    expected = 4 * table.trainable / 2**20
    assert table.gradients_mb.tolist() == pytest.approx(expected.tolist())
    assert table.optimizer_mb.tolist() == pytest.approx((2 * expected).tolist())
    assert table.memory_mb.tolist() == pytest.approx(
        (table.activations_mb + table.gradients_mb + table.optimizer_mb).tolist()
    )


def test_frozen_blocks_keep_no_activations(table):
    assert (table.activations_mb.diff()[1:] < 0).all() and (table.activations_mb > 0).all()
    assert (table.seconds > 0).all()


def test_batchnorm_that_trains_keeps_nearly_all_activations(table):
    trained = freezing_costs(learner(), batchnorm="train", **QUICK)
    last, first = trained.activations_mb.iloc[-1], trained.activations_mb.iloc[0]
    assert last > 0.8 * first > 0.8 * 5 * table.activations_mb.iloc[-1]


def test_what_is_counted_repeats(table):
    again = freezing_costs(learner(), **QUICK)
    counted = [column for column in table if column != "seconds"]
    pd.testing.assert_frame_equal(again[counted], table[counted])


def test_the_probe_is_a_logistic_regression_on_averaged_outputs(table):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    learn = learner()
    learn.model.eval()
    parts = []
    with torch.no_grad():
        for part in (learn.dls.train.dataset, learn.dls.valid.dataset):
            every = np.linspace(0, len(part) - 1, min(60, len(part))).round().astype(int)
            loader = learn.dls.valid.new(dataset=part, bs=1000, drop_last=False, shuffle=False)
            x, y = loader.one_batch()
            x, y = x.as_subclass(torch.Tensor)[every], y.as_subclass(torch.Tensor)[every]
            parts += [learn.model[0](x).mean((2, 3)).cpu().numpy(), y.cpu().numpy()]
    x, y, x_asked, y_asked = parts
    expected = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(x, y).score(x_asked, y_asked)
    assert table.accuracy.iloc[-1] == pytest.approx(expected, abs=0.02)  # a rounding may turn one image
    assert np.isnan(table.accuracy.iloc[0]) and table.accuracy[1:].between(0, 1).all()
    assert table.accuracy.max() > 0.3, "ten classes"


@pytest.mark.parametrize("prepare", [lambda learn: None, lambda learn: surgery.freeze(learn, batchnorm="fixed")])
def test_the_learner_stays_as_it_is(prepare):
    learn = learner(augment=True)
    with learn.no_bar(), learn.no_logging():
        learn.fit(1)
    prepare(learn)
    learn.model[0].eval()  # a mix of modes

    def all_of_it():
        return {
            "weights": surgery.fingerprints(learn).values.tolist(),
            "trains": [weight.requires_grad for weight in learn.model.parameters()],
            "gradients": [None if w.grad is None else w.grad.sum().item() for w in learn.model.parameters()],
            "modes": [module.training for module in learn.model.modules()],
            "hooks": [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in learn.model.modules()],
            "held": [getattr(module, "held_in_eval", None) for module in learn.model.modules()],
            "callbacks": [type(each).__name__ for each in learn.cbs],
            "random": (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()),
            "order": learn.dls.train.rng.getstate(),
            "part": learn.dls.train.dataset.split_idx,
        }

    before, optimizer, loaders = all_of_it(), learn.opt, learn.dls
    state = copy.deepcopy(learn.opt.state_dict())
    freezing_costs(learn, **QUICK)
    assert all_of_it() == before
    assert learn.opt is optimizer and learn.dls is loaders
    for old, new in zip(state["state"], learn.opt.state_dict()["state"], strict=True):
        assert old.keys() == new.keys()
        assert all(torch.equal(torch.as_tensor(old[name]), torch.as_tensor(new[name])) for name in old)
    assert state["hypers"] == learn.opt.state_dict()["hypers"]


def test_the_learner_trains_as_if_never_measured():
    ends = []
    for measure in (False, True):
        learn = learner(augment=True)
        if measure:
            freezing_costs(learn, **QUICK)
        with learn.no_bar(), learn.no_logging():
            learn.fit(1, 1e-3)
        ends.append(surgery.snapshot(learn))
    assert all(
        torch.allclose(a.float(), b.float(), rtol=1e-4, atol=1e-5) for a, b in zip(*map(dict.values, ends), strict=True)
    )


def test_another_optimizer_is_counted_too():
    table = freezing_costs(learner(opt_func=SGD), **QUICK)
    assert (table.optimizer_mb < table.gradients_mb / 100).all(), "plain SGD remembers nothing"


def test_what_cannot_be_measured_is_refused():
    dls = learner().dls
    one_block = Learner(dls, nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10)), loss_func=nn.CrossEntropyLoss())
    with refused("surgery.no-head-found"):
        freezing_costs(one_block)
    with refused("experiments.too-few", "repeats is 0"):
        freezing_costs(learner(), repeats=0)
    learn = learner()
    surgery.freeze(learn, batchnorm="fixed")
    with cached_body(learn), refused("experiments.stored-features", "cached_body"):
        freezing_costs(learn)
    with pytest.raises(CourseError, match="batchnorm is 'slow'"):
        freezing_costs(learner(), batchnorm="slow")


# the figure


@pytest.fixture
def shown(monkeypatch):
    outputs = []
    monkeypatch.setattr(output, "display", lambda data, raw: outputs.append((data["text/html"], data["text/plain"])))
    return outputs


def test_the_figure_says_all_key_figures(table, shown):
    plot_freezing_costs(table)
    [(html, text)] = shown
    assert f'alt="{text}"' in html
    for row in table.itertuples():
        assert f"{row.depth} ({row.frozen} frozen): {row.trainable:,} weights, {row.memory_mb:.1f} MB" in text
    assert "no probe" in text and text.count("probe ") == len(table) - 1


def test_boxes_are_around_the_bars(table):
    figure, _, boxes = freezing_costs_figure(table)
    assert list(boxes) == DEPTHS and len(figure.axes) == 4
    for x, depth in enumerate(DEPTHS):
        for axis, (left, top, width, height) in zip(figure.axes, boxes[depth], strict=True):
            bar, panel = axis.patches[x].get_window_extent(), axis.get_window_extent()
            assert left * figure.bbox.width < bar.x0 < bar.x1 < (left + width) * figure.bbox.width
            assert (1 - top) * figure.bbox.height == pytest.approx(panel.y1)
            assert height * figure.bbox.height == pytest.approx(panel.height)


def test_values_above_bars_stay_inside_the_panels(table):
    figure, *_ = freezing_costs_figure(table)
    figure.draw_without_rendering()
    for axis in figure.axes:
        inside = axis.get_window_extent()
        assert all(label.get_window_extent().y1 <= inside.y1 for label in axis.texts)


def test_a_figure_of_another_table_is_refused(table):
    with refused("plots.column-missing", "trainable"):
        plot_freezing_costs(table.drop(columns="trainable"))
    with refused("plots.empty-table", "freezing_costs"):
        plot_freezing_costs(table[:0])


def test_a_step_costs_what_the_table_of_depths_says(table):
    learn = learner()
    with plainly(learn.dls.train) as loader:  # the table's own batch
        x, y = loader.one_batch()
    surgery.unfreeze(learn)
    whole = step_costs(learn.model, x, y, repeats=1)
    assert whole["memory_mb"] == pytest.approx(table.memory_mb[0], rel=0.02) and whole["seconds"] > 0
    surgery.freeze(learn, batchnorm="fixed")
    before = surgery.snapshot(learn)
    head = step_costs(learn.model, x, y, repeats=1)
    assert head["memory_mb"] == pytest.approx(table.memory_mb.iloc[-1], rel=0.02)
    assert (surgery.drift(before, learn).change == 0).all()


def test_smaller_parts_and_half_precision_keep_less():
    learn = learner()
    x, y = learn.dls.train.one_batch()
    x = torch.nn.functional.interpolate(x, 128)  # large maps: copies of weights in half precision count little
    surgery.unfreeze(learn)
    whole, parted, half = (
        step_costs(learn.model, x, y, repeats=1, **how)["memory_mb"]
        for how in ({}, {"parts": 4}, {"dtype": torch.bfloat16})
    )
    assert parted < whole and half < whole


def test_a_step_in_no_parts_is_refused():
    x, y = torch.zeros(2, 4), torch.zeros(2, dtype=torch.long)
    for wrong in ({"parts": 0}, {"parts": 3}, {"repeats": 0}):
        with refused("experiments.too-few"):
            step_costs(nn.Linear(4, 2), x, y, **wrong)


class Worded(nn.Module):
    """A network of texts: its batch is a dictionary, and its first layer is frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings, self.head = nn.Embedding(9, 4).requires_grad_(False), nn.Linear(4, 2)

    def forward(self, batch: dict) -> torch.Tensor:
        counted = batch["attention_mask"].unsqueeze(-1)
        return self.head((self.embeddings(batch["input_ids"]) * counted).sum(1))


def test_a_step_on_a_dictionary_of_inputs_costs_by_part_what_trains():
    batch = {"input_ids": torch.arange(8).reshape(4, 2), "attention_mask": torch.ones(4, 2)}
    classes = torch.arange(4) % 2
    costs = step_costs(Worded(), batch, classes, repeats=1, by_part=True)
    assert list(costs) == ["seconds", "activations_mb", "gradients_mb", "optimizer_mb", "memory_mb"]
    assert costs["gradients_mb"] == pytest.approx(10 * 4 / 2**20)  # of 4 x 2 weights and 2 biases
    assert costs["optimizer_mb"] == pytest.approx(2 * costs["gradients_mb"], abs=2e-5)  # and two counters
    assert sum(costs[f"{part}_mb"] for part in ("activations", "gradients", "optimizer")) == costs["memory_mb"]
    assert step_costs(Worded(), batch, classes, parts=2, repeats=1)["memory_mb"] < costs["memory_mb"]
