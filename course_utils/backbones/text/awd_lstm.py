"""The course's recurrent language model: a small AWD-LSTM, pre-trained on film reviews."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from fastai.text.learner import match_embeds
from fastai.text.models.awdlstm import AWD_LSTM
from fastai.text.models.core import LinearDecoder, SequentialRNN
from safetensors.torch import save
from torch import Tensor, nn

from course_utils.backbones.registry import Backbone, register
from course_utils.backbones.weights import check_weights, load_metadata, load_weights
from course_utils.data.text.words import PADDING, SPECIAL
from course_utils.errors import CourseError

NAME = "awd_lstm"
SIZES = {"emb_sz": 160, "n_hid": 400, "n_layers": 2}
DROPOUT = {"output_p": 0.1, "hidden_p": 0.1, "input_p": 0.1, "embed_p": 0.02, "weight_p": 0.15}
WORDS = 8_000
DECODER = "1.decoder.weight"  # it is the embedding: stored once, under the embedding's name


def awd_lstm(weights: str | None = None, vocabulary: Sequence[str] | None = None) -> nn.Module:
    """Build a two-layer AWD-LSTM language model, 2.6 million parameters with its 8,000 words: fastai's `SequentialRNN`.

    It takes numbers of words (batch, words) and gives (scores of the next word (batch, words, vocabulary), hidden
    states, the same after dropout), as fastai's callbacks for recurrent networks expect. It goes on from the hidden
    state that the last call left, until `.reset()`. Its attribute `vocabulary` lists its words.
    Source: Merity et al. 2017, "Regularizing and Optimizing LSTM Language Models".

    Parameters
    ----------
    weights : str or None
        "DEFAULT" for those that the course pre-trained on film reviews (see awd_lstm.md beside them), None for random
        ones.
    vocabulary : sequence of str, optional
        The words that it shall know, from `build_vocabulary`; its own 8,000 if left out. Words that the trained weights
        don't know get the mean of all embeddings, as fastai's `load_pretrained` does it.

    Raises
    ------
    CourseError
        For other weights (`backbones.unknown-weights`) and for the vocabulary of another model
        (`backbones.other-vocabulary`); `backbones.weights-missing` or `backbones.weights-damaged`.
    """
    check_weights(weights)
    if vocabulary is not None:
        check_vocabulary(vocabulary)
    own = stored_vocabulary() if weights or vocabulary is None else []
    words = list(own if vocabulary is None else vocabulary)
    model = build(len(words), DROPOUT)
    if weights:
        model.load_state_dict(matched(load_weights(NAME), own, words))
    model.vocabulary = words  # type: ignore[assignment]
    return model.eval()


def build(words: int, dropout: Mapping[str, float]) -> nn.Module:
    """Build the network with random weights: the encoder, and a decoder that shares the embedding's weights."""
    inner = {name: share for name, share in dropout.items() if name != "output_p"}
    encoder = AWD_LSTM(words, **SIZES, **inner)
    decoder = LinearDecoder(words, SIZES["emb_sz"], dropout["output_p"], tie_encoder=encoder.encoder)
    return SequentialRNN(encoder, decoder)


def matched(stored: Mapping[str, Tensor], own: Sequence[str], words: Sequence[str]) -> dict[str, Tensor]:
    """Give stored weights the rows of another vocabulary, and all the names of the network's state dictionary."""
    weights = {name: weight.float() for name, weight in stored.items()}
    if list(words) != list(own):
        weights = match_embeds(weights, list(own), list(words))
    embedding = weights["0.encoder.weight"]
    embedding[PADDING] = 0  # as torch's embedding keeps it
    return weights | {DECODER: embedding, "0.encoder_dp.emb.weight": embedding}


def to_stored(model: nn.Module, vocabulary: Sequence[str]) -> bytes:
    """Write a language model as fp16 safetensors: each weight once, and the vocabulary among the metadata."""
    kept = {name: weight.detach().half().contiguous() for name, weight in model.named_parameters()}
    return save(kept, {"vocabulary": json.dumps(list(vocabulary))})


def stored_vocabulary() -> list[str]:
    """Read the words that the trained weights know, in the order of their numbers."""
    return json.loads(load_metadata(NAME)["vocabulary"])


def check_vocabulary(vocabulary: Sequence[str]) -> None:
    """Refuse the vocabulary of another model: CourseError `backbones.other-vocabulary`."""
    if tuple(vocabulary[: len(SPECIAL)]) != SPECIAL:
        raise CourseError(
            f"This vocabulary begins with {', '.join(map(repr, vocabulary[:3])) or 'nothing'} and belongs to another "
            f"model: the AWD-LSTM's begin with 'xxunk', 'xxpad', 'xxbos', so make one with build_vocabulary.",
            code="backbones.other-vocabulary",
        )


@dataclass(frozen=True, kw_only=True)
class LanguageModel(Backbone):
    """A recurrent network over words, which predicts the next one.

    Attributes
    ----------
    vocabulary : int
        How many words it knows.
    """

    vocabulary: int

    modality = "words"

    def example_input(self, batch: int = 2) -> Tensor:
        """Make up a batch that it takes: rows of 8 words."""
        numbers = torch.Generator().manual_seed(0)
        return torch.randint(len(SPECIAL), self.vocabulary, (batch, 8), generator=numbers)


register(
    LanguageModel(
        NAME,
        awd_lstm,
        blocks=("embeddings", "stage 1", "stage 2", "head"),
        licence="CC BY 4.0, as the film reviews that it was learned from",
        card="awd_lstm.md",
        vocabulary=WORDS,
    )
)
