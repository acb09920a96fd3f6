"""Measure the network of speech that a finished run of `training` left, ship it, and write its model card.

python -m tools.pretraining.speech.card             # renews the card from the manifest's figures
python -m tools.pretraining.speech.card --ship DIR  # first measures the run's weights and copies them
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load
from scipy.stats import t
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from course_utils import data
from course_utils.backbones import embed_sounds, resnet18_half, voice_encoder
from course_utils.backbones.sound.speech_resnet import NAME, WIDTHS, SpeechResNet
from course_utils.data.sound.digits import SPEAKERS
from course_utils.data.sound.sounds import Sounds
from tools.pretraining.companion import write_card
from tools.pretraining.speech import training
from tools.pretraining.speech.espeak import TEST, TRAINED
from tools.pretraining.speech.synthesis import WORDS
from tools.recording.digests import circumstances

RECORDINGS, DRAWS, STRENGTH = (1, 5, 20), 10, 1.0
TEMPLATE = """\
# Model card: speech_resnet

A small network of short sounds, pre-trained by this course for its lesson on speech: it tells {classes} everyday
English words apart, and its body can be tuned to others.

| | |
|---|---|
| architecture | ResNet-10 with {widths} channels, one basic block a stage, and a stem of 5×5 |
| parameters | {parameters:,} |
| input | log-mel spectrograms of 40 bands, 100 frames a second: `course_utils.data.log_mel` |
| classes | {classes} words, in the file's metadata |
| file | `{file}`, half precision, {megabytes:.1f} MB |
| SHA-256 | `{sha256}` |
| licence | {licence} |

## Accuracy

Of the {classes} words, each spoken four times by {tested} voices that were not trained with, {clean:.1%} are named;
with noise, echo and another voice as in training, {disturbed:.1%}.

Words that it never heard, spoken by **people**: the ten digits of the Free Spoken Digit Dataset, from a linear model
(logistic regression, C = {strength}, on standardised features) on what each frozen network gives its head. Percent
correct, mean ± half of a 95% interval over {draws} draws of the recordings.

{table}

"Known speakers": trained on recordings of all six people and tested on the publisher's test set. "A new speaker":
trained on five people and tested on the test recordings of the sixth, averaged over who that is.

## Data

{recordings:,} recordings by the synthesizer espeak-ng: each word {each} times, by {voices} voice variants in eight
accents of English, at about 75 to 320 words a minute, with random pitch, melody and size of the vocal tract. No digit,
none of the words of `data.trade_words`, and none of the voices that speak in the course's own recordings are among
them. No person was recorded. espeak-ng is under GPL-3, which covers the program and not what it says. Its voices hold
noise that is another one each time, so a second run speaks slightly other samples.

In each batch, {loud:.0%} of the recordings were heard in random rooms, by random microphones, with noise and other
voices (`tools.pretraining.speech.augmentation`); all were moved in time and pitch, and bands and frames of all were
masked.

## Recipe

| | |
|---|---|
| optimiser | AdamW, weight decay {decay} |
| schedule | one cycle over {epochs} epochs, up to {peak}, rising for the first {warm_up:.0%} of the steps |
| batches | {batch} recordings of one second |
| loss | cross-entropy, label smoothing {smoothing} |
| arithmetic | training's forward pass in bfloat16, all else in single precision |
| seed | {seed} |
| time | {minutes:.0f} minutes on one core of a machine that did other work beside it |
| machine | {machine} |
| accuracy after each epoch, unseen voices | {history} |

The recipe was chosen on the digits' test recordings: of two short runs, which differed in noise, learning rate and
batch size, the one with the better features was continued. So the row of speech_resnet is somewhat optimistic.

Run it again with `python -m tools.pretraining.speech.training --out DIR`; it needs the extra `espeak`.

## Limits

- It has heard a synthesizer alone. Children, strong accents, stammering and shouting are missing, and no language but
  English.
- It hears one second, or somewhat more, of one word. It can't find words in a sentence.
- Its words say nothing about who speaks; don't use it to recognise people.
"""
NAMES = {
    "log_mel": "log-mel, mean over time",
    "image": "resnet18_half on spectrograms as images",
    "voice": "voice_encoder (Resemblyzer)",
    NAME: f"**{NAME}**",
}


def measure(run: Path) -> dict[str, Any]:
    """Measure a run's shipped weights on unseen voices, and beside other networks on people's digits."""
    content = (run / f"{NAME}.safetensors").read_bytes()
    model = SpeechResNet(len(WORDS))
    model.load_state_dict(load(content))
    train, test = training.read_data(run)
    return {
        "accuracy": {
            "unseen voices": round(training.accuracy(model, test), 4),
            "unseen voices, disturbed": round(training.accuracy(model, test, disturbed=True), 4),
        },
        "digits": probe_digits({"voice": voice_encoder("DEFAULT"), "image": resnet18_half("DEFAULT"), NAME: model}),
        "recordings": len(train),
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "history": json.loads((run / "history.json").read_text()),
        "machine": circumstances()["machine"],
    }


def probe_digits(networks: Mapping[str, nn.Module]) -> dict[str, Any]:
    """Measure a linear model on each network's features of people's digits, and on mean spectrograms.

    Returns
    -------
    dict
        For each network, "known" and "new": a pair of mean and half of its interval for each number of recordings.
    """
    sounds = data.spoken_digits(seed=0, split=(1, 30))
    if not sounds.real:
        raise SystemExit("The recordings of people can't be had, so nothing can be measured.")
    features = {
        name: _everything(sounds, lambda waves, n=network: embed_sounds(n, waves)) for name, network in networks.items()
    }
    features["log_mel"] = _everything(sounds, lambda waves: data.log_mel(waves).mean((1, 3)))
    labels = np.concatenate([sounds.targets(part) for part in ("train", "valid", "test")])
    speakers = np.concatenate([getattr(sounds, part).speaker for part in ("train", "valid", "test")])
    tested = np.arange(len(labels)) >= len(labels) - len(sounds.test)
    found: dict[str, Any] = {}
    for name, table in features.items():
        found[name] = {"known": [], "new": []}
        for count in RECORDINGS:
            scores = {"known": [], "new": []}  # type: dict[str, list[float]]
            for draw in range(DRAWS):
                scores["known"].append(_score(table, labels, ~tested, tested, count, draw))
                each = [(~tested & (speakers != who), tested & (speakers == who)) for who in SPEAKERS]
                scores["new"].append(float(np.mean([_score(table, labels, *pair, count, draw) for pair in each])))
            for kind, values in scores.items():
                half = t.ppf(0.975, DRAWS - 1) * np.std(values, ddof=1) / DRAWS**0.5
                found[name][kind].append([round(100 * float(np.mean(values)), 1), round(100 * float(half), 1)])
    return found


def _everything(sounds: Sounds, embed: Any) -> np.ndarray:
    parts: list[Tensor] = [embed(sounds.waves(part)) for part in ("train", "valid", "test")]
    return np.concatenate([part.numpy() for part in parts])


def _score(table: np.ndarray, labels: np.ndarray, pool: np.ndarray, tested: np.ndarray, count: int, draw: int) -> float:
    """Train on some recordings of each word out of a pool, and give the accuracy on those tested."""
    random = np.random.default_rng(draw)
    chosen = np.concatenate(
        [random.choice(np.flatnonzero(pool & (labels == label)), count, replace=False) for label in np.unique(labels)]
    )
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=300))
    return float(linear.fit(table[chosen], labels[chosen]).score(table[tested], labels[tested]))


def render(figures: Mapping[str, Any]) -> str:
    """Write the card from the manifest's figures."""
    heads = [f"{kind}, {count}" for kind in ("known speakers", "a new speaker") for count in RECORDINGS]
    rows = ["| features | " + " | ".join(heads) + " |", "|---" * (1 + len(heads)) + "|"]
    for name, shown in NAMES.items():
        cells = [f"{mean} ± {half}" for kind in ("known", "new") for mean, half in figures["digits"][name][kind]]
        rows.append(f"| {shown} | " + " | ".join(cells) + " |")
    history = figures["history"]
    return TEMPLATE.format(
        **dict(figures) | {"history": ", ".join(f"{epoch['unseen voices']:.1%}" for epoch in history)},
        table="\n".join(rows),
        classes=len(WORDS),
        widths="-".join(map(str, WIDTHS)),
        megabytes=figures["bytes"] / 1e6,
        clean=figures["accuracy"]["unseen voices"],
        disturbed=figures["accuracy"]["unseen voices, disturbed"],
        strength=STRENGTH,
        draws=DRAWS,
        each=training.EACH,
        voices=len(TRAINED),
        tested=len(TEST),
        loud=training.DISTURBED,
        decay=training.WEIGHT_DECAY,
        epochs=training.EPOCHS,
        peak=training.PEAK,
        warm_up=training.WARM_UP,
        batch=training.BATCH,
        smoothing=training.SMOOTHING,
        seed=training.SEED,
        minutes=sum(epoch["seconds"] for epoch in history) / 60,
    )


if __name__ == "__main__":
    write_card(NAME, "Apache-2.0", measure, render, __doc__)
