"""Division of labelled examples among clients, such as hospitals or plants, whose labels differ in frequency."""

import math
from collections.abc import Sequence
from numbers import Real

import numpy as np
import pandas as pd

from course_utils.arguments import whole
from course_utils.data.options import check_labels, check_whole_number
from course_utils.errors import CourseError

TRIES = 1000  # draws until every client has enough


def split_among_clients(
    labels: Sequence[int] | np.ndarray, clients: int = 10, alpha: float = math.inf, *, seed: int = 0, least: int = 2
) -> list[np.ndarray]:
    """Divide examples among clients, each class by shares drawn from a Dirichlet distribution.

        parts = split_among_clients(labels, clients=10, alpha=0.3)

    Parameters
    ----------
    labels : (n,) int
        The class of each example.
    clients : int
        How many clients there are.
    alpha : float
        The smaller, the more the clients' labels differ: at 0.1 most of a class lies with one or two clients. With
        `math.inf`, each client gets an equal share of each class.
    seed : int
        Decides who gets what.
    least : int
        Examples that each client has at least: shares are drawn anew until that holds.

    Returns
    -------
    list of (n_client,) int arrays
        The indices of each client's examples, in rising order; each example has one client.

    Raises
    ------
    CourseError
        For an alpha that isn't above 0 (`data.bad-alpha`), for a number of clients or examples that is none
        (`data.bad-clients`), for labels that are no list of classes (`data.bad-labels`) or a seed that is none
        (`data.bad-number`), for more clients than examples, each with `least` (`data.too-many-clients`), and where a
        client remains with fewer than `least` in a thousand draws (`data.empty-client`).

    Notes
    -----
    The division of Yurochkin et al. 2019 (https://arxiv.org/abs/1905.12022), with new draws for clients that would be
    empty, as in Li et al. 2022 (https://arxiv.org/abs/2102.02079). Clients differ in size too.
    """
    labels = check_labels(labels)
    seed = check_whole_number("seed", seed, least=0)
    if isinstance(alpha, bool) or not isinstance(alpha, Real) or not alpha > 0:
        raise CourseError(
            f"alpha is {alpha!r}: give a number above 0, such as 0.3, or math.inf for equal shares.",
            code="data.bad-alpha",
        )
    for name, value in (("clients", clients), ("least", least)):
        if whole(value) is None:
            raise CourseError(f"{name} is {value!r}: give a whole number of at least 1.", code="data.bad-clients")
    if clients * least > len(labels):
        raise CourseError(
            f"{clients} clients with at least {least} examples each need {clients * least} examples, and there are "
            f"{len(labels)}: take fewer clients, or more examples.",
            code="data.too-many-clients",
        )
    rng = np.random.default_rng(seed)
    for _ in range(TRIES):
        owners = _draw(labels, clients, alpha, rng)
        if np.bincount(owners, minlength=clients).min() >= least:
            return [np.flatnonzero(owners == client) for client in range(clients)]
    raise CourseError(
        f"With alpha = {alpha:g}, one of {clients} clients had fewer than {least} of the {len(labels)} examples in "
        f"each of {TRIES} draws: take a larger alpha, fewer clients, or more examples.",
        code="data.empty-client",
    )


def _draw(labels: np.ndarray, clients: int, alpha: float, rng: np.random.Generator) -> np.ndarray:
    """Return the client of each example."""
    owners = np.empty(len(labels), int)
    if math.isinf(alpha):  # dealt like cards, class after class, so that the clients are of equal size too
        order = rng.permutation(len(labels))
        owners[order[np.argsort(labels[order], kind="stable")]] = np.arange(len(labels)) % clients
        return owners
    for label in np.unique(labels):
        own = rng.permutation(np.flatnonzero(labels == label))
        ends = np.cumsum(rng.dirichlet(np.full(clients, alpha))) * len(own)
        owners[own] = np.minimum(np.searchsorted(ends, np.arange(len(own)) + 0.5), clients - 1)
    return owners


def label_counts(labels: Sequence[int] | np.ndarray, parts: Sequence[np.ndarray], vocab: Sequence[str]) -> pd.DataFrame:
    """Count the examples of each class that each client has: a row for each client, a column for each class.

    Parameters
    ----------
    labels : (n,) int
        An index into `vocab` for each example.
    parts : sequence of int arrays
        What `split_among_clients` gave.
    vocab : sequence of str
        The names of the classes.

    Raises
    ------
    CourseError
        For a label that isn't an index into `vocab` (`data.bad-labels`).
    """
    labels = check_labels(labels)
    if len(labels) and (labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= len(vocab)):
        wrong = next(label for label in labels.tolist() if label not in range(len(vocab)))
        raise CourseError(
            f"There is a label {wrong!r} and vocab names {len(vocab)} classes: give whole numbers from 0 to "
            f"{len(vocab) - 1}, the place of each example's class in vocab.",
            code="data.bad-labels",
        )
    counts = [np.bincount(labels[part], minlength=len(vocab)) for part in parts]
    return pd.DataFrame(counts, columns=list(vocab), index=pd.RangeIndex(1, len(parts) + 1, name="client"))
