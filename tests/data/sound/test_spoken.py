"""The course's sounds: people's digits, those of a synthesizer, and the words of three trades."""

import pytest
from support.errors import refused

from course_utils import data
from course_utils.data.sound import digits as module
from course_utils.data.sound.spoken import read_spoken


@pytest.fixture
def public(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_IMAGES", "photographs")
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(mirror))
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    module._public.cache_clear()
    yield
    module._public.cache_clear()


def test_the_public_digits_keep_their_publishers_test_set(public):
    sounds = data.spoken_digits(seed=0)
    assert sounds.real and sounds.classes == module.DIGITS
    assert [len(getattr(sounds, split)) for split in ("train", "valid", "test")] == [2600, 100, 300]
    takes = sounds.test.name.str.extract(r"_(\d+)$")[0].astype(int)
    assert set(takes) == set(range(5)) and sounds.test.groupby(["speaker", "label"]).size().eq(5).all()
    assert not set(sounds.train.name) & set(sounds.test.name)
    assert data.spoken_digits(5, seed=1).test.name.tolist() != sounds.test.name.tolist()
    assert set(data.spoken_digits(5, seed=1).test.name) == set(sounds.test.name)
    number = sounds.test.name.tolist().index("7_jackson_3")
    assert sounds.test.label[number] == "seven" and sounds.test.speaker[number] == "jackson"
    assert len(sounds.recordings["test"][number]) == round(sounds.test.seconds[number] * 8000)


def test_a_speaker_is_kept_for_testing(public):
    sounds = data.spoken_digits(20, seed=0, by="speaker", speaker="theo")
    assert set(sounds.test.speaker) == {"theo"} and len(sounds.test) == 500
    assert len(set(sounds.valid.speaker)) == 1 and len(set(sounds.train.speaker)) == 4
    assert not set(sounds.train.speaker) & {"theo", *sounds.valid.speaker}
    chosen = {data.spoken_digits(1, seed=seed, by="speaker").test.speaker[0] for seed in range(12)}
    assert len(chosen) > 2, "the seed chooses"


def test_without_the_archive_a_synthesizer_stands_in(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("COURSE_IMAGES", "photographs")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / data.registry.SOURCES["spoken_digits"].archive).write_bytes(b"no zip")
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(tmp_path / "mirror"))
    module._public.cache_clear()
    sounds = data.spoken_digits(5, seed=0)
    assert not sounds.real and "synthesizer" in sounds.about
    assert "stand in for the recordings of people" in capsys.readouterr().out
    module._public.cache_clear()


def test_the_synthetic_digits_come_in_the_same_form(monkeypatch):
    monkeypatch.setenv("COURSE_IMAGES", "drawings")
    sounds = data.spoken_digits(50, seed=0)
    assert [len(getattr(sounds, split)) for split in ("train", "valid", "test")] == [500, 100, 180]
    assert sounds.train.columns.tolist() == ["name", "label", "speaker", "seconds"]
    assert sounds.train.speaker.nunique() == 6
    assert sounds.spectrograms("valid").shape == (100, 1, 40, 100)


@pytest.mark.parametrize("trade", ["ward", "warehouse", "workshop"])
def test_each_trade_has_twelve_words_by_ten_voices(trade):
    sounds = data.trade_words(trade=trade, seed=0, by="speaker")
    assert len(sounds.classes) == 12 and not sounds.real and trade in sounds.about
    voices = [set(getattr(sounds, split).speaker) for split in ("train", "valid", "test")]
    assert [len(each) for each in voices] == [6, 2, 2] and len(set.union(*voices)) == 10
    assert [len(getattr(sounds, split)) for split in ("train", "valid", "test")] == [288, 96, 96]


@pytest.mark.parametrize(
    ("options", "code", "fact"),
    [
        ({"trade": "farm"}, "data.unknown-trade", "'workshop'"),
        ({"by": "sex"}, "data.bad-option", "by='speaker'"),
        ({"speaker": "voice 1"}, "data.bad-option", "by='speaker'"),
        ({"by": "speaker", "speaker": "theo"}, "data.bad-option", "voice 10"),
    ],
)
def test_wrong_choices_are_answered(options, code, fact):
    with refused(code, fact):
        data.trade_words(3, seed=0, **options)


@pytest.mark.parametrize("kind", ["digits", "trades"])
def test_what_the_course_brings_is_audible_and_no_recording_comes_twice(kind):
    table = read_spoken(kind)
    assert table.name.is_unique and table.seconds.between(0.1, 1.2).all()
    assert all(0.3 < abs(wave).max() < 0.8 for wave in table.wave)
    assert len({wave.tobytes() for wave in table.wave}) == len(table)
    assert table.groupby(["label", "speaker"]).size().nunique() == 1
