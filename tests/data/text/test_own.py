"""Texts of your own: what is read, what is left out, and what is refused in a sentence."""

import pandas as pd
import pytest
from support.errors import refused

from course_utils import data

GOOD = [f"a fine thing, number {n} of {n * n}" for n in range(12)]
BAD = [f"it broke after {n} days and cost {n * n}" for n in range(12)]


def table(**more) -> pd.DataFrame:
    return pd.DataFrame({"review": GOOD + BAD, "sentiment": ["good"] * 12 + ["bad"] * 12} | more)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csv_and_a_table_give_the_same(tmp_path, separator):
    table(remark="x; y, z").to_csv(tmp_path / "mine.csv", index=False, sep=separator, encoding="utf-8-sig")
    options = {"n_per_class": 2, "seed": 0, "split": (3, 4)}
    read, given = data.texts(tmp_path / "mine.csv", **options), data.texts(table(), **options)
    for split, count in (("train", 4), ("valid", 6), ("test", 8)):
        pd.testing.assert_frame_equal(getattr(read, split), getattr(given, split))
        assert len(getattr(read, split)) == count
    assert read.classes == ("bad", "good") and read.real and read.about.startswith("texts of mine.csv: 4 train")


def test_columns_of_other_names_can_be_named():
    odd = table().rename(columns={"review": "what they say", "sentiment": "mood"})
    texts = data.texts(odd, text="what they say", label="mood", split=(2, 2))
    assert set(texts.texts("train")) <= set(GOOD + BAD)


def test_rows_without_a_text_and_repeated_ones_are_left_out_and_counted():
    rows = [*table().itertuples(index=False), ("", "good"), (None, "bad"), ("  <br/> ", "bad"), (float("nan"), "good")]
    rows += [(GOOD[0].upper(), "good"), ("<p>日本語 👍</p>", "good")]
    texts = data.texts(pd.DataFrame(rows, columns=["review", "sentiment"]), split=(2, 2), seed=0)
    assert texts.notes == ("4 rows without a text were left out.", "1 rows that repeat a text were left out.")
    everything = [text for split in ("train", "valid", "test") for text in texts.texts(split)]
    assert "日本語 👍" in everything + texts.unlabelled


def test_labels_may_be_numbers():
    texts = data.texts(table(sentiment=[1.0] * 12 + [0.0] * 12), split=(2, 2))
    assert texts.classes == ("0", "1")


@pytest.mark.parametrize(
    ("change", "options", "code", "facts"),
    [
        ({}, {"text": "reviews"}, "data.unknown-column", ["'reviews'", "did you mean 'review'?"]),
        ({}, {"label": "mood"}, "data.unknown-column", ["'mood'", "'sentiment'"]),
        ({"sentiment": ["good"] * 24}, {}, "data.wrong-classes", ["'good'"]),
        ({"sentiment": ["good", "bad", "so-so"] * 8}, {"classes": 2}, "data.wrong-classes", ["3 classes", "'so-so'"]),
        ({"sentiment": ["good"] * 12 + ["bad"] * 11 + [None]}, {}, "data.missing-labels", ["1 of 24", "11 days"]),
        ({"sentiment": ["good"] * 12 + ["bad"] * 11 + [float("nan")]}, {}, "data.missing-labels", ["1 of 24"]),
        ({"review": list(range(24))}, {}, "data.no-texts", ["'review'"]),
        ({"review": [f"{n}.5" for n in range(24)]}, {}, "data.no-texts", ["'review'"]),
        ({"review": [" "] * 24}, {}, "data.no-texts", ["'review'"]),
        ({"review": ["Same!", "same", *GOOD[:11], *BAD[:11]], "sentiment": ["good", "bad"] * 12}, {},
         "data.contradicting-rows", ["'same'", "'good'", "'bad'"]),
        ({}, {"n_per_class": 99}, "data.too-few-items", ["99"]),
        ({}, {"n_per_clas": 9}, "data.unknown-option", ["n_per_class"]),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(change, options, code, facts):
    with refused(code, *facts):
        data.texts(table(**change), **options)


def test_a_table_without_rows_or_obvious_columns_is_refused(tmp_path):
    with refused("data.bad-table", "no rows"):
        data.texts(table().iloc[:0])
    with refused("data.unknown-column", "text='a'"):
        data.texts(pd.DataFrame({"a": ["x"], "b": ["y"]}))
    with refused("data.bad-table", "mine.csv"):
        data.texts(tmp_path / "mine.csv")
    (tmp_path / "mine.csv").write_bytes("text,label\nna\xefve,good\n".encode("latin-1"))
    with refused("data.bad-table", "UTF-8", "a column of texts"):
        data.texts(tmp_path / "mine.csv")
