"""The reviews written for this course: closed lists, balance, no twins, no template, a form that tells no class."""

import re
from collections import Counter
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from support.errors import refused

from course_utils.data import written_reviews

FOLDER = files("course_utils") / "data" / "text" / "written"
PRODUCTS = ("kitchen", "phones", "clothing", "toys", "garden")
AREAS = (*PRODUCTS, "films")
OF_PRODUCTS = {
    *("price", "quality", "delivery", "fit", "sound"),
    *("battery", "ease of use", "service", "looks", "performance"),
}
OF_FILMS = {"story", "acting", "looks", "sound", "humour", "pace"}
DIFFICULTIES = ("plain", "implied", "negation", "mixed", "irony", "typos")
EMOJI = "[\U0001f000-\U0001faff\u2600-\u27bf]"
FOLDS = StratifiedKFold(5, shuffle=True, random_state=0)


def _read(area: str) -> pd.DataFrame:
    with (FOLDER / f"{area}.csv").open(encoding="utf8") as file:
        return pd.read_csv(file, keep_default_na=False)


@pytest.fixture(scope="module")
def reviews() -> pd.DataFrame:
    return pd.concat([_read(area) for area in AREAS], ignore_index=True)


@pytest.fixture(scope="module")
def normal(reviews) -> pd.Series:
    """Each text in small letters, without punctuation, with single spaces."""
    return reviews.text.str.lower().str.replace(r"[^\w ]", "", regex=True).str.split().str.join(" ")


@pytest.mark.parametrize("area", AREAS)
def test_columns_and_closed_lists(area):
    table = _read(area)
    assert list(table) == ["text", "sentiment", "area", "aspect", "difficulty"]
    assert set(table.sentiment) == {"negative", "positive"}
    assert set(table.area) == {area}
    assert set(table.aspect) <= (OF_FILMS if area == "films" else OF_PRODUCTS)
    assert set(table.difficulty) == set(DIFFICULTIES)
    words = table.text.str.split().str.len()
    assert (table.text == table.text.str.strip()).all()
    assert words.between(1, 45).all() and words.between(5, 20).mean() > 0.8


@pytest.mark.parametrize("area", AREAS)
def test_neither_class_prevails_in_an_area_or_a_difficulty(area):
    table = _read(area)
    assert len(table) >= (240 if area == "films" else 210)
    positive = table.sentiment == "positive"
    assert 0.47 < positive.mean() < 0.53
    assert positive.groupby(table.difficulty).mean().between(0.42, 0.58).all()


def test_the_classes_order_within_a_file_tells_nothing(reviews):
    for _, table in reviews.groupby("area"):
        runs = table.sentiment.ne(table.sentiment.shift()).sum()  # of a fair shuffle: n/2 + 1, with n/4 as variance
        assert abs(runs - len(table) / 2 - 1) < 3 * np.sqrt(len(table) / 4)


def test_the_card_counts_what_is_there(reviews):
    card = (FOLDER / "README.md").read_text(encoding="utf8")
    for area, table in reviews.groupby("area"):
        counts = [*(str((table.difficulty == name).sum()) for name in DIFFICULTIES), str(len(table))]
        assert f"| {area} | {' | '.join(counts)} | {(table.sentiment == 'positive').sum()} |" in card


def test_no_text_is_there_twice_or_nearly(reviews, normal):
    assert not normal.duplicated().any()
    grams = CountVectorizer(analyzer="char", ngram_range=(5, 5), binary=True).fit_transform(" " + normal + " ")
    assert grams.sum(axis=1).min() > 0
    shared = (grams @ grams.T).tocoo()
    size = np.asarray(grams.sum(axis=1)).ravel()
    likeness = shared.data / (size[shared.row] + size[shared.col] - shared.data)
    near = (likeness >= 0.35) & (shared.row < shared.col)
    assert not near.any(), [
        (reviews.text[i], reviews.text[j]) for i, j in zip(shared.row[near], shared.col[near], strict=True)
    ]


def test_no_opening_is_a_template(normal):
    openings = Counter(" ".join(text.split()[:3]) for text in normal)
    assert openings.most_common(1)[0][1] < 0.01 * len(normal)


@pytest.mark.parametrize("films", [False, True], ids=["products", "films"])
def test_form_alone_gives_no_class_away(reviews, films):
    table = reviews[(reviews.area == "films") == films]
    text = table.text
    marks = {mark: text.str.count(re.escape(mark)) for mark in ".,!?:;'\"-&("}
    form = pd.DataFrame(marks).assign(
        letters=text.str.len(),
        words=text.str.split().str.len(),
        capitals=text.str.count("[A-Z]"),
        shouted=text.str.count(r"\b[A-Z]{2,}\b"),
        digits=text.str.count(r"\d"),
        emoji=text.str.count(EMOJI),
        begins_large=text.str.match("[A-Z]"),
        ends_with_stop=text.str.endswith("."),
    )
    model = make_pipeline(StandardScaler(), LogisticRegression())
    right = cross_val_score(model, form.astype(float), table.sentiment, cv=FOLDS).mean()
    assert right < 0.5 + 2.576 * np.sqrt(0.25 / len(table))


def test_words_tell_much_and_not_all(reviews):
    table = reviews[reviews.area != "films"]
    model = make_pipeline(TfidfVectorizer(sublinear_tf=True), LogisticRegression(C=10))
    assert 0.70 < cross_val_score(model, table.text, table.sentiment, cv=FOLDS).mean() < 0.85


@pytest.mark.parametrize(("domain", "least"), [("products", 1000), ("films", 200)])
def test_all_of_them_can_be_had_whatever_data_the_machine_takes(domain, least, monkeypatch):
    monkeypatch.setenv("COURSE_IMAGES", "photographs")
    table = written_reviews(domain)
    assert len(table) > least and set(table.label) == {"negative", "positive"}
    assert set(table.difficulty) == {"plain", "implied", "negation", "mixed", "irony", "typos"}
    table.label = "changed"
    assert set(written_reviews(domain).label) == {"negative", "positive"}  # everybody gets a table of their own


def test_texts_of_another_domain_are_refused():
    with refused("data.unknown-domain", "'books'"):
        written_reviews("books")
