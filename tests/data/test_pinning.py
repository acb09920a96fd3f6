"""Archives whose digest nobody could record beforehand: pinned at the first download, checked by their layout."""

import pytest
from support.archives import FILES, known, left_in, zipped
from support.errors import refused

from course_utils.data import fetching
from course_utils.data.fetching import fetch_archive, verify

UNPINNED = {"content": None, "layout": {"car": 3, "truck": 3}}


def test_a_first_download_is_pinned_and_compared_later(host, folder, monkeypatch):
    known(monkeypatch, url=host.url, **UNPINNED)
    archive = fetch_archive("toy")
    assert left_in(folder) == ["archives/toy.zip", "archives/toy.zip.sha256"]
    assert fetch_archive("toy") == archive and verify("toy") is True
    another = zipped(dict.fromkeys(FILES, b"another"))
    archive.write_bytes(another)
    with refused("data.wrong-file", "'toy'", "at its first download", "delete it and fetch again"):
        verify("toy")
    assert fetch_archive("toy").read_bytes() == host.payload, "fetched again"
    archive.write_bytes(b"damaged")
    host.payload = another
    with refused("data.wrong-file", "sent for 'toy'", "at its first download", "toy.zip.sha256"):
        fetch_archive("toy")
    assert left_in(folder) == ["archives/toy.zip.sha256"], "what differs from the first download isn't trusted"


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        (zipped(dict(list(FILES.items())[1:])), "2 files in car, expected 3"),
        (zipped(FILES | {"toy/bus/0.jpg": b"bus"}), "an unknown folder bus"),
        (zipped(FILES)[:-50_000], "not a sound archive"),
        (b"<html>Log in to the guests' network</html>", "not a sound archive"),
    ],
    ids=["another size", "more folders", "cut", "a web page"],
)
def test_a_first_download_of_another_layout_leaves_nothing(payload, fault, host, folder, monkeypatch):
    host.payload = payload
    known(monkeypatch, url=host.url, **UNPINNED)
    with refused("data.wrong-file", fault, "was deleted"):
        fetch_archive("toy")
    assert left_in(folder) == []


def test_lists_beside_an_archive_are_fetched_and_counted(host, folder, monkeypatch):
    host.payload = b"one 1\ntwo 2\n"
    known(monkeypatch, url=host.url, beside={"train.txt": 2}, **UNPINNED)
    (text,) = fetching.fetch_beside("toy").values()
    assert text.read_bytes() == host.payload
    assert left_in(folder) == ["archives/train.txt", "archives/train.txt.sha256"]
    known(monkeypatch, url=host.url, beside={"valid.txt": 3}, **UNPINNED)
    with refused("data.wrong-file", "2 lines, expected 3"):
        fetching.fetch_beside("toy")


def test_a_mirror_may_keep_a_sources_files_in_a_folder_of_its_name(folder, tmp_path, monkeypatch):
    (tmp_path / "mirror" / "toy").mkdir(parents=True)
    (tmp_path / "mirror" / "toy" / "train.txt").write_text("one 1\n")
    (tmp_path / "mirror" / "toy.zip").write_bytes(zipped(FILES))
    known(monkeypatch, beside={"train.txt": 1}, **UNPINNED)
    assert not fetching.is_here("toy")
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(tmp_path / "mirror"))
    assert fetching.is_here("toy") and verify("toy") is True
    assert fetching.fetch_beside("toy")["train.txt"] == tmp_path / "mirror" / "toy" / "train.txt"
    assert left_in(folder) == [], "a mirror's files are neither copied nor pinned"
