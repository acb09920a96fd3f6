"""Embeddings of many texts at once: what an encoder makes of each before any head reads it."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.backbones.text.classifier import TextClassifier
from course_utils.data.text.loaders import tokens_of
from course_utils.errors import CourseError

BATCH = 64


@torch.no_grad()
def embed(network: nn.Module, tokenizer: Any, texts: Sequence[str], *, longest: int = 128) -> Tensor:
    """Average a network's hidden states over the tokens of each text.

    Parameters
    ----------
    network : nn.Module
        An encoder, such as `backbones.minilm("DEFAULT")`, or a `TextClassifier`, whose encoder is taken. It embeds in
        evaluation mode, and is left in the mode that it was in.
    tokenizer : callable
        The one that belongs to the encoder.
    texts : sequence of str
        Any number; texts of similar length go through the network together.
    longest : int
        The most tokens of a text; what is longer is cut off there.

    Returns
    -------
    (n, width) tensor
        On the CPU, in the order of the texts.

    Raises
    ------
    CourseError
        `backbones.no-text` for what isn't a list of texts, and for a text without a character.
    """
    if isinstance(texts, str) or any(not isinstance(text, str) or not text.strip() for text in texts):
        raise CourseError(
            "There is nothing to embed, or one of the texts is empty: give a list of texts of at least one word.",
            code="backbones.no-text",
        )
    training = network.training
    model = network if isinstance(network, TextClassifier) else TextClassifier(network, 1)
    device = next(network.parameters()).device
    ids, lengths, _ = tokens_of(tokenizer, texts, longest)
    found = torch.zeros(len(texts), model.head.in_features)
    model.eval()
    try:
        for rows in lengths.argsort().split(BATCH):
            most = int(lengths[rows].max())
            mask = (torch.arange(most) < lengths[rows, None]).long()
            batch = {"input_ids": ids[rows, :most].to(device), "attention_mask": mask.to(device)}
            found[rows] = model.embed(batch).float().cpu()
    finally:
        network.train(training)
    return found
