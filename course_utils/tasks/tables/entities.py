"""A network for payments: an embedding for each kind, beside the numbers; trained at one bank, carried to another.

Source: Guo and Berkhahn 2016, "Entity Embeddings of Categorical Variables"; the layers are fastai's TabularModel.
"""

import warnings
from copy import deepcopy

import numpy as np
import pandas as pd
import torch
from fastai.tabular.all import (
    Categorify,
    CategoryBlock,
    CrossEntropyLossFlat,
    DataLoaders,
    Learner,
    Normalize,
    TabDataLoader,
    TabularPandas,
    set_seed,
    tabular_learner,
)
from torch import Tensor

from course_utils.data.tables.windows import KINDS, NUMBERS
from course_utils.errors import CourseError
from course_utils.tasks.running import NoValidation
from course_utils.training.checks import check_above_zero, check_counts
from course_utils.training.randomness import randomness_kept
from course_utils.training.running_statistics import reestimate_batchnorm

BATCH = 256
LAYERS = (64, 32)


def payment_learner(table: pd.DataFrame, *, bs: int = BATCH, seed: int = 0) -> Learner:
    """Build a network for payments with random weights, whose encoding belongs to this table.

    Parameters
    ----------
    table : DataFrame
        Payments to train on, as `add_windows` gives them. They decide the number of each kind, and the mean and the
        standard deviation by which numbers are normalised.
    bs : int
        Payments in a batch.
    seed : int
        Of the weights; no random number that follows is changed.

    Returns
    -------
    Learner
        fastai's, of a TabularModel with embeddings and layers of 64 and 32 units. It has no validation set.

    Raises
    ------
    CourseError
        `tasks.no-column`; `tasks.missing-class` for payments of one class; `training.bad-setting`.
    """
    _check(table)
    check_counts(bs=bs)
    check_counts(0, seed=seed)
    encoded = TabularPandas(
        _columns(table),
        procs=[Categorify, Normalize],
        cat_names=list(KINDS),
        cont_names=list(NUMBERS),
        y_names="fraud",
        y_block=CategoryBlock(vocab=[0, 1]),
    )
    with randomness_kept():
        set_seed(seed)
        return tabular_learner(_loaders(encoded, bs), layers=list(LAYERS), loss_func=CrossEntropyLossFlat())


def carry_over(learn: Learner, table: pd.DataFrame, *, bs: int = BATCH) -> Learner:
    """Carry a network to another bank's payments: its weights and its encoding stay, the data are new.

    A kind that the first bank never saw gets the embedding of the unknown, number 0. The given learner stays as it is.

    Raises
    ------
    CourseError
        As `payment_learner`.
    """
    _check(table)
    check_counts(bs=bs)
    return Learner(_loaders(_as_at_first(learn, table), bs), deepcopy(learn.model), loss_func=CrossEntropyLossFlat())


def train_payments(learn: Learner, steps: int, lr: float, *, seed: int = 0) -> Learner:
    """Train for about so many steps by fastai's one-cycle schedule, then re-estimate BatchNorm's statistics.

    Parameters
    ----------
    learn : Learner
        From `payment_learner` or `carry_over`.
    steps : int
        As many whole epochs are trained as come nearest to it, at least one.
    lr : float
        The highest learning rate.
    seed : int
        Of the order of payments.

    Raises
    ------
    CourseError
        `training.bad-setting`.
    """
    check_counts(steps=steps)
    check_counts(0, seed=seed)
    check_above_zero(lr=lr)
    epochs = max(1, round(steps / max(1, len(learn.dls.train))))
    with randomness_kept(), learn.no_bar(), learn.no_logging(), warnings.catch_warnings():
        # fastai makes tensors of pandas' read-only arrays, and nobody writes into them
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        set_seed(seed)
        learn.fit_one_cycle(epochs, lr, cbs=[NoValidation()])
    reestimate_batchnorm(learn)
    return learn


def fraud_scores(learn: Learner, table: pd.DataFrame) -> np.ndarray:
    """Give the log-odds of fraud of each payment, (n,).

    Raises
    ------
    CourseError
        `tasks.no-column`.
    """
    with torch.no_grad():
        scores = learn.model.eval()(*_on_device(learn, table))
    return (scores[:, 1] - scores[:, 0]).cpu().numpy()


def payment_features(learn: Learner, table: pd.DataFrame) -> np.ndarray:
    """Give what the network's last layer reads of each payment, (n, 32).

    Raises
    ------
    CourseError
        `tasks.no-column`.
    """
    *body, _ = learn.model.layers
    kinds, numbers = _on_device(learn, table)
    model = learn.model.eval()
    with torch.no_grad():
        embedded = torch.cat([layer(kinds[:, place]) for place, layer in enumerate(model.embeds)], 1)
        found = torch.cat([embedded, model.bn_cont(numbers)], 1)
        for layer in body:
            found = layer(found)
    return found.cpu().numpy()


def encode(learn: Learner, table: pd.DataFrame) -> tuple[Tensor, Tensor]:
    """Turn payments into what the network takes: numbers of kinds (n, 4) int64, and numbers (n, 15) float32."""
    _check_columns(table)
    encoded = _as_at_first(learn, table.assign(fraud=0))
    return torch.tensor(encoded.cats.to_numpy(np.int64)), torch.tensor(encoded.conts.to_numpy(np.float32))


def _on_device(learn: Learner, table: pd.DataFrame) -> tuple[Tensor, Tensor]:
    device = next(learn.model.parameters()).device
    kinds, numbers = encode(learn, table)
    return kinds.to(device), numbers.to(device)


def _as_at_first(learn: Learner, table: pd.DataFrame) -> TabularPandas:
    """Encode other payments as the learner's own were; a kind that it never saw is empty, which has number 0."""
    first, columns = learn.dls.train_ds, _columns(table)
    known = {name: columns[name].where(columns[name].isin(list(first.classes[name]))) for name in KINDS}
    encoded = first.new(columns.assign(**known))
    encoded.process()
    return encoded


def _loaders(encoded: TabularPandas, bs: int) -> DataLoaders:
    train = TabDataLoader(encoded, bs=min(bs, len(encoded)), shuffle=True, drop_last=len(encoded) > bs)
    return DataLoaders(train, TabDataLoader(encoded, bs=bs))  # fastai asks for a second one, and never reads it here


def _columns(table: pd.DataFrame) -> pd.DataFrame:
    found = table[[*KINDS, *NUMBERS]].reset_index(drop=True)
    kinds = {name: found[name].astype(str) for name in KINDS}
    return found.assign(**kinds, fraud=table.fraud.to_numpy(np.int64))


def _check_columns(table: pd.DataFrame, *more: str) -> None:
    if missing := [name for name in (*KINDS, *NUMBERS, *more) if name not in table]:
        raise CourseError(
            f"These payments lack the column {missing[0]!r}: give a table that `data.add_windows` made.",
            code="tasks.no-column",
        )


def _check(table: pd.DataFrame) -> None:
    _check_columns(table, "fraud")
    if table.fraud.nunique() < 2:
        lacks = "nothing but fraud" if table.fraud.any() else "no fraud"
        raise CourseError(
            f"The payments to train on hold {lacks}, so there is nothing to tell apart: take more weeks.",
            code="tasks.missing-class",
        )
