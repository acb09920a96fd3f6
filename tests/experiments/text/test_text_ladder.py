"""The ladder for texts: what each rung reads, how it is scored like a network, and what it refuses."""

import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from support.errors import refused
from support.learners import digits_learner

from course_utils import backbones, data
from course_utils.data.text.texts import Texts
from course_utils.experiments.text.ladder import FrozenEncoder, TfidfRegression, all_text_rungs, words_of
from course_utils.tasks import TextTask, classify, train_and_score
from course_utils.tasks.text import text_learner
from course_utils.training.probing import solve_linear

TASK = TextTask("reviews", bs=8, split=(4, 12), backbone="minilm")


@pytest.fixture(autouse=True)
def written(monkeypatch):
    """The course's own texts, wherever the tests run."""
    monkeypatch.setenv("COURSE_IMAGES", "drawings")


def of(texts, labels, rows=12):
    """A learner on texts of one's own, some of them many times."""
    table = {"text": [f"{text} {number}" for number in range(rows) for text in texts], "label": list(labels) * rows}

    listed = pd.DataFrame(table)
    own = Texts(listed, listed[:2], listed[:2], ("negative", "positive"), [], True, "two kinds of texts")
    return text_learner(data.text_loaders(own, backbones.minilm_tokenizer(), bs=8), backbones.minilm(None))


def test_each_rung_is_scored_as_a_network_is_and_classifies_texts_from_outside():
    scores = {}
    for rung in all_text_rungs():
        score, trained = train_and_score(TASK, rung, 10, seed=0)
        texts = TASK.texts(0, 10).test
        told = classify(trained.learn, texts.text)
        assert (told.label == texts.label.array).mean() == pytest.approx(score)
        assert told[["negative", "positive"]].sum(axis=1).tolist() == pytest.approx([1] * len(told))
        assert trained.steps == 0
        scores[rung.name] = score
    assert list(scores) == ["majority class", "TF-IDF", "TF-IDF of characters", "frozen encoder"]
    assert scores["majority class"] == 0.5 and scores["frozen encoder"] > 0.5


def test_counting_words_learns_a_word_that_decides_and_forgets_case():
    learn = of(["the sound is lovely", "the sound is awful"], ["positive", "negative"])
    TfidfRegression().train(learn)
    assert classify(learn, ["LOVELY", "awful thing"]).label.tolist() == ["positive", "negative"]
    assert classify(learn, ["lovley", "awfull"]).negative.tolist() == pytest.approx([0.5, 0.5], abs=0.1)
    learn = of(["the sound is lovely", "the sound is awful"], ["positive", "negative"])
    TfidfRegression(count="character").train(learn)
    assert classify(learn, ["lovley", "awfull"]).label.tolist() == ["positive", "negative"]


def test_a_text_of_unknown_words_gets_an_answer():
    learn = of(["good", "bad"], ["positive", "negative"])
    TfidfRegression().train(learn)
    assert classify(learn, ["👍"]).negative.item() == pytest.approx(0.5, abs=0.2)


def test_words_are_put_together_again_without_what_marks_and_fills():
    tokenizer = backbones.minilm_tokenizer()
    batch = tokenizer(["Unbelievably good", "ok"], padding=True, return_tensors="pt")
    assert words_of(tokenizer, batch) == ["unbelievably good", "ok"]


def test_the_frozen_encoders_head_is_the_regression_on_its_embeddings():
    learn = TASK.learner(0, 10, FrozenEncoder())
    before = {name: value.clone() for name, value in learn.model.encoder.state_dict().items()}
    FrozenEncoder().train(learn)
    assert all(torch.equal(before[name], value) for name, value in learn.model.encoder.state_dict().items())
    assert not any(weight.requires_grad for weight in learn.model.encoder.parameters())
    texts = TASK.texts(0, 10)
    tokenizer = backbones.minilm_tokenizer()
    features = backbones.embed(learn.model, tokenizer, texts.texts("train")).double().numpy()
    weight, bias = solve_linear(features, texts.targets("train"), 2)
    test = backbones.embed(learn.model, tokenizer, texts.texts("test")).double().numpy()
    expected = (test @ weight.T + bias).argmax(1)
    found = classify(learn, texts.texts("test")).label.map(texts.classes.index).to_numpy()
    assert (expected == found).mean() > 0.98  # a tie may fall either way


def test_a_solved_linear_layer_undoes_the_scaling_and_never_predicts_an_absent_class():
    rng = torch.Generator().manual_seed(0)
    features = torch.randn(60, 3, generator=rng).numpy() * [1, 50, 0] + [0, 1000, 7]
    labels = (features[:, 0] > 0).astype(int) * 2  # class 1 has no example
    weight, bias = solve_linear(features, labels, 3)
    scores = features @ weight.T + bias
    assert (scores.argmax(1) == labels).mean() > 0.9 and (scores[:, 1] < scores.min(1) + 1).all()
    plain = LogisticRegression(C=1e6, max_iter=5000).fit(features[:, :1], labels)
    assert (plain.predict(features[:, :1]) == scores.argmax(1)).mean() > 0.9


@pytest.mark.parametrize("rung", [TfidfRegression(), FrozenEncoder()], ids=lambda rung: rung.name)
def test_images_and_a_single_class_are_refused(rung):
    with refused("experiments.no-texts", "text_loaders"):
        rung.train(digits_learner(pretrained=False))
    learn = of(["good", "bad"], ["positive", "negative"])
    learn.dls.train.dataset.labels[:] = 0
    with refused("experiments.one-class", "add another class"):
        rung.train(learn)


def test_what_is_not_counted_is_refused():
    with refused("experiments.unknown-count", "'letters'"):
        TfidfRegression(count="letters").train(TASK.learner(0, 2, TfidfRegression()))
