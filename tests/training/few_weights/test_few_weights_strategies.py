"""The strategies that train few weights: what moves in the bundled network, what doesn't, and what is refused."""

import pickle

import pytest
import torch
from fastai.torch_core import set_seed
from support.errors import refused
from support.learners import digits_learner, silent
from torch import nn

from course_utils import surgery, training

STRATEGIES = {
    "LoRA": training.LoRA(2, rank=2),
    "adapters": training.BottleneckAdapters(2, size=4),
    "biases only": training.BiasesOnly(2),
    "normalisation only": training.NormalisationOnly(2),
}
FOLLOWING = [
    training.LoRA(1, rank=2, batchnorm="train"),
    training.BottleneckAdapters(1, size=2, batchnorm="train"),
    training.BiasesOnly(1, batchnorm="train"),
    training.NormalisationOnly(1, batchnorm="train"),
]


def trained(strategy, learn=None):
    learn = silent(learn or digits_learner())
    set_seed(5)
    return strategy.train(learn)


def what_moved(strategy, learn) -> tuple[set[str], set[str]]:
    """Names of the body's own tensors that training moved, and of all that train at the end."""
    before = {name: tensor.clone() for name, tensor in learn.model.state_dict().items()}
    trained(strategy, learn)
    after = learn.model.state_dict()
    moved = {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}
    training_now = {name for name, weight in learn.model.named_parameters() if weight.requires_grad}
    return {name for name in moved if name.startswith("0.")}, training_now


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_nothing_but_the_few_weights_and_the_head_trains(strategy):
    learn = digits_learner()
    norms = [name for name, layer in learn.model.named_modules() if isinstance(layer, nn.BatchNorm2d)]
    own = {
        "LoRA": set(),
        "adapters": set(),
        "biases only": {f"{name}.bias" for name in norms},
        "normalisation only": {f"{name}.{kind}" for name in norms for kind in ("weight", "bias")},
    }[strategy.name]
    moved, trains = what_moved(strategy, learn)
    assert moved == own
    body = {name for name in trains if name.startswith("0.")}
    assert all(".addition." in name for name in body - own) and own <= body
    assert bool(body - own) == (strategy.name in ("LoRA", "adapters"))
    assert {name for name in trains if name.startswith("1.")} == {
        f"1.{n}" for n, _ in learn.model[1].named_parameters()
    }


def test_what_is_added_has_trained_and_is_in_the_optimiser():
    learn = trained(STRATEGIES["LoRA"])
    ups = {name: weight for name, weight in learn.model.named_parameters() if name.endswith("addition.B.weight")}
    assert len(ups) == 20 and all(weight.abs().max() > 0 for weight in ups.values())
    known = {id(weight) for group in learn.opt.param_lists for weight in group}
    assert all(id(weight) in known for weight in learn.model.parameters())


def test_a_merged_network_of_a_trained_learner_scores_the_same():
    learn = trained(STRATEGIES["LoRA"])
    before = learn.get_preds()[0]
    assert training.merge_lora(learn) == 20
    assert torch.allclose(learn.get_preds()[0], before, atol=1e-4)


def test_names_limit_lora_to_some_layers():
    learn = trained(training.LoRA(1, rank=2, where=("7.*.conv2",)))
    hung = {name.partition(".addition")[0] for name, _ in learn.model.named_parameters() if ".addition." in name}
    assert hung == {"0.7.0.conv2", "0.7.1.conv2"}


@pytest.mark.parametrize("strategy", FOLLOWING, ids=lambda strategy: strategy.name)
def test_running_statistics_follow_the_data_when_asked_to(strategy, capsys):
    moved, _ = what_moved(strategy, digits_learner())
    assert sum(name.endswith("running_mean") for name in moved) == 20
    assert not capsys.readouterr().out


@pytest.mark.parametrize("strategy", [*STRATEGIES.values(), *FOLLOWING], ids=repr)
def test_unfreezing_afterwards_lets_everything_follow_again(strategy):
    learn = trained(strategy)
    surgery.unfreeze(learn)
    assert all(weight.requires_grad for weight in learn.model.parameters())
    assert all(layer.training for layer in learn.model.train().modules())


def test_lora_in_late_blocks_alone_gives_the_same_weights_from_a_cached_prefix():
    found = []
    for cache in ("never", "when exact"):
        learn = trained(training.LoRA(2, rank=2, where="7.*.conv2", cache=cache))
        found.append(list(learn.model.parameters()))
    assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(*found, strict=True))


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_such_a_strategy_is_a_value_and_registered(strategy):
    assert pickle.loads(pickle.dumps(strategy)) == strategy and hash(strategy)
    assert training.STRATEGIES[strategy.name] is type(strategy)
    assert strategy.with_lr(0.5).lr == 0.5


@pytest.mark.parametrize(
    ("strategy", "code", "fact"),
    [
        (training.LoRA(rank=0), "training.bad-rank", "rank is 0"),
        (training.LoRA(rank=33), "training.bad-rank", "up to 32"),
        (training.LoRA(alpha=-1), "training.bad-setting", "-1"),
        (training.LoRA(where="query"), "training.no-such-layer", "'query'"),
        (training.BottleneckAdapters(size=0), "training.bad-size", "size is 0"),
        (training.LoRA(batchnorm="held"), "surgery.unknown-batchnorm", "'held'"),
        (training.BiasesOnly(batchnorm="held"), "surgery.unknown-batchnorm", "'held'"),
    ],
)
def test_bad_settings_are_refused(strategy, code, fact):
    learn = digits_learner()
    with refused(code, fact):
        trained(strategy, learn)


def test_training_twice_is_refused_until_the_first_is_merged():
    learn = trained(training.LoRA(1, rank=2))
    for strategy in (training.LoRA(1), training.BottleneckAdapters(1)):
        with refused("training.adapted-already", "merge_lora"):
            trained(strategy, learn)
    training.merge_lora(learn)
    trained(training.LoRA(1, rank=2), learn)


def test_a_body_without_biases_or_normalisation_is_told():
    learn = digits_learner()
    learn.model[0] = nn.Sequential(*(nn.Conv2d(n, 512, 3, 2, bias=False) for n in (3, 512)))
    for strategy, fact in ((training.BiasesOnly(1), "biases"), (training.NormalisationOnly(1), "normalisation")):
        with refused("training.nothing-to-train", fact):
            trained(strategy, learn)
