"""Words, vocabularies and their loaders for recurrent networks."""

import pandas as pd
import pytest
import torch
from support.errors import refused

from course_utils.data.text.texts import Texts
from course_utils.data.text.word_loaders import LONGEST, language_loaders, word_loaders
from course_utils.data.text.words import (
    BEGIN,
    PADDING,
    SPECIAL,
    UNKNOWN,
    build_vocabulary,
    join_words,
    number_words,
    split_words,
)


def test_words_are_split_as_fastai_does_without_a_trace_of_capitals():
    (words,) = split_words(["The BATTERY isn't bad!!!!  \n Très bien 👍 <br />ok"])
    assert words[:6] == ["xxbos", "the", "battery", "is", "n't", "bad"]
    assert words[6:9] == ["xxrep", "4", "!"] and words[-1] == "ok"
    assert {"très", "bien", "👍"} <= set(words) and not {"xxmaj", "xxup"} & set(words)


@pytest.mark.parametrize("wrong", ["", "   \n", None, float("nan"), 3])
def test_what_has_no_words_is_refused_by_its_number(wrong):
    with refused("data.no-words", "Text 1", "no words"):
        split_words(["fine", wrong])


def test_one_text_in_place_of_a_list_is_refused():
    with refused("data.one-text", "[text]"):
        split_words("not a list")


def test_a_vocabulary_holds_the_most_frequent_words_first():
    words = build_vocabulary([["b", "a", "c"], ["b", "a", "xxbos"], ["b"]], most=11)
    assert words == [*SPECIAL, "b", "a"]
    assert build_vocabulary([["b", "a", "c"], ["b", "a"]], most=99, least_often=2) == [*SPECIAL, "a", "b"]


def test_numbers_of_unknown_words_are_zero():
    words = [*SPECIAL, "good"]
    (numbers,) = number_words([["xxbos", "good", "zzz"]], words)
    assert numbers.tolist() == [BEGIN, words.index("good"), UNKNOWN]


def test_words_are_joined_as_people_write():
    assert join_words(["xxbos", "it", "does", "n't", "work", ",", "and", "it", "'s", "slow", "!"]) == (
        "it doesn't work, and it's slow!"
    )


def test_a_language_models_batches_go_on_where_the_last_one_ended():
    documents = [["xxbos", *"abcdefghij"]] * 12
    words = build_vocabulary(documents, most=50)
    dls = language_loaders(documents, documents, words, bs=2, seq_len=5)
    (first, after), (second, _) = list(dls.valid)[:2]
    assert first.shape == (2, 5) and torch.equal(first[:, 1:], after[:, :-1])
    assert torch.equal(after[:, -1], second[:, 0]) and dls.vocab == words
    with refused("data.too-few-words", "11 words", "64 rows"):
        language_loaders(documents[:1], documents, words, bs=64)


def _texts(labels) -> Texts:
    said = ["good and long " * 40, "bad", "fine thing", "poor"][: len(labels)]
    table = pd.DataFrame({"text": said, "label": labels})
    return Texts(table, table, table, ("negative", "positive"), unlabelled=said, real=False, about="made up")


def test_labelled_texts_are_padded_at_their_ends_and_cut_and_the_short_ones_are_evaluated_first():
    texts = _texts(["positive", "negative", "positive", "negative"])
    dls = word_loaders(texts, build_vocabulary(split_words(texts.unlabelled), most=50), bs=2)
    words, labels = dls.loaders[2].one_batch()
    assert words.shape == (4, LONGEST) and labels.tolist() == [0, 0, 1, 1] and dls.c == 2
    assert (words[3] != PADDING).all() and (words != PADDING).sum(1).tolist() == [2, 2, 3, LONGEST]
    assert [len(batch[0]) for batch in dls.train] == [2, 2]


def test_one_class_is_refused():
    texts = _texts(["positive", "positive", "positive", "positive"])
    with refused("data.one-class", "'positive'", "two classes"):
        word_loaders(texts, list(SPECIAL))
