"""The same fine-tuning in plain torch, in a fastai Learner and with Hugging Face's Trainer: equal to rounding."""

import copy
from functools import partial

import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from fastai.optimizer import Adam
from transformers import BertConfig, BertModel, Trainer, TrainingArguments

from course_utils import data
from course_utils.backbones import TextClassifier, minilm_tokenizer
from course_utils.data.text.texts import Texts
from course_utils.tasks import text_learner

EPOCHS, LR, DECAY = 2, 1e-3, 0.1
SETTINGS = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


@pytest.fixture
def dls():
    """Twenty texts of different lengths, batches of eight in the order of the table."""
    table = pd.DataFrame({"text": [f"good {'bad ' * (n % 5)}{n}" for n in range(20)], "label": ["no", "yes"] * 10})
    made = data.text_loaders(Texts(table, table, table, ("no", "yes"), [], True, "toys."), minilm_tokenizer(), bs=8)
    made.loaders[0] = made.train.new(shuffle=False, sort=False)
    return made


@pytest.fixture
def network():
    torch.manual_seed(0)
    return TextClassifier(BertModel(BertConfig(**SETTINGS, **NO_DROPOUT), add_pooling_layer=False), 2)


def plain_torch(network, dls):
    matrices = [weight for weight in network.parameters() if weight.ndim > 1]  # biases and norms don't decay
    others = [weight for weight in network.parameters() if weight.ndim == 1]
    groups = [{"params": matrices}, {"params": others, "weight_decay": 0}]
    optimiser = torch.optim.AdamW(groups, lr=LR, weight_decay=DECAY)
    network.train()
    for _ in range(EPOCHS):
        for batch, labels in dls.train:
            F.cross_entropy(network(batch), labels).backward()
            optimiser.step()
            optimiser.zero_grad()


def fastai_learner(network, dls):
    adam = partial(Adam, mom=0.9, sqr_mom=0.999, eps=1e-8)
    learn = text_learner(dls, network.encoder, opt_func=adam, wd=DECAY)
    learn.model = network
    with learn.no_bar(), learn.no_logging():
        learn.fit(EPOCHS, LR)


def hugging_face(network, dls, folder):
    def collate(numbers):
        batch, labels = dls.train.dataset.batch(numbers)
        return batch | {"labels": labels}

    settings = TrainingArguments(
        folder,
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=8,
        learning_rate=LR,
        weight_decay=DECAY,
        lr_scheduler_type="constant",
        max_grad_norm=0,
        train_sampling_strategy="sequential",
        use_cpu=True,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    texts = range(len(dls.train.dataset))
    loss = lambda scores, labels, **_: F.cross_entropy(scores, labels)  # noqa: E731
    Trainer(network, settings, train_dataset=texts, data_collator=collate, compute_loss_func=loss).train()


def test_three_libraries_learn_the_same_weights(network, dls, tmp_path):
    before = copy.deepcopy(network.state_dict())
    learned = []
    for train in (plain_torch, fastai_learner, partial(hugging_face, folder=str(tmp_path))):
        model = copy.deepcopy(network)
        train(model, dls)
        learned.append(model.state_dict())
    ours, *theirs = learned
    for name, value in ours.items():
        moved = (value - before[name]).abs().max()
        assert (moved < 1e-4) == name.endswith("key.bias"), f"{name}: attention doesn't change with the keys' bias"
        for other in theirs:
            assert torch.allclose(other[name].cpu(), value, atol=2e-6), name
