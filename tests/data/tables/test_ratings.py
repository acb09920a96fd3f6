"""Ratings: what their generator promises, how they are divided, MovieLens' layout, and tables that are refused."""

import numpy as np
import pandas as pd
import pytest
from support.archives import zipped
from support.errors import refused

from course_utils import data
from course_utils.data import sources
from course_utils.data.tables import movielens, ratings, tastes


@pytest.fixture(scope="module")
def world():
    return tastes.make_world(0)


def test_nobody_rates_a_book_twice_or_one_that_isnt_sold(world):
    for shop, table in world.ratings.items():
        assert not table.duplicated(["user", "item"]).any() and table.time.is_monotonic_increasing
        assert world.books[shop][table.item.unique()].all()
        assert set(table.rating) == {1, 2, 3, 4, 5} and table.user.value_counts().min() >= tastes.FEWEST
        assert sorted(table.user.unique()) == list(range(tastes.READERS[shop]))


def test_readers_choose_and_praise_what_suits_them(world):
    table = world.ratings["big"]
    suits = (world.readers["big"] @ world.tastes.T)[table.user, table.item]
    everything = world.readers["big"] @ world.tastes[: tastes.SOLD_BY_BIG].T
    assert suits.mean() > everything.mean() + 0.3 * everything.std()
    assert suits[table.rating == 5].mean() > suits[table.rating <= 2].mean() + 0.5 * everything.std()


def test_a_few_books_have_most_of_the_ratings(world):
    counts = world.ratings["big"].item.value_counts()
    assert counts.iloc[: len(counts) // 5].sum() > 0.4 * counts.sum()


def test_the_new_shop_shares_books_and_has_some_of_its_own(world):
    big, new = world.books.big, world.books.new
    assert (big & new).sum() == tastes.SHARED and (new & ~big).sum() == tastes.BOOKS - tastes.SOLD_BY_BIG


def test_a_retold_blurb_shares_no_wording_with_any_first_blurb(world):
    for group in (tastes.GENRES, tastes.THEMES, tastes.MOODS):
        for ways in group.values():
            assert len(ways) >= 3 and len(set(ways)) == len(ways)
            assert not world.books.about.str.lower().str.contains(ways[-1].lower(), regex=False).any()
    one = world.books.iloc[0]
    assert tastes.GENRES[one.genre][-1].lower() in one.retold.lower() and tastes.MOODS[one.mood][-1] in one.retold


def test_each_users_last_ratings_are_held_out(world):
    shop = data.ratings(seed=0)
    whole = world.ratings["new"]
    last = whole.groupby("user").tail(2)
    assert len(shop.test) == len(shop.valid) == shop.users == tastes.READERS["new"]
    assert (shop.test.sort_values("user").time.to_numpy() >= shop.valid.sort_values("user").time.to_numpy()).all()
    assert {*shop.test.name, *shop.valid.name} == {
        f"new-0-{user}-{item}" for user, item in zip(last.user, last.item, strict=True)
    }
    assert shop.matrix().sum() == len(shop.train) and shop.matrix("test").sum(1).tolist() == [1.0] * shop.users


def test_few_ratings_are_the_latest_of_each_user():
    few, all_of_them = data.ratings(2, seed=0), data.ratings(seed=0)
    assert (few.train.user.value_counts() == 2).all()
    expected = all_of_them.train.groupby("user").tail(2)
    assert set(few.train.name) == set(expected.name)


def movielens_like(folder):
    """The layout of ml-100k.zip: u.data with tabs, u.item in Latin-1 with 24 columns, and files besides."""
    random = np.random.default_rng(0)
    films = []
    for number in range(1, 41):
        genres = ["1" if place in (number % 19, 5) else "0" for place in range(19)]
        films.append("|".join([str(number), f"Caf\xe9 {number} (1995)", "01-Jan-1995", "", "http://x", *genres]))
    rows = []
    for user in range(1, 25):
        for place, item in enumerate(random.permutation(40)[: 12 + user % 3]):
            rows.append(f"{user}\t{item + 1}\t{1 + (item + user) % 5}\t{880000000 + 1000 * user + 10 * place}")
    files = {"ml-100k/u.data": "\n".join(random.permutation(rows)), "ml-100k/README": "read me", "ml-100k/u.genre": ""}
    content = {name: text.encode() for name, text in files.items()} | {
        "ml-100k/u.item": "\n".join(films).encode("latin-1")
    }
    (folder / "ml-100k.zip").write_bytes(zipped(content))
    return rows


@pytest.fixture
def films(tmp_path, monkeypatch):
    """MovieLens in miniature, in a mirror; its digest is the miniature's own."""
    from dataclasses import replace
    from hashlib import sha256

    mirror = tmp_path / "mirror"
    mirror.mkdir()
    rows = movielens_like(mirror)
    digest = sha256((mirror / "ml-100k.zip").read_bytes()).hexdigest()
    stand_in = replace(sources.SOURCES["movielens"], published=f"sha256:{digest}")
    monkeypatch.setitem(sources.SOURCES, "movielens", stand_in)
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(mirror))
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "data"))
    movielens.movielens.cache_clear()
    ratings._films.cache_clear()
    yield rows
    movielens.movielens.cache_clear()
    ratings._films.cache_clear()


def test_movielens_is_read_as_its_publisher_lays_it_out(films):
    table, told = movielens.movielens()
    assert len(table) == len(films) and table.time.is_monotonic_increasing and set(table.rating) == {1, 2, 3, 4, 5}
    assert told.title[0] == "Café 1 (1995)" and told.about[0] == "Café 1 (1995): action, comedy"
    first = films[int(np.argmin([int(row.split("\t")[3]) for row in films]))].split("\t")
    assert (table.user[0], table.item[0]) == (int(first[0]) - 1, int(first[1]) - 1)


def test_movielens_becomes_two_shops_without_a_shared_user(films):
    big, new = (data.ratings(shop=shop, source="movielens", seed=0) for shop in ("big", "new"))
    assert big.real and new.real and big.users + new.users <= 24 and new.users == 6
    assert (big.items.title == new.items.title).all(), "an item has one number in both"
    assert not big.items.sold.all() and set(big.train.item) <= set(np.flatnonzero(big.items.sold))
    assert set(new.train.item) - set(big.train.item), "some films only the new shop has"


def test_another_digest_is_refused(films, monkeypatch):
    from dataclasses import replace

    monkeypatch.setitem(
        sources.SOURCES, "movielens", replace(sources.SOURCES["movielens"], published="sha256:" + "0" * 64)
    )
    with refused("data.wrong-file"):
        movielens.movielens()


def own(**changes):
    users, items = np.repeat(["ann", "bob", "cyd"], 4), ["tea", "jam", "rye", "oil"] * 3
    time = pd.date_range("2024-01-01", periods=12, freq="D")
    return pd.DataFrame({"user": users, "item": items, "rating": [1, 2, 3, 4] * 3, "time": time} | changes)


def test_ratings_of_ones_own():
    shop = data.rated(own())
    assert shop.real and shop.users == 3 and list(shop.items.title) == ["jam", "oil", "rye", "tea"]
    assert shop.test.item.tolist() == [1, 1, 1] and shop.about == "your ratings: 6 train, 3 valid, 3 test; 3 users."


REFUSED = {
    "outside the scale": (lambda: own(rating=[1, 2, 9, 4] * 3), "data.bad-rating", "Row 2 has the rating '9'"),
    "no number": (lambda: own(rating="good"), "data.bad-rating", "'good'"),
    "user with too few": (lambda: own().iloc[:10], "data.too-few-items", "User cyd has 2 ratings"),
    "twice": (lambda: own(item="tea"), "data.rated-twice", "more than once"),
    "time as text": (lambda: own(time="now"), "data.bad-times", "to_datetime"),
    "no user": (lambda: own(user=[None] * 12), "data.no-column", "user has empty cells"),
    "no column": (lambda: own().drop(columns="item"), "data.no-column", "lacks item"),
    "no rows": (lambda: own().iloc[:0], "data.too-few-items", "no ratings"),
}


@pytest.mark.parametrize(("make", "code", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_table_of_ratings_is_refused(make, code, said):
    with refused(code, said):
        data.rated(make())


def test_ratings_of_ones_own_may_come_as_text_in_any_order_with_any_stars():
    stars = ["0.5", "2", "3.5", "10"] * 3
    table = own(rating=stars).iloc[::-1]
    kinds = table.assign(user=table.user.astype(pd.CategoricalDtype(["zoe", "ann", "bob", "cyd"])))
    for given in (table, kinds):
        shop = data.rated(given, scale=(0, 10))
        assert shop.classes == ("0.5", "2", "3.5", "10") and shop.train.rating.dtype.kind == "f"
        assert shop.test.rating.tolist() == [10, 10, 10] and shop.users == 3
        assert shop.items.title[shop.train.item].tolist() == ["tea", "jam"] * 3
        assert shop.test.name.tolist() == ["own-0-1", "own-1-1", "own-2-1"]
    assert data.rated(own()).classes == ("1", "2", "3", "4")


@pytest.mark.parametrize("scale", [5, (5, 1), (1, 3, 5), ("low", "high"), None])
def test_a_scale_that_is_none_is_refused(scale):
    with refused("data.bad-scale", f"scale is {scale!r}"):
        data.rated(own(), scale=scale)


def test_unknown_choices_are_refused():
    with refused("data.unknown-shop", "'old'"):
        data.ratings(shop="old")
    with refused("data.unknown-source", "'films'"):
        data.ratings(source="films")
    with refused("data.too-few-items", "nobody has more than 2"):
        data.rated(own(), 4)
