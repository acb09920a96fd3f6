"""Cleaning of texts, and which are one and the same."""

import pytest

from course_utils.data.text.cleaning import clean, comparable, near_duplicates, says_nothing
from course_utils.data.text.reviews import sift


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("  <p>Great <b>phone</b></p>\r\n", "Great phone"),
        ("price &amp;amp; size", "price & size"),
        ("Loud&amp;#13;&amp;#10;No flash", "Loud No flash"),
        ("I <3 it, 5 < 6 > 4", "I <3 it, 5 < 6 > 4"),
        ("a few hits \x97 it\x92s fine", "a few hits — it\u2019s fine"),
        ("cafe\u0301 日本語 👍", "café 日本語 👍"),
        ("   ", ""),
    ],
)
def test_a_text_is_cleaned_and_keeps_what_it_says(given, plain):
    assert clean(given) == plain


def test_case_and_punctuation_make_no_other_text():
    assert comparable("Easy to use!") == comparable("easy to   USE") != comparable("easy to lose")
    assert comparable("👍") != comparable("👎"), "what has no word counts as it is"


@pytest.mark.parametrize("text", ["None.", "none that I can think of", "N/A", "Nothing yet!", "See above", "no cons"])
def test_a_text_that_says_nothing_is_found(text):
    assert says_nothing(text)


@pytest.mark.parametrize("text", ["None of the buttons work", "no zoom", "not loud", "Nothing works", "easy", "", "?"])
def test_a_text_that_says_something_is_no_such(text):
    assert not says_nothing(text)


def test_near_duplicates_share_most_of_their_words():
    texts = ["price, ease of use", "Ease of use, price", "ease of use", "slow", "great price, ease of use", "Slow!", ""]
    assert sorted(map(tuple, near_duplicates(texts).tolist())) == [(0, 1), (0, 2), (0, 4), (1, 2), (1, 4), (3, 5)]


def test_every_pair_is_found_that_a_slow_search_finds():
    words = [f"w{number % 13} w{number % 7} w{number % 5} w{number % 3} w{number}" for number in range(120)]
    texts = words + [text.replace("w1 ", "w0 ") for text in words]
    sets = [set(text.split()) for text in texts]
    slow = {
        (i, j) for j in range(len(sets)) for i in range(j) if len(sets[i] & sets[j]) >= 0.75 * len(sets[i] | sets[j])
    }
    assert set(map(tuple, near_duplicates(texts).tolist())) == slow and len(slow) > 50


def test_each_text_is_kept_once_and_under_one_label_alone():
    texts = ["Fast", "fast!", "price", "Price", "none", "?", "slow"]
    labels = ["positive", "positive", "positive", "negative", "negative", "negative", "negative"]
    kept, note = sift(texts, labels)
    assert kept == [0, 6]
    assert note.startswith("Of 7 texts, 1 hold no word, 1 only say that there is nothing to say, 2 stand under both")
    assert ", and 1 repeat another" in note
