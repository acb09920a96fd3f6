"""A classifier of texts: an encoder, the average of its hidden states over a text's tokens, and a linear head."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


class TextClassifier(nn.Module):
    """An encoder of Hugging Face's library with a linear head on the averaged hidden states.

    It takes a batch as one dictionary, as fastai's learners hand it over, or as keywords: `input_ids` (batch, tokens),
    or `inputs_embeds` (batch, tokens, width) in their place, and `attention_mask` (batch, tokens), 0 where a text was
    padded. `surgery.blocks` finds "embeddings", "layer 1" and so on, and "head" in it.

    Parameters
    ----------
    encoder : nn.Module
        Such as `backbones.minilm("DEFAULT")`.
    n_classes : int
        How many scores it gives.
    """

    def __init__(self, encoder: nn.Module, n_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.config.hidden_size, n_classes)  # type: ignore[union-attr,arg-type]

    def embed(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Give each text's averaged hidden state, (batch, width); padding doesn't count."""
        hidden = self.encoder(**batch).last_hidden_state
        counted = batch["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        return (hidden * counted).sum(1) / counted.sum(1).clamp(min=1)

    def forward(self, batch: Mapping[str, Tensor] | None = None, **named: Any) -> Tensor:
        """Give each text's scores, (batch, classes)."""
        return self.head(self.embed(named if batch is None else batch))
