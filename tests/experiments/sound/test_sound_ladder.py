"""The ladder for sounds: what each rung reads, distances by hand, and what it refuses."""

import pytest
import torch
from support.errors import refused
from support.learners import digits_learner

from course_utils import data
from course_utils.experiments.sound.ladder import (
    AverageSpectrogram,
    FrozenNetwork,
    NearestTemplate,
    all_sound_rungs,
    cut_silence,
    warped_distances,
)
from course_utils.tasks import SoundTask, train_and_score
from course_utils.training import Full

TASK = SoundTask("trade_words", bs=12, split=(2, 6))


def test_the_rungs_are_ahead_of_chance_in_their_order():
    scores = {rung.name: train_and_score(TASK, rung, 4, seed=0)[0] for rung in all_sound_rungs()}
    assert list(scores) == ["majority class", "average spectrogram", "nearest template", "linear probe"]
    assert scores["majority class"] == pytest.approx(1 / 12)
    assert scores["majority class"] < scores["average spectrogram"] < scores["linear probe"]
    assert scores["nearest template"] > 0.3


def walk(one: torch.Tensor, other: torch.Tensor) -> float:
    """The best path through the table, by the definition: one pair at a time."""
    table = torch.cdist(one, other)
    best = torch.full(table.shape, torch.inf)
    for i in range(len(one)):
        for j in range(len(other)):
            ways = [2 * table[0, 0]] if i == j == 0 else []
            ways += [best[i - 1, j] + table[i, j]] if i else []
            ways += [best[i, j - 1] + table[i, j]] if j else []
            ways += [best[i - 1, j - 1] + 2 * table[i, j]] if i and j else []
            best[i, j] = min(ways)
    return float(best[-1, -1]) / (len(one) + len(other))


def test_distances_are_those_of_the_definition_whatever_fills_the_ends():
    random = torch.Generator().manual_seed(0)
    one, other = (torch.randn(count, 9, 5, generator=random) for count in (3, 4))
    lengths, others = torch.tensor([9, 4, 7]), torch.tensor([2, 9, 5, 9])
    found = warped_distances(one, lengths, other, others)
    for i, length in enumerate(lengths):
        for j, another in enumerate(others):
            assert found[i, j] == pytest.approx(walk(one[i, :length], other[j, :another]), rel=1e-4)


def test_a_slower_word_is_still_near():
    word = torch.randn(1, 6, 5)
    slow = word.repeat_interleave(2, 1)
    assert warped_distances(word, torch.tensor([6]), slow, torch.tensor([12])) == pytest.approx(0, abs=1e-3)
    assert warped_distances(word, torch.tensor([6]), word.flip(1), torch.tensor([6])) > 0.5


def test_silence_at_both_ends_is_cut():
    spectrogram = torch.full((1, 1, 3, 40), -1.0)
    spectrogram[..., 10:30] = 0.5
    words, lengths = cut_silence(spectrogram)
    assert words.shape == (1, 10, 3) and lengths.tolist() == [10] and (words == 0.5).all()


def test_augmentation_changes_no_rung():
    plain = train_and_score(TASK, FrozenNetwork(), 2, seed=0)[0]
    noisy = TASK.changed(augment=[data.AddNoise(0, 0), data.Mask()])
    assert train_and_score(noisy, FrozenNetwork(), 2, seed=0)[0] == plain


def test_only_sounds_of_several_words_are_taken():
    for rung in (AverageSpectrogram(), NearestTemplate()):
        with refused("experiments.no-sounds", "data.sound_loaders"):
            rung.train(digits_learner())
    samples = TASK.changed(backbone="voice_encoder").learner(0, 2, Full(1))
    with refused("experiments.no-sounds", "speech_resnet"):
        AverageSpectrogram().train(samples)
    one = TASK.learner(0, 2, Full(1))
    one.dls.train.dataset.labels[:] = 3
    with refused("experiments.one-class"):
        FrozenNetwork().train(one)
