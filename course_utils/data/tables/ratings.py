"""ratings: what users of a big and a new shop gave stars to, divided by time; and ratings of one's own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from fastai.torch_basics import delegates

from course_utils.arguments import finite
from course_utils.data.options import check_known
from course_utils.data.splits import SPLITS
from course_utils.data.tables.movielens import movielens
from course_utils.data.tables.options import RatingOptions
from course_utils.data.tables.tastes import World, make_world
from course_utils.errors import CourseError

SHOPS = ("big", "new")
STARS = (1, 5)
COLUMNS = ("user", "item", "rating", "time")
# Of MovieLens: the shares of users who are the new shop's, and of films that only the new shop has.
NEW_USERS, NEW_FILMS = 0.25, 0.15


@dataclass(frozen=True)
class Ratings:
    """Ratings of items by users, divided by time: of each user, the last ones are held out.

    Attributes
    ----------
    train, valid, test : DataFrame
        A row for each rating, in the order of time, with `user`, `item`, `rating`, `time` and `name`.
    items : DataFrame
        A row for each item of all shops, whose index is its number: `title`, `about`, and whether this shop `sold` it.
    users : int
        How many there are, numbered from 0 on.
    tastes : (items, k) array or None
        The true ones, where code made them.
    classes : tuple of str
        The stars; of your own ratings, those that were given.
    real : bool
        Whether people gave these ratings.
    about : str
        One line that says what they are, and how many are in each split.
    """

    train: pd.DataFrame = field(repr=False)
    valid: pd.DataFrame = field(repr=False)
    test: pd.DataFrame = field(repr=False)
    items: pd.DataFrame = field(repr=False)
    users: int
    tastes: np.ndarray | None = field(repr=False)
    classes: tuple[str, ...]
    real: bool
    about: str

    def __str__(self) -> str:
        """Say what they are."""
        return self.about

    def matrix(self, split: str = "train") -> np.ndarray:
        """Give 1 where a user rated an item in that split, else 0: (users, items) float32."""
        rows = getattr(self, split)
        found = np.zeros((self.users, len(self.items)), np.float32)
        found[rows.user, rows.item] = 1
        return found


@delegates(RatingOptions)
def ratings(
    n_ratings: int | None = None,
    *,
    shop: str = "new",
    source: str = "books",
    split: tuple[float, float] = (1, 1),
    **kwargs: Any,
) -> Ratings:
    """Load ratings of a big or of a new shop, divided by time.

    Items have the same number in both shops: the new one sells some of the big one's, and some that nobody has rated
    before. The books, their blurbs and their readers are made by code, with known tastes; `retold` is a second blurb of
    each book, by another hand. MovieLens is real, and its users and films are divided into the two shops by chance.

    Parameters
    ----------
    shop : str
        "big" or "new".
    source : str
        "books", made by code, or "movielens", 100,000 ratings of films that are downloaded once.
    split : (int, int)
        How many of the last ratings of each user are in the validation and in the test set.
    n_ratings, **kwargs
        The options of `RatingOptions`.

    Raises
    ------
    CourseError
        `data.unknown-shop`, `data.unknown-source`; those of `divide` and, for MovieLens, of `fetch_archive`.
    """
    check_known(kwargs, "ratings", RatingOptions)
    options = RatingOptions(n_ratings=n_ratings, split=split, **kwargs)
    if shop not in SHOPS:
        raise CourseError(f"There is no shop {shop!r}: choose 'big' or 'new'.", code="data.unknown-shop")
    if source not in ("books", "movielens"):
        raise CourseError(
            f"There is no source {source!r} of ratings: choose 'books' or 'movielens'.", code="data.unknown-source"
        )
    world = _made(options.chosen_seed) if source == "books" else _films(options.chosen_seed)
    items = world.books.rename(columns={shop: "sold"}).drop(columns=[other for other in SHOPS if other != shop])
    made = source == "books"
    what = f"books rated at the {shop} shop, made by code" if made else f"MovieLens films rated at the {shop} shop"
    table = world.ratings[shop].assign(name=_names(world.ratings[shop], f"{shop}-{options.chosen_seed}"))
    stars = range(STARS[0], STARS[1] + 1)
    return _described(divide(table, options), items, world.tastes if made else None, stars, what, real=not made)


def rated(
    table: pd.DataFrame,
    n_ratings: int | None = None,
    *,
    scale: tuple[float, float] = STARS,
    split: tuple[int, int] = (1, 1),
) -> Ratings:
    """Divide ratings of your own by time; users and items are numbered in alphabetical order.

    So `sorted(set(table.user))[number]` is the user of a number; items have theirs in `items.title`.

    Parameters
    ----------
    table : DataFrame
        With `user`, `item`, `rating` and `time`, one rating of an item by each user.
    scale : (float, float)
        The lowest and the highest rating.
    n_ratings, split
        As in `ratings`.

    Raises
    ------
    CourseError
        `data.no-column`, `data.bad-rating`, `data.bad-scale`, `data.bad-times`, `data.rated-twice`; those of `divide`.
    """
    options = RatingOptions(n_ratings=n_ratings, split=split, seed=0)
    _check_own(table, scale)
    found = table[list(COLUMNS)].sort_values("time", kind="stable", ignore_index=True)
    # to_numpy: groups of categories would count those that have no rating, too
    found = found.assign(user=found.user.to_numpy(), item=found.item.to_numpy(), rating=pd.to_numeric(found.rating))
    names = {column: pd.Index(pd.factorize(found[column], sort=True)[1]) for column in ("user", "item")}
    parts = divide(found, options)  # before users are numbered, so that a message names one
    for part, rows in parts.items():
        rows = rows.assign(**{column: own.get_indexer(rows[column]) for column, own in names.items()})
        parts[part] = rows.assign(name=_names(rows, "own"))
    told = list(map(str, names["item"]))
    items = pd.DataFrame({"title": told, "about": told, "sold": True}).rename_axis("item")
    return _described(parts, items, None, sorted(found.rating.unique()), "your ratings", real=True)


def divide(table: pd.DataFrame, options: RatingOptions) -> dict[str, pd.DataFrame]:
    """Divide ratings by time: the last ones of each user test, those before validate, and the ones before train.

    Parameters
    ----------
    table : DataFrame
        Ratings in the order of time.
    options : RatingOptions
        What was asked for.

    Raises
    ------
    CourseError
        `data.too-few-items` where a user has none left to train on, or none has as many as were asked for.

    Notes
    -----
    Known as leave-last-out. Others' training ratings may be later than a user's test rating, so what is popular tells a
    little of the future.
    """
    valid, test = map(int, options.split)
    back = table.groupby("user").cumcount(ascending=False)  # 0 for a user's last rating
    most, fewest = (int(counts) - test - valid for counts in table.user.value_counts().agg(["max", "min"]))
    if fewest < 1:
        short = table.user.value_counts().idxmin()
        raise CourseError(
            f"User {short} has {fewest + test + valid} ratings, and {test + valid} are held out, so none is left to "
            "train on: leave such users out, or hold out fewer.",
            code="data.too-few-items",
        )
    if options.n_ratings is not None and options.n_ratings > most:
        raise CourseError(
            f"{options.n_ratings:,} ratings of each user were asked for train, where nobody has more than {most}: give "
            "a smaller n_ratings.",
            code="data.too-few-items",
        )
    age = back - test - valid
    rows = {"train": age >= 0, "valid": (back >= test) & (age < 0), "test": back < test}
    if options.n_ratings is not None:
        rows["train"] &= age < options.n_ratings
    return {part: table[rows[part]].reset_index(drop=True) for part in SPLITS}


_made = lru_cache(maxsize=4)(make_world)  # a sweep over ratings asks for the same world again and again


@lru_cache(maxsize=4)
def _films(seed: int) -> World:
    """Divide MovieLens into a big and a new shop, by chance; the last users and films are the new one's."""
    table, films = movielens()
    random = np.random.default_rng(seed)
    users, items = random.permutation(table.user.max() + 1), random.permutation(len(films))
    place = np.argsort(items)  # a film's new number
    first_new = len(films) - round(NEW_FILMS * len(films))
    here = {"big": place[table.item] < first_new, "new": np.ones(len(table), bool)}
    is_new = np.isin(table.user, users[: max(1, round(NEW_USERS * len(users)))])
    found = {}
    for shop in SHOPS:
        rows = table[here[shop] & (is_new == (shop == "new"))].copy()
        rows["item"] = place[rows.item]
        rows = rows[rows.groupby("user").item.transform("size") > 2].reset_index(drop=True)
        found[shop] = rows.assign(user=pd.factorize(rows.user, sort=True)[0])
    books = films.iloc[items].reset_index(drop=True).rename_axis("item")
    books = books.assign(retold=books.about, big=np.arange(len(books)) < first_new, new=True)
    return World(books, np.empty((len(books), 0)), {}, found)


def _names(table: pd.DataFrame, prefix: str) -> list[str]:
    return [f"{prefix}-{user}-{item}" for user, item in zip(table.user, table.item, strict=True)]


def _check_own(table: Any, scale: tuple[float, float]) -> None:
    if not isinstance(table, pd.DataFrame) or (missing := [name for name in COLUMNS if name not in table]):
        lacks = "" if not isinstance(table, pd.DataFrame) else f", and yours lacks {', '.join(missing)}"
        raise CourseError(f"A table of ratings has the columns {', '.join(COLUMNS)}{lacks}.", code="data.no-column")
    if table.empty:
        raise CourseError("The table has no ratings: give at least one row.", code="data.too-few-items")
    if holes := [name for name in ("user", "item", "time") if table[name].isna().any()]:
        raise CourseError(
            f"The column {holes[0]} has empty cells: fill them, or leave these rows out.", code="data.no-column"
        )
    low, high = _checked_scale(scale)
    numbers = pd.to_numeric(table.rating, errors="coerce")
    if (bad := ~numbers.between(low, high)).any():
        row = int(bad.to_numpy().argmax())
        raise CourseError(
            f"Row {row} has the rating {str(table.rating.iloc[row])!r}, which is no number from "
            f"{low} to {high}: correct it, or give another scale.",
            code="data.bad-rating",
        )
    if not pd.api.types.is_datetime64_any_dtype(table.time):
        raise CourseError(
            "The column time holds no times: turn it into some with pandas.to_datetime.", code="data.bad-times"
        )
    if (twice := table.duplicated(["user", "item"])).any():
        user, item = table.loc[twice, ["user", "item"]].iloc[0]
        raise CourseError(
            f"User {user} rated {item!r} more than once: keep one rating of each.", code="data.rated-twice"
        )


def _checked_scale(scale: Any) -> tuple[float, float]:
    try:
        low, high = scale
        good = finite(low) and finite(high) and low < high
    except (TypeError, ValueError):
        good = False
    if not good:
        raise CourseError(
            f"scale is {scale!r}: give the lowest and the highest rating, such as (1, 5).", code="data.bad-scale"
        )
    return low, high


def _described(
    parts: Mapping[str, pd.DataFrame],
    items: pd.DataFrame,
    tastes: np.ndarray | None,
    stars: Iterable[float],
    what: str,
    *,
    real: bool,
) -> Ratings:
    counts = ", ".join(f"{len(parts[part]):,} {part}" for part in SPLITS)
    users = int(parts["test"].user.max()) + 1
    return Ratings(
        **parts,
        items=items,
        users=users,
        tastes=tastes,
        classes=tuple(f"{star:g}" for star in stars),
        real=real,
        about=f"{what}: {counts}; {users:,} users.",
    )
