"""The rungs of the ladder for payments: rules, logistic regression and boosted trees, each with settings to choose.

    scores = Trees(rate=0.1).fit(bank.train).score(bank.test)

All of them, like the network, read the columns of `add_windows`. Their scores are log-odds, or an order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd

from course_utils.data.tables.windows import KINDS, NUMBERS
from course_utils.errors import CourseError

NIGHT = 6  # o'clock, when it ends


@dataclass
class Rules:
    """What an analyst writes down: large for this customer, at a risky terminal, online at night, or a quick series.

    Parameters
    ----------
    share : float
        Of the training payments, how many each of the rules on amounts and terminals may mark.
    """

    share: float = 0.02
    limits: dict[str, float] = field(default_factory=dict, repr=False)

    def fit(self, table: pd.DataFrame) -> Self:
        """Set the limits; they need no labels."""
        _check(table)
        marked = {"ratio": table.ratio, "risk": table["terminal risk 28"], "count": table["customer count 1"]}
        self.limits = {name: float(values.quantile(1 - self.share)) for name, values in marked.items()}
        return self

    def score(self, table: pd.DataFrame) -> np.ndarray:
        """Count the rules that a payment breaks, (n,); the amount beside the customer's usual one decides ties."""
        broken = (table.ratio > self.limits["ratio"]).astype(float)
        broken += table["terminal risk 28"] > max(self.limits["risk"], 0)
        broken += table["customer count 1"] > self.limits["count"]
        broken += (table.channel == "online") & (table.hour < NIGHT)
        return broken.to_numpy() + 1e-3 * np.tanh(table.ratio.to_numpy())


@dataclass
class Logistic:
    """A logistic regression on normalised numbers, and a 0-or-1 column for each kind.

    Parameters
    ----------
    strength : float
        The inverse of the L2 penalty.
    """

    strength: float = 1.0
    model: Any = field(default=None, repr=False)

    def fit(self, table: pd.DataFrame) -> Self:
        """Solve it."""
        from sklearn.compose import make_column_transformer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        _check(table)
        columns = make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), list(KINDS)), (StandardScaler(), list(NUMBERS))
        )
        self.model = make_pipeline(columns, LogisticRegression(C=self.strength, max_iter=2000))
        self.model.fit(_inputs(table), table.fraud.to_numpy(bool))
        return self

    def score(self, table: pd.DataFrame) -> np.ndarray:
        """Give the log-odds of fraud, (n,)."""
        return self.model.decision_function(_inputs(table))


@dataclass
class Trees:
    """Boosted trees: scikit-learn's HistGradientBoostingClassifier.

    Parameters
    ----------
    rate : float
        The learning rate.
    rounds : int
        How many trees.
    leaf : int
        The fewest payments in a leaf.
    more : sequence of str
        Columns of numbers that the trees also read, such as another model's score.
    """

    rate: float = 0.1
    rounds: int = 100
    leaf: int = 20
    more: Sequence[str] = ()
    model: Any = field(default=None, repr=False)
    vocabulary: dict[str, list[str]] = field(default_factory=dict, repr=False)

    def fit(self, table: pd.DataFrame) -> Self:
        """Grow them; which payments a tree sees isn't random, so neither is the result."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        _check(table, self.more)
        self.vocabulary = {name: sorted(table[name].astype(str).unique()) for name in ("category", "channel")}
        self.model = HistGradientBoostingClassifier(
            learning_rate=self.rate,
            max_iter=self.rounds,
            min_samples_leaf=self.leaf,
            l2_regularization=1.0,
            categorical_features=list(self.vocabulary),
            early_stopping=False,
            random_state=0,
        ).fit(self._numbered(table), table.fraud.to_numpy(bool))
        return self

    def score(self, table: pd.DataFrame) -> np.ndarray:
        """Give the log-odds of fraud, (n,). A kind that wasn't in training counts as missing."""
        return self.model.decision_function(self._numbered(table))

    def _numbered(self, table: pd.DataFrame) -> pd.DataFrame:
        numbered = {
            name: table[name].astype(str).map({kind: float(number) for number, kind in enumerate(known)})
            for name, known in self.vocabulary.items()
        }
        return table[[*KINDS, *NUMBERS, *self.more]].assign(**numbered)


def _inputs(table: pd.DataFrame) -> pd.DataFrame:
    return table[[*KINDS, *NUMBERS]].assign(**{name: table[name].astype(str) for name in KINDS})


def _check(table: pd.DataFrame, more: Sequence[str] = ()) -> None:
    if missing := [name for name in (*KINDS, *NUMBERS, *more, "fraud") if name not in table]:
        raise CourseError(
            f"These payments lack the column {missing[0]!r}: give a table that `data.add_windows` made.",
            code="experiments.no-column",
        )
    if table.fraud.nunique() < 2:
        lacks = "nothing but fraud" if table.fraud.any() else "no fraud"
        raise CourseError(
            f"The payments to train on hold {lacks}, so there is nothing to tell apart: take more weeks.",
            code="experiments.missing-class",
        )
