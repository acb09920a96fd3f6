"""Language models as learners: perplexity, writing, classifiers, and ULMFiT's three pieces."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from support.errors import refused

from course_utils.backbones import awd_lstm
from course_utils.data.text.texts import Texts
from course_utils.data.text.word_loaders import language_loaders, word_loaders
from course_utils.data.text.words import build_vocabulary, split_words
from course_utils.plots.text.recurrence import plot_reach
from course_utils.tasks.language import (
    classifier_learner,
    gradient_reach,
    language_learner,
    next_words,
    perplexity,
    right_share,
    surprises,
    write,
)
from course_utils.training import RecordSchedule
from course_utils.training.text.ulmfit import SPREAD, fit_ulmfit, slanted_triangular

SAID = ["the battery is good and cheap", "poor screen , slow and heavy", "easy to use !", "it broke , a bad buy"] * 8
WORDS = split_words(SAID)
VOCABULARY = build_vocabulary(WORDS, most=60)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return awd_lstm(None, VOCABULARY)


@pytest.fixture
def texts() -> Texts:
    labels = ["positive", "negative"] * (len(SAID) // 2)
    table = pd.DataFrame({"text": SAID, "label": labels})
    return Texts(table, table, table, ("negative", "positive"), unlabelled=SAID, real=False, about="made up")


def test_perplexity_is_that_of_the_words_probabilities_and_of_no_padding(model):
    documents = [WORDS[0], WORDS[2]]
    expected = []
    for document in documents:
        numbers = torch.tensor([[VOCABULARY.index(word) for word in document]])
        model.reset()
        chances = model(numbers)[0].log_softmax(-1)[0, :-1]
        expected += [-chances[place, number].item() for place, number in enumerate(numbers[0, 1:])]
    assert perplexity(model, documents) == pytest.approx(math.exp(np.mean(expected)), rel=1e-4)
    assert [len(each) for each in surprises(model, documents)] == [len(each) - 1 for each in documents]
    longer = [[word for document in WORDS for word in document]]
    whole, windows = (torch.cat(surprises(model, longer, window=size)) for size in (400, 7))
    torch.testing.assert_close(whole, windows, rtol=1e-4, atol=1e-4)


def test_a_uniform_models_perplexity_is_the_size_of_its_vocabulary(model):
    for weight in model.parameters():
        torch.nn.init.zeros_(weight)
    assert perplexity(model, WORDS) == pytest.approx(len(VOCABULARY), rel=1e-4)


def test_training_on_texts_lowers_their_perplexity_and_shows_in_what_is_written(model):
    before = perplexity(model, WORDS)
    fit_ulmfit(language_learner(language_loaders(WORDS, WORDS, VOCABULARY, bs=4, seq_len=10), model), 20, 2e-2)
    assert perplexity(model, WORDS) < before / 3
    assert next_words(model, "easy to", most=1).word.item() == "use"
    assert write(model, "easy to", words=2, temperature=0.1) == "easy to use!"


def test_writing_repeats_with_its_seed_and_knows_no_special_words(model):
    assert write(model, "the battery", seed=1) == write(model, "the battery", seed=1)
    assert write(model, "the battery", seed=1) != write(model, "the battery", seed=2)
    assert "xx" not in write(model, words=100, temperature=5)
    assert write(model, "unheard words", words=0) == ""
    with refused("tasks.bad-setting", "temperature is 0"):
        write(model, temperature=0)


def test_a_classifier_starts_from_the_encoder_and_leaves_the_model_alone(model, texts):
    kept = [weight.clone() for weight in model.parameters()]
    dls = word_loaders(texts, VOCABULARY, bs=8)
    learn = classifier_learner(dls, model, seed=1)
    for name, weight in model[0].named_parameters():
        assert torch.equal(weight, learn.model[0].module.get_parameter(name)), name
    fit_ulmfit(learn, 8, 1e-2, gradual=False)
    assert right_share(learn) > 0.9
    assert all(torch.equal(a, b) for a, b in zip(kept, model.parameters(), strict=True))


def test_a_classifier_repeats_with_its_seed(model, texts):
    dls = word_loaders(texts, VOCABULARY, bs=8)
    runs = [fit_ulmfit(classifier_learner(dls, model, seed=seed), 2, 1e-2) for seed in (3, 3, 4)]
    ends = [torch.cat([weight.detach().flatten() for weight in learn.model.parameters()]) for learn in runs]
    assert torch.equal(ends[0], ends[1]) and not torch.equal(ends[0], ends[2])


def test_another_vocabulary_is_refused(model, texts):
    other = [*VOCABULARY[:-2], *reversed(VOCABULARY[-2:])]
    with refused("tasks.other-vocabulary", "in another order"):
        classifier_learner(word_loaders(texts, other), model)
    with refused("tasks.other-vocabulary", f"{len(VOCABULARY) - 1}"):
        language_learner(language_loaders(WORDS, WORDS, VOCABULARY[:-1], bs=4), model)


@pytest.mark.parametrize(("done", "share"), [(0, 1 / 32), (0.05, 33 / 64), (0.1, 1), (0.55, 33 / 64), (1, 1 / 32)])
def test_the_triangle_rises_for_a_tenth_and_falls_for_the_rest(done, share):
    assert slanted_triangular(done) == pytest.approx(share)


def _told(model, texts, **pieces) -> pd.DataFrame:
    learn = classifier_learner(word_loaders(texts, VOCABULARY, bs=8), model)
    learn.add_cb(record := RecordSchedule(["embedding", "layer 1", "layer 2", "head"]))
    fit_ulmfit(learn, 5, 4e-3, **{"slanted": False, "discriminative": False, "gradual": False} | pieces)
    return record.table


def test_without_pieces_all_layers_train_at_one_rate(model, texts):
    told = _told(model, texts)
    assert not told.frozen.any() and told.lr.unique().tolist() == [4e-3] and told.step.max() == 5 * 4 - 1


def test_each_piece_does_what_its_name_says(model, texts):
    rates = _told(model, texts, discriminative=True).groupby("group", sort=False).lr.first()
    assert rates.tolist() == pytest.approx([4e-3 / SPREAD**below for below in (3, 2, 1, 0)])
    head = _told(model, texts, slanted=True).query("group == 'head'").lr.tolist()
    assert head.index(max(head)) == 2 and head[2] == pytest.approx(4e-3) and head[-1] < 4e-4
    frozen = _told(model, texts, gradual=True).groupby("group", sort=False).frozen.sum()
    assert frozen.tolist() == [12, 8, 4, 0]
    assert _told(model, texts, last_only=True).groupby("group", sort=False).frozen.sum().tolist() == [20, 20, 20, 0]


def test_frozen_layers_stay_as_they_are(model, texts):
    learn = classifier_learner(word_loaders(texts, VOCABULARY, bs=8), model)
    fit_ulmfit(learn, 2, 1e-2, last_only=True)
    assert torch.equal(learn.model[0].module.encoder.weight, model[0].encoder.weight)


@pytest.mark.parametrize(("epochs", "lr"), [(0, 1e-2), (1, 0.0), (1, float("nan"))])
def test_settings_that_cannot_train_are_refused(model, texts, epochs, lr):
    with refused("training.bad-setting", f"epochs is {epochs}"):
        fit_ulmfit(classifier_learner(word_loaders(texts, VOCABULARY)), epochs, lr)


def test_a_lost_loss_is_told(model, texts):
    with refused("training.loss-lost", "loss became", "lower learning rate"):
        fit_ulmfit(classifier_learner(word_loaders(texts, VOCABULARY), model), 9, 1e30)


def test_gradients_reach_back_and_end_with_the_documents(model, capsys):
    reach = gradient_reach(model, WORDS, words=10, rows=5)
    assert len(reach) == 10 and reach[0] > reach[-1] > 0
    assert all(weight.grad is None for weight in model.parameters())
    with refused("tasks.too-few-words", "40 rows of 61"):
        gradient_reach(model, WORDS[:3])
    with refused("plots.no-gradient", "mine"):
        plot_reach({"mine": [0.0, 1.0]})
