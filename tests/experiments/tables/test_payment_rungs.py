"""The rungs for payments: each ranks better than chance, none reads the labels of what it scores."""

import numpy as np
import pytest
from support.errors import refused

from course_utils import data
from course_utils.experiments.tables.payment_rungs import Logistic, Rules, Trees
from course_utils.tasks.tables.alerts import average_precision

RUNGS = {"rules": Rules(), "logistic": Logistic(), "trees": Trees(rounds=40)}
each_rung = pytest.mark.parametrize("rung", RUNGS.values(), ids=RUNGS)


@pytest.fixture(scope="module")
def bank():
    return data.transactions(4, seed=0)


@each_rung
def test_it_ranks_better_than_chance_without_reading_labels(bank, rung):
    scores = rung.fit(bank.train).score(bank.test)
    assert scores.shape == (len(bank.test),) and np.isfinite(scores).all()
    assert average_precision(bank.test, scores) > 1.5 * bank.test.fraud.mean()
    assert np.array_equal(scores, rung.score(bank.test.assign(fraud=False, cause="")))


@each_rung
def test_the_same_payments_give_the_same_scores(bank, rung):
    one, again = (type(rung)().fit(bank.train).score(bank.valid) for _ in range(2))
    assert np.array_equal(one, again)


@each_rung
def test_a_kind_that_was_never_seen_is_scored_all_the_same(bank, rung):
    odd = bank.valid.assign(category="moon rocks")
    assert np.isfinite(rung.fit(bank.train).score(odd)).all()


def test_rules_need_no_labels(bank):
    honest, blind = (Rules().fit(table) for table in (bank.train, bank.train.assign(fraud=~bank.train.fraud)))
    assert honest.limits == blind.limits


@each_rung
def test_what_cannot_be_learned_from_is_refused(bank, rung):
    with refused("experiments.missing-class", "no fraud"):
        type(rung)().fit(bank.train[~bank.train.fraud])
    with refused("experiments.no-column", "'since'", "add_windows"):
        type(rung)().fit(bank.train.drop(columns="since"))
