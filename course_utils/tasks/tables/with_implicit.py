"""Recommenders of the library `implicit`, as peers of the course's own: neighbours, and factors by least squares."""

import warnings

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from course_utils.errors import CourseError
from course_utils.training.checks import check_above_zero, check_counts

MISSING = 'This recommender needs implicit: install it with pip install "fine-tuning-course[tables]".'


def implicit_neighbours(rated: np.ndarray, closest: int = 20) -> np.ndarray:
    """Score items by implicit's cosine similarity to those that a user rated, (users, items).

    Parameters
    ----------
    rated : (users, items) array
        1 where a user rated an item.
    closest : int
        How many similar items are kept for each item, itself among them, where it counts for nothing.

    Raises
    ------
    CourseError
        `tasks.extra-missing` without the extra `tables`; `training.bad-setting`.
    """
    check_counts(closest=closest)
    try:
        from implicit.nearest_neighbours import CosineRecommender
        from implicit.utils import ParameterWarning
    except ImportError as problem:
        raise CourseError(MISSING, code="tasks.extra-missing") from problem
    model = CosineRecommender(K=closest, num_threads=1)
    with warnings.catch_warnings():  # it converts the ratings by itself, and then warns of their new form
        warnings.simplefilter("ignore", ParameterWarning)
        model.fit(csr_matrix(np.asarray(rated, np.float64)), show_progress=False)
    similar = model.similarity.toarray()
    np.fill_diagonal(similar, 0)
    return np.asarray(rated, np.float64) @ similar


def implicit_factors(
    rated: np.ndarray, sold: np.ndarray, *, factors: int = 8, decay: float = 10.0, seed: int = 0
) -> np.ndarray:
    """Score items by factors from implicit's alternating least squares, (users, items).

    Parameters
    ----------
    rated : (users, items) array
        1 where a user rated an item.
    sold : (items,) bool array
        What can be bought in this shop; other items are left out, and score minus infinity.
    factors : int
        The size of a vector.
    decay : float
        implicit's `regularization`, which draws all vectors to 0.
    seed : int
        Of the random vectors it starts from.

    Raises
    ------
    CourseError
        `tasks.extra-missing` without the extra `tables`; `tasks.lengths-differ`; `training.bad-setting`.

    Notes
    -----
    It learns to predict 1 for a rated item and 0 for any other, with equal weights. Source: Hu, Koren and Volinsky
    2008, "Collaborative Filtering for Implicit Feedback Datasets".
    """
    check_counts(factors=factors)
    check_counts(0, seed=seed)
    check_above_zero(decay=decay)
    rated, sold = np.asarray(rated), np.asarray(sold, bool)
    if rated.ndim != 2 or rated.shape[1:] != sold.shape:
        raise CourseError(
            f"Ratings are of the shape {rated.shape}, and {sold.size:,} items are listed as sold or not: give (users, "
            "items) and (items,).",
            code="tasks.lengths-differ",
        )
    try:
        from implicit.als import AlternatingLeastSquares
    except ImportError as problem:
        raise CourseError(MISSING, code="tasks.extra-missing") from problem
    with threadpool_limits(1, "blas"):  # else implicit warns: its own threads and those of BLAS get in each other's way
        model = AlternatingLeastSquares(factors, decay, num_threads=1, random_state=seed)
        model.fit(csr_matrix(rated[:, sold].astype(np.float32)), show_progress=False)
    scores = np.full(rated.shape, -np.inf)
    scores[:, sold] = model.user_factors @ model.item_factors.T
    return scores
