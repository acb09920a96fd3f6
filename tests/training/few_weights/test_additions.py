"""LoRA and adapters hung on any network: nothing changes until they train, merged ones stay, removed ones are gone."""

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from support.errors import refused
from support.networks import NETWORKS
from torch import nn

from course_utils import surgery, training
from course_utils.surgery.forward import first_tensor
from course_utils.training.few_weights.additions import additions, carriers

ADDING = {"lora": lambda network: training.add_lora(network, 2), "adapters": lambda n: training.add_adapters(n, 3)}


def network_of(name: str) -> nn.Module:
    """A network in which no weight is zero: some start so that a layer puts out nothing."""
    torch.manual_seed(0)
    network = NETWORKS[name][0]().eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.02 * torch.randn_like(weight))
    return network


def output(network: nn.Module) -> torch.Tensor:
    inputs, named = surgery.example_input(network)
    return first_tensor(network(*inputs, **named))


def shaken(network: nn.Module) -> nn.Module:
    """The network after its additions have trained, as it were."""
    torch.manual_seed(1)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if ".addition." in name:
                weight.add_(0.05 * torch.randn_like(weight))
    return network


@pytest.fixture(params=NETWORKS)
def network(request) -> nn.Module:
    return network_of(request.param)


@pytest.mark.parametrize("add", ADDING.values(), ids=ADDING)
def test_an_addition_changes_nothing_until_it_trains_and_all_of_it_can(network, add: Callable):
    before, plain = output(network).detach(), str(network)
    weights = {name: weight.clone() for name, weight in network.state_dict().items()}
    blocks = [block.name for block in surgery.blocks(network)]
    head = [f"{name}." for name in surgery.blocks(network)[-1].layers]
    added = add(network)
    assert added and additions(network).keys() == added.keys()
    assert not any(f"{name}.".startswith(tuple(head)) for name in added), "the head is no carrier"
    assert torch.equal(output(network), before)
    assert [block.name for block in surgery.blocks(network)] == blocks
    assert all(torch.equal(network.state_dict()[name], weight) for name, weight in weights.items())

    output(shaken(network)).square().sum().backward()
    idle = [name for name, weight in network.named_parameters() if ".addition." in name and weight.grad is None]
    assert not idle, "each is called in the forward pass"
    assert not torch.allclose(output(network), before)

    assert training.remove_additions(network) == len(added)
    assert torch.equal(output(network), before) and str(network) == plain


def test_merged_changes_give_the_same_outputs_from_a_plain_network(network):
    plain, names = str(network), list(network.state_dict())
    added = training.add_lora(network, 2)
    expected = output(shaken(network)).detach()
    changes = {name: change.change() for name, change in added.items()}
    before = {name: network.get_submodule(name).weight.clone() for name in added}
    assert training.merge_lora(network) == len(added)
    assert torch.allclose(output(network), expected, rtol=1e-3, atol=1e-4)
    assert str(network) == plain and list(network.state_dict()) == names
    for name, change in changes.items():
        moved = network.get_submodule(name).weight - before[name]
        assert torch.allclose(moved, change, atol=1e-6)
        assert torch.linalg.matrix_rank(change.flatten(1)) == 2


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_an_addition_has_the_layers_precision(dtype):
    network = network_of("bert").to(dtype)
    training.add_lora(network, 2)
    assert {weight.dtype for weight in network.parameters()} == {dtype}
    assert output(network).dtype == dtype


def test_a_copy_and_a_pickled_network_keep_their_additions_apart():
    network = network_of("resnet18_half")
    training.add_lora(network, 2)
    expected = output(shaken(network)).detach()
    for again in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(output(again), expected)
        training.merge_lora(again)
        assert torch.allclose(output(again), expected, rtol=1e-3, atol=1e-4)
    assert additions(network) and torch.equal(output(network), expected)


def test_torchs_own_fast_path_does_not_leave_additions_out():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    network = nn.Sequential(layer, nn.Linear(8, 2)).eval()
    inputs = torch.randn(2, 3, 8)
    added = training.add_lora(network, 2)
    assert list(added) == ["0.linear1", "0.linear2"]  # attention reads its weights without calling its layers
    shaken(network)
    with torch.no_grad():
        fast = network(inputs)
    assert torch.allclose(fast, network(inputs), atol=1e-5)


def test_names_choose_layers_by_their_ends():
    def chosen(where) -> list[str]:
        return list(training.add_lora(network_of("bert"), 1, where=where))

    layers = [f"bert.encoder.layer.{number}" for number in (0, 1)]
    assert chosen("query") == [f"{layer}.attention.self.query" for layer in layers]
    assert chosen(["value", "query"]) == [f"{layer}.attention.self.{n}" for layer in layers for n in ("query", "value")]
    assert chosen("layer.*.output.dense") == [f"{layer}.output.dense" for layer in layers]
    assert chosen("layer.1.output.dense") == ["bert.encoder.layer.1.output.dense"]
    both = [f"{layer}.{name}output.dense" for layer in layers for name in ("attention.", "")]
    assert chosen("output.dense") == both
    assert chosen("all") == list(carriers(network_of("bert")))


def test_adapters_hang_behind_each_blocks_last_layer_or_where_asked():
    assert list(training.add_adapters(network_of("bert"))) == [f"bert.encoder.layer.{n}.output.dense" for n in (0, 1)]
    found = training.add_adapters(network_of("resnet18_half"), 4)
    assert list(found) == [f"layer{stage}.1.conv2" for stage in range(1, 5)]
    assert len(training.add_adapters(network_of("bert"), after="output.dense")) == 4


def test_convolutions_in_groups_carry_nothing():
    network = network_of("timm efficientnet")
    assert all(getattr(layer, "groups", 1) == 1 for layer in carriers(network).values())
    with refused("training.cannot-carry", "conv_dw'", "groups", "'all'"):
        training.add_lora(network, 2, where="conv_dw")


@pytest.mark.parametrize("rank", [0, -1, 2.5, True, "8", None])
def test_no_rank_is_refused(rank):
    network = network_of("bert")
    with refused("training.bad-rank", repr(rank), "at least 1"):
        training.add_lora(network, rank)
    assert not additions(network)


def test_a_rank_above_a_layers_smaller_side_is_refused():
    with refused("training.bad-rank", "rank is 17", "query'", "up to 16"):
        training.add_lora(network_of("bert"), 17)
    with refused("training.bad-rank", "rank is 33", "conv1'", "up to 32"):
        training.add_lora(network_of("resnet18_half"), 33)
    training.add_lora(network_of("bert"), 16)


@pytest.mark.parametrize("alpha", [0, -1.0, float("nan"), float("inf"), "16", True])
def test_an_alpha_that_is_no_number_above_0_is_refused(alpha):
    with refused("training.bad-setting", repr(alpha)):
        training.add_lora(network_of("bert"), alpha=alpha)


@pytest.mark.parametrize("size", [0, 1.5, "16"])
def test_no_size_is_refused(size):
    with refused("training.bad-size", repr(size)):
        training.add_adapters(network_of("bert"), size)


@pytest.mark.parametrize(
    ("where", "facts"),
    [
        ("quary", ["'query'", "'quary'"]),
        ("self.valeu", ["'self.value'"]),
        ("attention.output.dens", ["'attention.output.dense'"]),
        ("zzz", ["'query'", "'all'"]),
        (("query", "q_proj"), ["'q_proj'"]),
    ],
)
def test_an_unknown_layer_is_answered_by_the_nearest(where, facts):
    with refused("training.no-such-layer", *facts):
        training.add_lora(network_of("bert"), where=where)


@pytest.mark.parametrize(
    ("where", "fact"), [("word_embeddings", "Embedding"), ("LayerNorm", "LayerNorm"), ("classifier", "head")]
)
def test_a_layer_that_cannot_carry_is_named_with_its_kind(where, fact):
    with refused("training.cannot-carry", f"{where}'", fact):
        training.add_lora(network_of("bert"), where=where)
    with refused("training.no-such-layer", "empty"):
        training.add_lora(network_of("bert"), where=())


def test_a_network_without_linear_layers_and_convolutions_is_refused():
    network = nn.Sequential(nn.Sequential(nn.Embedding(9, 4), nn.LayerNorm(4)), nn.Linear(4, 2))
    for add in ADDING.values():
        with refused("training.nothing-to-adapt", "no linear layer"):
            add(network)


def test_hanging_twice_merging_twice_and_merging_what_cannot_be_are_refused():
    network = network_of("bert")
    training.add_lora(network, 2)
    for add in ADDING.values():
        with refused("training.adapted-already", "merge_lora", "remove_additions"):
            add(network)
    training.merge_lora(network)
    with refused("training.nothing-to-merge", "merged before"):
        training.merge_lora(network)
    with refused("training.nothing-added"):
        training.remove_additions(network)
    training.add_adapters(network, 2)
    with refused("training.cannot-merge", "bottleneck"):
        training.merge_lora(network)
