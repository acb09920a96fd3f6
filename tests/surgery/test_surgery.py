"""Seeing and changing networks: the bundled one, torchvision's, and learners around them."""

import pytest
import torch
from fastai.data.core import DataLoaders
from fastai.vision.all import CrossEntropyLossFlat, Learner, create_head, vision_learner
from torch import nn
from torchvision.models import resnet18, resnet34, resnet50, vgg16, vgg16_bn

from course_utils import surgery
from course_utils.backbones import resnet18_half
from course_utils.errors import CourseError

RESNET = ["stem", "stage 1", "stage 2", "stage 3", "stage 4", "head"]
VGG = ["stage 1", "stage 2", "stage 3", "stage 4", "stage 5", "head"]


def loaders(size: int = 32, n: int = 12) -> DataLoaders:
    torch.manual_seed(0)
    batches = [(torch.randn(4, 3, size, size), torch.arange(4) % 2) for _ in range(n // 4)]
    dls = DataLoaders(batches, batches)
    dls.c = 2
    return dls


def learner(arch=resnet18_half, **arguments) -> Learner:
    options = {"n_out": 2, "pretrained": False, "normalize": False, "loss_func": CrossEntropyLossFlat()}
    return vision_learner(loaders(), arch, **(options | arguments))


def train(learn: Learner, epochs: int = 1) -> None:
    with learn.no_bar(), learn.no_logging():
        learn.fit(epochs, 1e-2)


def names(network) -> list[str]:
    return [block.name for block in surgery.blocks(network)]


@pytest.mark.parametrize(
    ("arch", "expected"),
    [
        (resnet18_half, RESNET),
        (resnet18, RESNET),
        (resnet34, RESNET),
        (resnet50, RESNET),
        (vgg16, VGG),
        (vgg16_bn, VGG),
    ],
)
def test_blocks_hold_every_weight_once(arch, expected):
    with torch.device("meta"):  # a VGG16 has 138 million weights: only their names are needed
        network = arch()
    assert names(network) == expected
    held = [id(weight) for block in surgery.blocks(network) for weight in block.parameters()]
    assert sorted(held) == sorted(map(id, network.parameters()))


@pytest.mark.parametrize("arch", [resnet18_half, vgg16_bn])
def test_a_learner_has_the_blocks_of_its_network(arch):
    learn = learner(arch)
    assert names(learn) == names(learn.model) == (RESNET if arch is resnet18_half else VGG)
    held = [id(weight) for block in surgery.blocks(learn) for weight in block.parameters()]
    assert sorted(held) == sorted(map(id, learn.model.parameters()))


def test_a_plain_row_of_layers_has_a_body_and_a_head():
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    assert names(plain) == ["stage 1", "head"]
    with pytest.raises(CourseError, match="can't be told apart"):
        surgery.blocks(nn.Conv2d(3, 3, 1))


def test_the_table_counts_what_trains():
    network = resnet18_half(num_classes=7)
    table = surgery.describe(network).set_index("block")
    assert table.parameters.sum() == table.trainable.sum() == sum(w.numel() for w in network.parameters())
    assert table.output["stage 3"] == (128, 4, 4) and table.output["head"] == (7,)
    assert table.batchnorm["head"] == "" and table.batchnorm["stem"] == "train"
    surgery.freeze_to(network, "stage 4", batchnorm="fixed")
    table = surgery.describe(network).set_index("block")
    assert (table.trainable[:"stage 3"] == 0).all() and (table.batchnorm[:"stage 3"] == "fixed").all()
    assert (table.trainable["stage 4":] == table.parameters["stage 4":]).all()
    assert network.training, "looking at a network leaves its mode alone"


@pytest.mark.parametrize("depth", ["stage 1", "stage 3", "head", 2, -1])
def test_frozen_blocks_keep_every_byte_and_later_ones_train(depth):
    learn = learner()
    surgery.freeze_to(learn, depth, batchnorm="fixed")
    before = surgery.fingerprints(learn)
    train(learn)
    same = (before == surgery.fingerprints(learn)).set_index(before.block)
    frozen = RESNET.index(depth) if isinstance(depth, str) else depth % 6
    assert same[["weights", "statistics"]].iloc[:frozen].all().all()
    assert not same.weights.iloc[frozen:].any()


def test_batchnorm_left_to_train_moves_in_a_frozen_body():
    learn = learner()
    surgery.freeze(learn, batchnorm="train")
    before = surgery.snapshot(learn)
    train(learn)
    moved = surgery.drift(before, learn)
    body = moved[moved.layer.str.startswith("0.")]
    assert (body[body.kind == "weight"].change == 0).all()
    assert (body[body.kind == "statistics"].change > 0).all() and (body[body.kind == "affine"].change > 0).all()


def test_weights_frozen_after_training_are_safe_from_decay_and_momentum():
    learn = learner(wd=0.1)
    train(learn)
    surgery.freeze_to(learn, "stage 2", batchnorm="fixed")
    before = surgery.fingerprints(learn)
    train(learn)
    assert (before[:2] == surgery.fingerprints(learn)[:2]).all().all()


def test_unfreezing_lets_everything_move_again():
    learn = learner()
    surgery.freeze(learn, batchnorm="fixed")
    train(learn)
    surgery.unfreeze(learn)
    before = surgery.fingerprints(learn)
    train(learn)
    after = surgery.fingerprints(learn)
    assert (before.weights != after.weights).all() and (before.statistics != after.statistics)[:-1].all()


def test_held_layers_stay_in_evaluation_through_train():
    dropout = nn.Dropout(0.5)
    surgery.hold_in_eval(dropout)
    ones = torch.ones(100)
    assert torch.equal(dropout.train()(ones), ones)
    surgery.hold_in_eval(dropout, False)
    assert not torch.equal(dropout.train()(ones), ones)


@pytest.mark.parametrize(
    ("depth", "said"),
    [
        ("stage 9", "'stage 9'.*stem, stage 1"),
        ("haed", "did you mean 'head'"),
        (17, "0 to 5"),
        (0, "freezes nothing"),
    ],
)
def test_a_wrong_depth_is_answered_with_the_right_ones(depth, said):
    with pytest.raises(CourseError, match=said):
        surgery.freeze_to(resnet18_half(), depth, batchnorm="fixed")
    with pytest.raises(CourseError, match="'train' or 'fixed'"):
        surgery.freeze(resnet18_half(), batchnorm="off")


def test_each_block_can_be_a_layer_group():
    learn = learner(splitter=surgery.split_by_block)
    learn.create_opt()
    assert len(learn.opt.param_lists) == 6
    learn.opt.set_hyper("lr", slice(1e-5, 1.0))
    assert [group["lr"] for group in learn.opt.hypers] == pytest.approx([10.0**e for e in range(-5, 1)])


@pytest.mark.parametrize("head", ["linear", "fastai", nn.Linear(256, 5)])
def test_a_torchvision_network_gets_a_new_head(head):
    network = resnet18_half()
    body = surgery.fingerprints(network)[:-1]
    surgery.replace_head(network, head, n_out=5)
    assert network.eval()(torch.zeros(2, 3, 64, 64)).shape == (2, 5)
    assert (surgery.fingerprints(network)[:-1] == body).all().all()


@pytest.mark.parametrize("head", ["linear", "fastai", create_head(256, 2)])
def test_a_learner_trains_its_new_head(head):
    learn = learner()
    surgery.freeze(learn, batchnorm="fixed")
    surgery.replace_head(learn, head)
    before = surgery.fingerprints(learn)
    train(learn)
    moved = before.weights != surgery.fingerprints(learn).weights
    assert moved.tolist() == [False] * 5 + [True]


def test_a_head_that_does_not_fit_is_refused_and_changes_nothing():
    learn = learner()
    old = learn.model[1]
    misfit = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 2))
    with pytest.raises(CourseError, match="256 features"):
        surgery.replace_head(learn, misfit)
    assert learn.model[1] is old
    with pytest.raises(CourseError, match="no head 'conv'"):
        surgery.replace_head(learn, "conv")
    with pytest.raises(CourseError, match="give n_out"):
        surgery.replace_head(resnet18_half(), "linear")


@pytest.mark.parametrize("after", RESNET[:-1])
def test_a_cut_body_computes_what_the_network_computes_there(after):
    network, x = resnet18_half().eval(), torch.randn(2, 3, 64, 64)
    seen = []
    block = surgery.blocks(network)[RESNET.index(after)]
    hook = list(block.layers.values())[-1].register_forward_hook(lambda *parts: seen.append(parts[2]))
    network(x)
    hook.remove()
    assert torch.equal(surgery.cut(network, after)(x), seen[0])
    with pytest.raises(CourseError, match="removes nothing"):
        surgery.cut(network, "head")


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 7])
def test_a_grey_image_looks_the_same_through_any_number_of_channels(channels):
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    grey = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    before = network(grey.expand(-1, 3, -1, -1))
    surgery.change_input_channels(network, channels)
    assert torch.allclose(network(grey.expand(-1, channels, -1, -1)), before, atol=1e-5)


def test_channels_change_in_a_learner_and_bad_ones_are_refused():
    learn = learner()
    surgery.change_input_channels(learn, 1)
    assert learn.model.eval()(torch.zeros(2, 1, 64, 64)).shape == (2, 2)
    with pytest.raises(CourseError, match="at least 1"):
        surgery.change_input_channels(learn, 0)
    with pytest.raises(CourseError, match="no convolution"):
        surgery.change_input_channels(nn.Sequential(nn.Linear(2, 2)), 1)


def test_drift_is_relative_and_knows_its_layers():
    network = resnet18_half()
    before = surgery.snapshot(network)
    assert (surgery.drift(before, network).change == 0).all()
    with torch.no_grad():
        network.layer2[0].conv1.weight.mul_(1.5)
    moved = surgery.drift(before, network)
    (changed,) = moved[moved.change > 0].itertuples()
    assert changed.layer == "layer2.0.conv1" and changed.kind == "weight" and changed.change == pytest.approx(0.5)
    with pytest.raises(CourseError, match="no partner"):
        surgery.drift(before, resnet18_half(num_classes=3))
