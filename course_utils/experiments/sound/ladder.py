"""The ladder of baselines for sounds: what averages, warped templates and a frozen network reach on the same split.

    Experiment(task, [*all_sound_rungs(), Full(10, 1e-3)], labels=[5])

Like the rungs for images, each is a strategy that turns a fresh learner into one that predicts, without epochs.
"""

from dataclasses import dataclass

import numpy as np
import torch
from fastai.learner import Learner
from torch import Tensor, nn

from course_utils.data.sound.loaders import SoundLoaders
from course_utils.errors import CourseError
from course_utils.experiments.ladder import MajorityClass
from course_utils.surgery import freeze
from course_utils.surgery.blocks import evaluating
from course_utils.training import Strategy
from course_utils.training.checks import check_data
from course_utils.training.probing import class_weights, classes_of, plainly, solve_linear
from course_utils.training.randomness import randomness_kept

QUIET = -0.4  # a spectrogram runs from -1 to 1 over 60 dB: frames 42 dB below the loudest are silence at both ends
FOLDED = 2  # frames that are averaged before templates are compared
AT_ONCE = 2**24  # numbers in a table of distances


def all_sound_rungs() -> list[Strategy]:
    """List the rungs from the cheapest up, for `Experiment`.

    Majority class; logistic regression on averages over time; nearest template by time warping; linear probe.
    """
    return [MajorityClass(), AverageSpectrogram(), NearestTemplate(), FrozenNetwork()]


@dataclass(frozen=True)
class AverageSpectrogram(Strategy):
    """A logistic regression on the mean and the standard deviation of each band over time, tuned by cross-validation.

    What comes first in a word and what last is lost.
    """

    name = "average spectrogram"
    solved = True

    def train(self, learn: Learner) -> Learner:
        """Put the solved model in the network's place."""
        spectrograms, labels = training_spectrograms(learn)
        features = over_time(spectrograms).numpy()
        weight, bias = solve_linear(features, labels, learn.dls.c, class_weights(learn, labels))
        head = nn.Linear(features.shape[1], learn.dls.c)
        _fill(head, weight, bias)
        learn.model = nn.Sequential(OverTime(), head).to(learn.dls.device)
        return learn


@dataclass(frozen=True)
class NearestTemplate(Strategy):
    """The word of the training recording that is nearest when both are stretched in time to fit best.

    Source: Sakoe and Chiba 1978, "Dynamic Programming Algorithm Optimization for Spoken Word Recognition".
    """

    name = "nearest template"
    solved = True

    def train(self, learn: Learner) -> Learner:
        """Put the templates in the network's place."""
        spectrograms, labels = training_spectrograms(learn)
        learn.model = Templates(spectrograms, torch.from_numpy(labels), learn.dls.c).to(learn.dls.device)
        return learn


@dataclass(frozen=True)
class FrozenNetwork(Strategy):
    """A linear head on what the frozen network gives its own, solved; how strict, cross-validation chooses."""

    name = "linear probe"
    solved = True

    def train(self, learn: Learner) -> Learner:
        """Give the network the head that a logistic regression finds."""
        check_data(learn)
        head = learn.model.fc
        found: list[Tensor] = []
        hook = head.register_forward_pre_hook(lambda _, given: found.append(given[0].float().cpu()))
        try:
            with torch.no_grad(), evaluating(learn.model), randomness_kept(), plainly(learn.dls.train) as loader:
                device = head.weight.device
                labels = [
                    classes_of(targets) for given, *targets in loader if learn.model(given.to(device)) is not None
                ]
        finally:
            hook.remove()
        classes = _at_least_two(torch.cat(labels).numpy())
        features = torch.cat(found).as_subclass(Tensor).numpy()
        _fill(head, *solve_linear(features, classes, learn.dls.c, class_weights(learn, classes)))
        freeze(learn, batchnorm="fixed")
        return learn


class OverTime(nn.Module):
    """Mean and standard deviation of each band over time."""

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Give (batch, 80)."""
        return over_time(spectrograms)


class Templates(nn.Module):
    """Training recordings to compare with; a class's score is minus the distance of its nearest one.

    Parameters
    ----------
    spectrograms : (n, 1, bands, frames) tensor
        The templates.
    labels : (n,) int tensor
        Their classes.
    classes : int
        How many there are.
    """

    def __init__(self, spectrograms: Tensor, labels: Tensor, classes: int) -> None:
        super().__init__()
        words, lengths = cut_silence(spectrograms)
        self.words = nn.Parameter(words, requires_grad=False)  # a parameter, since fastai looks for one
        self.lengths, self.labels, self.classes = lengths, labels, classes

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Give (batch, classes) scores."""
        words, lengths = cut_silence(spectrograms.as_subclass(Tensor))
        distances = warped_distances(words, lengths, self.words, self.lengths)
        scores = torch.full((len(words), self.classes), -1e4, device=words.device)
        for label in self.labels.unique().tolist():
            scores[:, label] = -distances[:, self.labels == label].amin(1)
        return scores


def cut_silence(spectrograms: Tensor) -> tuple[Tensor, Tensor]:
    """Cut the silence off both ends of spectrograms (n, 1, bands, frames), and average every two frames.

    Returns
    -------
    (n, frames, bands) tensor, (n,) int tensor
        What is left, moved to the beginning and filled up with zeros; and how many frames of each count.
    """
    loud = spectrograms[:, 0].amax(1) > QUIET
    first = loud.int().argmax(1)
    last = loud.shape[1] - loud.flip(1).int().argmax(1)
    words = [
        nn.functional.avg_pool1d(each[0, :, start:stop], FOLDED, ceil_mode=True).T
        for each, start, stop in zip(spectrograms, first.tolist(), last.tolist(), strict=True)
    ]
    return nn.utils.rnn.pad_sequence(words, batch_first=True), torch.tensor([len(word) for word in words])


def warped_distances(one: Tensor, one_lengths: Tensor, other: Tensor, other_lengths: Tensor) -> Tensor:
    """Compute the distance of each pair of recordings along the best path through the table of their frames' distances.

    A step goes one frame on in either recording or in both, in which case it counts twice; the sum is divided by the
    frames of both.

    Parameters
    ----------
    one, other : (n, frames, bands), (m, frames, bands) tensors
        Recordings, filled up behind their ends.
    one_lengths, other_lengths : (n,), (m,) int tensors
        How many of their frames count.

    Returns
    -------
    (n, m) tensor
    """
    rows = max(1, AT_ONCE // (len(other) * one.shape[1] * other.shape[1]))
    return torch.cat(
        [
            _distances(part, lengths, other, other_lengths)
            for part, lengths in zip(one.split(rows), one_lengths.split(rows), strict=True)
        ]
    )


def _distances(one: Tensor, one_lengths: Tensor, other: Tensor, other_lengths: Tensor) -> Tensor:
    table = torch.cdist(one[:, None], other[None]).permute(2, 3, 0, 1)  # frames of one, frames of the other, pairs
    before: list[Tensor] = []
    ends = torch.zeros(table.shape[2:], device=table.device)
    at_one, at_other = one_lengths.to(table.device) - 1, other_lengths.to(table.device) - 1
    for i, costs in enumerate(table):
        row: list[Tensor] = []
        for j, cost in enumerate(costs):
            ways = [before[j] + cost] if i else []
            ways += [row[-1] + cost] if j else []
            ways += [before[j - 1] + 2 * cost] if i and j else []
            row.append(torch.stack(ways).amin(0) if ways else 2 * cost)
        here = (at_one == i).nonzero().flatten()
        if len(here):
            ends[here] = torch.stack(row)[at_other, here[:, None], torch.arange(len(at_other), device=table.device)]
        before = row
    return ends / (one_lengths[:, None] + other_lengths[None]).to(ends)


def over_time(spectrograms: Tensor) -> Tensor:
    """Give the mean and the standard deviation of each band over time, (n, 2 × bands)."""
    bands = spectrograms.as_subclass(Tensor)[:, 0]
    return torch.cat([bands.mean(2), bands.std(2)], 1)


def training_spectrograms(learn: Learner) -> tuple[Tensor, np.ndarray]:
    """Give the training spectrograms, not augmented, and their classes.

    Raises
    ------
    CourseError
        `experiments.no-sounds` for other batches than those of spectrograms; `experiments.one-class`.
    """
    check_data(learn)
    if not isinstance(learn.dls, SoundLoaders):
        raise CourseError(
            "This baseline is for sounds, in batches that `data.sound_loaders` makes: give it such a task.",
            code="experiments.no-sounds",
        )
    with randomness_kept(), plainly(learn.dls.train) as loader:
        batches = [(given.as_subclass(Tensor).cpu(), classes_of(targets)) for given, *targets in loader]
    spectrograms, labels = zip(*batches, strict=True)
    if spectrograms[0].ndim != 4:
        raise CourseError(
            "This baseline reads spectrograms, and these batches hold samples: take the backbone speech_resnet.",
            code="experiments.no-sounds",
        )
    return torch.cat(spectrograms), _at_least_two(torch.cat(labels).numpy())


def _at_least_two(labels: np.ndarray) -> np.ndarray:
    if len(np.unique(labels)) < 2:
        raise CourseError(
            "All training examples are of one class, so there is nothing to tell apart: add another class.",
            code="experiments.one-class",
        )
    return labels


def _fill(head: nn.Linear, weight: np.ndarray, bias: np.ndarray) -> None:
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weight))
        head.bias.copy_(torch.from_numpy(bias))
