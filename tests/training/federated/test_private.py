"""Clipping and noise: no example counts for more than allowed, the noise is what it says, and ε is opacus's."""

import math

import pytest
import torch
import torch.nn.functional as F
from support.errors import refused
from torch import nn

from course_utils.training.federated import Client, ClipAndNoise, epsilon, federate, noise_for
from course_utils.training.federated.private import clipped_sums, steps_an_epoch


def head(seed: int = 0) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(8, 3)


def examples(size: int, scale: float = 1.0) -> Client:
    torch.manual_seed(1)
    return Client(scale * torch.randn(size, 8), torch.randint(0, 3, (size,)))


def length(gradients: dict) -> float:
    return torch.cat([each.flatten() for each in gradients.values()]).norm().item()


def test_large_clips_change_nothing():
    model, client = head(), examples(12)
    sums = clipped_sums(model, client.inputs, client.labels, 1e9)
    F.cross_entropy(model(client.inputs), client.labels, reduction="sum").backward()
    torch.testing.assert_close(sums["weight"], model.weight.grad)
    torch.testing.assert_close(sums["bias"], model.bias.grad)


@pytest.mark.parametrize("clip", [0.01, 0.5])
def test_no_example_counts_for_more_than_the_clip(clip):
    model, client = head(), examples(5, scale=100)
    for k in range(5):
        raw = length(clipped_sums(model, client.inputs[[k]], client.labels[[k]], 1e9))
        own = length(clipped_sums(model, client.inputs[[k]], client.labels[[k]], clip))
        assert own == pytest.approx(min(raw, clip), rel=1e-4)
    few = clipped_sums(model, client.inputs[:4], client.labels[:4], clip)
    more = clipped_sums(model, client.inputs, client.labels, clip)
    assert length({name: more[name] - few[name] for name in more}) <= clip * 1.001


def test_without_noise_and_clip_a_full_batch_is_a_step_of_sgd():
    model, plain, client = head(), head(), examples(6)
    ClipAndNoise(clip=1e9, noise=0)(model, client, 1, 0.3, bs=6, generator=torch.Generator())
    F.cross_entropy(plain(client.inputs), client.labels).backward()
    torch.testing.assert_close(model.weight, plain.weight - 0.3 * plain.weight.grad)


def test_clipping_is_that_of_opacus():
    opacus = pytest.importorskip("opacus")
    ours, client, wrapped = head(), examples(6, scale=3), opacus.GradSampleModule(head())
    ClipAndNoise(clip=0.7, noise=0)(ours, client, 1, 0.3, bs=6, generator=torch.Generator())
    sgd = torch.optim.SGD(wrapped.parameters(), 0.3)
    private = opacus.optimizers.DPOptimizer(sgd, noise_multiplier=0.0, max_grad_norm=0.7, expected_batch_size=6)
    F.cross_entropy(wrapped(client.inputs), client.labels).backward()
    private.step()
    theirs = wrapped._module
    torch.testing.assert_close(ours.weight, theirs.weight)
    torch.testing.assert_close(ours.bias, theirs.bias)
    assert (ours.weight - head().weight).norm() < 0.3 * 0.7 and not torch.equal(ours.weight, head().weight)


def test_the_noise_has_its_standard_deviation():
    model, client = nn.Linear(500, 20), Client(torch.zeros(4, 500), torch.zeros(4, dtype=torch.long))
    before = model.weight.detach().clone()
    ClipAndNoise(clip=0.5, noise=3)(model, client, 1, 0.1, bs=4, generator=torch.Generator().manual_seed(0))
    assert (model.weight - before).std().item() == pytest.approx(0.1 * 3 * 0.5 / 4, rel=0.05)


def test_a_draw_without_examples_is_a_step_of_noise_alone():
    sums = clipped_sums(head(), torch.zeros(0, 8), torch.zeros(0, dtype=torch.long), 1)
    assert all(not own.any() for own in sums.values())


def test_it_trains_clients():
    model = head()
    done = federate(model, [examples(10), examples(25)], rounds=2, epochs=3, lr=0.1, bs=5, train=ClipAndNoise())
    assert done.steps == 2 * 3 * (2 + 5) == 2 * 3 * (steps_an_epoch(10, 5) + steps_an_epoch(25, 5))


def test_epsilon_falls_with_noise_and_rises_with_steps():
    pytest.importorskip("opacus")
    how = {"examples": 200, "bs": 20, "delta": 1e-3}
    spent = [epsilon(epochs=10, noise=noise, **how) for noise in (0.5, 1, 2, 8)]
    assert spent == sorted(spent, reverse=True) and spent[0] > 10 and 0 < spent[-1] < 1
    assert epsilon(epochs=20, noise=1, **how) > spent[1]
    assert epsilon(epochs=10, noise=0, **how) == math.inf


def test_without_sampling_it_is_the_gaussian_mechanism():
    """One step on all examples: about the classical bound sqrt(2 ln(1.25 / delta)) / noise, which is not tight."""
    pytest.importorskip("opacus")
    sigma, delta = 5.0, 1e-5
    classical = math.sqrt(2 * math.log(1.25 / delta)) / sigma
    assert 0.6 * classical < epsilon(50, 50, 1, sigma, delta) < 1.1 * classical


@pytest.mark.parametrize("wanted", [0.5, 3, 10])
def test_the_noise_for_an_epsilon_is_just_enough(wanted):
    pytest.importorskip("opacus")
    noise = noise_for(170, 16, 20, wanted, 1e-3)
    assert epsilon(170, 16, 20, noise, 1e-3) <= wanted < epsilon(170, 16, 20, noise / 1.03, 1e-3)


def test_bad_settings_are_refused():
    for how in ({"clip": 0}, {"clip": math.inf}, {"clip": "1"}, {"noise": -1}, {"noise": None}):
        with refused("training.bad-setting", *how):
            ClipAndNoise(**how)
    good = {"examples": 10, "bs": 5, "epochs": 1, "noise": 1.0, "delta": 1e-3}
    wrong = {"examples": (0,), "bs": (0, "16"), "epochs": (0, 1.5), "noise": (-1, math.nan), "delta": (0, 1, "small")}
    for name, values in wrong.items():
        for value in values:
            with refused("training.bad-setting", f"{name} is {value!r}"):
                epsilon(**good | {name: value})
    for wanted in (0, math.inf):
        with refused("training.bad-setting", "wanted"):
            noise_for(10, 5, 1, wanted, 1e-3)


def test_batchnorm_is_refused_while_it_mixes_examples():
    them = [Client(torch.randn(6, 8), torch.randint(0, 3, (6,)))]
    model = nn.Sequential(nn.BatchNorm1d(8), head())
    with refused("training.mixed-examples", "batchnorm='fixed'"):
        federate(model, them, rounds=1, lr=0.1, train=ClipAndNoise())
    assert federate(model, them, rounds=1, lr=0.1, batchnorm="fixed", train=ClipAndNoise()).steps == 1
    with refused("training.nothing-trains"):
        ClipAndNoise()(head().requires_grad_(False), them[0], 1, 0.1, generator=torch.Generator())


def test_dropout_drops_for_each_example_by_itself():
    model, inputs, labels = nn.Sequential(nn.Dropout(0.5), head()), torch.ones(40, 8), torch.zeros(40, dtype=torch.long)
    alike = clipped_sums(model.eval(), inputs, labels, 1e9)["1.weight"]
    torch.manual_seed(0)
    several = clipped_sums(model.train(), inputs, labels, 1e9)["1.weight"]
    assert alike[0].std() < 1e-4, "the same gradient at each of eight equal inputs"
    assert 0.02 < (several[0] / several[0].mean()).std() < 0.5, "and with dropout, another average of forty draws"


def test_a_missing_opacus_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "opacus.accountants", None)
    with refused("training.no-opacus", "[private]"):
        epsilon(10, 5, 1, 1.0, 1e-3)
