"""Few weights of the course's encoder of texts: how many each strategy trains, and that nothing else moves."""

import pytest
import torch
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from support.learners import silent

from course_utils import surgery, training
from course_utils.backbones import TextClassifier, minilm

pytest.importorskip("transformers")

QUERY_VALUE = ("query", "value")
PLAIN = {"cache": "never"}  # the batches stand in a list
STRATEGIES = {  # with the number of weights that each trains, as lesson 17 tells
    "head": (training.HeadOnly(1, 1e-3, **PLAIN), 770),
    "normalisation": (training.NormalisationOnly(1, 1e-3, **PLAIN), 10_754),
    "biases": (training.BiasesOnly(1, 1e-3, **PLAIN), 26_498),
    "LoRA": (training.LoRA(1, 1e-3, where=QUERY_VALUE, **PLAIN), 74_498),
    "adapters": (training.BottleneckAdapters(1, 1e-3, **PLAIN), 76_898),
}


@pytest.fixture(scope="module")
def encoder() -> torch.nn.Module:
    torch.manual_seed(0)
    return minilm(None)


def learner(encoder: torch.nn.Module) -> Learner:
    """A learner on two batches of made-up tokens; the encoder is shared, as its own weights don't train."""
    torch.manual_seed(1)
    ids = torch.randint(999, 9999, (4, 7))
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}, torch.arange(4) % 2
    dls = DataLoaders([batch] * 2, [batch])
    dls.c = 2
    model = TextClassifier(encoder, 2)
    return silent(Learner(dls, model, loss_func=CrossEntropyLossFlat(), splitter=surgery.split_by_block))


@pytest.mark.parametrize(("strategy", "count"), STRATEGIES.values(), ids=STRATEGIES)
def test_each_strategy_trains_so_many_weights_and_moves_no_others(encoder, strategy, count):
    learn = learner(encoder)
    before = {name: weight.clone() for name, weight in learn.model.named_parameters()}
    strategy.train(learn)
    after = dict(learn.model.named_parameters())
    trains = {name for name, weight in after.items() if weight.requires_grad}
    assert sum(after[name].numel() for name in trains) == count
    assert {name for name in before if not torch.equal(before[name], after[name])} <= trains
    assert not torch.equal(before["head.weight"], after["head.weight"])
    with torch.no_grad():  # the encoder goes back to the next case as it came
        if strategy.name in ("LoRA", "adapters"):
            assert training.remove_additions(learn) == {"LoRA": 12, "adapters": 6}[strategy.name]
        for name, weight in before.items():
            learn.model.get_parameter(name).copy_(weight)


def test_a_change_on_query_and_value_merges_and_is_pefts(encoder):
    pytest.importorskip("peft")
    learn = learner(encoder)
    model, (batch, _) = learn.model.eval(), next(iter(learn.dls.train))
    for change in training.add_lora(model, where=QUERY_VALUE).values():
        torch.nn.init.normal_(change.B.weight, std=0.02)
    twin = training.as_peft(model).eval()
    with torch.no_grad():
        expected = model(batch)
        assert torch.allclose(twin(batch), expected, atol=1e-5)
        assert training.merge_lora(model) == 12
        assert torch.allclose(model(batch), expected, atol=1e-4)
