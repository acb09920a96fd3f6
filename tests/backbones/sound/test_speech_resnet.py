"""The course's network of speech: its weights, its words, and what it does with voices that it never heard."""

import pytest
import torch
from support.errors import refused

from course_utils import data
from course_utils.backbones import speech_resnet, spoken_words, training_record
from course_utils.backbones.sound.speech_resnet import CLASSES
from course_utils.data.sound.digits import DIGITS
from course_utils.data.sound.spoken import read_spoken


def test_it_knows_everyday_words_and_none_of_those_that_lessons_teach():
    words = spoken_words()
    assert len(words) == len(set(words)) == CLASSES >= 200
    assert not set(words) & {*DIGITS, *read_spoken("trades").label}


def test_the_card_states_what_the_manifest_holds():
    record = training_record("speech_resnet")
    assert record["bytes"] <= 3_000_000
    assert record["accuracy"]["unseen voices"] > 0.9


def test_with_another_number_of_classes_the_head_alone_is_random():
    torch.manual_seed(0)
    own, other = speech_resnet("DEFAULT").eval(), speech_resnet("DEFAULT", num_classes=12).eval()
    spectrograms = data.trade_words(1, seed=0, split=(1, 1)).spectrograms("train")
    assert own(spectrograms).shape == (12, CLASSES) and other(spectrograms).shape == (12, 12)
    for name, weight in own.state_dict().items():
        assert name.startswith("fc.") or torch.equal(weight, other.state_dict()[name])


def test_its_features_tell_unheard_words_of_unheard_voices_apart():
    """The nearest of six recordings per word by other voices is right far more often than by chance, 1 in 12."""
    body = speech_resnet("DEFAULT").eval()
    body.fc = torch.nn.Identity()
    words = data.trade_words(6, seed=0, by="speaker")
    with torch.no_grad():
        train, test = (torch.nn.functional.normalize(body(words.spectrograms(part))) for part in ("train", "test"))
    nearest = torch.from_numpy(words.targets("train"))[(test @ train.T).argmax(1)]
    assert (nearest == torch.from_numpy(words.targets("test"))).float().mean() > 0.7


def test_other_weights_are_refused():
    with refused("backbones.unknown-weights", "'imagenet'"):
        speech_resnet("imagenet")


@pytest.mark.parametrize("frames", [40, 100, 151])
def test_any_length_will_do(frames):
    assert speech_resnet().eval()(torch.zeros(2, 1, 40, frames)).shape == (2, CLASSES)
