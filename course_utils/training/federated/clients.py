"""Clients: each holds examples that never leave it, and trains a network on them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from fastai.learner import Learner
from torch import Tensor, nn

from course_utils.data.clients import split_among_clients
from course_utils.errors import CourseError
from course_utils.surgery.blocks import evaluating
from course_utils.training.probing import classes_of, plainly
from course_utils.training.randomness import randomness_kept


@dataclass(frozen=True)
class Client:
    """One client's examples.

    Parameters
    ----------
    inputs : (n, ...) Tensor
        What the network takes: normalised images, or features of a frozen body.
    labels : (n,) int Tensor
        Their classes.

    Raises
    ------
    CourseError
        For anything else, such as other numbers of inputs and labels (`training.bad-client`).
    """

    inputs: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        """Check that each input has a label, and let labels be what a loss takes."""
        given = (self.inputs, self.labels)
        if not all(isinstance(each, Tensor) and each.ndim for each in given) or (
            len(self.inputs) != len(self.labels) or self.labels.ndim != 1 or self.labels.is_floating_point()
        ):
            told = [f"shape {tuple(x.shape)}" if isinstance(x, Tensor) else f"a {type(x).__name__}" for x in given]
            raise CourseError(
                f"A client has a tensor of inputs and a tensor (n,) of as many whole numbers, their classes, and these "
                f"are {told[0]} and {told[1]}: turn them into such tensors with torch.as_tensor.",
                code="training.bad-client",
            )
        object.__setattr__(self, "labels", self.labels.long())

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self, classes: int) -> Tensor:
        """Count the examples of each class."""
        return torch.bincount(self.labels, minlength=classes)

    def batches(self, bs: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Give all examples once, in random order and in batches of nearly equal size, at most `bs` each.

        A last batch of a single image would have no spread for BatchNorm to normalise by.
        """
        order = torch.randperm(len(self), generator=generator).to(self.labels.device)
        for chosen in order.tensor_split(math.ceil(len(self) / bs)):
            yield self.inputs[chosen], self.labels[chosen]


def clients_of(
    learn: Learner, clients: int = 10, alpha: float = math.inf, *, seed: int = 0, least: int = 2
) -> list[Client]:
    """Divide a learner's training images, normalised and not augmented, among clients; see `split_among_clients`."""
    everything = pooled(learn, "train")
    parts = split_among_clients(everything.labels.cpu().numpy(), clients, alpha, seed=seed, least=least)
    return [Client(everything.inputs[part], everything.labels[part]) for part in parts]


def pooled(learn: Learner, split: str = "train") -> Client:
    """Give all images of the "train", "valid" or "test" set in one place, as no single client could see them.

    Raises
    ------
    CourseError
        For a set that there isn't (`training.no-such-set`).
    """
    loaders = dict(zip(("train", "valid", "test"), learn.dls.loaders, strict=False))
    if split not in loaders:
        raise CourseError(
            f"This learner has no set {split!r}: give one of {', '.join(map(repr, loaders))}.",
            code="training.no-such-set",
        )
    with randomness_kept(), plainly(loaders[split]) as plain:
        batches = [(inputs.as_subclass(Tensor), classes_of(targets)) for inputs, *targets in plain]
    inputs, labels = zip(*batches, strict=True)
    return Client(torch.cat(inputs), torch.cat(labels).to(inputs[0].device))


def merged(clients: Sequence[Client]) -> Client:
    """Put several clients' examples into one place: what central training would need.

    Raises
    ------
    CourseError
        For no clients, or one without examples (`training.empty-client`).
    """
    check_clients(clients)
    return Client(torch.cat([each.inputs for each in clients]), torch.cat([each.labels for each in clients]))


@torch.no_grad()
def through(body: nn.Module, clients: Sequence[Client], bs: int = 64) -> list[Client]:
    """Give clients that hold the outputs of a frozen body in place of their images, computed once, in eval mode."""
    with evaluating(body):
        return [Client(torch.cat([body(part) for part in each.inputs.split(bs)]), each.labels) for each in clients]


def train_locally(
    model: nn.Module, client: Client, epochs: int, lr: float, *, bs: int = 16, generator: torch.Generator
) -> int:
    """Train what is trainable in a network on one client's examples, by plain SGD; return the number of steps.

    The modules' modes are left as they are: what shall follow the batches is in training mode before.

    Raises
    ------
    CourseError
        For a network in which nothing trains (`training.nothing-trains`), and for a batch of one example where
        BatchNorm needs several (`training.batch-of-one`).
    """
    weights = trainable(model)
    optimiser = torch.optim.SGD(weights, lr)
    steps = 0
    for _ in range(epochs):
        for inputs, labels in client.batches(bs, generator):
            optimiser.zero_grad()
            F.cross_entropy(_scores(model, inputs), labels).backward()
            optimiser.step()
            steps += 1
    return steps


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """List the weights that train: CourseError `training.nothing-trains` where there are none."""
    if weights := [weight for weight in model.parameters() if weight.requires_grad]:
        return weights
    raise CourseError("Nothing in this network trains: unfreeze at least its head.", code="training.nothing-trains")


def _scores(model: nn.Module, inputs: Tensor) -> Tensor:
    try:
        return model(inputs)
    except ValueError as problem:  # torch's BatchNorm, of a single vector
        if len(inputs) > 1:
            raise
        raise CourseError(
            "A batch holds a single example, and BatchNorm needs two or more: give each client more examples, a larger "
            "bs, or batchnorm='fixed'.",
            code="training.batch-of-one",
        ) from problem


@torch.no_grad()
def recalls(model: nn.Module, examples: Client, classes: int, bs: int = 64) -> np.ndarray:
    """Return the share of right answers in each class, (classes,), in eval mode; NaN for a class without examples.

    Raises
    ------
    CourseError
        For no examples, or one of a class beyond these (`training.nothing-to-score`).
    """
    if not len(examples) or int(examples.labels.max()) >= classes:
        last = f"the labels go up to {int(examples.labels.max())}" if len(examples) else "there are no examples"
        raise CourseError(
            f"Right answers are counted in {classes} classes, and {last}: give examples, and a number for each class.",
            code="training.nothing-to-score",
        )
    with evaluating(model):
        right = torch.cat([model(part).argmax(1) for part in examples.inputs.split(bs)]) == examples.labels
    hits = torch.bincount(examples.labels[right], minlength=classes)
    return (hits / examples.counts(classes)).cpu().numpy()


def accuracy(model: nn.Module, examples: Client, mix: Tensor | None = None) -> float:
    """Return the share of right answers, in eval mode.

    Parameters
    ----------
    model : nn.Module
    examples : Client
        What is asked, such as the test set.
    mix : (classes,) Tensor, optional
        How frequent each class would be, such as `client.counts(classes)`: then the share of right answers in each
        class is weighted by it. A class without examples to test on is left out.

    Raises
    ------
    CourseError
        As `recalls`; and for a mix of classes that the examples lack (`training.nothing-to-score`).
    """
    counts = torch.bincount(examples.labels)
    found = torch.from_numpy(recalls(model, examples, len(counts) if mix is None else len(mix)))
    weights = (counts if mix is None else mix).cpu().double() * ~found.isnan()
    if not weights.sum() > 0:
        raise CourseError(
            "None of the classes in this mix is among the examples: test on examples of the same classes.",
            code="training.nothing-to-score",
        )
    return float((found.nan_to_num() * weights).sum() / weights.sum())


def check_clients(clients: Sequence[Client]) -> None:
    """Refuse no clients, and clients without examples: CourseError `training.empty-client`."""
    if other := [type(each).__name__ for each in clients if not isinstance(each, Client)]:
        raise CourseError(
            f"There is a {other[0]} among the clients: make each a Client(inputs, labels).", code="training.bad-client"
        )
    if not clients or min(map(len, clients)) < 1:
        where = "There are no clients" if not clients else f"Client {[len(c) for c in clients].index(0) + 1} has none"
        raise CourseError(f"{where}: give at least one client, each with examples.", code="training.empty-client")
