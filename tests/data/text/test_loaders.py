"""Loaders of texts: padding, order, truncation, and what fastai asks of them."""

import pandas as pd
import pytest
import torch
from support.errors import refused

from course_utils import data
from course_utils.backbones import minilm_tokenizer
from course_utils.data.text.texts import Texts


def texts(*each: list[str]) -> Texts:
    frames = [pd.DataFrame({"text": part, "label": ["bad", "good"] * (len(part) // 2)}) for part in each]
    return Texts(*frames, ("bad", "good"), [], True, "toys.")


SOME = texts([f"good {'bad ' * (n % 9)}" for n in range(40)], ["a b", "a"], ["a", "a b c"])


def epoch(dls) -> list:
    return list(dls.train)


def test_a_batch_is_padded_to_its_longest_text_and_the_mask_says_so():
    dls = data.text_loaders(SOME, minilm_tokenizer(), bs=8, seed=0)
    batches = epoch(dls)
    assert len(batches) == 5
    for given, labels in batches:
        ids, mask = given["input_ids"], given["attention_mask"]
        assert ids.shape == mask.shape and labels.shape == (8,)
        assert mask.sum(1).max() == ids.shape[1] and (ids[mask == 0] == 0).all() and (ids[mask == 1] != 0).all()
    assert sorted(label for _, labels in batches for label in labels.tolist()) == [0] * 20 + [1] * 20
    assert dls.vocab == ["bad", "good"] and dls.c == 2 and dls.test is dls.loaders[2]


def test_sorting_saves_padding_and_each_epoch_has_an_order_of_its_own():
    sort, plain = (data.text_loaders(SOME, minilm_tokenizer(), bs=8, sort=sort, seed=0) for sort in (True, False))
    assert sort.padding() < plain.padding() / 2
    orders = [[tuple(given["input_ids"].sum(1).tolist()) for given, _ in epoch(sort)] for _ in range(2)]
    assert orders[0] != orders[1]
    again = data.text_loaders(SOME, minilm_tokenizer(), bs=8, seed=0)
    assert orders == [[tuple(given["input_ids"].sum(1).tolist()) for given, _ in epoch(again)] for _ in range(2)]
    filled = sum((1 - given["attention_mask"]).sum() for given, _ in epoch(plain))
    whole = sum(given["attention_mask"].numel() for given, _ in epoch(plain))
    assert 0 < filled < whole


def test_an_incomplete_batch_is_kept_and_comes_last():
    dls = data.text_loaders(SOME, minilm_tokenizer(), bs=16, seed=0)
    assert [len(labels) for _, labels in epoch(dls)] == [16, 16, 8]


def test_long_texts_are_cut_off_and_one_line_says_how_many(capsys):
    long = texts(["good " * 600, "bad", "a", "b"], ["a", "b"], ["a", "word " * 99])
    dls = data.text_loaders(long, minilm_tokenizer(), longest=64, bs=2)
    assert capsys.readouterr().out == "2 of 8 texts are longer than 64 tokens and were cut off there.\n"
    assert dls.truncated == 2 and dls.train.dataset.ids.shape[1] == 64
    assert (dls.train.dataset.ids[0, -1], dls.train.dataset.ids[0, 0]) == (102, 101)
    data.text_loaders(long, minilm_tokenizer(), longest=512, bs=2)
    assert "1 of 8" in capsys.readouterr().out


def test_what_fits_is_not_cut_off(capsys):
    exact = texts(["a b c d", "a"], ["a", "b"], ["a", "b"])
    dls = data.text_loaders(exact, minilm_tokenizer(), longest=6, bs=2)
    assert dls.truncated == 0 and capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"bs": 0}, "data.bad-number"),
        ({"longest": 2}, "data.bad-number"),
        ({"longest": 513}, "data.texts-too-long"),
        ({"seed": -1}, "data.bad-number"),
    ],
)
def test_wrong_options_are_refused(options, code):
    with refused(code):
        data.text_loaders(SOME, minilm_tokenizer(), **options)


def test_one_example_can_be_looked_at():
    dls = data.text_loaders(SOME, minilm_tokenizer(), bs=8)
    given, label = dls.train_ds[1]
    assert given["input_ids"].ndim == 1 and int(label) == 1 and len(dls.train_ds) == 40
    assert torch.equal(given["attention_mask"], torch.ones_like(given["input_ids"]))
