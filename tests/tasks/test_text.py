"""Text tasks: the protocol that they keep, what a learner of theirs depends on, and what is stored of frozen layers."""

import json
import pickle

import pytest
import torch
from fastai.callback.core import Callback
from support.errors import refused

from course_utils import training
from course_utils.tasks import Task, TextTask, classify, train, train_and_score
from course_utils.tasks.running import NoValidation
from course_utils.training.cut_forward import KEY

TASK = TextTask("reviews", bs=8, longest=24, split=(4, 8))


@pytest.fixture(autouse=True)
def written(monkeypatch):
    """The course's own texts, wherever the tests run."""
    monkeypatch.setenv("COURSE_IMAGES", "drawings")
    monkeypatch.setenv("COURSE_NETWORK", "small")


class LookAtBatches(Callback):
    """Notes of each batch whether it holds stored features, and how many tokens."""

    def before_fit(self):
        self.stored, self.lengths = [], []

    def after_pred(self):
        self.stored.append(KEY in self.xb[0])
        self.lengths.append(self.xb[0]["attention_mask"].shape[1])


def weights_of(learn) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in learn.model.state_dict().items()}


def test_it_keeps_the_protocol():
    assert isinstance(TASK, Task)
    assert TASK.epochs >= 1 and TASK.higher_is_better
    assert json.loads(json.dumps(TASK.describe())) == TASK.describe()
    assert pickle.loads(pickle.dumps(TASK)) == TASK
    other = TASK.changed(longest=12, split=(3, 8))
    assert (other.longest, other.options["split"]) == (12, (3, 8)) and other.changed(longest=24, split=(4, 8)) == TASK


def test_seed_and_start_decide_split_and_head():
    way = training.Full(1)
    first, again, other = (TASK.learner(0, 2, way, start=start) for start in (None, None, 7))
    head = [learn.model.head.weight for learn in (first, again, other)]
    assert torch.equal(head[0], head[1]) and not torch.equal(head[0], head[2])
    ids = [learn.dls.train.dataset.ids for learn in (first, other, TASK.learner(1, 2, way))]
    assert torch.equal(ids[0], ids[1]) and ids[0].tolist() != ids[2].tolist()
    body = first.model.encoder.encoder.layer[0].attention.self.query.weight
    fresh = TASK.learner(0, 2, training.FromScratch(1)).model.encoder.encoder.layer[0].attention.self.query.weight
    assert not torch.equal(body, fresh)


@pytest.mark.parametrize(
    "way", [training.HeadOnly(2), training.Partial(2, 1e-4, depth="layer 6")], ids=["head only", "last layer"]
)
def test_stored_features_give_the_weights_of_the_uncached_run(way):
    """Batches differ in length, and a text's features are those of its own batch, padding apart."""
    learned = []
    for cache, stored in (("when exact", True), ("never", False)):
        learn = TASK.learner(0, 8, way)
        learn.add_cbs([NoValidation(), look := LookAtBatches()])
        with learn.no_bar(), learn.no_logging():
            type(way)(**{**vars(way), "cache": cache}).train(learn)
        assert look.stored == [stored] * 4
        assert len(set(look.lengths)) > 1, "a batch is as long as its longest text"
        learned.append((weights_of(learn), look.lengths))
    (cached, lengths), (plain, same_lengths) = learned
    assert lengths == same_lengths
    assert all(torch.allclose(cached[name], plain[name], atol=1e-5) for name in plain)
    before = TASK.learner(0, 8, way).model.state_dict()
    assert not all(torch.equal(before[name], value) for name, value in plain.items())


def test_dropout_in_frozen_layers_is_never_cached():
    learn = TASK.changed(dropout=0.1).learner(0, 8, training.HeadOnly(1))
    from course_utils.surgery import freeze

    freeze(learn, batchnorm="fixed")
    with refused("training.frozen-block-random"), training.cached_body(learn):
        pass
    trained = train(TASK.changed(dropout=0.1), training.HeadOnly(1), 8, 0, cbs=[NoValidation()])
    assert trained.steps == 2, "it trains uncached"


class Stop(Callback):
    """The learner's Ctrl-C, in the second batch."""

    def before_batch(self):
        if self.iter == 1:
            raise KeyboardInterrupt


def test_a_learner_whose_training_was_stopped_has_its_own_texts_and_trains_on():
    learn = TASK.learner(0, 8, training.HeadOnly(2))
    dls = learn.dls
    with learn.no_bar(), learn.no_logging():
        with pytest.raises(KeyboardInterrupt), learn.added_cbs(Stop()):
            training.HeadOnly(2).train(learn)
        assert learn.dls is dls and "forward" not in vars(learn.model)
        assert not {"stop_when_lost", "_guard", "_witness"} & {each.name for each in learn.cbs}
        training.HeadOnly(1).train(learn)


def test_a_training_is_scored_and_classifies_texts_from_outside():
    score, trained = train_and_score(TASK, training.HeadOnly(2, 1e-2), 8, 0, cbs=[NoValidation()])
    assert score == TASK.score(trained.learn) and trained.steps == 4 and trained.trainable == 770
    texts = ["Great!", "it broke on the second day, <b>never</b> again " * 20, "日本語 👍"]
    table = classify(trained.learn, texts)
    assert table.columns.tolist() == ["text", "negative", "positive", "label"] and table.text.tolist() == texts
    assert table[["negative", "positive"]].sum(1).tolist() == pytest.approx([1, 1, 1])
    alone = classify(trained.learn, texts[0])
    assert alone.positive[0] == pytest.approx(table.positive[0], abs=1e-5), "padding changes nothing"
    for nothing in ([], "", "  ", ["good", ""], [None]):
        with refused("tasks.no-text"):
            classify(trained.learn, nothing)


def test_predictions_come_back_in_the_order_of_the_data():
    learn = TASK.learner(0, 2, training.HeadOnly(1))
    given = torch.cat([labels for _, labels in learn.dls.test])
    with learn.no_bar():
        _, targets = learn.get_preds(dl=learn.dls.test)
    assert targets.tolist() == learn.dls.test.dataset.labels.tolist() != given.tolist(), "batches are sorted by length"


@pytest.mark.parametrize(
    ("options", "code", "fact"),
    [
        ({"metric": "loss"}, "unmeasured-metric", "'loss'"),
        ({"seed": 1}, "option-of-a-run", "seed"),
        ({"n_per_class": 1}, "option-of-a-run", "n_per_class"),
    ],
)
def test_a_task_that_cannot_be_is_refused(options, code, fact):
    with refused(f"tasks.{code}", fact):
        TextTask("reviews", **options)


def test_a_network_of_images_is_refused():
    with refused("tasks.no-text-backbone", "resnet18_half"):
        TASK.changed(backbone="resnet18_half").learner(0, 2, training.Full(1))


def test_a_rate_that_breaks_it_is_told():
    with refused("training.loss-lost", "lower learning rate"):
        train(TASK.changed(longest=8), training.Full(1, 1e30), 8, 0, cbs=[NoValidation()])
