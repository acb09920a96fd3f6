"""BERT-base, the large encoder of texts, by its public name: it comes from Hugging Face's hub when it is first used."""

from typing import Any

from torch import nn

from course_utils.backbones.registry import TextBackbone, register
from course_utils.backbones.text.bert import VOCABULARY, build_bert, transformers_for

PUBLIC_NAME = "google-bert/bert-base-uncased"
REVISION = "86b5e0934494bd15c9632b12f734a8a67f723594"
LAYERS, LONGEST = 12, 512
NAME = "BERT"


def bert_base(weights: str | None = None, *, dropout: float = 0.0) -> nn.Module:
    """Build BERT-base, uncased, 109 million parameters, as `transformers`' BertModel without its pooler.

    Takes and gives what `minilm` does, of width 768.
    Source: Devlin et al. 2018, "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding".

    Parameters
    ----------
    weights : str or None
        "DEFAULT" for the trained ones, downloaded once (440 MB), None for random ones.
    dropout : float
        The share that training drops out of hidden states and of attention.

    Raises
    ------
    CourseError
        `backbones.extra-missing`, `backbones.unknown-weights`.
    """
    return build_bert(NAME, weights, _trained, dropout)


def _trained(settings: Any) -> nn.Module:
    return transformers_for(NAME).BertModel.from_pretrained(
        PUBLIC_NAME, config=settings, add_pooling_layer=False, revision=REVISION, use_safetensors=True
    )


def bert_tokenizer() -> Any:
    """Give BERT-base's tokenizer, downloaded once."""
    return transformers_for(NAME).BertTokenizer.from_pretrained(PUBLIC_NAME, revision=REVISION)


def _fetch() -> None:
    from huggingface_hub import hf_hub_download

    for file in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        hf_hub_download(PUBLIC_NAME, file, revision=REVISION)


register(
    TextBackbone(
        "bert_base",
        bert_base,
        blocks=("embeddings", *(f"layer {number}" for number in range(1, LAYERS + 1))),
        licence="Apache-2.0",
        card=f"https://huggingface.co/{PUBLIC_NAME}",
        tokenizer=bert_tokenizer,
        vocabulary=VOCABULARY,
        longest=LONGEST,
        default_of="large",
        fetch=_fetch,
        fingerprint=REVISION,
    )
)
