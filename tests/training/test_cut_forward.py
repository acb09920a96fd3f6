"""A forward cut in two gives what it gives in one go, in every family of networks."""

import pytest
import torch
from support.networks import NETWORKS
from torch import Tensor, nn

from course_utils import surgery
from course_utils.surgery.forward import evaluating, first_tensor, fitting_input
from course_utils.training.cut_forward import CutForward


class OfDictionaries(nn.Module):
    """A network of keywords that takes a batch's dictionary."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return first_tensor(self.network(**batch))


@pytest.mark.parametrize("name", NETWORKS)
def test_features_and_the_rest_make_the_whole(name):
    torch.manual_seed(0)
    network = NETWORKS[name][0]()
    inputs, named = fitting_input(network)
    network, given = (OfDictionaries(network), named) if named else (network, inputs[0])
    parts = surgery.blocks(network)
    with evaluating(network), torch.no_grad():
        whole = network(given)
        for depth in {1, len(parts) - 1}:
            cut = CutForward(network, parts[:depth], parts[depth:], given)
            features = cut.features(given)
            before = features.clone()
            rest = cut.rest(cut.stored(features, cut.kept(given)), fill=float("nan"))
            assert torch.allclose(rest, whole, rtol=1e-3, atol=1e-4)
            assert torch.equal(features, before), "layers that work in place leave stored features alone"
