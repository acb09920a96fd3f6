"""A class stays a class: each platform's folders, zips within zips, and what can't be told is asked."""

import struct
import zipfile
import zlib

import pytest
from handed_in import answer, answers, write, zipped
from support.errors import refused

from course_utils.grading.intake.submissions import submissions


def students(place, quiz, form=None):
    return [one.student for one in submissions(place, [quiz], form=form)]


def told(place, quiz, form=None):
    return {one.student: one.trouble for one in submissions(place, [quiz], form=form)}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            ["Exam/Abgaben/Lovelace_Ada_ada_345/90_example.ipynb", "Exam/Abgaben/Byron_G_gb_46/90_example.ipynb"],
            "345 46",
        ),
        (["Exam/Submissions/Love_Lace_Ada_a_da_345/a.ipynb"], "345"),
        (["Lovelace_Ada_ada_345/a.ipynb", "Byron_G_gb_46/b.ipynb"], "345 46"),
        (["Examen/Entregas/Team_7/Lovelace_Ada_ada_345/a.ipynb", "Examen/Entregas/Team_8/B_G_gb_46/b.ipynb"], "345 46"),
        (["E/Abgaben/Team 7/Ada L/a.ipynb", "E/Abgaben/Team 8/G B/a.ipynb"], "Team 7;Team 8"),
    ],
    ids=["German", "English, one", "folders alone", "teams' users", "teams"],
)
def test_ilias(tmp_path, quiz, book, names, expected):
    top = names[0].partition("/")[0] + "/" if "/" in names[0].partition("/")[2] else ""
    files = [*((name, book) for name in names), (f"{top}list.xlsx", b"x")]
    place = zipped(tmp_path / "i.zip", files)
    with pytest.warns(UserWarning, match=r"list\.xlsx"):
        assert students(place, quiz) == (expected.split(";") if ";" in expected else expected.split())


def test_ilias_second_file_of_a_name_is_the_later_one(tmp_path, quiz, book):
    other = {**book, "cells": [dict(one) for one in book["cells"]]}
    answer(other, "1", "answer_90_1 = 'B'")
    files = [("L_A_a_1/90_example (2).ipynb", other), ("L_A_a_1/90_example.ipynb", book), ("B_G_g_2/x.ipynb", book)]
    found = next(one for one in submissions(zipped(tmp_path / "i.zip", files), [quiz]) if one.student == "1")
    assert answers(found)["90.1"] == "answer_90_1 = 'B'"


def test_ids_that_only_look_like_a_platforms_stay_whole(tmp_path, quiz, book):
    ilias = [("ws_inf_grp_1/a.ipynb", book), ("ss_inf_grp_1/a.ipynb", book)]
    assert students(zipped(tmp_path / "f.zip", ilias), quiz) == ["ss_inf_grp_1", "ws_inf_grp_1"]
    canvas = [("hw1_2026_11_ada.ipynb", book), ("hw1_2026_11_bob.ipynb", book)]
    assert students(zipped(tmp_path / "c.zip", canvas), quiz) == ["hw1_2026_11_ada", "hw1_2026_11_bob"]


def test_moodle_with_several_files_texts_and_teams(tmp_path, quiz, book):
    files = [
        ("Ada Lovelace_123_assignsubmission_file/work/90_example.ipynb", book),
        ("Ada Lovelace_123_assignsubmission_file/work/data.csv", b"1"),
        ("Ada Lovelace_123_assignsubmission_onlinetext/onlinetext.html", b"<p>"),
        ("Teilnehmer_124_assignsubmission_file/90_example.ipynb", book),
        ("Gruppe A_7_assignsubmission_file/90_example.ipynb", book),
        ("Gruppe A_7_assignsubmission_file/notes/90_example-Copy1.ipynb", book),
        ("Default group_assignsubmission_file/90_example.ipynb", book),
    ]
    found = told(zipped(tmp_path / "m.zip", files), quiz)
    assert {one for one, trouble in found.items() if not trouble} == {"123", "124", "7"}
    (lost,) = (trouble for one, trouble in found.items() if one.startswith("("))
    assert lost.startswith("The file's name doesn't tell")


def test_jupyters_own_copies_count_only_where_nothing_else_is(tmp_path, quiz, book):
    write(tmp_path / "in" / "ada" / "90_example.ipynb", book)
    write(tmp_path / "in" / "ada" / ".ipynb_checkpoints" / "90_example-checkpoint.ipynb", b"x")
    write(tmp_path / "in" / "bob" / ".ipynb_checkpoints" / "90_example-checkpoint.ipynb", book)
    write(tmp_path / "in" / ".ipynb_checkpoints" / "ada-checkpoint.ipynb", b"x")
    found = list(submissions(tmp_path / "in", [quiz]))
    assert [(one.student, one.trouble, one.remarks) for one in found] == [("ada", "", ()), ("bob", "", ())]


DOUBTS = {
    "one folder, by name": ["Exam/ada.ipynb", "Exam/bob.ipynb"],
    "two folders, by name": ["Course/Exam/ada.ipynb", "Course/Exam/bob.ipynb"],
    "one in two folders": ["Exam/ada/90_example.ipynb"],
    "groups of files": ["A/ada.ipynb", "A/bob.ipynb", "B/cid.ipynb", "B/dan.ipynb", "C/eve.ipynb"],
    "groups of folders": [f"{group}/{who}/a.ipynb" for group in "AB" for who in (f"x{group}", f"y{group}")],
    "attachments in a folder": ["Exam/90_example.ipynb", "Exam/90_example (1).ipynb"],
    "attachments": ["90_example.ipynb", "90_example (1).ipynb", "90_example (2).ipynb"],
}


@pytest.mark.parametrize("names", DOUBTS.values(), ids=DOUBTS)
def test_a_class_becomes_no_student_unasked(tmp_path, quiz, book, names):
    for name in names:
        write(tmp_path / "in" / name, book)
    with refused("grading.layout", "--form notebooks"):
        submissions(tmp_path / "in", [quiz])
    tops = {name.partition("/")[0].removesuffix(".ipynb") for name in names}
    assert set(students(tmp_path / "in", quiz, form="notebooks")) == tops


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["Course/Exam/ada/90_example.ipynb", "Course/Exam/bob/90_example.ipynb"], ["ada", "bob"]),
        (["course/ada/90_example/x.ipynb", "course/ada/91_other/x.ipynb"], ["ada"]),
        (["submission_1/p.ipynb", "submission_1/q.ipynb", "submission_2/p.ipynb", "submission_2/q.ipynb"], None),
        (
            ["ada/90_example.ipynb", "ada/notes.ipynb", "bob/mine.ipynb", "bob/other.ipynb", "cid/a.ipynb"],
            "ada bob cid",
        ),
    ],
    ids=["two folders around", "one student's assignments", "parts of one name", "one student with two"],
)
def test_what_can_be_told_is_not_asked(tmp_path, quiz, book, names, expected):
    for name in names:
        write(tmp_path / "in" / name, book)
    expected = expected.split() if isinstance(expected, str) else expected or ["submission_1", "submission_2"]
    assert students(tmp_path / "in", quiz) == expected


@pytest.mark.parametrize("copy", ["ada (1)", "ada-Copy1"])
def test_a_copy_beside_a_students_file_is_told_and_takes_no_place(tmp_path, quiz, book, copy):
    write(tmp_path / "in" / "ada.ipynb", book)
    write(tmp_path / "in" / f"{copy}.ipynb", book)
    write(tmp_path / "in" / "bob.ipynb", book)
    found = told(tmp_path / "in", quiz)
    assert [one for one, trouble in found.items() if not trouble] == ["ada", "bob"]
    assert "'ada'" in found[copy] and "can't be told" in found[copy]
    assert told(tmp_path / "in", quiz, form="notebooks")[copy] == ""


UMLAUTS = ["Jörg", "Zoë", "Weiß", "Éloïse", "Ångström"]


@pytest.mark.parametrize("page", ["utf-8", "cp437", "cp850", "cp1252"])
@pytest.mark.parametrize("flag", [False, True], ids=["unsaid", "said to be UTF-8"])
def test_names_are_read_in_the_page_that_they_were_written_in(tmp_path, quiz, book, page, flag):
    plain = [f"{n}{'x' * (len(name.encode(page)) - 1)}" for n, name in enumerate(UMLAUTS)]
    place = zipped(tmp_path / "z.zip", [(f"{name}/90_example.ipynb", book) for name in [*plain, "ada"]])
    data = place.read_bytes()
    for ascii_name, name in zip(plain, UMLAUTS, strict=True):
        data = data.replace(ascii_name.encode(), name.encode(page))
    if flag:
        for header, at in ((b"PK\x01\x02", 5), (b"PK\x03\x04", 3)):
            first, *parts = data.split(header)
            data = header.join([first, *(part[:at] + b"\x08" + part[at + 1 :] for part in parts)])
    place.write_bytes(data)
    assert told(place, quiz) == dict.fromkeys(sorted([*UMLAUTS, "ada"]), "")


def test_a_name_that_stands_twice_is_taken_from_unicode(tmp_path, quiz, book):
    info = zipfile.ZipInfo("Zo_/90_example.ipynb")
    name = "Zoë/90_example.ipynb".encode()
    content = struct.pack("<BL", 1, zlib.crc32(b"Zo_/90_example.ipynb")) + name
    info.extra = struct.pack("<HH", 0x7075, len(content)) + content
    assert students(zipped(tmp_path / "z.zip", [(info, book), ("ada/90_example.ipynb", book)]), quiz) == ["Zoë", "ada"]
