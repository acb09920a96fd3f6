"""MovieLens 100K: films that real people rated, read from its public archive."""

from functools import cache

import pandas as pd

from course_utils.data.archives import read_files
from course_utils.data.fetching import fetch_archive
from course_utils.data.sources import SOURCES

# The last columns of u.item, in the order of u.genre.
GENRES = (
    *("unknown", "action", "adventure", "animation", "children's", "comedy", "crime", "documentary", "drama"),
    *(
        "fantasy",
        "film noir",
        "horror",
        "musical",
        "mystery",
        "romance",
        "science fiction",
        "thriller",
        "war",
        "western",
    ),
)
FIRST_GENRE = 5


@cache
def movielens() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read its ratings and films.

    Returns
    -------
    DataFrame, DataFrame
        Ratings in the order of time, with `user` and `item` counted from 0, `rating` and `time`; films by number, with
        `title` and `about`, which joins the title and the genres.

    Raises
    ------
    CourseError
        Those of `fetch_archive`.
    """
    source = SOURCES["movielens"]
    files = {
        name.rsplit("/", 1)[-1]: content for name, content in read_files(fetch_archive("movielens"), source.unpacked)
    }
    rows = [line.split("\t") for line in files["u.data"].decode("ascii").splitlines() if line]
    table = pd.DataFrame(rows, columns=["user", "item", "rating", "time"]).astype("int64")
    table["time"] = pd.to_datetime(table.time, unit="s")
    table["user"] = pd.factorize(table.user, sort=True)[0]
    films = [line.split("|") for line in files["u.item"].decode("latin-1").splitlines() if line]
    numbers = {int(film[0]): place for place, film in enumerate(films)}
    table["item"] = table.item.map(numbers)
    told = [{"title": film[1], "about": _about(film)} for film in films]
    ordered = table.sort_values(["time", "user", "item"], kind="stable", ignore_index=True)
    return ordered, pd.DataFrame(told).rename_axis("item")


def _about(film: list[str]) -> str:
    kinds = [name for name, has in zip(GENRES, film[FIRST_GENRE:], strict=True) if has == "1" and name != "unknown"]
    return f"{film[1]}: {', '.join(kinds)}" if kinds else film[1]
