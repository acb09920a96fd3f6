"""Clients: each holds examples that never leave it, and trains a network on them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from fastai.learner import Learner
from torch import Tensor, nn

from course_utils.arguments import whole
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
    """

    inputs: Tensor
    labels: Tensor

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
    """Give all images of the "train", "valid" or "test" set in one place, as no single client could see them."""
    loader = learn.dls.loaders[("train", "valid", "test").index(split)]
    with randomness_kept(), plainly(loader) as plain:
        batches = [(inputs.as_subclass(Tensor), classes_of(targets)) for inputs, *targets in plain]
    inputs, labels = zip(*batches, strict=True)
    return Client(torch.cat(inputs), torch.cat(labels).to(inputs[0].device))


def merged(clients: Sequence[Client]) -> Client:
    """Put several clients' examples into one place: what central training would need."""
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
    """
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.SGD(weights, lr)
    steps = 0
    for _ in range(epochs):
        for inputs, labels in client.batches(bs, generator):
            optimiser.zero_grad()
            F.cross_entropy(model(inputs), labels).backward()
            optimiser.step()
            steps += 1
    return steps


@torch.no_grad()
def recalls(model: nn.Module, examples: Client, classes: int, bs: int = 64) -> np.ndarray:
    """Return the share of right answers in each class, (classes,), in eval mode; NaN for a class without examples."""
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
    """
    counts = torch.bincount(examples.labels)
    found = torch.from_numpy(recalls(model, examples, len(counts) if mix is None else len(mix)))
    weights = (counts if mix is None else mix).cpu().double() * ~found.isnan()
    return float((found.nan_to_num() * weights).sum() / weights.sum())


def check_clients(clients: Sequence[Client]) -> None:
    """Refuse no clients, and clients without examples: CourseError `training.empty-client`."""
    if not clients or min(map(len, clients)) < 1:
        where = "There are no clients" if not clients else f"Client {[len(c) for c in clients].index(0) + 1} has none"
        raise CourseError(f"{where}: give at least one client, each with examples.", code="training.empty-client")


def check_counts(**counts: int) -> None:
    """Refuse what is no whole number from 1 on: CourseError `training.bad-setting`."""
    for name, value in counts.items():
        if whole(value) is None:
            raise CourseError(f"{name} is {value!r}: give a whole number of at least 1.", code="training.bad-setting")
