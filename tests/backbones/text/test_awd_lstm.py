"""The recurrent language model: its weights by vocabulary, and what isn't its own."""

import pytest
import torch
from support.errors import refused

from course_utils.backbones import awd_lstm, companion, weights
from course_utils.backbones.text.awd_lstm import SIZES, stored_vocabulary, to_stored
from course_utils.data.text.words import PADDING, SPECIAL, build_vocabulary


@pytest.fixture(scope="module")
def trained():
    return awd_lstm("DEFAULT")


def test_it_is_small_and_ties_its_decoder_to_its_embedding(trained):
    record = weights.training_record("awd_lstm")
    assert record["bytes"] < 8e6 and record["parameters"] == sum(each.numel() for each in trained.parameters())
    assert trained[1].decoder.weight is trained[0].encoder.weight
    assert trained[0].encoder.weight.shape == (len(trained.vocabulary), SIZES["emb_sz"])
    assert trained.vocabulary[: len(SPECIAL)] == list(SPECIAL) and len(set(trained.vocabulary)) == 8_000


def test_known_words_keep_their_row_and_new_ones_get_the_mean(trained):
    words = [*SPECIAL, "film", "qwertz", "the"]
    model = awd_lstm("DEFAULT", words)
    rows, before = model[0].encoder.weight, trained[0].encoder.weight
    for word in ("film", "the", "xxunk", "xxbos"):
        place = trained.vocabulary.index(word)
        assert torch.equal(rows[words.index(word)], before[place])
        assert model[1].decoder.bias[words.index(word)] == trained[1].decoder.bias[place]
    torch.testing.assert_close(rows[words.index("qwertz")], before.mean(0), rtol=0, atol=1e-4)  # of fp16 rows
    torch.testing.assert_close(model[1].decoder.bias[words.index("qwertz")], trained[1].decoder.bias.mean())
    assert (rows[PADDING] == 0).all() and model[1].decoder.weight is rows


def test_its_own_vocabulary_gives_the_same_scores(trained):
    words = [*SPECIAL, *reversed(trained.vocabulary[len(SPECIAL) :])]
    other = awd_lstm("DEFAULT", words)
    read = torch.tensor([[trained.vocabulary.index(word) for word in ("xxbos", "the", "film", "is")]])
    place = torch.tensor([[words.index(trained.vocabulary[number]) for number in read[0].tolist()]])
    trained.reset()
    scores, moved = trained(read)[0][0, -1], other(place)[0][0, -1]
    trained.reset()
    order = torch.tensor([words.index(word) for word in trained.vocabulary])
    torch.testing.assert_close(moved[order], scores, rtol=1e-4, atol=1e-4)


def test_random_weights_take_any_vocabulary_and_follow_torchs_seed():
    words = build_vocabulary([["a", "b", "a"]], most=20)
    torch.manual_seed(1)
    one = awd_lstm(None, words)
    torch.manual_seed(1)
    two = awd_lstm(None, words)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert one.vocabulary == words == [*SPECIAL, "a", "b"]


def test_what_is_stored_is_read_again(tmp_path, monkeypatch):
    words = build_vocabulary([["film", "plot"]], most=20)
    model = awd_lstm(None, words)
    monkeypatch.setattr(weights, "_read_checked", lambda name: to_stored(model, words))
    again = awd_lstm("DEFAULT")
    assert stored_vocabulary() == words == again.vocabulary
    for one, other in zip(model.parameters(), again.parameters(), strict=True):
        kept = one.detach().half().float()
        kept = kept.clone() if one is not model[0].encoder.weight else kept.index_fill(0, torch.tensor([PADDING]), 0)
        assert torch.equal(kept, other)


def test_other_weights_and_vocabularies_are_refused():
    with refused("backbones.unknown-weights", "'wikipedia'", "'DEFAULT'"):
        awd_lstm("wikipedia")
    with refused("backbones.other-vocabulary", "'[PAD]'", "build_vocabulary"):
        awd_lstm("DEFAULT", ["[PAD]", "[unused0]", "the"])
    with refused("backbones.other-vocabulary", "nothing"):
        awd_lstm(None, [])


def test_damaged_and_missing_weights_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(companion, "_folders", lambda: iter([]))
    with refused("backbones.weights-missing", "'awd_lstm'", "pip install"):
        awd_lstm("DEFAULT")
    for name in ("manifest.json", "awd_lstm.safetensors"):
        (tmp_path / name).write_bytes((companion.IN_CLONE / name).read_bytes())
    damaged = bytearray((tmp_path / "awd_lstm.safetensors").read_bytes())
    damaged[-1] ^= 1
    (tmp_path / "awd_lstm.safetensors").write_bytes(damaged)
    monkeypatch.setattr(companion, "_folders", lambda: iter([tmp_path]))
    with refused("backbones.weights-damaged", "awd_lstm.safetensors", "digest"):
        awd_lstm("DEFAULT")
