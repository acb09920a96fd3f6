"""Measure the language model that a finished run of `language` left, ship it, and write its model card.

python -m tools.pretraining.language_card             # renews the card from the manifest's figures
python -m tools.pretraining.language_card --ship DIR  # first measures the run's weights and copies them
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load

from course_utils.backbones.text.awd_lstm import DROPOUT, NAME, SIZES, build, matched
from course_utils.backbones.weights import metadata_of
from course_utils.data.text.words import UNKNOWN, number_words
from course_utils.tasks.language import perplexity
from tools.pretraining import language
from tools.pretraining.companion import write_card
from tools.pretraining.ngrams import KneserNey
from tools.recording.digests import circumstances

TEMPLATE = """\
# Model card: awd_lstm

A small recurrent language model of English film reviews, pre-trained by this course for its lesson on ULMFiT: it
predicts the next word, can be tuned on other texts, and its encoder can become a classifier.

| | |
|---|---|
| architecture | fastai's AWD-LSTM: embedding of {emb_sz}, LSTM layers of {n_hid} and {emb_sz} units, tied decoder |
| parameters | {parameters:,} |
| input | numbers of words, from `course_utils.data.text.words`: spaCy's English tokenizer, lower case |
| vocabulary | {vocabulary:,} words, in the file's metadata |
| file | `{file}`, half precision, {megabytes:.1f} MB |
| SHA-256 | `{sha256}` |
| licence | {licence} |

## Perplexity

On the {documents} test reviews ({tested:,} words predicted, each from those before it in its review), with the same
vocabulary and the same words for all models. The word "xxunk" stands for {unknown:.1%} of them, those that aren't in
the vocabulary, and is predicted and counted like any other.

| model | perplexity |
|---|---|
| unigrams (how often each word comes) | {unigram:.0f} |
| 5-grams, modified Kneser-Ney smoothing, no cut-off | {five_gram:.0f} |
| this network, the shipped half-precision file | {network:.0f} |

## Data

The polarity dataset 2.0 of Pang and Lee (2004): 2,000 film reviews from 2000 and before, as NLTK distributes them
under CC BY 4.0. Of each twenty in the order of their names, 18 were trained on ({trained:,} words), one was validated
on, and one is the test set. Nothing was chosen on the test set.

## Recipe

| | |
|---|---|
| optimiser | Adam, weight decay 0.01, momentum between 0.8 and 0.7 |
| schedule | one cycle over {epochs} epochs, up to {peak}, rising for the first {warm_up:.0%} of the steps |
| batches | {batch} rows of {bptt} words, the hidden state carried from batch to batch; gradients end at the batch |
| dropout | output {output_p}, hidden {hidden_p}, input {input_p}, embedding {embed_p}, recurrent weights {weight_p} |
| regularisation | activations 1, their change from word to word 0.5 |
| arithmetic | training's forward pass in bfloat16, all else in single precision |
| seed | {seed} |
| time | {minutes:.0f} minutes on one core of a machine that did other work beside it |
| machine | {machine} |
| validation loss after each epoch | {history} |

The run was begun with 14 epochs, stopped after its second one, and gone on with so that it had {epochs}: up to there
both plans have the same learning rates. Its random numbers began anew at that point.

Run it again with `python -m tools.pretraining.language movie_reviews.zip --out DIR`.

## Limits

- It knows how people wrote about films in English in the 1990s. Names, prices and things from later years are missing.
- The reviews hold profanity, insults and stereotypes, and it can write them. What it writes is made up.
- 1.4 million words are few: large language models read a million times as many. Use it to learn, not in a product.
- It has no capital letters.
"""


def measure(run: Path) -> dict[str, Any]:
    """Measure the perplexity of a run's shipped weights and of both n-gram models on the test reviews."""
    content = (run / f"{NAME}.safetensors").read_bytes()
    vocabulary = json.loads(metadata_of(content)["vocabulary"])
    model = build(len(vocabulary), DROPOUT)
    model.load_state_dict(matched(load(content), vocabulary, vocabulary))
    model.vocabulary = vocabulary  # type: ignore[assignment]
    documents = json.loads((run / "words.json").read_text())
    train, test = (
        [words.tolist() for words in number_words(documents[part], vocabulary)] for part in ("train", "test")
    )
    predicted = [word for document in test for word in document[1:]]
    return {
        "perplexity": {
            "unigram": round(KneserNey(train, len(vocabulary), 1).perplexity(test), 1),
            "five_gram": round(KneserNey(train, len(vocabulary), 5).perplexity(test), 1),
            "network": round(perplexity(model, documents["test"]), 1),
        },
        "words": {"trained": sum(map(len, train)), "tested": len(predicted)},
        "documents": len(test),
        "unknown": round(predicted.count(UNKNOWN) / len(predicted), 4),
        "vocabulary": len(vocabulary),
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "history": json.loads((run / "history.json").read_text()),
        "machine": circumstances()["machine"],
    }


def render(figures: Mapping[str, Any]) -> str:
    """Write the card from the manifest's figures."""
    history = figures["history"]
    return TEMPLATE.format(
        **dict(figures)
        | SIZES
        | DROPOUT
        | figures["perplexity"]
        | figures["words"]
        | {"history": ", ".join(f"{epoch['valid']:.2f}" for epoch in history)},
        megabytes=figures["bytes"] / 1e6,
        minutes=sum(epoch["seconds"] for epoch in history) / 60,
        epochs=language.EPOCHS,
        peak=language.PEAK,
        warm_up=language.WARM_UP,
        batch=language.BATCH,
        bptt=language.BPTT,
        seed=language.SEED,
    )


if __name__ == "__main__":
    write_card(NAME, "CC BY 4.0, as the film reviews that it was learned from", measure, render, __doc__)
