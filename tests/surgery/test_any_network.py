"""What surgery promises for every family of networks, with random weights."""

import pytest
import torch
import transformers as hf
from fastai.tabular.model import TabularModel
from support.errors import refused
from support.networks import DISTIL, NETWORKS
from torch import nn

from course_utils import surgery
from course_utils.surgery.forward import first_tensor


@pytest.fixture(params=NETWORKS)
def case(request) -> tuple[nn.Module, list[str]]:
    torch.manual_seed(0)
    make, expected = NETWORKS[request.param]
    return make().eval(), expected


def output(network: nn.Module) -> torch.Tensor:
    inputs, named = surgery.example_input(network)
    with torch.no_grad():
        return first_tensor(network(*inputs, **named))


def output_of(network: nn.Module, block: surgery.Block) -> torch.Tensor:
    """What a block puts out, before later layers work on it in place."""
    seen: list[torch.Tensor] = []
    hooks = [
        layer.register_forward_hook(lambda _, __, out: seen.append(first_tensor(out).clone()))
        for layer in block.layers.values()
    ]
    output(network)
    for hook in hooks:
        hook.remove()
    return seen[-1]


def test_any_network_is_read_frozen_cut_and_given_a_head(case):
    network, expected = case
    parts = surgery.blocks(network)
    assert [block.name for block in parts] == expected
    held = [id(weight) for block in parts for weight in block.parameters()]
    assert sorted(held) == sorted(map(id, network.parameters())), "each weight is in one block, once"
    assert len(surgery.split_by_block(network)) == len(parts)

    table = surgery.describe(network)
    assert table.parameters.sum() == sum(weight.numel() for weight in network.parameters())
    assert all(table.output)

    before, known = surgery.snapshot(network), surgery.fingerprints(network)
    inputs, named = surgery.example_input(network)
    whole = output(network)
    for depth in {1, len(parts) - 1}:
        expected_there = output_of(network, parts[depth - 1])
        body = surgery.cut(network, depth - 1)
        with torch.no_grad():
            assert torch.allclose(body(*inputs, **named), expected_there, rtol=1e-3, atol=1e-4)
    assert torch.equal(output(network), whole) and (surgery.drift(before, network).change == 0).all()

    surgery.freeze(network, batchnorm="fixed")
    trains = {name for name, weight in network.named_parameters() if weight.requires_grad}
    assert trains == set(surgery.blocks(network)[-1].weights)
    surgery.replace_head(network, "linear", n_out=7)
    assert output(network).shape[-1] == 7
    assert [block.name for block in surgery.blocks(network)] == expected
    assert (surgery.fingerprints(network)[:-1] == known[:-1]).all().all()


@pytest.mark.parametrize("name", ["torchvision vit", "timm vit", "timm convnext", "hugging face vit"])
def test_grey_images_fit_after_a_change_of_channels(name):
    network = NETWORKS[name][0]().eval()
    surgery.change_input_channels(network, 1)
    inputs, named = surgery.example_input(network)
    assert next(iter((*inputs, *named.values()))).shape[1] == 1
    output(network)


def test_what_is_not_supported_says_so():
    bare = hf.DistilBertModel(hf.DistilBertConfig(**DISTIL))
    assert [block.name for block in surgery.blocks(bare)] == ["embeddings", "layer 1", "layer 2"]
    with refused("surgery.no-head", "DistilBertModel"):
        surgery.freeze(bare, batchnorm="fixed")
    with refused("surgery.no-head", "DistilBertModel"):
        surgery.replace_head(bare, "linear", n_out=2)
    with refused("surgery.no-convolution"):
        surgery.change_input_channels(bare, 1)
    pair = hf.T5ForConditionalGeneration(
        hf.T5Config(vocab_size=99, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    )
    with refused("surgery.encoder-decoder", "get_encoder"):
        surgery.blocks(pair)
    with refused("surgery.forward-fails", "(2, 3, 40, 40)"):
        surgery.describe(NETWORKS["torchvision vit"][0](), size=40)


def test_a_network_of_tables_is_described_once_it_says_what_it_takes():
    network = TabularModel([(4, 3), (5, 2)], n_cont=2, out_sz=2, layers=[6])
    with refused("surgery.forward-fails", "example_input"):
        surgery.describe(network)
    network.example_input = lambda batch: (torch.randint(4, (batch, 2)), torch.rand(batch, 2))
    assert surgery.describe(network)["block"].tolist() == ["stage 1", "head"]
