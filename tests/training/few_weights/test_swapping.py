"""Several tunings on one body: what comes off goes on again, also from a file, and nowhere else."""

import copy

import pytest
import torch
from support.errors import refused
from support.learners import digits_learner
from support.networks import NETWORKS
from torch import nn

from course_utils import surgery, training


def bert(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return NETWORKS["bert"][0]().eval()


def tuned(seed: int, body: nn.Module, rank: int = 2) -> nn.Module:
    """A body that LoRA has tuned, as it were."""
    network = copy.deepcopy(body)
    surgery.freeze(network, batchnorm="fixed")
    torch.manual_seed(seed)
    training.add_lora(network, rank)
    with torch.no_grad():
        for weight in network.parameters():
            if weight.requires_grad:
                weight.add_(0.1 * torch.randn_like(weight))
    return network


def output(network: nn.Module) -> torch.Tensor:
    inputs, named = surgery.example_input(network)
    with torch.no_grad():
        return network(*inputs, **named).logits


def test_tunings_swap_on_one_body_and_come_back_exactly(tmp_path):
    body = bert()
    networks = [tuned(seed, body) for seed in (1, 2)]
    wanted = [output(network) for network in networks]
    assert not torch.allclose(*wanted)
    kept = [training.tuned_weights(network) for network in networks]
    kept[1].save(tmp_path / "two.safetensors")
    kept[1] = training.TunedWeights.load(tmp_path / "two.safetensors")
    one = networks[0]
    for number in (1, 0, 1):
        kept[number].put_on(one)
        assert torch.equal(output(one), wanted[number])
    held = {name for name, weight in one.named_parameters() if weight.requires_grad}
    assert set(kept[0].weights) == held
    assert kept[0].megabytes == pytest.approx(4e-6 * sum(weight.numel() for weight in kept[0].weights.values()))


def test_another_body_is_refused_and_nothing_is_changed():
    kept = training.tuned_weights(tuned(1, bert(0)))
    other = tuned(1, bert(9))
    before = output(other)
    with refused("training.other-body", "another frozen body"):
        kept.put_on(other)
    assert torch.equal(output(other), before)


def test_other_ranks_layers_and_heads_are_refused():
    body = bert()
    kept = training.tuned_weights(tuned(1, body))
    with refused("training.tuned-weights-do-not-fit", "A.weight'", "(2, 16)", "(3, 16)"):
        kept.put_on(tuned(1, body, rank=3))
    with refused("training.tuned-weights-do-not-fit", "no such weight"):
        kept.put_on(body)
    unfrozen = tuned(1, body)
    surgery.unfreeze_block(unfrozen, "layer 1")
    with refused("training.tuned-weights-do-not-fit", "also has"):
        kept.put_on(unfrozen)
    with refused("training.nothing-frozen", "Everything"):
        training.tuned_weights(bert())


def test_running_statistics_that_follow_the_data_belong_to_the_tuning():
    learn = digits_learner()
    surgery.freeze(learn, batchnorm="train")
    followed = training.tuned_weights(learn)
    assert sum(name.endswith("running_mean") for name in followed.weights) == 22  # the head has two
    surgery.freeze(learn, batchnorm="fixed")
    held = training.tuned_weights(learn)
    assert sum(name.startswith("0.") for name in held.weights) == 0
    with torch.no_grad():
        learn.model[0][1].running_mean.add_(1)
    with refused("training.other-body", "running statistics"):
        held.put_on(learn)


@pytest.mark.parametrize("content", [b"", b"no safetensors", None])
def test_a_file_of_something_else_is_refused(tmp_path, content):
    path = tmp_path / "tuned.safetensors"
    if content is not None:
        path.write_bytes(content)
    with refused("training.no-tuned-weights", "tuned.safetensors"):
        training.TunedWeights.load(path)


@pytest.mark.parametrize("name", ["bert", "resnet18_half", "sentences"])
def test_peft_holds_the_same_changes_and_gives_the_same_gradients(name):
    pytest.importorskip("peft")
    torch.manual_seed(0)
    network = NETWORKS[name][0]().eval()
    surgery.freeze(network, batchnorm="fixed")
    added = training.add_lora(network, 3, alpha=12)
    with torch.no_grad():
        for change in added.values():
            change.B.weight.normal_(std=0.1)
    twin = training.as_peft(network).eval()
    inputs, named = surgery.example_input(network)
    results = []
    for each in (network, twin):
        out = each(*inputs, **named)
        out = getattr(out, "logits", out)
        out.square().sum().backward()
        gradients = [weight.grad for weight in each.parameters() if weight.grad is not None]
        results.append((out.detach(), gradients))
    (ours, our_gradients), (theirs, their_gradients) = results
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert len(our_gradients) == len(their_gradients)
    pairs = zip(our_gradients, their_gradients, strict=True)
    assert all(torch.allclose(one, other, rtol=1e-3, atol=1e-5) for one, other in pairs)


def test_without_peft_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    with refused("training.extra-missing", "peft", "fine-tuning-course[text]"):
        training.as_peft(bert())


def test_peft_is_for_lora_alone():
    pytest.importorskip("peft")
    network = bert()
    with refused("training.no-lora", "add_lora"):
        training.as_peft(network)
    training.add_adapters(network, 2)
    with refused("training.no-lora"):
        training.as_peft(network)
