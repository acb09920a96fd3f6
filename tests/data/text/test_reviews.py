"""The reviews: public ones from their archives, and those written for this course."""

import pytest
from support.errors import refused

from course_utils import data
from course_utils.data.text import reviews as module
from course_utils.data.text.cleaning import comparable, near_duplicates


@pytest.fixture
def public(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_IMAGES", "photographs")
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(mirror))
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    module._public.cache_clear()
    yield
    module._public.cache_clear()


def test_the_public_ones_are_balanced_clean_and_on_one_side_each(public):
    texts = data.reviews(100, seed=0)
    assert texts.real and texts.classes == ("negative", "positive")
    assert "194 near-duplicates left out" in texts.about and len(texts.unlabelled) == 38_879
    assert texts.notes == (
        "Of 45,875 texts, 56 hold no word, 1,597 only say that there is nothing to say, 1,344 stand under both labels, "
        "and 3,105 repeat another: these are left out.",
    )
    held_out = {comparable(text) for split in ("valid", "test") for text in texts.texts(split)}
    assert not held_out & {comparable(text) for text in texts.unlabelled}
    assert set(texts.texts("train")) <= set(texts.unlabelled)
    for split, each in (("train", 100), ("valid", 100), ("test", 250)):
        table = getattr(texts, split)
        assert table.label.value_counts().to_dict() == {"negative": each, "positive": each}
        assert texts.targets(split).sum() == each
        assert not table.text.str.contains("&amp;|</|  |^none$", regex=True).any()
    together = texts.texts("train") + texts.texts("test")
    pairs = near_duplicates(together)
    assert ((pairs < 200).all(1) | (pairs >= 200).all(1)).all()


def test_sentences_on_films_are_the_other_domain(public):
    texts = data.reviews(100, seed=0, domain="films")
    assert texts.real and len(texts.train) == 200 and len(texts.unlabelled) > 9_000
    assert not any("\x97" in text for text in texts.unlabelled)


@pytest.mark.parametrize("domain", ["products", "films"])
def test_the_written_ones_say_what_they_are_about(domain, monkeypatch):
    monkeypatch.setenv("COURSE_IMAGES", "drawings")
    texts = data.reviews(20, seed=0, domain=domain)
    assert not texts.real and "written for this course" in texts.about
    assert texts.train.columns.tolist() == ["text", "label", "area", "aspect", "difficulty"]
    assert set(texts.test.label) == set(texts.classes)
    assert (texts.train.area.unique().tolist() == ["films"]) == (domain == "films")


def test_where_the_archive_cannot_be_had_a_sentence_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("COURSE_IMAGES", "photographs")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "pros_cons.zip").write_bytes(b"no zip")
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(tmp_path / "mirror"))
    module._public.cache_clear()
    texts = data.reviews(20, seed=0)
    said = capsys.readouterr().out.strip()
    assert not texts.real and "\n" not in said and "written for this course stand in" in said
    module._public.cache_clear()


def test_an_unknown_domain_is_refused():
    with refused("data.unknown-domain", "'books'", "films"):
        data.reviews(domain="books")
