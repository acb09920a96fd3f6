"""The frozen-feature cache on networks of many kinds: the same weights as without it, or a refusal."""

from collections.abc import Callable

import pytest
import torch
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.torch_core import set_seed
from support.datasets import few_digits
from support.errors import refused
from support.training import close, train
from torch import Tensor, nn
from torchvision.models import (
    ConvNeXt,
    DenseNet,
    SwinTransformer,
    VisionTransformer,
    mobilenet_v3_small,
    squeezenet1_1,
)
from torchvision.models.convnext import CNBlockConfig

from course_utils import surgery
from course_utils.backbones import resnet18_half
from course_utils.surgery.blocks import block_index
from course_utils.training import cached_body


def digits(network: Callable[[], nn.Module]) -> Learner:
    set_seed(3)
    return Learner(few_digits(), network(), loss_func=CrossEntropyLossFlat())


class Doubled(type(resnet18_half())):
    """More than its blocks in order, after the cut."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class AroundTheBody(nn.Module):
    """The head also gets what no block puts out."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(4, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x) + x.mean())


class SharedActivation(nn.Module):
    """One layer without weights works before and behind the cut."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3, 2)
        self.activation = nn.ReLU(inplace=True)
        self.later = nn.Sequential(nn.Conv2d(8, 8, 3, 2), nn.BatchNorm2d(8))
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.fc = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.later(self.activation(self.convolution(x)))
        return self.fc(self.pool(self.activation(x)))


class RandomDepth(nn.Module):
    """Random in training, as timm's networks are, by a layer whose class is none of torch's dropouts."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x) * (torch.rand(len(x), 1, 1) > 0.5 if self.training else 0.5)


class Texts(nn.Module):
    """An encoder whose batch is a dictionary; the mask is needed before and behind the cut."""

    def __init__(self, encoder: Callable[[], nn.Module] = nn.Identity) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 16)
        self.layer = nn.Sequential(nn.Linear(16, 16), nn.GELU(), encoder())
        self.classifier = nn.Linear(16, 2)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        mask = next(part for name, part in batch.items() if name != "input_ids").unsqueeze(-1)
        hidden = self.layer(self.embedding(batch["input_ids"]) * mask)
        return self.classifier((hidden * mask).sum(1) / mask.sum(1))


def texts(encoder: Callable[[], nn.Module] = nn.Identity, longest: int = 6) -> Learner:
    """Sixteen texts of two to `longest` words, of two classes."""
    rng = torch.Generator().manual_seed(0)
    items = []
    for number in range(16):
        ids = torch.randint(1, 50, (longest,), generator=rng)
        mask = (torch.arange(longest) < 2 + number % (longest - 1)).long()
        items.append(({"input_ids": ids, "attention_mask": mask}, torch.tensor(number % 2)))
    set_seed(3)
    loaders = [DataLoader(items, bs=4, shuffle=True, drop_last=True), DataLoader(items[:4], bs=4)]
    return Learner(DataLoaders(*loaders), Texts(encoder), loss_func=CrossEntropyLossFlat())


def torchvision() -> nn.Module:
    return resnet18_half(num_classes=10)


def densenet() -> nn.Module:
    """Its forward goes on from its blocks with a ReLU that works in place."""
    return DenseNet(growth_rate=4, block_config=(2, 2, 2, 2), num_init_features=8, num_classes=10)


def swin() -> nn.Module:
    """A small one without stochastic depth."""
    return SwinTransformer([2, 2], 8, [1, 1], [1, 2], [4, 4], stochastic_depth_prob=0, num_classes=10)


def convnext() -> nn.Module:
    """A small one without stochastic depth."""
    return ConvNeXt([CNBlockConfig(8, 16, 1), CNBlockConfig(16, None, 1)], num_classes=10)


@pytest.mark.parametrize(
    ("made", "depth"),
    [
        (lambda: digits(torchvision), "head"),
        (lambda: digits(torchvision), "stage 3"),
        (lambda: digits(lambda: Doubled(10)), "stage 4"),
        (lambda: digits(SharedActivation), 1),
        (lambda: digits(densenet), "head"),
        (lambda: digits(lambda: VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=10)), "layer 2"),
        (lambda: digits(swin), "stage 2"),
        (lambda: digits(convnext), "head"),
        (lambda: digits(lambda: squeezenet1_1(num_classes=10, dropout=0)), "stage 8"),
        (lambda: digits(lambda: mobilenet_v3_small(num_classes=10)), "head"),
        (texts, -1),
        (texts, 1),
    ],
    ids=[
        "torchvision",
        "torchvision in part",
        "more than its blocks",
        "shared layer",
        "densenet",
        "vit",
        "swin",
        "convnext",
        "squeezenet",
        "mobilenet",
        "texts",
        "texts in part",
    ],
)
def test_the_final_weights_are_those_of_the_uncached_run(made, depth):
    plain, cached = made(), made()
    for learn in (plain, cached):
        surgery.freeze_to(learn, depth, batchnorm="fixed")
    before = surgery.snapshot(cached)
    expected = train(plain)
    with cached_body(cached) as features:
        found = train(cached)
        assert "forward" not in vars(next(iter(surgery.blocks(cached)[0].layers.values())))
    assert close(found, expected) and not close(found, before)
    assert len(features.blocks) == block_index(cached, depth)
    assert torch.isfinite(torch.tensor(cached.validate()[0]))


def test_stored_features_stay_as_they_are_where_the_network_works_in_place():
    learn = digits(densenet)
    surgery.freeze_to(learn, "head", batchnorm="fixed")
    with cached_body(learn):
        features = learn.dls.train.copies[0]
        before = features.clone()
        learn.model(features)
        assert (before < 0).any() and torch.equal(features, before)


def test_what_a_head_gets_from_elsewhere_is_refused():
    learn = digits(AroundTheBody)
    surgery.freeze_to(learn, -1, batchnorm="fixed")
    with refused("training.uncacheable-forward", "AroundTheBody", "nn.Sequential"), cached_body(learn):
        pass
    assert "forward" not in vars(learn.model)


def test_random_layers_of_any_class_are_refused_until_they_are_held():
    learn = texts(RandomDepth)
    surgery.freeze_to(learn, -1, batchnorm="fixed")
    with refused("training.frozen-block-random", "hold_in_eval"), cached_body(learn):
        pass
    surgery.hold_in_eval(learn.model.layer)
    with cached_body(learn):
        train(learn)


def test_texts_of_several_lengths_are_stored_as_far_as_their_mask_reaches():
    learn = texts()
    longer = texts(longest=9).dls.train.dataset[7]
    learn.dls.train.dataset[8:12] = [longer] * 4
    surgery.freeze_to(learn, 1, batchnorm="fixed")
    in_order = learn.dls.train.new(shuffle=False, get_idxs=lambda: list(range(16)))
    with torch.no_grad():
        expected = torch.cat([learn.model.eval()(given) for given, _ in in_order])
        with cached_body(learn) as features:
            assert features.shape == (9, 16)
            batches = list(learn.dls.train.batches(range(16), 4))
            assert torch.allclose(torch.cat([learn.model(given) for given, _ in batches]), expected, atol=1e-6)
    assert [given["attention_mask"].shape[1] for given, _ in batches] == [5, 6, 9, 6]


def test_texts_of_several_lengths_without_a_mask_are_refused():
    learn = texts()
    longer = texts(longest=9).dls.train.dataset[7]
    learn.dls.train.dataset[8:12] = [longer] * 4
    for given, _ in {id(item): item for item in learn.dls.train.dataset}.values():
        given["mask"] = given.pop("attention_mask")
    surgery.freeze_to(learn, 1, batchnorm="fixed")
    with refused("training.features-differ", "(9, 16)", "(6, 16)"), cached_body(learn):
        pass


def test_validation_texts_of_several_lengths_pass_the_whole_network():
    learn = texts()
    learn.dls.valid.dataset[2:] = [texts(longest=9).dls.train.dataset[0]] * 2
    learn.dls.valid.bs = 2
    surgery.freeze_to(learn, 1, batchnorm="fixed")
    expected = learn.validate()[0]
    with cached_body(learn):
        assert learn.validate()[0] == pytest.approx(expected)


def test_features_of_the_images_own_shape_are_told_apart():
    learn = digits(lambda: nn.Sequential(nn.Sequential(nn.Conv2d(3, 3, 1), nn.Tanh()), nn.Sequential(*flat_head())))
    surgery.freeze_to(learn, -1, batchnorm="fixed")
    whole = learn.validate()
    with cached_body(learn) as features:
        assert features.shape == (3, 32, 32)
        images = learn.dls.test.one_batch()[0]
        assert learn.validate()[0] == pytest.approx(whole[0])
        assert learn.model(images).shape == (len(images), 10)


def flat_head() -> list[nn.Module]:
    return [nn.Flatten(), nn.Linear(3 * 32 * 32, 10)]
