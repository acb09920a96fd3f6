"""Embeddings of texts: in their order, the same in any company, and refused where there is no text."""

import pytest
import torch
from support.errors import refused

from course_utils import backbones

TEXTS = ["a fine camera", "no", "the battery is empty after an hour, every single day, and nobody answers", "no"]


def test_each_text_has_its_own_embedding_whatever_stands_beside_it():
    encoder, tokenizer = backbones.minilm("DEFAULT"), backbones.minilm_tokenizer()
    together = backbones.embed(encoder, tokenizer, TEXTS)
    assert together.shape == (4, 384) and not together.requires_grad
    alone = torch.cat([backbones.embed(encoder, tokenizer, [text]) for text in TEXTS])
    assert torch.allclose(together, alone, atol=1e-5)
    assert torch.allclose(together[1], together[3], atol=1e-6)


def test_a_classifier_embeds_without_dropout_and_stays_in_its_mode():
    model = backbones.TextClassifier(backbones.minilm("DEFAULT", dropout=0.5), 2).train()
    tokenizer = backbones.minilm_tokenizer()
    one, other = (backbones.embed(model, tokenizer, TEXTS[:1]) for _ in range(2))
    assert torch.equal(one, other) and model.training and model.encoder.training


@pytest.mark.parametrize("texts", ["a single text", ["fine", " "], ["fine", None]])
def test_what_is_no_list_of_texts_is_refused(texts):
    with refused("backbones.no-text", "list of texts"):
        backbones.embed(backbones.minilm(None), backbones.minilm_tokenizer(), texts)
