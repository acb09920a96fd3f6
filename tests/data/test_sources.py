"""Downloads against a server on this machine that breaks off, lies or is gone; archives that mean harm."""

import errno
import io
import os
import re
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from pathlib import Path

import pooch
import pytest
from support.archives import FILES, known, left_in, zipped
from support.errors import refused

from course_utils.data import fetching
from course_utils.data.fetching import CHUNK, fetch, fetch_archive, verify
from course_utils.data.sources import SOURCES, Source
from course_utils.errors import CourseError


def tarred(*members: tarfile.TarInfo, content: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for member in members:
            member.size = len(content) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(content) if member.isreg() else None)
    return buffer.getvalue()


@pytest.fixture
def toy(host, monkeypatch) -> Source:
    return known(monkeypatch, url=host.url)


PART = "archives/.toy.zip.part"


def test_fetch_downloads_once_and_unpacks_the_very_files(host, toy, folder, capsys):
    unpacked = fetch("toy")
    assert unpacked == folder / "toy"
    assert {p.relative_to(unpacked).as_posix(): p.read_bytes() for p in unpacked.rglob("*.jpg")} == FILES
    assert left_in(folder) == sorted(["archives/toy.zip", *(f"toy/{name}" for name in FILES)])
    said = capsys.readouterr()
    assert "Licence: CC0. Cite: nobody." in said.out
    assert "toy: 100%" in said.err, "the progress bar"
    assert fetch("toy") == unpacked and fetch_archive("toy") == folder / "archives/toy.zip"
    assert len(host.ranges) == 1


def test_a_cut_download_goes_on_where_it_broke_off(host, toy, folder):
    host.faults = [500_000, 600_000]
    fetch_archive("toy")
    first, second, third = host.ranges
    assert first is None and 0 <= 500_000 - second < CHUNK and 0 <= second + 600_000 - third < CHUNK
    assert host.sent < len(host.payload) + 2 * CHUNK, "at most one chunk a break was sent twice"
    assert left_in(folder) == ["archives/toy.zip"]


def test_a_download_that_stays_cut_says_so_and_the_next_call_goes_on(host, toy, folder):
    host.faults = [500_000, 0, 0, 0]
    with refused("data.download-broke-off", "'toy'", "0.5 of 1.8 MB", "call again"):
        fetch_archive("toy")
    assert left_in(folder) == [PART]
    came = (folder / PART).stat().st_size
    fetch_archive("toy")
    assert host.ranges[-1] == came > 0
    assert left_in(folder) == ["archives/toy.zip"]


def test_a_host_without_ranges_sends_all_again(host, toy, folder):
    host.knows_ranges, host.faults = False, [500_000]
    assert fetch_archive("toy").read_bytes() == host.payload


def test_a_part_that_is_not_the_beginning_of_the_file_is_thrown_away(host, toy, folder):
    (folder / "archives").mkdir(parents=True)
    for stale in (b"x" * 500_000, b"x" * len(host.payload)):
        (folder / PART).write_bytes(stale)
        assert fetch_archive("toy").read_bytes() == host.payload
        assert left_in(folder) == ["archives/toy.zip"]
        (folder / "archives/toy.zip").unlink()


def test_a_wrong_digest_is_tried_again_and_leaves_nothing(host, toy, folder):
    host.payload = zipped(FILES | {"toy/car/0.jpg": b"another image"})
    with refused("data.wrong-file", "sent for 'toy'", "was deleted"):
        fetch_archive("toy")
    assert len(host.ranges) == 1 + fetching.RETRIES
    assert left_in(folder) == []


def test_something_that_is_no_archive_leaves_nothing(host, toy, folder):
    host.payload = b"<html>Please log in to this network</html>"
    with refused("data.wrong-file", "not a sound archive"):
        fetch("toy")
    assert left_in(folder) == []


def test_no_network(monkeypatch, folder):
    known(monkeypatch)  # nobody listens on its port
    with refused("data.no-network", "127.0.0.1:9", "download http://127.0.0.1:9/toy.zip", "COURSE_DATA_MIRROR"):
        fetch("toy")
    assert left_in(folder) == []


def test_a_host_that_refuses(host, toy, folder):
    host.faults = ["404"] * 9
    with refused("data.host-refused", "404", "'toy'"):
        fetch("toy")
    assert left_in(folder) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_while_downloading(toy, folder):
    (folder / "archives").mkdir(parents=True)
    (folder / PART).symlink_to("/dev/full")
    with refused("data.disk-full", "'toy' takes 2 MB", "COURSE_DATA_DIR"):
        fetch("toy")
    assert left_in(folder) == [] and not (folder / PART).is_symlink()


def test_a_full_disk_while_unpacking(toy, folder, monkeypatch):
    fetch_archive("toy")
    write = Path.write_bytes

    def fill_up(path: Path, content: bytes):
        write(path, content[:100])
        if path.name == "2.jpg":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", fill_up)
    with refused("data.disk-full"):
        fetch("toy")
    assert left_in(folder) == ["archives/toy.zip"]


def test_a_folder_that_becomes_read_only(toy, folder, monkeypatch):
    def refuse(path, *_, **__):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(os, "mkdir", refuse)
    with refused("data.folder-unusable", "Read-only file system"):
        fetch("toy")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(toy, folder):
    folder.mkdir(mode=0o555)
    with pytest.raises(CourseError, match=r"can't be used|can be written"):
        fetch("toy")


def test_the_mirror_comes_before_the_network(host, toy, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(tmp_path))
    (tmp_path / "toy.zip").write_bytes(host.payload)
    assert fetch_archive("toy") == tmp_path / "toy.zip"
    assert (fetch("toy") / "toy/car/0.jpg").read_bytes() == FILES["toy/car/0.jpg"]
    assert host.ranges == []


def test_a_damaged_mirror_is_named_and_left_alone(toy, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(tmp_path))
    (tmp_path / "toy.zip").write_bytes(zipped(FILES)[:-500])
    with refused("data.wrong-file", "toy.zip", "'toy'"):
        fetch("toy")
    assert (tmp_path / "toy.zip").exists()
    assert left_in(folder) == []


def test_two_processes_at_once_download_once(host, toy, folder):
    code = (
        "from course_utils.data.fetching import fetch\n"
        "from course_utils.data.sources import SOURCES, Source\n"
        f"SOURCES['toy'] = {toy!r}\n"
        "print(sorted(p.name for p in fetch('toy').rglob('*.jpg')))"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0].splitlines()[-1] for process in both]
    assert said == [str(sorted(Path(name).name for name in FILES))] * 2
    assert len(host.ranges) == 1
    assert left_in(folder) == sorted(["archives/toy.zip", *(f"toy/{name}" for name in FILES)])


def test_the_second_process_waits_and_says_so(host, toy, folder, capsys):
    """The lock is held for two seconds: longer than the second that passes in silence."""
    folder.mkdir()
    held = threading.Event()

    def hold():
        with fetching.FileLock(folder / ".toy.lock"):
            held.set()
            time.sleep(2)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    fetch_archive("toy")
    holder.join()
    assert "Another process is fetching 'toy': waiting for it." in capsys.readouterr().out


@pytest.mark.parametrize(
    "content", [b"<html>log in first</html>", b"", zipped(FILES)[:-50_000], zipped({"a.jpg": b"a"})]
)
def test_a_damaged_archive_is_fetched_again(content, host, toy, folder, capsys):
    (folder / "archives").mkdir(parents=True)
    (folder / "archives/toy.zip").write_bytes(content)
    assert (fetch("toy") / "toy/car/0.jpg").read_bytes() == FILES["toy/car/0.jpg"]
    assert (folder / "archives/toy.zip").read_bytes() == host.payload
    assert "toy.zip in the data folder is damaged" in capsys.readouterr().out


def test_a_damaged_archive_is_taken_from_the_mirror(toy, folder, tmp_path, monkeypatch):
    (folder / "archives").mkdir(parents=True)
    (folder / "archives/toy.zip").write_bytes(b"damaged")
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(tmp_path))
    (tmp_path / "toy.zip").write_bytes(zipped(FILES))
    assert fetch_archive("toy") == tmp_path / "toy.zip" and left_in(folder) == []


def test_a_damaged_archive_without_a_network_gets_one_sentence(monkeypatch, folder):
    known(monkeypatch)  # nobody listens on its port
    (folder / "archives").mkdir(parents=True)
    (folder / "archives/toy.zip").write_bytes(b"damaged")
    with refused("data.no-network"):
        fetch("toy")


def test_what_a_killed_process_left_is_cleared(toy, folder):
    (folder / ".toy.part/toy").mkdir(parents=True)
    (folder / ".toy.part/toy/half.jpg").write_bytes(b"half")
    fetch("toy")
    assert not (folder / ".toy.part").exists() and not (folder / "toy/toy/half.jpg").exists()


def link(name: str, kind: bytes, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def zipped_link() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("toy/link.jpg")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "../../outside")
    return buffer.getvalue()


HARMFUL = {
    "zip, upwards": (zipped({"toy/../../outside.jpg": b"x"}), "outside its folder"),
    "zip, absolute": (zipped({"/outside.jpg": b"x"}), "outside its folder"),
    "zip, Windows drive": (zipped({"C:/outside.jpg": b"x"}), "outside its folder"),
    "zip, link": (zipped_link(), "a link"),
    "zip, bomb": (zipped({"toy/zeros.jpg": bytes(10**7)}, zipfile.ZIP_DEFLATED), "more than the 2 MB"),
    "zip, many": (zipped({f"toy/{i}.jpg": bytes(100_000) for i in range(21)}), "more than the 2 MB"),
    "tar, upwards": (tarred(tarfile.TarInfo("../outside.jpg"), content=b"x"), "outside its folder"),
    "tar, absolute": (tarred(tarfile.TarInfo("/outside.jpg"), content=b"x"), "outside its folder"),
    "tar, symbolic link": (tarred(link("toy/a.jpg", tarfile.SYMTYPE, "/etc/passwd")), "a link"),
    "tar, hard link": (tarred(link("toy/a.jpg", tarfile.LNKTYPE, "../../outside")), "a link"),
    "tar, device": (tarred(link("toy/a.jpg", tarfile.CHRTYPE, "")), "a device"),
}


@pytest.mark.parametrize("archive, fault", HARMFUL.values(), ids=HARMFUL)
def test_an_archive_that_means_harm_is_refused(archive, fault, monkeypatch, folder, tmp_path):
    """Even when it is the very archive that the registry names."""
    path = tmp_path / "mirror" / "toy.zip"
    path.parent.mkdir()
    path.write_bytes(archive)
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(path.parent))
    known(monkeypatch, content=None, published=f"md5:{pooch.file_hash(str(path), alg='md5')}")
    with refused("data.unsafe-archive", fault):
        fetch("toy")
    assert left_in(tmp_path) == ["mirror/toy.zip"]


def test_verify(toy, folder):
    assert verify("toy") is False
    unpacked = fetch("toy")
    assert verify("toy") is True
    image = unpacked / "toy/car/1.jpg"
    image.write_bytes(b"x" + image.read_bytes()[1:])
    with refused("data.wrong-file", "not those of 'toy'", "delete that folder"):
        verify("toy")
    (folder / "archives/toy.zip").write_bytes(b"short")
    with refused("data.wrong-file", "toy.zip"):
        verify("toy")


def test_verify_compares_the_folder_with_the_archive_when_only_that_is_known(host, folder, monkeypatch, tmp_path):
    (tmp_path / "toy.zip").write_bytes(host.payload)
    known(monkeypatch, url=host.url, content=None, published=f"sha256:{pooch.file_hash(str(tmp_path / 'toy.zip'))}")
    (fetch("toy") / "toy/car/1.jpg").unlink()
    with refused("data.wrong-file", "delete that folder"):
        verify("toy")


def test_an_unknown_source_gets_the_names_and_the_nearest():
    with refused(
        "data.unknown-source",
        "'pet'",
        "cifar10, movielens, omniglot_small1, omniglot_small2, pets",
        "did you mean 'pets'?",
    ):
        fetch("pet")


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_the_registry_pins_what_it_names(source):
    assert source.url.startswith("https://") and source.licence and source.citation and source.size > 0
    assert source.content or source.published or source.layout
    if "github.com" in source.url:
        assert re.search(r"/[0-9a-f]{40}(\.zip$|/)", source.url), "an address that can't change"


def test_cifar10_in_the_mirror_is_the_one_we_know(mirror, folder, monkeypatch):
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(mirror))
    assert verify("cifar10") is True
