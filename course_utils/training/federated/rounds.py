"""Federated averaging: rounds in which clients train a network on their own data, and a server averages the weights."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.arguments import finite
from course_utils.errors import CourseError
from course_utils.training.checks import check_above_zero, check_counts
from course_utils.training.federated.averaging import Average, weighted_average
from course_utils.training.federated.batchnorm import (
    BatchNormWay,
    check_way,
    megabytes_sent,
    pool_statistics,
    ready,
    staying,
    travelling,
)
from course_utils.training.federated.clients import Client, check_clients, train_locally, trainable

State = Mapping[str, Tensor]
Attack = Callable[[State, State], State]  # what was received, what honest training made of it -> what is sent


@dataclass
class Federation:
    """What happened in the rounds of `federate`.

    Attributes
    ----------
    model : nn.Module
        The server's network after the last round.
    rounds : list of list of int
        The clients that sent weights in each round, counted from 0.
    steps : int
        Steps of all clients in all rounds.
    megabytes : float
        What one client sends in one round.
    kept : list of dict
        With `batchnorm="local"`, what each client keeps to itself.
    """

    model: nn.Module
    megabytes: float
    rounds: list[list[int]] = field(default_factory=list)
    steps: int = 0
    kept: list[dict[str, Tensor]] = field(default_factory=list)

    def model_of(self, client: int) -> nn.Module:
        """Return the network as one client uses it: a copy of the server's, with what the client keeps to itself."""
        own = deepcopy(self.model)
        own.load_state_dict(self.kept[client] if self.kept else {}, strict=False)
        return own


def federate(
    model: nn.Module,
    clients: Sequence[Client],
    *,
    rounds: int,
    epochs: int = 1,
    lr: float,
    bs: int = 16,
    batchnorm: BatchNormWay = "averaged",
    fraction: float = 1.0,
    dropout: float = 0.0,
    average: Average = weighted_average,
    attacks: Mapping[int, Attack] | None = None,
    train: Callable[..., int] = train_locally,
    seed: int = 0,
    after_round: Callable[[Federation], Any] | None = None,
) -> Federation:
    """Train a network by federated averaging: FedAvg of McMahan et al. 2017, https://arxiv.org/abs/1602.05629.

    In each round clients receive the weights, train on their own examples, and send their weights back; the server
    averages them. The network is changed in place; what is frozen in it stays and isn't sent.

    Parameters
    ----------
    model : nn.Module
        Any classifier whose loss is the cross-entropy of its outputs. That of a fresh pre-trained learner has a frozen
        body, of which BatchNorm's weights alone train, since fastai freezes it: `surgery.unfreeze` it to train all.
    clients : sequence of Client
        Whose examples never leave them.
    rounds, epochs : int
        How often weights are averaged, and over how many passes each client trains in between.
    lr, bs : float, int
        Of the clients' plain SGD.
    batchnorm : {"averaged", "re-estimated", "local", "fixed"}
        The running statistics are averaged like weights; or averaged, and pooled anew after the last round
        (`pool_statistics`); or all of BatchNorm stays with each client (FedBN); or the statistics stay as they were.
    fraction : float
        The share of clients that are asked in a round, at random; at least one.
    dropout : float
        The probability that a client that was asked sends nothing. A round in which nobody does leaves the weights.
    average : callable
        `weighted_average`, `coordinate_median`, `trimmed_mean`, or another function of states and sizes.
    attacks : mapping of int to callable, optional
        Clients that don't send what they trained, by their place from 0 on, such as `{0: flipped(10)}`.
    train : callable
        How a client trains; it takes what `train_locally` takes.
    seed : int
        Of the choice of clients and of each client's order of examples.
    after_round : callable, optional
        Called with what happened so far.

    Raises
    ------
    CourseError
        For settings outside of their range (`training.bad-setting`, `training.unknown-batchnorm`), clients without
        examples (`training.empty-client`), a network in which nothing trains (`training.nothing-trains`), an attack by
        a client that there isn't (`training.unknown-client`).
    """
    check_clients(clients)
    check_way(batchnorm)
    check_counts(rounds=rounds, epochs=epochs, bs=bs)
    check_counts(0, seed=seed)
    check_above_zero(lr=lr)
    _check_shares(fraction, dropout)
    trainable(model)
    names = travelling(model, batchnorm)
    if not names:
        raise CourseError(
            "Only BatchNorm trains in this network, and it stays with the clients: unfreeze at least the head.",
            code="training.nothing-trains",
        )
    _check_functions(average, attacks or {}, len(clients))
    own = [{name: model.state_dict()[name].clone() for name in staying(model, batchnorm)} for _ in clients]
    done = Federation(model, megabytes_sent(model, batchnorm), kept=own if own[0] else [])
    rng = np.random.default_rng(seed)
    local = deepcopy(model)  # each client's in turn: copying for each took about a fifth of the time
    for number in range(rounds):
        asked = np.sort(rng.choice(len(clients), max(1, round(fraction * len(clients))), replace=False))
        present = [int(client) for client in asked if rng.random() >= dropout]
        start = {name: model.state_dict()[name].clone() for name in names}
        states = []
        for client in present:
            local.load_state_dict(model.state_dict() | (done.kept[client] if done.kept else {}))
            ready(local, batchnorm)
            done.steps += train(local, clients[client], epochs, lr, bs=bs, generator=order_of(seed, number, client))
            trained = {name: own.clone() for name, own in local.state_dict().items()}
            if done.kept:
                done.kept[client] = {name: trained[name] for name in done.kept[client]}
            sent: State = {name: trained[name] for name in names}
            states.append(attacks[client](start, sent) if attacks and client in attacks else sent)
        if states:
            model.load_state_dict(average(states, [len(clients[client]) for client in present]), strict=False)
        done.rounds.append(present)
        if after_round:
            after_round(done)
    if batchnorm == "re-estimated":
        pool_statistics(model, clients)
    return done


def flipped(strength: float = 1.0) -> Attack:
    """Send the trained change with its sign turned, so many times as large: a client that poisons the average."""

    def attack(received: State, trained: State) -> State:
        return {
            name: received[name] - strength * (own - received[name]) if own.is_floating_point() else own
            for name, own in trained.items()
        }

    return attack


def order_of(seed: int, number: int, client: int) -> torch.Generator:
    """Return the generator that decides the order of one client's examples in one round."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence([seed, number, client]).generate_state(1)[0]))


def _check_shares(fraction: float, dropout: float) -> None:
    for name, value, good, said in (
        ("fraction", fraction, lambda x: 0 < x <= 1, "a share above 0, up to 1"),
        ("dropout", dropout, lambda x: 0 <= x < 1, "a probability from 0 to below 1"),
    ):
        if not finite(value) or not good(value):
            raise CourseError(f"{name} is {value!r}: give {said}.", code="training.bad-setting")


def _check_functions(average: Any, attacks: Mapping[int, Attack], clients: int) -> None:
    if not callable(average):
        raise CourseError(
            f"average is {average!r}: give a function, such as federated.coordinate_median.",
            code="training.bad-setting",
        )
    if unknown := [client for client in attacks if client not in range(clients)]:
        raise CourseError(
            f"There is no client {unknown[0]!r} to attack with: the {clients} clients are counted from 0 to "
            f"{clients - 1}.",
            code="training.unknown-client",
        )
