"""What the encoders of BERT's architecture share: how `transformers` builds them, and the vocabulary that they know."""

import hashlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from torch import nn

from course_utils.backbones.packages import extra_missing
from course_utils.backbones.weights import check_weights
from course_utils.errors import CourseError

EXTRA = "text"
VOCABULARY = 30522  # lower-case pieces of words
UNCASED = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"  # of vocab.txt, as BERT's authors gave it


def build_bert(
    name: str, weights: str | None, trained: Callable[[Any], nn.Module], dropout: float, **sizes: int
) -> nn.Module:
    """Build an encoder as `transformers`' BertModel without its pooler, in evaluation mode.

    Its settings hold the digest of its vocabulary, by which `check_tokenizer` knows the tokenizer that belongs to it.

    Parameters
    ----------
    name : str
        What messages call it.
    weights : str or None
        "DEFAULT" for the trained ones, None for random ones.
    trained : callable
        Gives the network with trained weights, from its settings.
    dropout : float
        The share that training drops out of hidden states and of attention.
    **sizes
        For `BertConfig`, whose own are BERT-base's.

    Raises
    ------
    CourseError
        `backbones.extra-missing`, `backbones.unknown-weights`, and what `trained` raises.
    """
    check_weights(weights, "the trained ones")
    library = transformers_for(name)
    shares = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    settings = library.BertConfig(vocab_size=VOCABULARY, **sizes, **shares)
    settings.vocabulary_digest = UNCASED
    return (trained(settings) if weights else library.BertModel(settings, add_pooling_layer=False)).eval()


def transformers_for(name: str) -> ModuleType:
    """Import `transformers`, only now: it takes seconds, and only texts need it. CourseError `backbones.extra-missing`.

    name: of the network that needs it, for the message
    """
    try:
        import transformers
    except ImportError as problem:
        raise extra_missing(name, "transformers", EXTRA) from problem
    return transformers


def vocabulary_digest(tokenizer: Any) -> str:
    """Make the SHA-256 of a tokenizer's vocabulary as vocab.txt holds it: a line for each token, in order."""
    number = tokenizer.get_vocab()
    return hashlib.sha256("".join(f"{token}\n" for token in sorted(number, key=number.get)).encode()).hexdigest()


def check_tokenizer(encoder: nn.Module, tokenizer: Any) -> None:
    """Refuse a tokenizer that doesn't belong to an encoder: CourseError `backbones.other-tokenizer`.

    Each of its numbers would mean another word to the network, which no error would tell. The course's encoders know
    their whole vocabulary; of others, only its size and the number that stands for padding can be compared.
    """
    settings: Any = encoder.config
    knows = settings.vocab_size
    if len(tokenizer) != knows or tokenizer.pad_token_id != settings.pad_token_id:
        raise CourseError(
            f"This tokenizer knows {len(tokenizer):,} tokens and pads with number {tokenizer.pad_token_id}, the "
            f"encoder {knows:,} and {settings.pad_token_id}: give the tokenizer that its weights come with.",
            code="backbones.other-tokenizer",
        )
    known = getattr(settings, "vocabulary_digest", None)
    if known and vocabulary_digest(tokenizer) != known:
        raise CourseError(
            f"This tokenizer knows as many tokens as the encoder, {knows:,}, but not the same ones in the same order: "
            "give the tokenizer that its weights come with.",
            code="backbones.other-tokenizer",
        )
