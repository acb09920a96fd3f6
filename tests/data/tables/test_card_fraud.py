"""The public card-fraud set: OpenML's ARFF in miniature, its division by time, and what is said where it isn't here."""

from dataclasses import replace
from hashlib import md5

import numpy as np
import pandas as pd
import pytest
from support.errors import refused

from course_utils import data
from course_utils.data import sources
from course_utils.data.splits import SPLITS
from course_utils.data.tables.card_fraud import HIDDEN, read_card_fraud
from course_utils.tasks import average_precision

ROWS, HOURS = 600, 48
MEASURED = ("Time", *HIDDEN, "Amount")


def openml_like(file) -> pd.DataFrame:
    """The layout of creditcard.arff: a head with 30 numbers and a nominal class, then rows with quoted classes."""
    random = np.random.default_rng(0)
    rows = pd.DataFrame(random.normal(size=(ROWS, len(MEASURED))), columns=MEASURED)
    rows["Time"] = np.sort(random.integers(0, 3600 * HOURS - 8, ROWS))
    rows["Amount"] = np.round(random.gamma(1, 80, ROWS), 2)
    rows["Class"] = np.arange(ROWS) % 10 == 3
    rows.loc[rows.Class, "V14"] -= 6
    head = ["% a comment", "@RELATION creditcard", ""]
    head += [f"@ATTRIBUTE {name} REAL" for name in MEASURED] + ["@ATTRIBUTE Class {'0','1'}", "", "@DATA"]
    written = rows.assign(Time=rows.Time.map("{:g}".format), Class=np.where(rows.Class, "'1'", "'0'"))
    file.write_text("\n".join(head) + "\n" + written.to_csv(header=False, index=False), encoding="utf-8")
    return rows


@pytest.fixture
def public(tmp_path, monkeypatch):
    """The set in miniature, in a mirror; its digest is the miniature's own."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    rows = openml_like(mirror / "creditcard.arff")
    digest = md5((mirror / "creditcard.arff").read_bytes(), usedforsecurity=False).hexdigest()
    monkeypatch.setitem(
        sources.SOURCES, "card_fraud", replace(sources.SOURCES["card_fraud"], published=f"md5:{digest}")
    )
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(mirror))
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COURSE_IMAGES", "drawings")
    return rows


def test_openmls_file_is_read_column_by_column(public):
    table = read_card_fraud()
    assert list(table) == ["time", *HIDDEN, "amount", "fraud", "name"] and table.name.is_unique
    assert np.allclose(table[list(HIDDEN)], public[list(HIDDEN)]) and np.allclose(table.amount, public.Amount)
    assert (table.fraud.to_numpy() == public.Class.to_numpy()).all() and table.fraud.dtype == bool
    assert (table.time == pd.to_timedelta(public.Time, unit="s")).all()


def test_the_sets_follow_each_other_in_time(public):
    bank = data.card_fraud()
    assert bank.real and sum(len(getattr(bank, part)) for part in SPLITS) == ROWS
    day, half = pd.Timedelta(days=1), pd.Timedelta(hours=12)
    for part, begin, end in (("train", 0 * day, day), ("valid", day, day + half), ("test", day + half, 2 * day)):
        table = getattr(bank, part)
        assert ((table.time >= begin) & (table.time < end)).all() and table.time.is_monotonic_increasing
        assert f"{len(table):,} {part}" in bank.about and bank.targets(part).sum() == table.fraud.sum() > 0
    assert len(data.card_fraud(split=(1, 2)).train) > len(bank.train)


def test_at_random_the_sets_are_as_large_and_a_seed_decides(public):
    by_time, one, again, other = (
        data.card_fraud(**given) for given in ({}, *({"by": "chance", "seed": seed} for seed in (0, 0, 1)))
    )
    for part in SPLITS:
        assert len(getattr(one, part)) == len(getattr(by_time, part))
    assert list(one.test.name) == list(again.test.name) != list(other.test.name)
    everything = pd.concat([one.train, one.valid, one.test])
    assert everything.name.is_unique and len(everything) == ROWS
    assert one.test.time.min() < by_time.test.time.min()


def test_its_frauds_can_be_scored(public):
    test = data.card_fraud().test
    assert average_precision(test, -test.V14) > 0.9 > 3 * average_precision(test, test.amount)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"by": "customer"}, "data.unknown-division"),
        ({"split": (12,)}, "data.bad-split"),
        ({"split": (0.2, 0.2)}, "data.bad-split"),
        ({"split": (24, 24)}, "data.too-few-items"),
        ({"seed": -1}, "data.bad-number"),
    ],
)
def test_wrong_options_are_refused(public, given, code):
    with refused(code):
        data.card_fraud(**given)


def test_another_digest_is_refused(public, monkeypatch):
    known = replace(sources.SOURCES["card_fraud"], published="md5:" + "0" * 32)
    monkeypatch.setitem(sources.SOURCES, "card_fraud", known)
    with refused("data.wrong-file", "creditcard.arff"):
        data.card_fraud()


def test_nothing_is_downloaded_unless_it_was_asked_for(folder, monkeypatch):
    monkeypatch.delenv("COURSE_IMAGES", raising=False)
    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    with refused("data.needs-download", "151 MB", "COURSE_PROFILE=full", "course data fetch card_fraud"):
        data.card_fraud()
    assert not folder.exists()


def test_without_a_network_the_full_profile_says_so(folder, monkeypatch):
    nobody = replace(sources.SOURCES["card_fraud"], url="http://127.0.0.1:9/creditcard.arff")
    monkeypatch.setitem(sources.SOURCES, "card_fraud", nobody)
    monkeypatch.delenv("COURSE_IMAGES", raising=False)
    monkeypatch.setenv("COURSE_PROFILE", "full")
    with refused("data.no-network", "creditcard.arff"):
        data.card_fraud()
