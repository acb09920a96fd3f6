"""Probes: a frozen network's outputs at several depths, and the best linear head on them, solved instead of trained."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from fastai.data.load import DataLoader
from fastai.learner import Learner
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.surgery import MultiDepthHead, freeze, replace_head
from course_utils.surgery.blocks import evaluating
from course_utils.surgery.multi_depth import PooledOutputs, body_blocks, check_pools
from course_utils.training.randomness import randomness_kept

Stages = tuple[str, ...] | Literal["last", "each"]
STRENGTHS = tuple(float(c) for c in np.logspace(-4, 1, 6))  # C of the logistic regression; a smaller one is stricter
FOLDS = 5
LEAST_EVALUATED = 64  # examples a batch, where no gradient is kept
NEVER = -1e4  # the score of a class without examples
MOST_FOR_CHOOSING = 2000  # images on which depth and C are chosen; the head itself is solved on all


@dataclass(frozen=True)
class SolvedHead:
    """A phase whose head is solved to its optimum: the best of several depths, by cross-validation on training images.

    Parameters
    ----------
    stages : tuple of str, "last" or "each"
        The blocks to read; "last" chooses among the last one, two, four and so on, and all; "each" one block.
    pools : tuple of str
        "average" and "max", as `surgery.MultiDepthHead` takes them.
    flip : bool
        Whether the mirrored training images are learned from as well.
    """

    stages: Stages = "last"
    pools: tuple[str, ...] = ("average", "max")
    flip: bool = False

    def solve(self, learn: Learner) -> "Probe":
        """Give the learner this head on its frozen body (see `solve_head`)."""
        return solve_head(learn, self.candidates(learn), self.pools, flip=self.flip)

    def candidates(self, learn: Learner) -> list[tuple[str, ...]]:
        """List the groups of blocks to choose from."""
        if isinstance(self.stages, tuple):
            return [self.stages]
        body = body_blocks(learn)
        if self.stages == "each":
            return [(block,) for block in body]
        counts = [2**power for power in range(len(body)) if 2**power < len(body)]
        return [tuple(body[-count:]) for count in (*counts, len(body))]


@dataclass(frozen=True)
class Probe:
    """What was chosen for a solved head.

    Attributes
    ----------
    stages : tuple of str
        The blocks that it reads.
    c : float
        scikit-learn's C: the smaller, the more the weights are held back.
    loss : float
        The cross-entropy of the choice, by cross-validation on the training images; NaN where nothing was chosen.
    """

    stages: tuple[str, ...]
    c: float
    loss: float


def solve_head(
    learn: Learner, candidates: Sequence[Sequence[str]], pools: Sequence[str] = ("average", "max"), *, flip: bool
) -> Probe:
    """Freeze the body, and give the learner the multi-depth head that a logistic regression finds.

    Parameters
    ----------
    learn : Learner
        With a network that `surgery.blocks` can read, and one class for each training example.
    candidates : sequence of sequence of str
        Groups of blocks; the head reads the group of the lowest cross-entropy.
    pools : sequence of str
        As `surgery.MultiDepthHead` takes them.
    flip : bool
        Whether to learn from the mirrored training images as well.

    Returns
    -------
    Probe
        What was chosen. The network itself then gives the regression's predictions: the scaling of its inputs is folded
        into the linear layer.

    Raises
    ------
    CourseError
        For targets that are no single class (`training.no-classes`), for `flip` where there are no images
        (`training.no-images`), for fewer than two classes (`training.one-class`), and for blocks and poolings that
        aren't known (see `surgery.multi_depth`).

    Notes
    -----
    Group and C are chosen by stratified cross-validation with up to five folds on the training images, an image and its
    mirror image in one fold. With a single image in some class nothing can be chosen so: the last candidate and C=0.01
    are taken. A weight for each class in the learner's loss counts here too.
    """
    check_pools(pools)
    wanted = list(dict.fromkeys(stage for group in candidates for stage in group))
    features, labels = pooled_features(learn, learn.dls.train, wanted, pools, flip=flip)
    if len(np.unique(labels)) < 2:
        raise CourseError(
            "All training examples are of one class, so there is nothing to tell apart: add another class.",
            code="training.one-class",
        )
    present, balance, copies = np.unique(labels), class_weights(learn, labels), 2 if flip else 1
    with one_blas_thread():
        probe = _choose(features, labels, candidates, copies, balance)
        inputs, mean, deviation = _standardised(np.hstack([features[stage] for stage in probe.stages]))
        weight, bias = _regression(inputs, np.tile(labels, copies), probe.c, balance)
    _install(learn, probe.stages, pools, (weight / deviation, bias - weight @ (mean / deviation)), present)
    return probe


def solve_linear(
    features: np.ndarray, labels: np.ndarray, classes: int, balance: dict[int, float] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Solve for a linear layer on features, as strict as cross-validation chooses (see `solve_head`).

    Parameters
    ----------
    features : (n, width) array
        Of the training examples.
    labels : (n,) int array
        Their classes.
    classes : int
        How many there are; one without examples is never predicted.
    balance : dict of int to float, optional
        A weight for each class.

    Returns
    -------
    (classes, width) array, (classes,) array
        Weights and biases for features as they are: their scaling is folded in.
    """
    present = np.unique(labels)
    weights, biases = np.zeros((classes, features.shape[1])), np.full(classes, NEVER)
    with one_blas_thread():
        chosen = _choose({"all": features}, labels, [("all",)], 1, balance)
        inputs, mean, deviation = _standardised(features)
        weight, bias = _regression(inputs, labels, chosen.c, balance)
    weights[present], biases[present] = weight / deviation, bias - weight @ (mean / deviation)
    return weights, biases


def class_weights(learn: Learner, labels: np.ndarray) -> dict[int, float] | None:
    """Give the learner's loss's weight of each class that there is, as scikit-learn takes them; None without any."""
    weights = getattr(learn.loss_func, "weight", None)
    return None if weights is None else {int(label): float(weights[label]) for label in np.unique(labels)}


@torch.no_grad()
def pooled_features(
    learn: Learner, dl: DataLoader, stages: Sequence[str], pools: Sequence[str], *, flip: bool = False
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Compute pooled outputs (examples, features) by block, and the classes of the examples in the same order.

    With `flip`, the mirrored images' outputs follow those of all images. Raises what `solve_head` raises for data.
    """
    rounds: list[dict[str, list[Tensor]]] = [{stage: [] for stage in stages} for _ in range(1 + flip)]
    classes = []
    with evaluating(learn.model), randomness_kept(), plainly(dl) as loader:
        outputs = PooledOutputs(learn, stages, pools)
        try:
            for given, *targets in loader:
                classes.append(classes_of(targets))
                given = given.as_subclass(Tensor) if isinstance(given, Tensor) else given
                for turn, found in enumerate(rounds):
                    learn.model(mirrored(given) if turn else given)
                    for stage, output in outputs.take().items():
                        found[stage].append(output.float().cpu())
        finally:
            outputs.disconnect()
    joined = {stage: torch.cat([part for found in rounds for part in found[stage]]).numpy() for stage in stages}
    return joined, torch.cat(classes).numpy()


@contextmanager
def plainly(dl: DataLoader, most: int | None = None) -> Iterator[DataLoader]:
    """The images of a loader in order and not augmented; where there are more than `most`, so many evenly spaced."""
    n = len(dl.dataset)
    chosen = np.linspace(0, n - 1, min(n, most or n)).round().astype(int).tolist()
    as_validation = getattr(dl.dataset, "set_split_idx", None)  # fastai's augmentation leaves validation images alone
    with as_validation(1) if as_validation else nullcontext():
        yield dl.new(bs=max(dl.bs, LEAST_EVALUATED), shuffle=False, drop_last=False, get_idxs=lambda: chosen)


def classes_of(targets: Sequence[Tensor]) -> Tensor:
    """Give a batch's classes; CourseError `training.no-classes` where they aren't one for each example."""
    if len(targets) != 1 or targets[0].ndim != 1 or targets[0].is_floating_point():
        raise CourseError(
            "Probes and baselines need one class for each example: give data with one label an example.",
            code="training.no-classes",
        )
    return targets[0].as_subclass(Tensor).cpu()


def mirrored(given: Any) -> Tensor:
    """Mirror images, left for right; CourseError `training.no-images` for anything else."""
    if not isinstance(given, Tensor) or given.ndim != 4:
        raise CourseError("Only images can be mirrored: leave flip=True out.", code="training.no-images")
    return given.flip(-1)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let BLAS compute in one thread, in a `with` block or in a decorated function.

    A regression on some thousand rows takes many short matrix products. Divided between two cores, they take longer,
    since the threads wait for each other: choosing a probe for 1,000 images took 24 seconds in place of 2.
    """
    from threadpoolctl import threadpool_limits  # here, since it looks at every library that is loaded

    with threadpool_limits(1, user_api="blas"):
        yield


def _choose(
    features: dict[str, np.ndarray],
    labels: np.ndarray,
    candidates: Sequence[Sequence[str]],
    copies: int,
    balance: dict[int, float] | None,
) -> Probe:
    """Take the candidate and the C of the lowest cross-entropy in cross-validation."""
    from sklearn.linear_model import LogisticRegression  # here, since importing it takes longer than a small probe
    from sklearn.model_selection import GridSearchCV

    found = paired_folds(labels, copies)
    if found is None:
        return Probe(tuple(candidates[-1]), 0.01, float("nan"))
    rows, splits = found
    tried: list[Probe] = []
    for group in candidates:
        inputs = _standardised(np.hstack([features[stage][rows] for stage in group]))[0].astype(np.float32)
        regression = LogisticRegression(max_iter=2000, tol=1e-3, class_weight=balance)
        search = GridSearchCV(regression, {"C": STRENGTHS}, scoring="neg_log_loss", cv=splits, refit=False)
        search.fit(inputs, np.tile(labels, copies)[rows])
        tried.append(Probe(tuple(group), search.best_params_["C"], -float(search.best_score_)))
    return min(tried, key=lambda probe: probe.loss)


def paired_folds(labels: np.ndarray, copies: int) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]] | None:
    """Split training examples, of which there are so many copies one after the other, for cross-validation.

    Returns
    -------
    rows : array of int
        The examples to choose on: all copies of all, or of a sample where there are many.
    splits : list of (array, array)
        Rows to fit on and rows to score, as numbers within `rows`; up to five folds, stratified, with all copies of an
        example in one. None for both where some class has a single example.
    """
    from sklearn.model_selection import StratifiedKFold, train_test_split

    chosen = np.arange(len(labels))
    if len(chosen) > MOST_FOR_CHOOSING and _fewest(labels) > 1:
        some, _ = train_test_split(chosen, train_size=MOST_FOR_CHOOSING, stratify=labels, random_state=0)
        chosen = some if _fewest(labels[some]) > 1 else chosen
    folds = min(FOLDS, _fewest(labels[chosen]))
    if folds < 2:
        return None

    def all_copies(part: np.ndarray, count: int) -> np.ndarray:
        return np.concatenate([part + copy * count for copy in range(copies)])

    kinds = StratifiedKFold(folds, shuffle=True, random_state=0).split(chosen, labels[chosen])
    splits = [(all_copies(fit, len(chosen)), all_copies(score, len(chosen))) for fit, score in kinds]
    return all_copies(chosen, len(labels)), splits


def _fewest(labels: np.ndarray) -> int:
    """How many examples the rarest class has, of those that have any."""
    return int(np.unique(labels, return_counts=True)[1].min())


def _standardised(features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scale each feature to mean 0 and deviation 1; a constant one becomes 0."""
    features = features.astype(np.float64)
    mean, deviation = features.mean(0), features.std(0)
    deviation[deviation < 1e-7] = 1
    return (features - mean) / deviation, mean, deviation


def _regression(
    inputs: np.ndarray, labels: np.ndarray, c: float, balance: dict[int, float] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Solve for weights (classes, features) and biases (classes,); of two classes, each gets half of the difference."""
    from sklearn.linear_model import LogisticRegression

    found = LogisticRegression(C=c, max_iter=5000, class_weight=balance).fit(inputs, labels)
    weight, bias = found.coef_, found.intercept_
    if len(weight) == 1:
        weight, bias = np.vstack([-weight, weight]) / 2, np.hstack([-bias, bias]) / 2
    return weight, bias


def _install(
    learn: Learner,
    stages: Sequence[str],
    pools: Sequence[str],
    solved: tuple[np.ndarray, np.ndarray],
    present: np.ndarray,
) -> None:
    """Put a head with these weights on the frozen body; a class without examples is never predicted."""
    head = MultiDepthHead(stages, pools)
    replace_head(learn, head)
    linear = head.linear
    assert isinstance(linear, nn.Linear)
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.fill_(NEVER)
        for target, values in zip((linear.weight, linear.bias), solved, strict=True):
            target[torch.from_numpy(present)] = torch.from_numpy(values).to(target)
    freeze(learn, batchnorm="fixed")
