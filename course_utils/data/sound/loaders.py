"""Genuine fastai DataLoaders of sounds: a batch of samples, which becomes spectrograms on the device."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from fastai.data.core import TfmdDL
from fastai.losses import CrossEntropyLossFlat
from fastai.torch_basics import Transform, chunked
from fastai.torch_core import TensorBase, TensorCategory
from torch import Tensor

from course_utils import environment
from course_utils.data.labelled import LabelledLoaders
from course_utils.data.options import check_whole_number
from course_utils.data.sound.sounds import Sounds
from course_utils.data.sound.spectrograms import log_mel
from course_utils.data.splits import SPLITS
from course_utils.errors import CourseError

LEAST_EVALUATED = 64  # recordings a batch outside of training, which keeps nothing for gradients


class TensorSound(TensorBase):
    """Samples (batch, samples)."""


class TensorSpectrogram(TensorBase):
    """Log-mel spectrograms (batch, 1, bands, frames)."""


class Spectrograms(Transform):
    """Turns a batch of sounds into log-mel spectrograms."""

    order = 20

    def encodes(self, sounds: TensorSound) -> TensorSpectrogram:
        """Compute them."""
        return TensorSpectrogram(log_mel(sounds.as_subclass(Tensor)))


class SoundSet:
    """Sounds of one length, with their labels.

    Parameters
    ----------
    waves : (n, samples) tensor
        The samples, 8,000 a second.
    labels : (n,) int tensor
        An index into `vocab` for each sound.
    vocab : sequence of str
        The names of the classes.
    evaluated : bool
        Whether fastai leaves out the transforms of training.
    """

    loss_func = CrossEntropyLossFlat()

    def __init__(self, waves: Tensor, labels: Tensor, vocab: Sequence[str], evaluated: bool = False) -> None:
        self.waves, self.labels, self.vocab, self.split_idx = waves, labels, list(vocab), int(evaluated)

    @contextmanager
    def set_split_idx(self, number: int) -> Iterator["SoundSet"]:
        """Leave out the transforms of training for a while (1), or take them (0), as fastai's Datasets do."""
        before, self.split_idx = self.split_idx, number
        try:
            yield self
        finally:
            self.split_idx = before

    def __len__(self) -> int:
        """Count the sounds."""
        return len(self.labels)

    def __getitem__(self, number: int) -> tuple[TensorSound, TensorCategory]:
        """Give one sound and its label."""
        return TensorSound(self.waves[number]), TensorCategory(self.labels[number])

    def batch(self, numbers: Sequence[int]) -> tuple[TensorSound, TensorCategory]:
        """Give some sounds and their labels."""
        chosen = torch.as_tensor(numbers)
        return TensorSound(self.waves[chosen]), TensorCategory(self.labels[chosen])


class SoundDL(TfmdDL):
    """A fastai DataLoader that takes whole batches out of a `SoundSet`."""

    def create_batches(self, samples: Iterator[int]) -> Iterator[tuple[TensorSound, TensorCategory]]:
        """Index the sounds once for each batch."""
        for chunk in chunked(samples, self.bs, self.drop_last):
            yield self.dataset.batch(chunk)


class SoundLoaders(LabelledLoaders):
    """Loaders of recordings: training, validation and test set.

    Attributes
    ----------
    seconds : float
        How much of each recording the network hears.
    """

    seconds: float


def sound_loaders(
    sounds: Sounds,
    *,
    bs: int = 16,
    augment: Sequence[Transform] = (),
    seed: int | None = None,
    hears: str = "spectrograms",
) -> SoundLoaders:
    """Make the DataLoaders (train, valid, test) of some recordings.

    A batch is log-mel spectrograms (batch, 1, 40 bands, frames) and labels (batch,). The validation and the test loader
    have batches of at least 64 recordings.

    Parameters
    ----------
    sounds : Sounds
        What `data.spoken_digits` or `data.trade_words` gives, or `data.sounds` for your own.
    bs : int
        Recordings in a batch of training; an incomplete last batch is kept.
    augment : sequence of Transform
        Changes to the recordings in training alone, such as `data.AddNoise()`, `data.Shift()` and `data.Mask()`.
    seed : int, optional
        Decides the order of batches; None is the course's seed.
    hears : "spectrograms" or "samples"
        What a batch holds: `backbones.voice_encoder` hears samples (batch, samples), and makes spectrograms of its own.

    Raises
    ------
    CourseError
        `data.bad-number` for bs and seed, `data.bad-option` for hears.
    """
    bs = check_whole_number("bs", bs)
    if hears not in ("spectrograms", "samples"):
        raise CourseError(f"hears is {hears!r}: give 'spectrograms' or 'samples'.", code="data.bad-option")
    chip = environment.device()
    sets = [
        SoundSet(sounds.waves(split), torch.from_numpy(sounds.targets(split).copy()), sounds.classes, split != "train")
        for split in SPLITS
    ]
    train, *others = sets
    how: dict[str, Any] = {
        "after_batch": [*([Spectrograms()] if hears == "spectrograms" else []), *augment],
        "device": chip,
        "num_workers": 0,
    }
    loaders = [SoundDL(train, min(bs, len(train)), shuffle=True, **how)]
    loaders += [SoundDL(each, max(bs, LEAST_EVALUATED), **how) for each in others]
    dls = SoundLoaders(*loaders, device=chip)
    dls.vocab, dls.seconds, dls.about = list(sounds.classes), sounds.seconds, sounds.about
    own_seed = environment.seed() if seed is None else check_whole_number("seed", seed, least=0)
    dls.train.rng = random.Random(own_seed)
    return dls
