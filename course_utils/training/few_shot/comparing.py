"""Classify queries by frozen features: nearest neighbour, nearest class mean, logistic regression."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.errors import CourseError
from course_utils.training.checks import check_above_zero

STEPS = 100  # of Newton's kin, for a logistic regression

# Above 25 rows, torch would multiply matrices instead: where features have a large common part, that loses the small
# distances between them. Here it costs no time.
EXACT = "donot_use_mm_for_euclid_dist"


def nearest_neighbour(support: Tensor, queries: Tensor, cosine: bool = False) -> Tensor:
    """Score each class by the support example of it that is nearest to the query.

    Parameters
    ----------
    support : (episodes, ways, shots, features) tensor
        Features of the labelled examples.
    queries : (episodes, ways, queries, features) tensor
        Features of those to classify.
    cosine : bool
        Compare directions alone.

    Returns
    -------
    (episodes, ways, queries, ways) tensor
        Scores: minus the squared distance.

    Raises
    ------
    CourseError
        `training.bad-features` for features of other shapes.
    """
    support, queries = _checked(support, queries)
    support, queries = (F.normalize(each, dim=-1) if cosine else each for each in (support, queries))
    ways, shots = support.shape[1:3]
    distances = torch.cdist(queries.flatten(1, 2), support.flatten(1, 2), compute_mode=EXACT).square()
    return -distances.unflatten(2, (ways, shots)).amin(3).unflatten(1, queries.shape[1:3])


def nearest_mean(support: Tensor, queries: Tensor, cosine: bool = False) -> Tensor:
    """Score each class by how near the mean of its support examples, its prototype, is to the query.

    Source: Snell, Swersky and Zemel 2017, "Prototypical Networks for Few-shot Learning". Takes and gives what
    `nearest_neighbour` does.
    """
    support, queries = _checked(support, queries)
    support, queries = (F.normalize(each, dim=-1) if cosine else each for each in (support, queries))
    means = support.mean(2)
    if cosine:
        means = F.normalize(means, dim=-1)
    distances = torch.cdist(queries.flatten(1, 2), means, compute_mode=EXACT).square()
    return -distances.unflatten(1, queries.shape[1:3])


def logistic_regression(support: Tensor, queries: Tensor, strength: float = 1.0) -> Tensor:
    """Score classes by a logistic regression on the support examples' features, each episode by itself.

    Features have unit length, as in the field's baselines.

    Parameters
    ----------
    support, queries : tensors
        As in `nearest_neighbour`.
    strength : float
        How closely it fits: the inverse of the penalty on the squares of the weights, as scikit-learn's C.

    Returns
    -------
    (episodes, ways, queries, ways) tensor
        Scores.

    Raises
    ------
    CourseError
        `training.bad-features`; `training.bad-setting` for a strength that isn't above 0.
    """
    check_above_zero(strength=strength)
    support, queries = _checked(support.detach(), queries)
    support, queries = F.normalize(support, dim=-1), F.normalize(queries, dim=-1)
    episodes, ways, shots, features = support.shape
    given = support.flatten(1, 2)
    labels = torch.arange(ways, device=given.device).repeat_interleave(shots).repeat(episodes)
    weights = given.new_zeros(episodes, features, ways).requires_grad_()
    bias = given.new_zeros(episodes, 1, ways).requires_grad_()
    search = torch.optim.LBFGS([weights, bias], max_iter=STEPS, line_search_fn="strong_wolfe", tolerance_grad=1e-5)

    def loss() -> Tensor:
        search.zero_grad()
        scores = (given @ weights + bias).flatten(0, 1)
        value = F.cross_entropy(scores, labels, reduction="sum") * strength + weights.square().sum() / 2
        value.backward()
        return value

    with torch.enable_grad():
        search.step(loss)  # type: ignore[arg-type]
    scores = queries.flatten(1, 2) @ weights.detach() + bias.detach()
    return scores.unflatten(1, queries.shape[1:3])


def _checked(support: Tensor, queries: Tensor) -> tuple[Tensor, Tensor]:
    """Refuse features that don't fit; let whole numbers and half precision, which lack some functions, be floats."""
    given = (support, queries)
    if any(each.ndim != 4 for each in given) or (len(support), support.shape[3]) != (len(queries), queries.shape[3]):
        raise CourseError(
            "Features come as (episodes, ways, shots, features) and (episodes, ways, queries, features), and these are "
            f"{tuple(support.shape)} and {tuple(queries.shape)}: flatten images, and add a first axis to one episode.",
            code="training.bad-features",
        )
    support, queries = (each if each.dtype in (torch.float32, torch.float64) else each.float() for each in given)
    return support, queries
