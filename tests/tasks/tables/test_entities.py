"""The network for payments: its encoding travels with it, and carrying it over changes nothing by itself."""

import numpy as np
import pytest
import torch
from support.errors import refused

from course_utils import data
from course_utils.tasks.tables.alerts import average_precision
from course_utils.tasks.tables.entities import (
    carry_over,
    encode,
    fraud_scores,
    payment_features,
    payment_learner,
    train_payments,
)


@pytest.fixture(scope="module")
def bank():
    return data.transactions(2, seed=0)


@pytest.fixture(scope="module")
def trained(bank):
    return train_payments(payment_learner(bank.train, bs=512), 150, 1e-2)


def test_training_orders_its_own_payments(bank, trained):
    random = average_precision(bank.train, fraud_scores(payment_learner(bank.train), bank.train))
    assert average_precision(bank.train, fraud_scores(trained, bank.train)) > 5 * random


def test_carried_over_it_scores_as_before_and_the_first_stays(bank, trained):
    before = fraud_scores(trained, bank.test)
    carried = carry_over(trained, bank.valid)
    assert np.array_equal(fraud_scores(carried, bank.test), before)
    train_payments(carried, 10, 1e-2)
    assert not np.array_equal(fraud_scores(carried, bank.test), before)
    assert np.array_equal(fraud_scores(trained, bank.test), before)


def test_numbers_are_normalised_as_at_the_first_bank(bank, trained):
    carried = carry_over(trained, bank.valid)
    for one, other in zip(encode(trained, bank.test), encode(carried, bank.test), strict=True):
        assert torch.equal(one, other)
    _, numbers = encode(trained, bank.train)
    assert numbers.mean(0).abs().max() < 0.01 and (numbers.std(0) - 1).abs().max() < 0.05


def test_an_unknown_kind_has_number_0(bank, trained):
    odd = bank.test.assign(category="moon rocks")
    kinds, _ = encode(trained, odd)
    assert (kinds[:, 0] == 0).all() and (encode(trained, bank.test)[0][:, 1:] > 0).all()
    assert np.isfinite(fraud_scores(trained, odd)).all()


def test_features_are_what_the_last_layer_reads(bank, trained):
    last = trained.model.layers[-1][0]
    with torch.no_grad():
        scores = last(torch.from_numpy(payment_features(trained, bank.test)))
    assert (scores[:, 1] - scores[:, 0]).numpy() == pytest.approx(fraud_scores(trained, bank.test), abs=1e-4)


def test_the_seed_decides_and_no_random_number_that_follows_is_changed(bank):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    runs = [train_payments(payment_learner(bank.train, seed=seed), 10, 1e-3, seed=seed) for seed in (0, 0, 1)]
    assert torch.equal(torch.rand(1), expected)
    one, again, other = (fraud_scores(run, bank.valid) for run in runs)
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_what_cannot_be_trained_on_is_refused(bank):
    with refused("tasks.missing-class", "no fraud"):
        payment_learner(bank.train[~bank.train.fraud])
    with refused("tasks.no-column", "'ratio'", "add_windows"):
        payment_learner(bank.train.drop(columns="ratio"))
    with refused("tasks.missing-class", "nothing but fraud"):
        carry_over(payment_learner(bank.train), bank.train[bank.train.fraud])


def test_settings_that_are_none_are_refused(bank, trained):
    for how in ({"bs": 0}, {"seed": None}, {"seed": -1}):
        with refused("training.bad-setting", f"{next(iter(how))} is"):
            payment_learner(bank.train, **how)
    with refused("training.bad-setting", "bs is 0"):
        carry_over(trained, bank.train, bs=0)
    for how in ({"steps": 0}, {"lr": 0}, {"lr": np.nan}, {"seed": None}):
        with refused("training.bad-setting", f"{next(iter(how))} is"):
            train_payments(trained, **{"steps": 10, "lr": 0.01} | how)


@pytest.mark.parametrize("read", [fraud_scores, payment_features])
def test_payments_without_windows_are_refused(bank, trained, read):
    raw = bank.test[["time", "customer", "terminal", "category", "channel", "amount"]]
    with refused("tasks.no-column", "'hour'", "add_windows"):
        read(trained, raw)
