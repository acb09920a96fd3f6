"""Recordings of one's own: folders by word, speakers, copies, and refusals."""

import numpy as np
import pytest
import soundfile
from support.errors import refused

from course_utils import data


def record(folder, words=("heparin", "saline"), each=5, speakers=("ana", "ben", "cy"), rate=16_000):
    random = np.random.default_rng(0)
    for word in words:
        for speaker in speakers:
            (folder / word / speaker).mkdir(parents=True)
            for take in range(each):
                seconds = random.uniform(0.3, 0.8)
                soundfile.write(
                    folder / word / speaker / f"{take}.wav", random.normal(0, 0.1, round(seconds * rate)), rate
                )


def test_words_and_speakers_come_from_the_folders(tmp_path):
    record(tmp_path)
    sounds = data.sounds(tmp_path, seed=0)
    assert sounds.real and sounds.classes == ("heparin", "saline") and 0.5 < sounds.seconds <= 0.8
    assert [len(getattr(sounds, split)) for split in ("train", "valid", "test")] == [18, 6, 6]
    row = sounds.train.iloc[0]
    assert row["name"].split("/")[:2] == [row.label, row.speaker]
    apart = data.sounds(tmp_path, seed=0, by="speaker", speaker="ben", split=(5, 5))
    assert set(apart.test.speaker) == {"ben"} and "ben" not in set(apart.train.speaker)


def test_without_folders_of_speakers_a_function_says_who(tmp_path):
    record(tmp_path)
    for file in sorted(tmp_path.rglob("*.wav")):
        file.rename(file.parents[1] / f"{file.parent.name}-{file.name}")
    with refused("data.bad-option", "three"):
        data.sounds(tmp_path, seed=0, by="speaker")
    sounds = data.sounds(tmp_path, seed=0, by="speaker", split=(5, 5), speaker_of=lambda file: file.stem.split("-")[0])
    assert set(sounds.train.speaker) | set(sounds.test.speaker) <= {"ana", "ben", "cy"}


def test_copies_are_left_out_and_counted(tmp_path):
    record(tmp_path)
    first = tmp_path / "saline" / "ana" / "0.wav"
    (tmp_path / "saline" / "cy" / "copy.wav").write_bytes(first.read_bytes())
    sounds = data.sounds(tmp_path, seed=0)
    assert sounds.notes == ("1 recording that repeats another was left out.",)
    (tmp_path / "heparin" / "cy" / "copy.wav").write_bytes(first.read_bytes())
    with refused("data.contradicting-rows", "copy.wav"):
        data.sounds(tmp_path, seed=0)


def test_other_files_and_hidden_ones_are_passed_over(tmp_path):
    record(tmp_path)
    (tmp_path / "saline" / "notes.txt").write_text("loud room")
    (tmp_path / "saline" / "._0.wav").write_bytes(b"what macOS leaves")
    (tmp_path / ".trash").mkdir()
    assert len(data.sounds(tmp_path, seed=0).classes) == 2


def test_what_phones_and_browsers_record_is_not_passed_over_in_silence(tmp_path):
    record(tmp_path)
    (tmp_path / "saline" / "ana" / "memo.M4A").write_bytes(b"an iPhone's")
    with refused("data.unreadable-sound", "saline/ana/memo.M4A", "MP3"):
        data.sounds(tmp_path, seed=0)


def test_a_function_that_fails_is_named_with_the_file(tmp_path):
    record(tmp_path)
    with refused("data.bad-function", "speaker_of", "0.wav", "IndexError"):
        data.sounds(tmp_path, seed=0, speaker_of=lambda file: file.stem.split("-")[1])


def test_a_bad_file_is_named_with_its_folder(tmp_path):
    record(tmp_path)
    (tmp_path / "saline" / "ana" / "0.wav").write_bytes(b"no sound")
    with refused("data.unreadable-sound", "saline/ana/0.wav"):
        data.sounds(tmp_path, seed=0)


@pytest.mark.parametrize(
    ("make", "code", "fact"),
    [
        (lambda folder: None, "data.no-sounds", "none at all"),
        (lambda folder: (folder / "a.txt").write_text("a"), "data.no-sounds", ".txt"),
        (lambda folder: soundfile.write(folder / "a.wav", np.ones(9), 8000), "data.no-sounds", "sub-folder for each"),
        (lambda folder: record(folder, words=("heparin",)), "data.wrong-classes", "'heparin'"),
    ],
)
def test_folders_that_teach_nothing_are_refused(tmp_path, make, code, fact):
    make(tmp_path)
    with refused(code, fact):
        data.sounds(tmp_path, seed=0)


@pytest.mark.parametrize("seconds", [0, -1, 11, True, "1"])
def test_other_lengths_are_refused(tmp_path, seconds):
    record(tmp_path)
    with refused("data.bad-number", "10"):
        data.sounds(tmp_path, seconds=seconds)
    with refused("data.no-folder"):
        data.sounds(tmp_path / "nowhere")
