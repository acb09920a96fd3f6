"""The language model's pre-training: a run that was stopped, n-grams against figures by hand, and the card."""

import json
import zipfile
from collections import Counter
from math import exp, log

import pytest
import torch
from safetensors.torch import load

from course_utils.backbones import companion
from tools.pretraining import language, language_card
from tools.pretraining.ngrams import KneserNey


class Stopped(Exception):
    """A run ends here, as if its process had been killed."""


def _archive(file) -> None:
    said = ("the film is long and the plot is thin .", "a good film , and a fine cast !", "i did not like the plot .")
    with zipfile.ZipFile(file, "w") as z:
        for number in range(40):
            z.writestr(f"movie_reviews/pos/cv{number:03}.txt", " ".join(said[(number + turn) % 3] for turn in range(9)))


@pytest.fixture
def small(monkeypatch):
    """A run of seconds."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for name, value in {"EPOCHS": 3, "BATCH": 4, "BPTT": 30, "WORDS": 30}.items():
        monkeypatch.setattr(language, name, value)
    yield
    torch.set_num_threads(threads)


def test_a_stopped_run_goes_on_where_it_was(tmp_path, monkeypatch, small):
    """Two runs, one of them stopped in its second epoch, end with the same weights."""
    _archive(tmp_path / "reviews.zip")
    language.pretrain(tmp_path / "reviews.zip", tmp_path / "whole")

    def stop(self):
        if self.epoch == 1:
            raise Stopped("here")

    with monkeypatch.context() as patched, pytest.raises(Stopped):
        patched.setattr(language.HalfPrecision, "after_train", stop, raising=False)
        language.pretrain(tmp_path / "reviews.zip", tmp_path / "cut")
    torch.manual_seed(99)  # a new process knows nothing of the random numbers that the first one drew
    language.pretrain(tmp_path / "reviews.zip", tmp_path / "cut")

    whole, cut = (load((tmp_path / out / "awd_lstm.safetensors").read_bytes()) for out in ("whole", "cut"))
    assert whole.keys() == cut.keys() and all(torch.equal(whole[name], cut[name]) for name in whole)
    history = json.loads((tmp_path / "cut" / "history.json").read_text())
    assert [row["epoch"] for row in history] == [1, 2, 3]


def test_reviews_are_divided_without_overlap(tmp_path):
    _archive(tmp_path / "reviews.zip")
    parts = language.read_reviews(tmp_path / "reviews.zip")
    assert {name: len(texts) for name, texts in parts.items()} == {"train": 36, "valid": 2, "test": 2}


def test_unigrams_are_relative_frequencies_after_discounts_that_sum_to_one():
    documents = [[2, 3, 3, 4], [2, 3, 4, 5], [2, 3]]
    model = KneserNey(documents, words=6, order=1)
    chances = [model.probability((), word) for word in range(6)]
    assert sum(chances) == pytest.approx(1)
    assert chances[3] > chances[4] > chances[5] > chances[0] == chances[1]
    assert model.perplexity([[2, 3]]) == pytest.approx(1 / chances[3])


@pytest.mark.parametrize("order", [2, 3, 5])
def test_ngrams_sum_to_one_after_known_and_unknown_contexts(order):
    generator = torch.Generator().manual_seed(0)
    documents = [[0, *torch.randint(1, 7, (30,), generator=generator).tolist()] for _ in range(20)]
    model = KneserNey(documents, words=8, order=order)
    for context in [tuple(documents[0][: order - 1]), (7,) * (order - 1), (-1,) * (order - 2) + (0,)]:
        assert sum(model.probability(context, word) for word in range(8)) == pytest.approx(1)


def test_bigrams_by_hand():
    """Interpolated Kneser-Ney as Chen and Goodman write it, worked out for one context."""
    documents = [[0, 1, 2, 1, 2, 1, 3, 1, 2, 4, 1]]
    pairs = Counter(zip(documents[0], documents[0][1:], strict=False))
    model = KneserNey(documents, words=5, order=2)
    once, twice, thrice = model.discounts[2][1:]
    after = {word: count for (before, word), count in pairs.items() if before == 1}
    assert after == {2: 3, 3: 1}
    lower = {word: model.probability((99,), word) for word in range(5)}  # nothing is known after 99
    taken = (thrice + once) / 4
    assert model.probability((1,), 2) == pytest.approx((3 - thrice) / 4 + taken * lower[2])
    assert model.probability((1,), 4) == pytest.approx(taken * lower[4])
    assert 0 <= twice <= 2
    given = [model.probability((before,), word) for before, word in zip(documents[0], documents[0][1:], strict=False)]
    assert model.perplexity(documents) == pytest.approx(exp(-sum(map(log, given)) / len(given)))


def test_longer_ngrams_predict_a_repeated_text_better():
    documents = [[0, *[1, 2, 3, 1, 4, 2] * 20] for _ in range(3)]
    perplexities = [KneserNey(documents, words=6, order=order).perplexity(documents) for order in (1, 2, 3)]
    assert perplexities == sorted(perplexities, reverse=True) and perplexities[2] < 1.5


def test_the_card_states_the_manifests_figures():
    figures = json.loads((companion.IN_CLONE / "manifest.json").read_text())["awd_lstm"]
    card = (companion.IN_CLONE / figures["card"]).read_text()
    assert card == language_card.render(figures), "python -m tools.pretraining.language_card renews it"
    assert len(figures["history"]) == language.EPOCHS


def test_the_network_predicts_better_than_ngrams():
    stated = json.loads((companion.IN_CLONE / "manifest.json").read_text())["awd_lstm"]["perplexity"]
    assert stated["network"] < stated["five_gram"] < stated["unigram"]
