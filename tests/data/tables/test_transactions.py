"""Payments: what their generator promises, how they are divided by time, and which tables of one's own are refused."""

import numpy as np
import pandas as pd
import pytest
from support.errors import refused

from course_utils import data
from course_utils.data.tables import payments
from course_utils.data.tables.windows import DELAY, KINDS, NUMBERS, add_windows


@pytest.fixture(scope="module")
def made():
    return payments.simulate("B", 0)


def test_payments_come_in_the_order_of_time_and_each_fraud_has_a_cause(made):
    assert made.time.is_monotonic_increasing and made.time.iloc[0] >= payments.START
    assert made.time.iloc[-1] < payments.START + pd.Timedelta(days=payments.DAYS)
    assert ((made.cause != "") == made.fraud).all() and set(made.cause) == set(payments.CAUSES)
    assert 0.004 < made.fraud.mean() < 0.02 and (made.amount >= 0.5).all()


def test_a_terminal_sells_one_kind_of_thing_and_online_ones_sell_online_only(made):
    assert (made.groupby("terminal").category.nunique() == 1).all()
    online = made.channel == "online"
    assert set(made.category[online]) <= set(payments.ONLINE) and set(made.category[~online]) <= set(payments.ON_SITE)


def test_compromised_terminals_are_on_site_and_most_of_their_payments_stay_genuine(made):
    found = made[made.cause == "terminal"]
    assert not found.empty and (found.channel != "online").all()
    shares = []
    for number, own in found.groupby("terminal"):
        first = own.time.iloc[0]
        during = made[(made.terminal == number) & made.time.between(first, first + pd.Timedelta(days=10))]
        shares.append(during.fraud.mean())
    assert len(shares) > 5 and 0.15 < np.mean(shares) < 0.5


def test_stolen_cards_pay_more_than_usual_and_tested_numbers_less(made):
    usual = made[~made.fraud].groupby("customer").amount.median()
    times = made.amount / made.customer.map(usual)
    assert times[made.cause == "stolen"].median() > 2 * times[made.cause == ""].median()
    assert (made.amount[made.cause == "testing"] <= 3).mean() > 0.3


def test_numbers_are_tested_ever_more_often_and_thieves_turn():
    made = payments.simulate("A", 0)
    half = payments.START + pd.Timedelta(days=payments.DAYS // 2)
    tested = made[made.cause == "testing"]
    assert (tested.time >= half).sum() > 1.2 * (tested.time < half).sum()
    turn = payments.START + pd.Timedelta(days=payments.TURN)
    stolen = made[made.cause == "stolen"]
    before, after = (
        stolen[rows].category.value_counts(normalize=True) for rows in (stolen.time < turn, stolen.time >= turn)
    )
    assert (before - after).abs().sum() > 0.3, "what they buy changes"


def test_the_thieves_of_one_world_visit_both_banks():
    buys = [made[made.cause == "stolen"].category.value_counts(normalize=True) for made in map(_world, "AB")]
    other = payments.simulate("B", 5)
    elsewhere = other[other.cause == "stolen"].category.value_counts(normalize=True)
    alike, unlike = (float(np.minimum(buys[0], one.reindex(buys[0].index)).sum()) for one in (buys[1], elsewhere))
    assert alike > unlike


def _world(bank):
    return payments.simulate(bank, 0)


@pytest.mark.parametrize("key", ["customer", "terminal"])
def test_windows_agree_with_pandas_rolling_ones(made, key):
    table = made.iloc[:4000]
    found = add_windows(table, delay=0)
    logs = np.log1p(table.amount) if key == "customer" else table.fraud.astype(float)
    number = table[key].value_counts().index[0]
    rows = (table[key] == number).to_numpy()
    series = pd.Series(logs[rows].to_numpy(), index=table.time[rows])
    what = "mean" if key == "customer" else "risk"
    for days in (1, 7, 28):
        rolled = series.rolling(f"{days}D")
        assert found[f"{key} count {days}"][rows].to_numpy() == pytest.approx(rolled.count().to_numpy())
        assert found[f"{key} {what} {days}"][rows].to_numpy() == pytest.approx(rolled.mean().to_numpy())


def tiny(**changes):
    day = pd.to_datetime(["2024-01-01 10:00", "2024-01-02 10:00", "2024-01-09 12:00", "2024-01-10 10:00"])
    columns = {"customer": [1, 1, 2, 1], "terminal": [5, 5, 5, 5], "category": "fuel", "channel": "chip"}
    columns |= {"amount": [10.0, 20.0, 30.0, 40.0], "fraud": [True, False, False, True]}
    return pd.DataFrame({"time": day, **columns} | changes)


def test_a_terminals_window_ends_where_the_bank_knows():
    found = add_windows(tiny())
    assert found["terminal count 7"].tolist() == [0, 0, 2, 2], "payments of 7 to 14 days ago"
    assert found["terminal risk 7"].tolist() == [0, 0, 0.5, 0.5], "and the share of fraud among them"
    assert found["terminal count 1"].tolist() == [0, 0, 1, 0], "2 January is 7 days and 2 hours before the third"
    assert found["customer count 7"].tolist() == [1, 2, 1, 1] and found["customer count 28"].tolist() == [1, 2, 1, 3]
    assert found.since.tolist() == pytest.approx(np.log1p([24 * 28, 24, 24 * 28, 24 * 8]).tolist())
    assert found.paid.tolist() == [10, 20, 30, 40]


def test_amounts_are_not_turned_into_logarithms_twice():
    found = add_windows(tiny())
    with refused("data.has-windows", "table.assign(amount=table.paid)"):
        add_windows(found)
    pd.testing.assert_frame_equal(add_windows(found.assign(amount=found.paid)), found, check_like=True)


def test_windows_are_those_of_a_loop_that_looks_at_what_was_known():
    """Written as slowly and plainly as possible: the bank's view at the time of each payment."""
    random = np.random.default_rng(3)
    time = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(random.integers(0, 60 * 24, 300)), unit="h")
    some = {"customer": random.integers(0, 6, 300), "terminal": random.integers(0, 4, 300), "category": "fuel"}
    table = pd.DataFrame({"time": time, **some, "channel": "chip", "amount": random.uniform(1, 90, 300)})
    table["fraud"] = random.random(300) < 0.2
    found = add_windows(table, delay=5)
    for row in random.choice(300, 60, replace=False):
        now, past = table.time[row], table.iloc[: row + 1]
        for days in (1, 7, 28):
            same = past[past.customer == table.customer[row]]
            same = same[same.time > now - pd.Timedelta(days=days)]
            assert found[f"customer count {days}"][row] == len(same)
            assert found[f"customer mean {days}"][row] == pytest.approx(np.log1p(same.amount).mean())
            known = past[(past.terminal == table.terminal[row]) & (past.time <= now - pd.Timedelta(days=5))]
            known = known[known.time > now - pd.Timedelta(days=5 + days)]
            assert found[f"terminal count {days}"][row] == len(known)
            assert found[f"terminal risk {days}"][row] == pytest.approx(known.fraud.mean() if len(known) else 0)


def test_a_new_terminal_has_no_payment_and_no_risk():
    found = add_windows(tiny(terminal=[5, 5, 5, 99]))
    assert found[["terminal count 28", "terminal risk 28"]].iloc[-1].tolist() == [0, 0]


def test_later_labels_change_nothing_that_is_known_before(made):
    table = made.iloc[:3000]
    later = table.assign(fraud=table.fraud | (table.time > table.time.iloc[-1] - pd.Timedelta(days=DELAY)))
    assert later.fraud.sum() > table.fraud.sum()
    pd.testing.assert_frame_equal(add_windows(table)[NUMBERS], add_windows(later)[NUMBERS])


def test_sets_follow_one_another_with_a_week_between_them():
    bank = data.transactions(3, seed=0)
    for one, other in (("train", "valid"), ("valid", "test")):
        gap = getattr(bank, other).time.iloc[0].normalize() - getattr(bank, one).time.iloc[-1].normalize()
        assert gap == pd.Timedelta(days=DELAY + 1)
    weeks = [getattr(bank, part).time.dt.normalize().nunique() / 7 for part in ("train", "valid", "test")]
    assert weeks == [3, 2, 4] and set(KINDS) | set(NUMBERS) <= set(bank.train)


def test_by_chance_sets_are_as_large_and_mixed_in_time():
    by_time, by_chance = (data.transactions(3, seed=0, by=by) for by in ("time", "chance"))
    parts = ("train", "valid", "test")
    assert [len(getattr(by_time, part)) for part in parts] == [len(getattr(by_chance, part)) for part in parts]
    names = [set(pd.concat(getattr(bank, part) for part in parts).name) for bank in (by_time, by_chance)]
    assert names[0] == names[1] and by_chance.train.time.max() > by_chance.test.time.min()
    assert by_chance.test.time.is_monotonic_increasing


def own(weeks=20, **changes):
    """A payment an hour; every fiftieth is fraud."""
    time = pd.date_range("2024-03-04", periods=weeks * 7 * 24, freq="h")
    number = np.arange(len(time))
    columns = {"customer": number % 7, "terminal": number % 5, "category": "fuel", "channel": "chip", "amount": 10.0}
    return pd.DataFrame({"time": time, **columns, "fraud": number % 50 == 0} | changes)


def test_payments_of_ones_own_are_divided_in_the_same_way():
    bank = data.payments(own(), 2)
    assert bank.real and len(bank.train) == 2 * 7 * 24 and len(bank.test) == 4 * 7 * 24
    assert bank.about.startswith("your payments: 336 train, 336 valid, 672 test")


REFUSED = {
    "unsorted": (lambda: own().iloc[::-1], "data.bad-times", "not in the order of time, since row 1"),
    "time as text": (lambda: own().assign(time="Monday"), "data.bad-times", "pandas.to_datetime"),
    "negative amount": (lambda: own(amount=-1.0), "data.bad-amount", "refunds"),
    "no number": (lambda: own(amount="ten"), "data.bad-amount", "no number"),
    "no fraud": (lambda: own(fraud=False), "data.missing-class", "no fraud"),
    "only fraud": (lambda: own(fraud=True), "data.missing-class", "nothing but fraud"),
    "labels": (lambda: own(fraud=2), "data.bad-label", "True and False"),
    "no terminal": (lambda: own().drop(columns="terminal"), "data.no-column", "lacks terminal"),
    "empty cell": (
        lambda: own().assign(terminal=[None] + [1] * (20 * 7 * 24 - 1)),
        "data.no-column",
        "terminal has empty",
    ),
    "no rows": (lambda: own().iloc[:0], "data.too-few-items", "no payments"),
    "too short": (lambda: own(8), "data.too-few-items", "where 0 can be had"),
    "no table": (lambda: [1, 2], "data.no-column", "A table of payments"),
}


@pytest.mark.parametrize(("make", "code", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_table_of_payments_is_refused(make, code, said):
    with refused(code, said):
        data.payments(make())


def test_unknown_choices_are_refused():
    with refused("data.unknown-bank", "'C'"):
        data.transactions(bank="C")
    with refused("data.unknown-division", "'day'"):
        data.transactions(by="day")
    with refused("data.bad-split"):
        data.transactions(split=(0.2, 0.2))
    with refused("data.bad-number", "delay"):
        add_windows(own(), delay=-1)
