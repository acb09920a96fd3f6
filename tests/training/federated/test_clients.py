"""Clients of a learner: normalised as training sees them, divided without loss, and scored as asked."""

import math

import numpy as np
import pytest
import torch
from support.errors import refused
from support.learners import digits_learner
from torch import nn

from course_utils.training.federated import (
    Client,
    accuracy,
    clients_of,
    merged,
    pooled,
    recalls,
    through,
    train_locally,
)


@pytest.fixture(scope="module")
def learn():
    return digits_learner()


def test_clients_hold_the_training_images_as_the_network_sees_them(learn):
    everything, parts = pooled(learn), clients_of(learn, 3, math.inf, seed=1)
    assert len(everything) == len(learn.dls.train_ds) == sum(map(len, parts))
    assert everything.inputs.mean((0, 2, 3)).abs().max() > 0 and everything.inputs.min() < 0, "normalised"
    order = torch.cat([part.labels for part in parts]).sort().values
    assert torch.equal(order, everything.labels.sort().values)
    total = merged(parts).inputs.double().sum()
    assert total.item() == pytest.approx(everything.inputs.double().sum().item())


def test_features_of_a_frozen_body_are_those_of_eval_mode(learn):
    body, parts = learn.model[0].train(), clients_of(learn, 2, math.inf)
    before = {name: own.clone() for name, own in body.state_dict().items()}
    found = through(body, parts, bs=7)
    assert body.training and all(torch.equal(own, before[name]) for name, own in body.state_dict().items())
    with torch.no_grad():
        torch.testing.assert_close(found[1].inputs, body.eval()(parts[1].inputs), rtol=1e-3, atol=1e-4)


class Fixed(nn.Module):
    """Says what it is told."""

    def forward(self, said):
        return nn.functional.one_hot(said, 3).float()


def test_scores_on_known_answers():
    asked = Client(torch.tensor([0, 0, 1, 0, 1, 1]), torch.tensor([0, 0, 0, 0, 1, 0]))
    assert recalls(Fixed(), asked, 3)[:2].tolist() == pytest.approx([0.6, 1.0])
    assert np.isnan(recalls(Fixed(), asked, 3)[2])
    assert accuracy(Fixed(), asked) == pytest.approx(4 / 6)
    assert accuracy(Fixed(), asked, torch.tensor([1, 1, 0])) == pytest.approx(0.8)
    assert accuracy(Fixed(), asked, torch.tensor([0, 1, 5])) == pytest.approx(1.0), "a class without test images"


def test_the_network_keeps_its_mode():
    model = nn.Sequential(nn.BatchNorm1d(3)).train()
    recalls(model, Client(torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])), 3)
    assert model.training and model[0].training


BAD = {
    "more inputs": (torch.randn(5, 3), torch.zeros(3, dtype=torch.long), "(5, 3)"),
    "fewer inputs": (torch.randn(2, 3), torch.zeros(3, dtype=torch.long), "(2, 3)"),
    "one-hot labels": (torch.randn(3, 3), torch.eye(3).long(), "(3, 3)"),
    "shares as labels": (torch.randn(3, 3), torch.rand(3), "whole numbers"),
    "arrays": (np.zeros((3, 3)), np.zeros(3, int), "a ndarray"),
}


@pytest.mark.parametrize(("inputs", "labels", "fact"), BAD.values(), ids=BAD)
def test_what_is_no_client_is_refused(inputs, labels, fact):
    with refused("training.bad-client", fact, "as_tensor"):
        Client(inputs, labels)


def test_labels_of_any_whole_type_are_trained_on():
    model, client = nn.Linear(3, 2), Client(torch.randn(4, 3), torch.tensor([0, 1, 0, 1], dtype=torch.int32))
    assert train_locally(model, client, 1, 0.1, generator=torch.Generator()) == 1
    assert accuracy(model, Client(client.inputs, model(client.inputs).argmax(1).short())) == 1


def test_what_cannot_be_scored_is_refused():
    asked = Client(torch.tensor([0, 1, 2]), torch.tensor([0, 0, 2]))
    with refused("training.nothing-to-score", "in 2 classes", "up to 2"):
        recalls(Fixed(), asked, 2)
    with refused("training.nothing-to-score", "in 2 classes"):
        accuracy(Fixed(), asked, torch.ones(2))
    with refused("training.nothing-to-score", "None of the classes"):
        accuracy(Fixed(), asked, torch.tensor([0, 4, 0]))
    with refused("training.nothing-to-score", "no examples"):
        accuracy(Fixed(), Client(torch.zeros(0), torch.zeros(0, dtype=torch.long)))
    with refused("training.empty-client", "no clients"):
        merged([])


def test_a_set_that_there_is_not_is_named(learn):
    with refused("training.no-such-set", "'validation'", "'train', 'valid'"):
        pooled(learn, "validation")
