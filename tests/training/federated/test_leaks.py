"""What updates tell: inputs and labels come back from gradients, exactly where that is claimed."""

import pytest
import torch
import torch.nn.functional as F
from support.errors import refused
from torch import nn

from course_utils.training.federated import input_from_linear, labels_from_bias


def gradients(layer: nn.Linear, inputs: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    F.cross_entropy(layer(inputs), labels).backward()
    assert layer.weight.grad is not None and layer.bias.grad is not None
    return layer.weight.grad, layer.bias.grad


@pytest.mark.parametrize("label", range(6))
def test_the_only_negative_entry_is_the_label(label):
    torch.manual_seed(label)
    _, bias = gradients(nn.Linear(10, 6), torch.randn(1, 10), torch.tensor([label]))
    assert (bias < 0).nonzero().tolist() == [[label]]
    assert labels_from_bias(bias, 1)[label] == 1


def test_counts_are_exact_where_the_predictions_are_known():
    torch.manual_seed(0)
    layer, inputs, labels = nn.Linear(10, 6), 5 * torch.randn(40, 10), torch.randint(0, 5, (40,))
    _, bias = gradients(layer, inputs, labels)
    found = labels_from_bias(bias, 40, layer(inputs).softmax(1).mean(0).detach())
    assert torch.equal(found, torch.bincount(labels, minlength=6))


def test_counts_always_sum_to_the_batch():
    torch.manual_seed(1)
    for size in (1, 2, 7, 16):
        _, bias = gradients(nn.Linear(10, 6), 3 * torch.randn(size, 10), torch.randint(0, 6, (size,)))
        assert labels_from_bias(bias, size).sum() == size


def test_a_single_input_comes_back():
    torch.manual_seed(0)
    image = torch.rand(1, 300)
    found = input_from_linear(*gradients(nn.Linear(300, 6), image, torch.tensor([2])))
    torch.testing.assert_close(found, image[0], rtol=1e-4, atol=1e-5)


def test_of_a_batch_only_a_mixture_comes_back():
    torch.manual_seed(0)
    images = torch.rand(4, 300)
    layer = nn.Linear(300, 6).requires_grad_(True)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    found = input_from_linear(*gradients(layer, images, torch.tensor([2, 2, 2, 2])))
    torch.testing.assert_close(found, images.mean(0), rtol=1e-4, atol=1e-5)


def test_nothing_learned_tells_nothing():
    with refused("training.no-gradient", "0 everywhere"):
        input_from_linear(torch.zeros(3, 5), torch.zeros(3))


REFUSED = {
    "the weight's": (lambda: labels_from_bias(torch.rand(3, 8), 4), "training.bad-gradient", "(3, 8)"),
    "NaN": (lambda: labels_from_bias(torch.full((3,), torch.nan), 4), "training.bad-gradient", "NaN"),
    "others' predictions": (
        lambda: labels_from_bias(torch.zeros(3), 4, torch.ones(2)),
        "training.bad-gradient",
        "predictions are (2,)",
    ),
    "no class": (lambda: labels_from_bias(torch.ones(3), 4), "training.bad-gradient", "of each class"),
    "no examples": (lambda: labels_from_bias(torch.zeros(3), 0), "training.bad-setting", "examples is 0"),
    "two layers": (lambda: input_from_linear(torch.rand(3, 8), torch.rand(4)), "training.bad-gradient", "(4,)"),
    "NaN beside": (
        lambda: input_from_linear(torch.rand(3, 8), torch.full((3,), torch.nan)),
        "training.bad-gradient",
        "NaN",
    ),
}


@pytest.mark.parametrize(("ask", "code", "fact"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_gradient_of_a_last_layer_is_refused(ask, code, fact):
    with refused(code, fact):
        ask()
