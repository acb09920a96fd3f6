"""A head that reads several depths: of any network, saved and loaded with it, and off it again."""

import copy
import pickle

import pytest
import torch
from fastai.learner import load_learner
from fastai.text.models.awdlstm import AWD_LSTM, awd_lstm_clas_config
from fastai.text.models.core import get_text_classifier
from support.datasets import coloured_images, store_loaders
from support.errors import refused
from support.learners import noise_learner, tiny_is_known, tiny_learner
from support.networks import NETWORKS
from support.training import train
from torch import nn

from course_utils import surgery
from course_utils.backbones import TextClassifier
from course_utils.surgery.forward import first_tensor
from course_utils.surgery.multi_depth import PooledOutputs


def scores(network: nn.Module) -> torch.Tensor:
    inputs, named = surgery.example_input(network)
    return first_tensor(network(*inputs, **named))


def hooks(network: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules())


# One of each form: a DenseNet works in place, transformers give tokens, some networks are no nn.Sequential.
FORMS = [
    "torchvision densenet",
    "torchvision vit",
    "fastai timm convnext",
    "row of stages",
    "row of layers",
    "own weight",
]
FORMS += ["bert", "sentences", "hugging face vit"]


@pytest.mark.parametrize("name", FORMS)
def test_any_network_gets_one_that_trains_body_and_head(name):
    torch.manual_seed(0)
    make, expected = NETWORKS[name]
    network = make().eval()
    head = surgery.MultiDepthHead()
    surgery.replace_head(network, head, n_out=7)
    assert head.stages == tuple(expected[:-1][-2:])
    assert [block.name for block in surgery.blocks(network)] == expected
    assert set(surgery.blocks(network)[-1].weights) <= {n for n, w in network.named_parameters() if w.requires_grad}
    found = scores(network)
    assert found.shape == (2, 7)
    found.sum().backward()
    read = [block for block in surgery.blocks(network) if block.name in head.stages]
    assert all(any(w.grad is not None for w in block.parameters()) for block in [*read, surgery.blocks(network)[-1]])


@pytest.mark.parametrize("stages", [["stage 4"], ["stem", "stage 2"], [0, 1, 2, 3, 4]])
@pytest.mark.parametrize("pools", [["average"], ["max"], ["average", "max"]])
def test_it_reads_the_blocks_and_poolings_that_were_named(stages, pools):
    learn = noise_learner()
    head = surgery.MultiDepthHead(stages, pools)
    surgery.replace_head(learn, head)
    widths = {"stem": 32, "stage 1": 32, "stage 2": 64, "stage 3": 128, "stage 4": 256}
    assert head.linear.in_features == len(pools) * sum(widths[stage] for stage in head.stages)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad(), surgery.block_outputs(learn) as outputs:
        found = learn.model.eval()(images)
        kinds = {"average": lambda maps: maps.mean((2, 3)), "max": lambda maps: maps.amax((2, 3))}
        features = [kinds[pool](outputs[stage]) for stage in head.stages for pool in pools]
        assert torch.allclose(found, head.linear(torch.cat(features, 1)), atol=1e-5)


def by_name(model: nn.Module, words: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return model(input_ids=words, attention_mask=mask)


CALLS = {
    "by name": (NETWORKS["bert"][0], by_name),
    "by position": (NETWORKS["bert"][0], lambda model, words, mask: model(words, mask)),
    "as one dictionary": (
        lambda: TextClassifier(NETWORKS["bert"][0]().bert, 3),
        lambda model, words, mask: model({"input_ids": words, "attention_mask": mask}),
    ),
    "without a mask": (
        lambda: get_text_classifier(AWD_LSTM, 99, 3, config=awd_lstm_clas_config | {"emb_sz": 8, "n_hid": 8}),
        lambda model, words, mask: (model.reset(), model(words + (words == 0).long()))[1],  # fastai pads with 1
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_padding_does_not_count(call):
    """A text has the same scores alone as in a batch of several lengths: mean and maximum leave padding out."""
    torch.manual_seed(0)
    make, run = CALLS[call]
    network = make().eval()
    surgery.replace_head(network, surgery.MultiDepthHead(["embeddings", surgery.blocks(network)[1].name]), n_out=3)
    lengths = torch.tensor([3, 9, 5])
    mask = (torch.arange(9) < lengths[:, None]).long()
    words = torch.randint(5, 99, (3, 9)) * mask
    with torch.no_grad():
        together = first_tensor(run(network, words, mask))
        alone = [
            first_tensor(run(network, row[None, :length], torch.ones(1, length, dtype=torch.long)))
            for row, length in zip(words, lengths.tolist(), strict=True)
        ]
    assert torch.allclose(together, torch.cat(alone), atol=1e-5)


def test_a_mask_that_counts_padding_is_kept():
    network = NETWORKS["bert"][0]().eval()
    surgery.replace_head(network, surgery.MultiDepthHead(["embeddings"]), n_out=3)
    words = torch.cat([torch.randint(5, 99, (2, 6)), torch.zeros(2, 4, dtype=torch.long)], 1)
    with torch.no_grad():
        masks = (words > 0).long(), torch.ones_like(words)
        found = [first_tensor(by_name(network, words, mask)) for mask in masks]
    assert not torch.allclose(*found, atol=1e-3)


def test_a_learner_freezes_trains_exports_and_predicts_with_it(tmp_path):
    dls = store_loaders(coloured_images(), (96, 24, 30))
    with tiny_is_known():
        learn = tiny_learner(dls, path=tmp_path)
    surgery.replace_head(learn, surgery.MultiDepthHead())
    surgery.freeze(learn, batchnorm="fixed")
    before = surgery.fingerprints(learn)
    train(learn, epochs=1)
    assert (before.weights != surgery.fingerprints(learn).weights).tolist() == [False, True]
    surgery.unfreeze(learn)
    train(learn, epochs=1)
    assert (before.weights != surgery.fingerprints(learn).weights).all()
    predicted, _ = learn.get_preds(dl=dls.test)
    learn.export("exported.pkl")
    again = load_learner(tmp_path / "exported.pkl")
    images = dls.test.one_batch()[0]
    with torch.no_grad():
        expected = learn.model.eval()(images)
        assert torch.equal(again.model.eval()(images), expected)
        assert torch.equal(copy.deepcopy(learn.model)(images), expected)
    assert torch.allclose(expected.softmax(1), predicted[: len(expected)], atol=1e-5)
    state = learn.model.state_dict()
    assert [name for name in state if "linear" in name] == ["1.linear.weight", "1.linear.bias"]


def test_the_next_head_takes_its_hooks_off():
    learn = noise_learner()
    before = hooks(learn.model)
    surgery.replace_head(learn, surgery.MultiDepthHead(["stage 1", "stage 3"]))
    surgery.replace_head(learn, surgery.MultiDepthHead(["stage 2"]))
    assert hooks(learn.model) == before + 1
    copied = pickle.loads(pickle.dumps(learn.model))
    for network in (learn.model, copied):
        surgery.replace_head(network, "linear", n_out=2)
        assert hooks(network) == before


def test_an_interrupted_pass_leaves_nothing_behind():
    learn = noise_learner()
    head = surgery.MultiDepthHead(["stage 1"])
    surgery.replace_head(learn, head)
    learn.model[0](torch.randn(2, 3, 32, 32))
    assert head.outputs.latest
    assert not copy.deepcopy(learn.model)[1].outputs.latest
    assert learn.model(torch.randn(3, 3, 32, 32)).shape == (3, 2) and not head.outputs.latest


def test_what_it_can_not_read_is_refused():
    learn = noise_learner()
    old = learn.model[1]
    for stages in ([], ["head"], [-1]):
        with refused("surgery.no-depth", "stage 4"):
            surgery.replace_head(learn, surgery.MultiDepthHead(stages))
    with refused("surgery.unknown-depth", "'stage 9'"):
        surgery.replace_head(learn, surgery.MultiDepthHead(["stage 9"]))
    for pools in ([], ["median"], "max"):
        with refused("surgery.unknown-pool", "'average'"):
            surgery.MultiDepthHead(pools=pools)
        with refused("surgery.unknown-pool", "'average'"):
            PooledOutputs(learn, ["stage 1"], pools)
    assert learn.model[1] is old and not hooks(learn.model)
    with refused("surgery.no-n-out", "n_out"):
        surgery.replace_head(NETWORKS["row of stages"][0](), surgery.MultiDepthHead())
    with refused("surgery.not-connected", "replace_head"):
        surgery.MultiDepthHead()(torch.zeros(2, 3))
