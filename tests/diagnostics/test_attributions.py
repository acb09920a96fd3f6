"""Attributions of words: they add up, they find the word that decides, and what they refuse."""

import sys

import pytest
import torch
from support.errors import refused
from support.learners import digits_learner

from course_utils.diagnostics import attribute_words
from course_utils.experiments.text.ladder import FrozenEncoder
from course_utils.tasks import TextTask, classify

TASK = TextTask("reviews", bs=8, split=(4, 8), backbone="minilm")


@pytest.fixture(scope="module")
def learn():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_IMAGES", "drawings")
        return FrozenEncoder().train(TASK.learner(0, 20, FrozenEncoder()))


def score(learn, text):
    tokenizer = learn.dls.tokenizer
    ids = torch.tensor([[tokenizer.cls_token_id, *text, tokenizer.sep_token_id]])
    with torch.no_grad():
        negative, positive = learn.model({"input_ids": ids, "attention_mask": torch.ones_like(ids)})[0]
    return float(positive - negative)


def test_the_parts_of_all_tokens_sum_to_the_difference_of_two_scores(learn):
    text = "The handle is lovely, but it broke"
    learn.model.train()
    parts = attribute_words(learn, text, "positive", steps=64)
    assert learn.model.training
    assert [token for token, _ in parts] == learn.dls.tokenizer.tokenize(text)
    numbers = learn.dls.tokenizer(text)["input_ids"][1:-1]
    gap = score(learn, numbers) - score(learn, [learn.dls.tokenizer.pad_token_id] * len(numbers))
    assert sum(part for _, part in parts) == pytest.approx(gap, abs=0.02)
    against = attribute_words(learn, text, "negative", steps=64)
    assert [part for _, part in against] == pytest.approx([-part for _, part in parts], abs=1e-4)


def test_the_word_that_makes_the_difference_has_the_larger_part(learn):
    good, bad = ("This knife is wonderful", "This knife is terrible")
    assert classify(learn, [good, bad]).positive.diff().iloc[1] < 0
    praise, blame = (dict(attribute_words(learn, text, "positive")) for text in (good, bad))
    assert praise["wonderful"] > blame["terrible"]


def test_what_it_refuses(learn, monkeypatch):
    with refused("diagnostics.no-text", "at least one word"):
        attribute_words(learn, " ", "positive")
    with refused("diagnostics.unknown-class", "'good'", "negative, positive"):
        attribute_words(learn, "fine", "good")
    with refused("diagnostics.no-text-classifier", "text_learner"):
        attribute_words(digits_learner(pretrained=False), "fine", "3")
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with refused("backbones.extra-missing", "captum", "fine-tuning-course[text]"):
        attribute_words(learn, "fine", "positive")
