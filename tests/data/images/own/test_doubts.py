"""Labels that can be used and yet look wrong: told in a sentence."""

from pathlib import Path

import pytest

from course_utils.data.images.own.doubts import doubts
from course_utils.data.images.own.examples import Examples


def told(names, sets=None, several=False) -> str:
    labels = tuple(tuple(each) if several else (each,) for each in names)
    files = tuple(f"{number}.png" for number in range(len(labels)))
    return " ".join(doubts(Examples(Path(), files, labels, several, sets=sets)))


@pytest.mark.parametrize(
    "names, fact",
    [
        (["Cat", "cat", "dog"], "'Cat' and 'cat'"),
        (["hot dog", "hot_dog"], "'hot dog' and 'hot_dog'"),
        (["1", "1.0", "2"], "'1' and '1.0'"),
        (["cat", "None"], "'None'"),
        (["neg", "pos", "unsup"], "'unsup'"),
        (["cat;dog", "cat", "dog"], "delimiter=';'"),
        (["a|b", "a|c", "b|c"], "delimiter='|'"),
    ],
)
def test_what_is_odd_is_told(names, fact):
    assert fact in told(names)


@pytest.mark.parametrize("names", [["cat", "dog"], ["A+", "A-"], ["red apple", "green apple", "red", "apple"], "12"])
def test_plain_names_are_no_news(names):
    assert told(names) == ""


def test_several_labels_in_a_row_are_no_names():
    assert told([["a;b"], ["a"], ["b"]], several=True) == ""


def test_a_class_that_a_ready_made_set_lacks():
    sets = ("train", "train", "valid", "valid", "test")
    assert "'b' in test" in told("ababa", sets) and "in valid" not in told("ababa", sets)
