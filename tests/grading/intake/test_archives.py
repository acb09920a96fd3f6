"""Places that bite: nothing of a zip or folder is extracted, followed, or read beyond its limits."""

import json
import os
import random
import stat
import struct
import tracemalloc
import zipfile

import pytest
from handed_in import deflated, write, zipped

from course_utils.errors import CourseError
from course_utils.grading.intake import archives
from course_utils.grading.intake.submissions import submissions


def test_nothing_of_a_zip_touches_the_disk(tmp_path, quiz, book):
    inside = tmp_path / "deep" / "er"
    inside.mkdir(parents=True)
    link = zipfile.ZipInfo("link/90_example.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    files = [
        ("../../up/90_example.ipynb", book),
        ("/etc/90_example.ipynb", book),
        ("C:/90_example.ipynb", book),
        ("ok/../../90_example.ipynb", book),
        (link, b"/etc/passwd"),
    ]
    found = list(submissions(zipped(inside / "x.zip", files), [quiz]))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [inside / "x.zip"]
    by_name = {one.student: one for one in found}
    assert "link" in by_name["link"].trouble and by_name["link"].cells == ()
    assert {one for one, it in by_name.items() if not it.trouble} == {"etc", "C:", "ok"}
    assert sum(one.startswith("(unusable id)") for one in by_name) == 1


def test_a_zip_bomb_is_read_up_to_the_limit(tmp_path, quiz):
    path = zipped(tmp_path / "bomb.zip", [(deflated("ada/90_example.ipynb"), b" " * 2**26)])
    assert path.stat().st_size < 2**20
    tracemalloc.start()
    (honest,) = submissions(path, [quiz], largest=2**20)
    data = bytearray(path.read_bytes())
    place = data.rindex(b"PK\x01\x02") + 24
    data[place : place + 4] = struct.pack("<I", 5)  # the directory at the zip's end claims 5 bytes
    path.write_bytes(data)
    (lying,) = submissions(path, [quiz], largest=2**20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "larger than" in honest.trouble and "damaged" in lying.trouble
    assert peak < 2**23


def test_members_packed_or_locked_by_other_means_are_refused(tmp_path, quiz, book):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("ada/90_example.ipynb", json.dumps(book), zipfile.ZIP_BZIP2)
        file.writestr("bob/90_example.ipynb", json.dumps(book), zipfile.ZIP_LZMA)
        file.writestr("cid/90_example.ipynb", json.dumps(book))
    data = path.read_bytes()
    place = data.rindex(b"PK\x01\x02")
    path.write_bytes(data[: place + 8] + b"\x01" + data[place + 9 :])  # the last one says that it is encrypted
    found = {one.student: one.trouble for one in submissions(path, [quiz])}
    assert "packed" in found["ada"] and "packed" in found["bob"] and "it is encrypted" in found["cid"]


def test_a_damaged_member_is_told(tmp_path, quiz, book):
    path = zipped(tmp_path / "x.zip", [("ada/90_example.ipynb", book), ("bob/90_example.ipynb", book)])
    data = bytearray(path.read_bytes())
    data[200:260] = bytes(60)
    path.write_bytes(data)
    found = {one.student: one.trouble for one in submissions(path, [quiz])}
    assert "damaged" in found["ada"] and found["bob"] == ""


@pytest.mark.filterwarnings("ignore:.*nobody's notebook")
def test_random_damage_of_a_zip_never_raises_but_a_sentence(tmp_path, quiz, book):
    names = [f"Ada {number}_{number}_assignsubmission_file_/90_example.ipynb" for number in range(3)]
    data = zipped(tmp_path / "x.zip", [(name, book) for name in names]).read_bytes()
    dice = random.Random(0)
    ended = []
    for _ in range(300):
        broken = bytearray(data)
        for _ in range(dice.randrange(1, 4)):
            broken[dice.choice([dice.randrange(len(data)), -dice.randrange(1, 400)])] = dice.randrange(256)
        (tmp_path / "x.zip").write_bytes(broken)
        try:
            ended += [bool(one.trouble) for one in submissions(tmp_path / "x.zip", [quiz])]
        except CourseError:
            ended.append(None)
    assert {True, False, None} == set(ended)


def test_members_of_one_name_are_told_apart(tmp_path, quiz, book):
    with pytest.warns(UserWarning, match="Duplicate name"):
        place = zipped(tmp_path / "x.zip", [("ada/90_example.ipynb", book), ("ada/90_example.ipynb", b"{")])
    (found,) = submissions(place, [quiz])
    assert "JSON" in found.trouble and len(found.remarks) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes in folders")
def test_links_and_pipes_are_not_opened(tmp_path, quiz, book):
    outside = write(tmp_path / "outside" / "90_example.ipynb", book)
    place = tmp_path / "in"
    write(place / "ada" / "90_example.ipynb", book)
    (place / "file").mkdir()
    (place / "file" / "90_example.ipynb").symlink_to(outside)
    (place / "folder").symlink_to(outside.parent)
    (place / "own").mkdir()
    (place / "own" / "90_example.ipynb").symlink_to(place / "ada" / "90_example.ipynb")
    (place / "loop").symlink_to(place)
    (place / "zero.ipynb").symlink_to("/dev/zero")
    os.mkfifo(place / "pipe.ipynb")
    found = {one.student: one for one in submissions(place, [quiz])}
    assert set(found) == {"ada", "file", "folder", "own", "loop", "zero", "pipe"}
    assert [one for one, it in found.items() if not it.trouble] == ["ada"]
    assert "plain file" in found["pipe"].trouble and "link" in found["zero"].trouble


def test_folders_that_are_too_deep_are_told(tmp_path, quiz, book):
    write(tmp_path / "in" / "ada" / "90_example.ipynb", book)
    write(tmp_path / "in" / "bob" / "/".join("abcdefghijkl") / "90_example.ipynb", book)
    found = {one.student: one.trouble for one in submissions(tmp_path / "in", [quiz])}
    assert found["ada"] == "" and "too deep" in found["bob"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_closed_folder_is_told(tmp_path, quiz, book):
    write(tmp_path / "in" / "ada" / "90_example.ipynb", book)
    write(tmp_path / "in" / "bob" / "90_example.ipynb", book)
    (tmp_path / "in" / "bob").chmod(0)
    found = {one.student: one.trouble for one in submissions(tmp_path / "in", [quiz])}
    (tmp_path / "in" / "bob").chmod(0o700)
    assert found["ada"] == "" and "folder is closed" in found["bob"]


def test_too_many_files_are_refused_before_any_is_read(tmp_path, quiz, book, monkeypatch):
    monkeypatch.setattr(archives.listed, "__defaults__", (3,))
    files = [(f"s{number}.ipynb", book) for number in range(4)]
    with pytest.raises(CourseError, match="more than 3 files"):
        submissions(zipped(tmp_path / "x.zip", files), [quiz])
    assert len(list(submissions(zipped(tmp_path / "x.zip", files[:3]), [quiz]))) == 3


def test_a_place_that_is_none_is_told(tmp_path, quiz):
    for name, content in (("none", None), ("x.zip", b"no zip"), ("x.txt", b"PK\x05\x06")):
        if content:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(CourseError):
            submissions(tmp_path / name, [quiz])
    (tmp_path / "empty").mkdir()
    with pytest.raises(CourseError, match="contains no files"):
        submissions(tmp_path / "empty", [quiz])
    with pytest.raises(CourseError, match="There is no assignment"):
        submissions(tmp_path, [])


def test_files_are_read_when_they_are_asked_for(tmp_path, quiz, book):
    for number in range(3):
        write(tmp_path / "in" / f"s{number}.ipynb", book)
    found = submissions(tmp_path / "in", [quiz])
    assert next(found).trouble == ""
    (tmp_path / "in" / "s2.ipynb").unlink()
    assert next(found).trouble == ""
    assert "can't be opened" in next(found).trouble


def test_the_total_is_known_before_and_right_after(tmp_path, quiz, other, book):
    write(tmp_path / "in" / "ada.ipynb", book)
    for name in ("90_example", "91_other", "notes"):
        write(tmp_path / "in" / "bob" / f"{name}.ipynb", book)
    write(tmp_path / "in" / "cid" / "x.py", b"")
    found = submissions(tmp_path / "in", [quiz, other])
    assert found.total == 4
    assert len(list(found)) == found.total == 3
    assert submissions(tmp_path / "in", [quiz]).total == 3


def test_what_was_handed_out_is_asked_for_each_student(tmp_path, quiz, book):
    asked = []
    write(tmp_path / "in" / "ada.ipynb", book)
    write(tmp_path / "in" / "bob.ipynb", b"{")

    def handed(quiz, student):
        asked.append((quiz.lesson, student))
        return {"setup": "another"}

    found = list(submissions(tmp_path / "in", [quiz], handed))
    assert asked == [("90_example", "ada")]
    assert "setup" in found[0].remarks[0]
