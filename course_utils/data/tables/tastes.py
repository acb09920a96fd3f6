"""Ratings of books, made by code: readers and books have tastes that are known, and a book's are told in its blurb.

A reader's and a book's taste are vectors. A book's is put together from its genre, two themes and a mood; each of these
has several wordings, of which a blurb takes one by chance. A second blurb of each book, by another hand, uses wordings
that the first ones never use, so that it may say the same without sharing a word.
Readers choose books that suit them, or that everybody reads, and give one to five stars.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

FACTORS = 8
START = pd.Timestamp("2023-01-01")
BOOKS, SOLD_BY_BIG, SHARED = 600, 500, 240  # books in the world; the big shop's; those of them that the new one sells
READERS = {"big": 1500, "new": 400}
FEWEST = 24  # ratings of a reader
GENRES = {
    "crime": ("a detective novel", "a murder mystery", "a whodunnit", "the case of a tired police inspector"),
    "romance": ("a love story", "a romance", "the story of two people who fall for each other", "a tale of courtship"),
    "science fiction": ("a science-fiction novel", "a novel about distant planets", "a story of robots and starships"),
    "fantasy": ("a fantasy epic", "a tale of wizards and dragons", "a saga of magic and swords"),
    "history": ("a historical novel", "a novel set at a medieval court", "a story from the days of the old empire"),
    "horror": ("a ghost story", "a horror novel", "a tale of a haunted house"),
    "memoir": ("a memoir", "an autobiography", "the author's own life, told by herself"),
    "travel": ("a travel book", "the journal of a long trek", "the log of a journey across a continent"),
    "science": ("a popular-science book", "an introduction to physics for lay people", "a book on how biology works"),
    "cookery": ("a cookbook", "a collection of recipes", "a guide to baking and roasting"),
}
THEMES = {
    "sea": ("on the ocean", "among sailors and harbours", "on a fishing boat"),
    "mountains": ("high in the Alps", "on a mountain pass", "among climbers and glaciers"),
    "war": ("in wartime", "among soldiers at the front", "during a long siege"),
    "family": ("about a mother and her sons", "about siblings who quarrel", "across three generations of a family"),
    "money": ("about bankers and debt", "in the world of finance", "about a fortune won and lost"),
    "music": ("about a young violinist", "among musicians of an orchestra", "with songs on every page"),
    "animals": ("with a faithful dog", "about horses", "seen through the eyes of a cat"),
    "food": ("in the kitchen of a restaurant", "about bread and wine", "around a family's dinner table"),
    "school": ("at a boarding school", "among students and teachers", "in a village classroom"),
    "illness": ("about a doctor and her patients", "in a hospital ward", "about a slow recovery"),
    "politics": ("about an election", "among ministers and spies", "in the corridors of a parliament"),
    "garden": ("in an overgrown garden", "about roses and their keeper", "among orchards and bees"),
    "machines": ("about engines and inventors", "in a workshop full of clocks", "among engineers"),
    "winter": ("in deep snow", "during an endless winter", "near the frozen north"),
}
MOODS = {
    "funny": ("witty and light", "a book that makes you laugh", "full of jokes"),
    "sad": ("melancholy and slow", "a book for tears", "quiet and sorrowful"),
    "tense": ("impossible to put down", "breathless to the last page", "fast and nerve-racking"),
    "warm": ("kind and comforting", "gentle and hopeful", "a warm embrace of a book"),
    "dark": ("grim and violent", "bleak and merciless", "not for the faint of heart"),
    "clever": ("full of ideas", "for readers who like to think", "learned and sharp"),
}


@dataclass(frozen=True)
class World:
    """What is true of a world of readers and books.

    Attributes
    ----------
    books : DataFrame
        A row for each book, whose index is its number: `title`, its blurb `about`, another `retold`, `genre`, `themes`,
        `mood`, and whether the shop `big` and the shop `new` sell it.
    tastes : (books, FACTORS) array
        Of the books.
    readers : mapping of str to (readers, FACTORS) array
        Tastes of each shop's readers.
    ratings : mapping of str to DataFrame
        Of each shop, in the order of time: `user`, `item`, `rating` and `time`.
    """

    books: pd.DataFrame
    tastes: np.ndarray
    readers: dict[str, np.ndarray]
    ratings: dict[str, pd.DataFrame]


def make_world(seed: int) -> World:
    """Make books, readers of two shops, and what they rated; the seed decides all of it."""
    random = np.random.default_rng([seed, 77])
    books, tastes = _make_books(random)
    fame = random.normal(0, 1, BOOKS)
    lean = random.normal(0, 0.5, FACTORS)  # the new shop's readers differ from the big one's
    readers, ratings = {}, {}
    for shop in ("big", "new"):
        own = 0.6 * fame + 0.8 * random.normal(0, 1, BOOKS)  # what is in the window
        readers[shop] = random.normal(0, 1, (READERS[shop], FACTORS)) + (lean if shop == "new" else 0)
        ratings[shop] = _rate(readers[shop], tastes, own, np.flatnonzero(books[shop]), random)
    return World(books, tastes, readers, ratings)


def _make_books(random: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    taste = {name: random.normal(0, 1, FACTORS) for name in (*GENRES, *THEMES, *MOODS)}
    rows, tastes = [], []
    for number in range(BOOKS):
        genre, mood = random.choice([*GENRES]), random.choice([*MOODS])
        one, two = random.choice([*THEMES], 2, replace=False)
        ways = [kind[name] for kind, name in ((GENRES, genre), (THEMES, one), (THEMES, two), (MOODS, mood))]
        about = _blurb([random.choice(way[:-1]) for way in ways])
        told = {"title": f"Book {number}", "about": about, "retold": _blurb([way[-1] for way in ways])}
        sold = {"big": number < SOLD_BY_BIG, "new": number < SHARED or number >= SOLD_BY_BIG}
        rows.append(told | {"genre": genre, "themes": f"{one}, {two}", "mood": mood} | sold)
        parts = 0.9 * taste[genre] + 0.6 * (taste[one] + taste[two]) + 0.5 * taste[mood]
        tastes.append(parts + random.normal(0, 0.4, FACTORS))
    return pd.DataFrame(rows).rename_axis("item"), np.array(tastes) / np.sqrt(FACTORS)


def _blurb(said: list[str]) -> str:
    genre, one, two, mood = said
    return f"{genre[0].upper()}{genre[1:]} {one}, {two}: {mood}."


def _rate(
    readers: np.ndarray, tastes: np.ndarray, fame: np.ndarray, sold: np.ndarray, random: np.random.Generator
) -> pd.DataFrame:
    """Let each reader choose books, without one twice, and rate them; the order in time is by chance."""
    suits = readers @ tastes[sold].T
    wish = 1.1 * suits + fame[sold] + random.gumbel(size=suits.shape)
    counts = np.clip(FEWEST + random.exponential(12, len(readers)).astype(int), FEWEST, len(sold) // 3)
    chosen = np.argsort(-wish, axis=1)
    users = np.repeat(np.arange(len(readers)), counts)
    places = np.concatenate([random.permutation(chosen[user, :count]) for user, count in enumerate(counts)])
    pleasure = suits[users, places] / suits.std() + random.normal(0, 0.8, len(users))
    stars = np.clip(np.round(3.1 + 0.8 * pleasure), 1, 5).astype(int)
    steps = random.exponential(9, len(users)) * 86400
    first = random.uniform(0, 120, len(readers)) * 86400
    past = pd.Series(steps).groupby(users).cumsum().to_numpy() + first[users]
    time = START + pd.to_timedelta(past.round().astype("int64"), unit="s")
    table = pd.DataFrame({"user": users, "item": sold[places], "rating": stars, "time": time})
    return table.sort_values(["time", "user"], kind="stable", ignore_index=True)
