"""Decoded images: made once, mapped afterwards, and made anew when the file is damaged."""

import pytest
import torch

from course_utils.data.decoded import decode_once

TENSORS = {
    "images": torch.arange(600, dtype=torch.int16).to(torch.uint8).reshape(10, 3, 4, 5),
    "kinds": torch.arange(10),
}


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    calls = []

    def decode():
        calls.append(1)
        return TENSORS

    return calls, decode, tmp_path / "decoded" / "toy.safetensors"


def same(found) -> bool:
    return found.keys() == TENSORS.keys() and all(torch.equal(found[name], TENSORS[name]) for name in TENSORS)


def test_decodes_once(made):
    calls, decode, path = made
    assert same(decode_once("toy", decode, TENSORS)) and same(decode_once("toy", decode, TENSORS))
    assert len(calls) == 1
    assert [file.name for file in path.parent.iterdir()] == ["toy.safetensors"]


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-7], lambda b: b[:-7] + b"damaged", lambda b: b"", lambda b: b"x" * 99]
)
def test_a_damaged_file_is_made_anew(made, damage):
    calls, decode, path = made
    decode_once("toy", decode, TENSORS)
    path.write_bytes(damage(path.read_bytes()))
    assert same(decode_once("toy", decode, TENSORS)) and len(calls) == 2
    assert same(decode_once("toy", decode, TENSORS)) and len(calls) == 2


def test_a_file_of_an_older_version_is_made_anew(made):
    """It is sound, but holds its tensors under other names."""
    calls, decode, path = made
    old = {"pictures": TENSORS["images"], "kinds": TENSORS["kinds"]}
    assert decode_once("toy", lambda: old, old).keys() == old.keys() and path.is_file()
    assert same(decode_once("toy", decode, TENSORS)) and len(calls) == 1
    assert same(decode_once("toy", decode, TENSORS)) and len(calls) == 1


def test_no_room_to_keep_them(made, capsys):
    """A file where the folder should be stands for every disk that can't be written."""
    _, decode, path = made
    path.parent.write_text("in the way")
    assert same(decode_once("toy", decode, TENSORS))
    assert "can't be kept in the data folder" in capsys.readouterr().out
    assert [file.name for file in path.parent.parent.iterdir()] == ["decoded"]
