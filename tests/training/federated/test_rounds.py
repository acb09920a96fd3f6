"""Federated averaging: equal to ordinary training where it must be, and what travels, stays, drops out and poisons."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from support.errors import refused
from torch import nn

from course_utils.training import add_lora
from course_utils.training.federated import (
    Client,
    coordinate_median,
    federate,
    flipped,
    megabytes_sent,
    merged,
    train_locally,
    travelling,
)
from course_utils.training.federated.rounds import order_of

WAYS = ["averaged", "re-estimated", "local", "fixed"]


def network(seed: int = 0, norm: bool = True) -> nn.Sequential:
    torch.manual_seed(seed)
    middle = [nn.BatchNorm2d(4)] if norm else []
    return nn.Sequential(nn.Conv2d(3, 4, 3), *middle, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))


def clients(*sizes: int, seed: int = 0) -> list[Client]:
    torch.manual_seed(seed)
    return [Client(torch.randn(size, 3, 6, 6) + k, torch.randint(0, 3, (size,))) for k, size in enumerate(sizes)]


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_one_client_is_ordinary_training_to_the_bit():
    model, by_hand, only = network(), network(), clients(10)
    done = federate(model, only, rounds=3, epochs=2, lr=0.1, bs=4, seed=5)
    by_hand.train()
    steps = sum(train_locally(by_hand, only[0], 2, 0.1, bs=4, generator=order_of(5, number, 0)) for number in range(3))
    assert same(model, by_hand) and not same(model, network())
    assert done.steps == steps == 3 * 2 * 3


def test_local_training_is_plain_sgd():
    model, ours, client = network(norm=False), network(norm=False), clients(5)[0]
    train_locally(ours, client, 1, 0.1, bs=5, generator=torch.Generator())
    F.cross_entropy(model(client.inputs), client.labels).backward()
    for weight, trained in zip(model.parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(trained, weight - 0.1 * weight.grad)


@pytest.mark.parametrize("sizes", [(6, 6, 6), (2, 9, 4)])
def test_a_round_of_one_full_step_each_is_a_central_step(sizes):
    """Weighted by examples, the mean of the clients' gradients is that of all examples: FedSGD."""
    model, central, them = network(norm=False).double(), network(norm=False).double(), clients(*sizes)
    them = [Client(each.inputs.double(), each.labels) for each in them]
    federate(model, them, rounds=1, lr=0.5, bs=100)
    train_locally(central, merged(them), 1, 0.5, bs=100, generator=torch.Generator())
    for one, other in zip(model.parameters(), central.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


def test_unweighted_or_several_steps_are_not_a_central_step():
    central, them = network(norm=False), clients(2, 9, 4)
    train_locally(central, merged(them), 1, 0.5, bs=100, generator=torch.Generator())
    for how in ({"average": coordinate_median}, {"epochs": 2}):
        model = network(norm=False)
        federate(model, them, rounds=1, lr=0.5, bs=100, **how)
        assert not all(
            torch.allclose(a, b, atol=1e-4) for a, b in zip(model.parameters(), central.parameters(), strict=True)
        )


@pytest.mark.parametrize("way", WAYS)
def test_each_client_begins_with_what_the_server_has_whatever_the_one_before_did(way):
    began = []

    def train(model, client, epochs, lr, *, bs, generator):
        began.append(copy.deepcopy(model.state_dict()))
        for own in model.state_dict().values():  # frozen weights and counters too
            own.add_(1)
        return 1

    model = network()
    model[0].requires_grad_(False)
    federate(model, clients(3, 5, 4), rounds=1, lr=0.1, batchnorm=way, train=train)
    for state in began:
        assert all(torch.equal(own, network().state_dict()[name]) for name, own in state.items())
    assert torch.equal(model[0].weight, network()[0].weight)
    torch.testing.assert_close(model[-1].weight, network()[-1].weight + 1)


def test_the_seed_decides_everything():
    models = [network() for _ in range(3)]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        federate(model, clients(8, 8, 8), rounds=2, lr=0.1, bs=3, fraction=0.7, dropout=0.3, seed=seed)
    assert same(models[0], models[1]) and not same(models[0], models[2])


def test_a_share_of_clients_is_asked_and_some_drop_out():
    three = federate(network(), clients(*[3] * 10), rounds=8, lr=0.01, fraction=0.3)
    assert all(len(set(present)) == 3 for present in three.rounds) and len({*map(tuple, three.rounds)}) > 1
    lost = federate(network(), clients(*[3] * 10), rounds=40, lr=0.01, dropout=0.4)
    assert sum(map(len, lost.rounds)) / 400 == pytest.approx(0.6, abs=0.08)


def test_a_round_without_anybody_leaves_the_weights():
    model = network()
    done = federate(model, clients(4), rounds=3, lr=0.1, dropout=0.999)
    assert done.rounds == [[], [], []] and done.steps == 0 and same(model, network())


def test_dropped_clients_count_for_nothing():
    model, alone, them = network(), network(), clients(4, 5)
    seed = next(
        s for s in range(99) if federate(network(), them, rounds=1, lr=0.1, dropout=0.5, seed=s).rounds == [[1]]
    )
    federate(model, them, rounds=1, lr=0.1, dropout=0.5, seed=seed)
    alone.train()
    train_locally(alone, them[1], 1, 0.1, generator=order_of(seed, 0, 1))
    assert same(model, alone)


@pytest.mark.parametrize("way", WAYS)
def test_what_batchnorm_does(way):
    model, them = network(), clients(8, 4)
    before = copy.deepcopy(model.state_dict())
    done = federate(model, them, rounds=2, lr=0.1, batchnorm=way)
    moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    weights, statistics = {"1.weight", "1.bias"}, {"1.running_mean", "1.running_var"}
    assert (statistics <= moved) == (way in ("averaged", "re-estimated"))
    assert (weights <= moved) == (way != "local")
    own = [done.model_of(client).state_dict() for client in range(2)]
    differ = {name for name in before if not torch.equal(own[0][name], own[1][name])}
    assert differ == (weights | statistics if way == "local" else set()), "all of BatchNorm stays with the client"


def test_statistics_are_averaged_by_examples():
    model, them = network(), clients(9, 3)
    federate(model, them, rounds=1, lr=1e-9, batchnorm="averaged")
    alone = []
    for each in them:
        alone.append(network())
        federate(alone[-1], [each], rounds=1, lr=1e-9)
    expected = (9 * alone[0][1].running_mean + 3 * alone[1][1].running_mean) / 12
    torch.testing.assert_close(model[1].running_mean, expected)
    assert model[1].num_batches_tracked == 1


def test_pooled_statistics_of_a_first_layer_are_those_of_all_images():
    """Without moving an image: the mean exactly, the variance but for the correction of small samples."""
    model, them = network().double(), [Client(c.inputs.double(), c.labels) for c in clients(30, 12)]
    federate(model, them, rounds=1, lr=1e-12, batchnorm="re-estimated")
    with torch.no_grad():
        inputs = model[0](merged(them).inputs)
    torch.testing.assert_close(model[1].running_mean, inputs.mean((0, 2, 3)))
    torch.testing.assert_close(model[1].running_var, inputs.var((0, 2, 3)), rtol=0.01, atol=0)
    assert model[1].momentum == 0.1


def test_what_is_frozen_stays_and_is_not_sent():
    model = network()
    for weight in model[0].parameters():
        weight.requires_grad_(False)
    before = copy.deepcopy(model[0].state_dict())
    head = {"5.weight", "5.bias"}
    assert set(travelling(model, "local")) == head
    assert set(travelling(model, "fixed")) == {*head, "1.weight", "1.bias"}
    federate(model, clients(4, 4), rounds=1, lr=0.1)
    assert all(torch.equal(own, before[name]) for name, own in model[0].state_dict().items())


def test_bytes_are_those_of_what_travels():
    model = nn.Sequential(nn.Linear(10, 100), nn.BatchNorm1d(100), nn.Linear(100, 4))
    everything, norm = 4 * (1000 + 100 + 200 + 404), 4 * 200
    assert megabytes_sent(model, "fixed") == pytest.approx(everything / 1e6)
    assert megabytes_sent(model, "averaged") == pytest.approx((everything + norm + 8) / 1e6)
    assert megabytes_sent(model, "local") == pytest.approx((everything - norm) / 1e6)
    for weight in model[:2].parameters():
        weight.requires_grad_(False)
    assert megabytes_sent(model, "fixed") == pytest.approx(4 * 404 / 1e6), "the head alone"
    add_lora(model, rank=2, where=["0"])
    assert megabytes_sent(model, "fixed") == pytest.approx(4 * (404 + 2 * 110) / 1e6), "and LoRA's A and B"


def test_one_poisoner_turns_the_average_and_not_the_median():
    them = clients(*[20] * 9)
    for each in them:
        each.labels.copy_((each.inputs.mean((1, 2, 3)) > each.inputs.mean()).long())

    def trained(**how):
        model = network(norm=False)
        federate(model, them, rounds=3, lr=0.1, **how)
        return nn.utils.parameters_to_vector(model.parameters()) - nn.utils.parameters_to_vector(
            network(norm=False).parameters()
        )

    honest, poison = trained(), {4: flipped(30)}
    assert torch.cosine_similarity(honest, trained(attacks=poison), dim=0) < 0
    assert torch.cosine_similarity(honest, trained(attacks=poison, average=coordinate_median), dim=0) > 0.9


def test_a_flipped_update_is_mirrored_at_what_was_received():
    sent = flipped(2)(
        {"w": torch.tensor([1.0]), "seen": torch.tensor(3)}, {"w": torch.tensor([1.5]), "seen": torch.tensor(4)}
    )
    assert sent["w"].item() == 0 and sent["seen"].item() == 4


def test_it_is_told_after_each_round():
    seen = []
    federate(network(), clients(4, 4), rounds=3, lr=0.1, after_round=lambda done: seen.append(len(done.rounds)))
    assert seen == [1, 2, 3]


def test_batches_hold_every_example_once_and_are_of_nearly_equal_size():
    client = Client(torch.arange(17.0)[:, None], torch.zeros(17, dtype=torch.long))
    batches = [inputs[:, 0].tolist() for inputs, _ in client.batches(8, torch.Generator().manual_seed(1))]
    every = [one for batch in batches for one in batch]
    assert sorted(every) == list(range(17)) and every != list(range(17))
    assert sorted(map(len, batches)) == [5, 6, 6]


@pytest.mark.parametrize(
    "how, fact",
    [
        ({"rounds": 0}, "rounds"),
        ({"epochs": 1.5}, "epochs"),
        ({"bs": 0}, "bs"),
        ({"lr": 0}, "lr"),
        ({"lr": math.nan}, "lr"),
        ({"fraction": 0}, "fraction"),
        ({"fraction": 1.1}, "fraction"),
        ({"dropout": 1}, "dropout"),
        ({"seed": None}, "seed is None"),
        ({"seed": -1}, "seed is -1"),
        ({"average": "median"}, "average is 'median'"),
    ],
)
def test_settings_outside_of_their_range_are_refused(how, fact):
    with refused("training.bad-setting", fact):
        federate(network(), clients(4), **({"rounds": 1, "lr": 0.1} | how))


def test_what_cannot_train_is_refused():
    with refused("training.empty-client", "no clients"):
        federate(network(), [], rounds=1, lr=0.1)
    with refused("training.empty-client", "Client 2"):
        federate(network(), clients(3, 0), rounds=1, lr=0.1)
    with refused("training.unknown-batchnorm", "'frozen'", "'fixed'"):
        federate(network(), clients(3), rounds=1, lr=0.1, batchnorm="frozen")
    with refused("training.nothing-trains"):
        federate(network().requires_grad_(False), clients(3), rounds=1, lr=0.1, batchnorm="fixed")
    with refused("training.nothing-trains", "unfreeze"):
        federate(network().requires_grad_(False), clients(3), rounds=1, lr=0.1)  # its statistics alone would move
    only_norm = network().requires_grad_(False)
    only_norm[1].requires_grad_(True)
    with refused("training.nothing-trains", "stays with the clients"):
        federate(only_norm, clients(3), rounds=1, lr=0.1, batchnorm="local")
    with refused("training.unknown-client", "client 2", "from 0 to 1"):
        federate(network(), clients(3, 3), rounds=1, lr=0.1, attacks={2: flipped()})
    with refused("training.bad-client", "tuple"):
        federate(network(), [(torch.zeros(3, 3), torch.zeros(3))], rounds=1, lr=0.1)
    with refused("training.unknown-batchnorm", "'own'"):
        travelling(network(), "own")


@pytest.mark.parametrize(("sizes", "bs"), [((1, 4), 16), ((3,), 2)])
def test_a_batch_of_one_example_is_refused_where_batchnorm_needs_more(sizes, bs):
    model = nn.Sequential(nn.Linear(8, 6), nn.BatchNorm1d(6), nn.Linear(6, 3))
    them = [Client(torch.randn(size, 8), torch.zeros(size, dtype=torch.long)) for size in sizes]
    with refused("training.batch-of-one", "batchnorm='fixed'"):
        federate(model, them, rounds=1, lr=0.1, bs=bs)
    assert federate(model, them, rounds=1, lr=0.1, bs=bs, batchnorm="fixed").steps >= 1
