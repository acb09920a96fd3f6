"""Zips within zips: a student's own is opened, within limits; whatever stays closed is named as what it is."""

import io
import json
import random
import zipfile

import pytest
from handed_in import deflated, write, zipped
from support.errors import refused

from course_utils.grading.intake import archives, nested
from course_utils.grading.intake.submissions import submissions
from course_utils.grading.returning.originals import Originals


def packed(*files, method=zipfile.ZIP_DEFLATED):
    """A zip's bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in files:
            file.writestr(deflated(name), content, method)
    return buffer.getvalue()


@pytest.fixture
def data(book):
    return json.dumps(book).encode()


def told(place, quiz, form=None):
    return {one.student: one.trouble for one in submissions(place, [quiz], form=form)}


FORMS = {
    "folders": ("ada/hw.zip", "bob/hw.ZIP", ["ada", "bob"]),
    "a zip a student": ("ada.zip", "bob.ipynb.zip", ["ada", "bob"]),
    "one folder around": ("Exam/ada.zip", "Exam/bob.zip", ["ada", "bob"]),
    "canvas": ("lovelaceada_1_10_hw.zip", "byrong_LATE_2_11_hw-1.zip", ["1", "2"]),
    "moodle": ("Ada_1_assignsubmission_file_/hw.zip", "G B_2_assignsubmission_file/hw.zip", ["1", "2"]),
    "moodle without folders": ("Ada_1_assignsubmission_file_hw.zip", "G_2_assignsubmission_file_hw.zip", ["1", "2"]),
    "blackboard": (
        "Quiz_ada_attempt_2026-01-31-10-00-00_hw.zip",
        "Quiz_bob_attempt_2026-01-31-10-00-00_hw.zip",
        ["ada", "bob"],
    ),
    "ilias": ("Exam/Abgaben/L_A_ada_1/hw.zip", "Exam/Abgaben/B_G_gb_2/hw.zip", ["1", "2"]),
    "nbgrader": ("submitted/ada/90_example/hw.zip", "submitted/bob/90_example/hw.zip", ["ada", "bob"]),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_zip_of_each_student_is_opened_in_every_form(tmp_path, quiz, data, form):
    first, second, expected = FORMS[form]
    inner = packed(("work/90_example.ipynb", data), ("__MACOSX/work/._90_example.ipynb", b"x"), ("read.me", b"x"))
    files = [(first, inner), (second, inner)]
    place = zipped(tmp_path / "class.zip", files)
    for name, content in files:
        write(tmp_path / "in" / name, content)
    outer = zipped(tmp_path / "outer.zip", [("class.zip", place.read_bytes())])
    for there in (place, tmp_path / "in", outer):
        assert told(there, quiz) == dict.fromkeys(expected, ""), there
    (found, _) = submissions(place, [quiz])
    assert found.source == f"class.zip/{first}/work/90_example.ipynb"
    assert "Question 90.1" in Originals(place).page(found.source)


def test_names_inside_a_students_zip_pass_for_nobody(tmp_path, quiz, data):
    inner = packed(
        ("../bob/90_example.ipynb", data),
        ("bob_2_assignsubmission_file_/90_example.ipynb", data),
        ("/etc/90_example.ipynb", data),
        ("submitted/bob/90_example/90_example.ipynb", data),
    )
    files = [("A_1_assignsubmission_file_/hw.zip", inner), ("B_2_assignsubmission_file_/90_example.ipynb", data)]
    assert list(told(zipped(tmp_path / "m.zip", files), quiz)) == ["1", "2"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.zip"]


def test_a_class_in_each_zip_is_asked_about(tmp_path, quiz, data):
    names = ("A_{}_assignsubmission_file_/a.ipynb", "B_{}0_assignsubmission_file_/a.ipynb")
    moodle = [(f"group{n}.zip", packed(*((name.format(n), data) for name in names))) for n in (1, 2)]
    folders = [(f"group{n}.zip", packed(*((f"{who}{n}/a.ipynb", data) for who in "ab"))) for n in (1, 2)]
    for files in (moodle, folders):
        with refused("grading.layout", "group1.zip"):
            submissions(zipped(tmp_path / "x.zip", files), [quiz])


def test_two_zips_of_one_name_stay_apart(tmp_path, quiz, data):
    with pytest.warns(UserWarning, match="Duplicate name"):
        files = [("ada/hw.zip", packed(("90_example.ipynb", data))), ("ada/hw.zip", packed(("90_example.ipynb", b"{")))]
        place = zipped(tmp_path / "x.zip", files)
    (found,) = submissions(place, [quiz])
    assert "JSON" in found.trouble and len(found.remarks) == 1


CLOSED = {
    "hw.7z": (b"7z\xbc\xaf", "hw.7z (a 7-Zip archive"),
    "hw.tar.gz": (b"\x1f\x8b", "hw.tar.gz (a gzip file"),
    "hw.rar": (b"Rar!", "hw.rar (a RAR archive"),
    "hw.zip": (b"no zip", "hw.zip (it is no zip that can be read"),
    "empty.zip": (packed(), "empty.zip (it is empty"),
    "none.zip": (packed(("answers.py", b"x")), "but answers.py."),
}


@pytest.mark.parametrize("name", CLOSED)
def test_what_stays_closed_is_named_and_drops_no_student(tmp_path, quiz, data, name):
    content, said = CLOSED[name]
    for files in ([(f"ada/{name}", content)], [(f"A_7_assignsubmission_file_/{name}", content)]):
        beside = files[0][0].replace("ada", "bob").replace("_7_", "_8_") + ".ipynb"
        place = zipped(tmp_path / "x.zip", [*files, (beside, data)])
        trouble = told(place, quiz)
        assert len(trouble) == 2 and sum(said in one for one in trouble.values()) == 1


def test_a_students_archive_that_lies_among_notebooks_is_no_stray(tmp_path, quiz, data):
    place = zipped(tmp_path / "x.zip", [("ada.ipynb", data), ("bob.7z", b"7z"), ("cid.zip", b"PK")])
    found = told(place, quiz)
    assert list(found) == ["ada", "bob", "cid"] and "7-Zip" in found["bob"] and "no zip" in found["cid"]


def test_zips_are_opened_within_limits(tmp_path, quiz, data, monkeypatch):
    monkeypatch.setattr(nested, "LARGEST", 2**20)
    monkeypatch.setattr(nested, "MOST_BYTES", 2**21)
    good = packed(("90_example.ipynb", data))
    bomb = packed(("a.zip", packed(("90_example.ipynb", bytes(2**22)), method=zipfile.ZIP_STORED)))
    many = packed(*((f"{n}.zip", packed(("x", bytes(2**19)), method=zipfile.ZIP_STORED)) for n in range(9)))
    deep = good
    for _ in range(nested.DEEPEST):
        deep = packed(("in.zip", deep))
    files = {"ada": good, "bomb": bomb, "many": many, "deep": deep}
    place = zipped(tmp_path / "x.zip", [(deflated(f"{who}/hw.zip"), content) for who, content in files.items()])
    found = told(place, quiz)
    assert found["ada"] == ""
    assert "a.zip (it is larger than 1 MB" in found["bomb"] and "3 zips" in found["deep"]
    assert "x" in found["many"]
    entries = archives.listed(nested.Nested(archives.opened(place)))
    assert sum(bool(entry.why) for entry in entries if entry.parts[0] == "many") == 9 - 3


def test_a_list_of_too_many_files_is_not_read(tmp_path, quiz, data, monkeypatch):
    monkeypatch.setattr(nested, "LARGEST_LIST", 1000)
    long = packed(*((f"{n}.txt", b"") for n in range(100)))
    place = zipped(tmp_path / "x.zip", [("ada/hw.zip", long), ("bob/hw.zip", packed(("90_example.ipynb", data)))])
    found = told(place, quiz)
    assert "too many files" in found["ada"] and found["bob"] == ""


def test_damaged_zips_within_a_zip_end_in_a_sentence(tmp_path, quiz, data):
    rng = random.Random(0)
    good = packed(("90_example.ipynb", data), ("b/90_example.ipynb", data))
    files = []
    for number in range(300):
        broken = bytearray(good)
        for _ in range(rng.randrange(1, 4)):
            broken[rng.choice([rng.randrange(len(good)), -rng.randrange(1, 200)])] = rng.randrange(256)
        files.append((f"s{number}/hw.zip", bytes(broken)))
    found = told(zipped(tmp_path / "x.zip", files), quiz, form="notebooks")
    assert len(found) == 300 and {bool(trouble) for trouble in found.values()} == {True, False}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.tar.gz", b"\x1f\x8b\x08", "gzip"),
        ("x.7z", b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        ("x.zip", b"Rar!\x1a\x07\x00", "RAR"),
        ("x.tar", bytes(257) + b"ustar\x0000", "tar archive"),
    ],
)
def test_another_archive_is_named_as_what_it_is(tmp_path, quiz, name, content, said):
    (tmp_path / name).write_bytes(content)
    with refused("grading.other-archive", said):
        submissions(tmp_path / name, [quiz])
