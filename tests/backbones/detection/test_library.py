"""torchvision's detector on the course's body: the same body, BatchNorm as it was asked for, losses and boxes."""

import fastai.callback.schedule  # noqa: F401  (gives learners fit_one_cycle)
import pytest
import torch
from support.errors import refused
from torchvision.ops import FrozenBatchNorm2d

from course_utils import data
from course_utils.backbones import library_detector, street_detector
from course_utils.tasks import library_learner


def body_of(detector):
    return detector.backbone.body


def test_its_body_is_the_courses():
    ours, theirs = street_detector("DEFAULT"), body_of(library_detector("DEFAULT"))
    for name, weight in theirs.state_dict().items():
        assert torch.equal(weight, ours.state_dict()[name]), name
    images = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    ours.eval(), theirs.eval()
    eighth = ours.layer2(ours.layer1(ours.maxpool(ours.relu(ours.bn1(ours.conv1(images))))))
    assert torch.equal(theirs(images)["0"], eighth)


def test_frozen_batchnorm_gives_what_evaluation_gives_and_never_moves():
    plain, frozen = (body_of(library_detector("DEFAULT", frozen_batchnorm=each)) for each in (False, True))
    assert sum(isinstance(layer, FrozenBatchNorm2d) for layer in frozen.modules()) == 20
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in frozen.modules())
    images = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    before = {name: value.clone() for name, value in frozen.state_dict().items()}
    expected, found = plain.eval()(images), frozen.train()(images)
    for level in expected:
        assert torch.allclose(expected[level], found[level], atol=1e-4)
    assert all(torch.equal(value, before[name]) for name, value in frozen.state_dict().items())


def test_frozen_batchnorm_at_random_is_refused():
    with refused("backbones.frozen-at-random", "from scratch", "frozen_batchnorm=False"):
        library_detector(None, frozen_batchnorm=True)


@pytest.mark.parametrize("kinds", [("car", "truck", "person", "sign"), ("bus",)])
def test_it_trains_in_a_learner_and_is_scored(kinds):
    streets = data.streets(8, seed=0, split=(2, 4), kinds=kinds)
    learn = library_learner(data.box_loaders(streets, bs=4, seed=0))
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(1, 1e-3)
        trained = [float(each) for each in learn.recorder.losses]
        loss, score = learn.validate(dl=learn.dls.test)
    assert loss == 0 and (0 <= score <= 1 or score != score)
    assert len(trained) == 2 and 0 < trained[0] < 20
    with torch.no_grad():
        (found,) = learn.model.eval()([torch.zeros(3, 96, 96)])
    assert {"boxes", "scores", "labels"} <= found.keys()
