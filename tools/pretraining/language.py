"""Pre-train the small AWD-LSTM language model on film reviews.

    python -m tools.pretraining.language movie_reviews.zip --out DIR

You can stop the run at any time and start it again with the same command: it goes on from the last finished epoch. At
its end it writes the weights, fp16 safetensors with the vocabulary among their metadata; `language_card` measures and
ships them.
"""

import argparse
import json
import random
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.callback.core import Callback
from fastai.callback.progress import ProgressCallback  # noqa: F401  (gives a Learner its no_bar)
from fastai.callback.rnn import RNNCallback, rnn_cbs
from fastai.callback.schedule import ParamScheduler  # noqa: F401  (gives it fit_one_cycle)
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.optimizer import Adam
from fastai.text.data import LMDataLoader
from fastai.torch_core import set_seed

from course_utils.backbones.text.awd_lstm import DROPOUT, WORDS, build, to_stored
from course_utils.data.text.words import build_vocabulary, number_words, split_words

EPOCHS, PEAK, WARM_UP, BATCH, BPTT, SEED = 8, 5e-3, 0.35, 48, 70, 0


def read_reviews(archive: Path) -> dict[str, list[str]]:
    """Read the reviews for training, validation and test: of each twenty in the order of their names, 18, 1 and 1."""
    with zipfile.ZipFile(archive) as z:
        names = sorted(name for name in z.namelist() if name.endswith(".txt"))
        texts = [z.read(name).decode("latin-1") for name in names]
    turn = [number % 20 for number in range(len(texts))]
    return {
        "train": [text for text, n in zip(texts, turn, strict=True) if n not in (9, 19)],
        "valid": [text for text, n in zip(texts, turn, strict=True) if n == 9],
        "test": [text for text, n in zip(texts, turn, strict=True) if n == 19],
    }


def read_words(archive: Path, out: Path) -> dict[str, list[list[str]]]:
    """Split the reviews into words, once for each run."""
    stored = out / "words.json"
    if not stored.exists():
        out.mkdir(parents=True, exist_ok=True)
        stored.write_text(json.dumps({part: split_words(texts) for part, texts in read_reviews(archive).items()}))
    return json.loads(stored.read_text())


class HalfPrecision(Callback):
    """The forward pass of training in bfloat16 on a CPU; fastai's own MixedPrecision is for GPUs."""

    order = RNNCallback.order + 1  # which takes the prediction out of a tuple

    def before_batch(self):
        """Begin."""
        self.cast = torch.autocast("cpu", torch.bfloat16, enabled=self.training)
        self.cast.__enter__()

    def after_pred(self):
        """Compute the loss in single precision again."""
        self.cast.__exit__(None, None, None)
        self.learn.pred = self.pred.float()


class Checkpoint(Callback):
    """Keeps weights, optimiser, random generators and figures after each epoch."""

    order = 70

    def __init__(self, file: Path):
        self.file = file
        self.done: list[dict[str, Any]] = []

    def before_epoch(self):
        """Note the time."""
        self.began = time.perf_counter()

    def after_epoch(self):
        """Write the file; a stop while it is written leaves the last one whole."""
        if self.epoch < len(self.done):  # one that was done before the run was stopped
            return
        train, valid = map(float, self.learn.recorder.values[-1][:2])
        seconds = round(time.perf_counter() - self.began)
        self.done.append(
            {"epoch": self.epoch + 1, "train": round(train, 3), "valid": round(valid, 3), "seconds": seconds}
        )
        print(self.done[-1], flush=True)
        optimiser = self.opt.state_dict()
        hypers = [{name: float(value) for name, value in group.items()} for group in optimiser["hypers"]]
        state = {"model": self.model.state_dict(), "opt": {"state": list(optimiser["state"]), "hypers": hypers}}
        part = self.file.with_suffix(".part")
        loader = self.dls.train
        state |= {"done": self.done, "random": _generators(loader.rng), "order": list(loader.items.idxs)}
        torch.save(state, part)
        part.replace(self.file)

    def resume(self, learn: Learner) -> int:
        """Bring a learner to where the file left it, if there is one, and say how many epochs are done."""
        if self.file.exists():
            state = torch.load(self.file, weights_only=True)
            learn.create_opt()
            learn.model.load_state_dict(state["model"])
            learn.opt.load_state_dict(state["opt"])
            self.done = state["done"]
            _restore(learn.dls.train.rng, state["random"])
            _reorder(learn.dls.train, state["order"])
        return len(self.done)


def _generators(order: random.Random) -> list[Any]:
    """The state of each random generator that training draws from, as `torch.load(weights_only=True)` reads it."""
    state: Any = np.random.get_state()
    name, keys, *rest = state
    return [torch.get_rng_state(), [name, keys.tolist(), *rest], random.getstate(), order.getstate()]


def _restore(order: random.Random, states: list[Any]) -> None:
    torch.set_rng_state(states[0])
    np.random.set_state(tuple(states[1]))
    for restore, (version, internal, gauss) in zip((random.setstate, order.setstate), states[2:], strict=True):
        restore((version, tuple(internal), gauss))


def _reorder(loader: LMDataLoader, order: list[int]) -> None:
    """Put a loader's documents in an order, in place: each epoch shuffles the one before, and the lengths share it."""
    for place, number in enumerate(order):
        loader.items.idxs[place] = number
    loader.make_chunks()


def pretrain(archive: Path, out: Path) -> None:
    """Train to the last epoch and write the weights."""
    documents = read_words(archive, out)
    vocabulary = build_vocabulary(documents["train"], WORDS)
    coded = {part: number_words(each, vocabulary) for part, each in documents.items()}
    set_seed(SEED)
    loaders = [
        LMDataLoader(coded[part], bs=BATCH, seq_len=BPTT, shuffle=part == "train") for part in ("train", "valid")
    ]
    learn = Learner(
        DataLoaders(*loaders),
        build(len(vocabulary), DROPOUT),
        loss_func=CrossEntropyLossFlat(),
        opt_func=Adam,
        moms=(0.8, 0.7, 0.8),
        wd=0.01,
        cbs=[*rnn_cbs(alpha=1, beta=0.5), HalfPrecision()],
    )
    checkpoint = Checkpoint(out / "checkpoint.pt")
    done = checkpoint.resume(learn)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(EPOCHS, PEAK, start_epoch=done, pct_start=WARM_UP, div=10, cbs=checkpoint)
    (out / "awd_lstm.safetensors").write_bytes(to_stored(learn.model, vocabulary))
    (out / "history.json").write_text(json.dumps(checkpoint.done))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    pretrain(given.archive, given.out)
