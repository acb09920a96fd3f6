"""Recommenders: popularity, neighbours among items, and factors that are learned, carried over, frozen or tuned."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from course_utils.arguments import finite
from course_utils.errors import CourseError
from course_utils.training.checks import check_above_zero, check_counts

SMOOTHING = 1.0  # added to the counts before their logarithm


@dataclass(frozen=True)
class Factors:
    """A vector and a popularity for each item, and a vector for each user.

    Attributes
    ----------
    users, items : (users, k) and (items, k) tensors
    popularity : (items,) tensor
    """

    users: Tensor
    items: Tensor
    popularity: Tensor

    def scores(self) -> np.ndarray:
        """How much each user should like each item, (users, items)."""
        return (self.users @ self.items.T + self.popularity).numpy()


def popularity(rated: np.ndarray) -> np.ndarray:
    """Score items by how many users rated them: the same for all users, (users, items).

    Parameters
    ----------
    rated : (users, items) array
        1 where a user rated an item.
    """
    return np.tile(rated.sum(0), (len(rated), 1))


def neighbours(rated: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """Score items by how similar they are to those that a user rated, (users, items).

    Parameters
    ----------
    rated : (users, items) array
        1 where a user rated an item.
    known : (more users, items) array, optional
        Whose ratings decide which items are similar; those of `rated` if left out.

    Raises
    ------
    CourseError
        `tasks.lengths-differ` for other items.

    Notes
    -----
    Cosine similarity between the columns. Source: Sarwar, Karypis, Konstan and Riedl 2001, "Item-based Collaborative
    Filtering Recommendation Algorithms".
    """
    given = np.asarray(rated if known is None else known, np.float32)
    if given.ndim != 2 or given.shape[1:] != np.shape(rated)[1:]:
        raise CourseError(
            f"Ratings are of the shapes {np.shape(rated)} and {given.shape}: give (users, items) of the same items.",
            code="tasks.lengths-differ",
        )
    unit = given / np.maximum(np.linalg.norm(given, axis=0), 1e-6)
    similar = unit.T @ unit
    np.fill_diagonal(similar, 0)
    return np.asarray(rated, np.float32) @ similar


def factorise(
    rated: np.ndarray,
    sold: np.ndarray,
    *,
    factors: int = 8,
    start: Tensor | None = None,
    frozen: bool = False,
    decay: float = 3.0,
    lr: float = 0.1,
    steps: int = 100,
    seed: int = 0,
) -> Factors:
    """Learn vectors of users and items, so that the items a user rated get a high probability among those sold.

    Parameters
    ----------
    rated : (users, items) array
        1 where a user rated an item.
    sold : (items,) bool array
        What can be bought in this shop.
    factors : int
        The size of a vector, unless `start` says it.
    start : (items, k) tensor, optional
        Vectors of items to start from, such as another shop's; random ones if left out. Popularity is this shop's own.
    frozen : bool
        Whether these vectors stay as they are.
    decay : float
        How strongly users' vectors are drawn to 0, and items' to where they started: to 0 without a `start`.
    lr, steps : float, int
        Of Adam, over all users at once.
    seed : int
        Of random vectors of items; users begin at 0. No random number that follows is changed.

    Raises
    ------
    CourseError
        `tasks.lengths-differ` for arrays that don't fit, `tasks.bad-ratings` for other numbers than 0 and 1,
        `tasks.no-rating` where a user has none, `tasks.not-sold`; `training.bad-setting`.

    Notes
    -----
    The loss is the cross-entropy of a softmax over all items sold, as in the multinomial likelihood of Liang et al.
    2018, "Variational Autoencoders for Collaborative Filtering".
    """
    rated = np.asarray(rated)
    _check(rated, sold, start)
    check_counts(factors=factors)
    check_counts(0, steps=steps, seed=seed)
    check_above_zero(lr=lr)
    if not finite(decay) or decay < 0:
        raise CourseError(f"decay is {decay!r}: give a number of 0 or more.", code="tasks.bad-number")
    given = torch.tensor(np.asarray(rated, np.float32))
    generator = torch.Generator().manual_seed(seed)
    if start is None:
        begin = torch.randn(given.shape[1], factors, generator=generator) / 10
    else:
        begin = torch.as_tensor(start).detach().cpu().float().clone()
    anchor = torch.zeros_like(begin) if start is None else begin.clone()
    users = torch.zeros(len(given), begin.shape[1], requires_grad=True)
    items = begin.clone().requires_grad_(not frozen)
    popular = torch.log(given.sum(0) + SMOOTHING).requires_grad_()
    closed = torch.where(torch.tensor(np.asarray(sold, bool)), 0.0, -torch.inf)
    optimiser = torch.optim.Adam([each for each in (users, items, popular) if each.requires_grad], lr)
    for _ in range(steps):
        likely = (users @ items.T + popular + closed).log_softmax(1)
        loss = -likely[given > 0].sum() + decay * (users.square().sum() + (items - anchor).square().sum())
        optimiser.zero_grad()
        (loss / given.sum()).backward()
        optimiser.step()
    return Factors(users.detach(), items.detach(), popular.detach())


def next_item_scores(
    scores: np.ndarray, seen: np.ndarray, sold: np.ndarray, bought: pd.DataFrame, top: int = 10
) -> dict[str, float]:
    """Score lists of recommendations by the items that users chose next: recall@k and NDCG@k, by torchmetrics.

    Parameters
    ----------
    scores : (users, items) array
        The higher, the better an item suits a user. Ties are broken by chance, always the same.
    seen : (users, items) array
        1 for what isn't recommended, since the user has rated it.
    sold : (items,) bool array
        What can be recommended.
    bought : DataFrame
        `user` and `item` of what users chose next.
    top : int
        How long a list is.

    Raises
    ------
    CourseError
        `tasks.extra-missing` without the extra `tables`; `tasks.lengths-differ`; `tasks.bad-scores` for NaN;
        `tasks.no-rating` where nobody chose anything; `tasks.not-sold`; `training.bad-setting`.
    """
    check_counts(top=top)
    scores, seen = np.asarray(scores), np.asarray(seen)
    try:
        from torchmetrics.retrieval import RetrievalNormalizedDCG, RetrievalRecall
    except ImportError as problem:
        raise CourseError(
            'Recall and NDCG need torchmetrics: install it with pip install "fine-tuning-course[tables]".',
            code="tasks.extra-missing",
        ) from problem
    if not scores.shape == seen.shape == (len(scores), len(sold)):
        raise CourseError(
            f"Scores are of the shape {scores.shape}, what was seen is of {seen.shape}, and {len(sold):,} items are "
            "listed as sold or not: give (users, items) twice, and (items,).",
            code="tasks.lengths-differ",
        )
    _check_bought(bought, np.asarray(sold, bool), len(scores))
    users, which = np.unique(bought.user.to_numpy(), return_inverse=True)
    asked = np.array(scores[users], np.float64)
    if np.isnan(asked).any():
        raise CourseError(
            "A score is NaN, which has no place in an order: look for it in the inputs.", code="tasks.bad-scores"
        )
    truth = np.zeros(asked.shape, bool)
    truth[which, bought.item.to_numpy()] = True
    open_to = np.asarray(sold, bool) & ((seen[users] == 0) | truth)
    order = _places(asked, open_to)
    indexes, items = np.nonzero(open_to)
    # Above 0 for all: torchmetrics' recall counts nothing that was found with a score of 0 or less.
    ranked = torch.tensor(order.shape[1] - order[indexes, items], dtype=torch.float32)
    wanted, queries = torch.tensor(truth[indexes, items]), torch.tensor(indexes)
    metrics = {f"recall@{top}": RetrievalRecall(top_k=top), f"NDCG@{top}": RetrievalNormalizedDCG(top_k=top)}
    return {name: float(metric(ranked, wanted, indexes=queries)) for name, metric in metrics.items()}


def _places(scores: np.ndarray, open_to: np.ndarray) -> np.ndarray:
    """Give the place of each item in its user's list, from 0; ties are broken by chance, what isn't open comes last."""
    tie = np.random.default_rng(0).random(scores.shape)
    order = np.lexsort((tie, -np.where(open_to, scores, -np.inf)), axis=1)
    places = np.empty(scores.shape, int)
    np.put_along_axis(places, order, np.arange(scores.shape[1])[None], 1)
    return places


def _check_bought(bought: pd.DataFrame, sold: np.ndarray, users: int) -> None:
    if not len(bought):
        raise CourseError(
            "Nobody chose anything next, so no list is right or wrong: give the ratings held out.",
            code="tasks.no-rating",
        )
    for name, count in (("user", users), ("item", len(sold))):
        if not bought[name].between(0, count - 1).all():
            raise CourseError(
                f"`bought` names {name}s from {bought[name].min()} to {bought[name].max()}, and there are scores of "
                f"{count:,}: number both alike, from 0 on.",
                code="tasks.lengths-differ",
            )
    if not (found := sold[bought.item.to_numpy()]).all():
        raise CourseError(
            f"Item {bought.item.iloc[int(found.argmin())]} was chosen, but isn't sold: mark it as sold, or leave such "
            "rows out.",
            code="tasks.not-sold",
        )


def _check(rated: np.ndarray, sold: np.ndarray, start: Tensor | None) -> None:
    begun = start is None or (start.ndim == 2 and len(start) == len(sold))
    if rated.ndim != 2 or rated.shape[1] != len(sold) or not begun:
        raise CourseError(
            f"Ratings are of the shape {rated.shape}, and {len(sold):,} items are listed as sold or not: give (users, "
            "items) and (items,), and a vector for each item to start from.",
            code="tasks.lengths-differ",
        )
    if not np.isin(rated, (0, 1)).all():
        raise CourseError(
            "Ratings hold something else than 0 and 1: give 1 where a user rated an item, such as stars > 0.",
            code="tasks.bad-ratings",
        )
    if (empty := rated.sum(1) == 0).any():
        raise CourseError(
            f"User {int(empty.argmax())} has no rating, so nothing is known of them: leave such users out, and "
            "recommend what is popular to them.",
            code="tasks.no-rating",
        )
    if (closed := (rated.sum(0) > 0) & ~np.asarray(sold, bool)).any():
        raise CourseError(
            f"Item {int(closed.argmax())} was rated here, but isn't sold: mark it as sold, or drop its ratings.",
            code="tasks.not-sold",
        )
