"""Whose a file is, and for what: each platform's names are read, and no student is dropped."""

import json
import os
import sys
import time
import zipfile

import pytest
from handed_in import KEY, answer, answers, cell, write, zipped
from support.errors import refused

from course_utils.errors import CourseError
from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.intake import layouts
from course_utils.grading.intake.matching import Plan, _without_comment, match
from course_utils.grading.intake.notebooks import read_notebook
from course_utils.grading.intake.submissions import submissions
from course_utils.grading.names import LONGEST_ID, shown
from course_utils.grading.release.handout import given
from course_utils.grading.release.releasing import notebook


def test_a_folder_of_students(tmp_path, quiz, other, book):
    second = json.loads(notebook(other, given(Assignment(other, KEY, personal=True).for_student("ada")), "release"))
    write(tmp_path / "in" / "ada.ipynb", book)
    write(tmp_path / "in" / "bob" / "90_example.ipynb", book)
    write(tmp_path / "in" / "bob" / "91_other.ipynb", second)
    write(tmp_path / "in" / "bob" / ".ipynb_checkpoints" / "90_example-checkpoint.ipynb", b"x")
    write(tmp_path / "in" / "bob" / "picture.png", b"x")
    found = [(one.student, one.assignment, one.trouble) for one in submissions(tmp_path / "in", [quiz, other])]
    assert sorted(found) == [("ada", "90_example", ""), ("bob", "90_example", ""), ("bob", "91_other", "")]
    (only,) = submissions(tmp_path / "in" / "ada.ipynb", [quiz])
    assert (only.student, only.source) == ("ada", "in/ada.ipynb")
    assert [one.remarks for one in submissions(tmp_path / "in", [quiz])] == [(), ()]


def test_canvas(tmp_path, quiz, book):
    changed = json.loads(json.dumps(book))
    answer(changed, "1", 'answer_90_1 = "B"')
    files = [
        ("lovelaceada_LATE_101_5001_90_example-1.ipynb", changed),
        ("lovelaceada_101_999_90_example.ipynb", book),
        ("byrongeorge_102_5002_90_example_103_6000_x.ipynb", book),
        ("somebody_104_5003_homework.pdf", b"%PDF"),
    ]
    found = {one.student: one for one in submissions(zipped(tmp_path / "c.zip", files), [quiz])}
    assert set(found) == {"101", "102", "104"}, "no file's name passes for another student's id"
    assert answers(found["101"])["90.1"] == 'answer_90_1 = "B"', "the greater number is the later attempt"
    assert found["101"].remarks == ("Handed in earlier, and not counted: lovelaceada_101_999_90_example.ipynb.",)
    assert "homework.pdf" in found["104"].trouble and found["104"].assignment == "90_example"
    with zipfile.ZipFile(tmp_path / "c.zip") as file:
        file.extractall(tmp_path / "unpacked")
    assert {one.student for one in submissions(tmp_path / "unpacked", [quiz])} == set(found)


def test_canvas_counts_resubmissions_of_one_id_by_their_suffix(tmp_path, quiz, book):
    files = []
    for suffix in ("", "-2", "-10"):
        one = json.loads(json.dumps(book))
        answer(one, "1", f"answer_90_1 = '{suffix}'")
        files.append((f"a_1_7_90_example{suffix}.ipynb", one))
    (found,) = submissions(zipped(tmp_path / "c.zip", files), [quiz])
    assert answers(found)["90.1"] == "answer_90_1 = '-10'"


def test_moodle(tmp_path, quiz, book):
    files = [
        ("Ada Lovelace_123_assignsubmission_file_/90_example.ipynb", book),
        ("Eve_123_assignsubmission_file__124_assignsubmission_file_/90_example.ipynb", book),
        ("Zoë_125_assignsubmission_file/sub/90_example.ipynb", book),
        ("Max_126_assignsubmission_onlinetext_/onlinetext.html", b"<p>"),
        ("Old Form_127_assignsubmission_file_90_example.ipynb", book),
        ("Old_128_assignsubmission_file_x_123_assignsubmission_file_90_example.ipynb", book),
    ]
    found = {one.student: one for one in submissions(zipped(tmp_path / "m.zip", files), [quiz])}
    assert {one for one in found if one.isdigit()} == {"123", "124", "125", "126", "127"}
    assert found["123"].source == "m.zip/Ada Lovelace_123_assignsubmission_file_/90_example.ipynb"
    assert [one for one, it in found.items() if not it.trouble] == ["123", "124", "125", "127"]
    assert len(found) == 6 and "doesn't tell whose" in next(it.trouble for one, it in found.items() if one[0] == "(")


def test_nbgrader(tmp_path, quiz, book):
    course = tmp_path / "course"
    write(course / "submitted" / "ada" / "90_example" / "90_example.ipynb", book)
    write(course / "submitted" / "ada" / "90_example" / "timestamp.txt", b"now")
    write(course / "submitted" / "bob" / "90_example" / "90_example.ipynb", b"{")
    write(course / "source" / "90_example" / "90_example.ipynb", book)
    for place in (course, course / "submitted"):
        found = [(one.student, one.assignment, bool(one.trouble)) for one in submissions(place, [quiz])]
        assert found == [("ada", "90_example", False), ("bob", "90_example", True)]
    files = [("submitted/ada/90_example/90_example.ipynb", book)]
    assert [one.student for one in submissions(zipped(tmp_path / "n.zip", files), [quiz])] == ["ada"]


@pytest.mark.parametrize("form", layouts.FORMS)
def test_a_form_can_be_named(tmp_path, quiz, book, form):
    names = {
        "notebooks": "5/90_example.ipynb",
        "canvas": "x_5_6_90_example.ipynb",
        "moodle": "X_5_assignsubmission_file_/90_example.ipynb",
        "nbgrader": "5/90_example/90_example.ipynb",
        "blackboard": "X_5_attempt_2026-01-31-10-00-00_90_example.ipynb",
        "ilias": "Exam/Abgaben/Love_Lace_Ada_ada_5/90_example.ipynb",
    }
    place = zipped(tmp_path / "one.zip", [(names[form], book)])
    for named in (form, None):
        (found,) = submissions(place, [quiz], form=named)
        assert (found.student, found.trouble) == ("5", "")
    with pytest.raises(CourseError, match="canvas"):
        submissions(place, [quiz], form="olat")


def test_a_folder_around_the_platforms_files_is_looked_through(tmp_path, quiz, book):
    place = zipped(
        tmp_path / "x.zip", [("Homework 1/a_1_7_90_example.ipynb", book), ("Homework 1/b_2_8_y.ipynb", book)]
    )
    assert [one.student for one in submissions(place, [quiz])] == ["1", "2"]


def test_the_latest_file_counts_even_when_it_cannot_be_read(tmp_path, quiz, book):
    early = write(tmp_path / "in" / "ada" / "90_example.ipynb", book)
    late = write(tmp_path / "in" / "ada" / "90_example-Copy1.ipynb", b"{")
    os.utime(early, (1, 1))
    os.utime(late, (2, 2))
    (found,) = submissions(tmp_path / "in", [quiz])
    assert "JSON" in found.trouble and found.remarks == ("Handed in earlier, and not counted: 90_example.ipynb.",)
    os.utime(early, (3, 3))
    (found,) = submissions(tmp_path / "in", [quiz])
    assert found.trouble == "" and "JSON" in found.remarks[0]


def test_which_assignment(tmp_path, quiz, other, book):
    def told(book, name="notes.ipynb", quizzes=(quiz, other)):
        place = tmp_path / "in"
        for old in place.glob("ada/*"):
            old.unlink()
        write(place / "ada" / name, book)
        (found,) = submissions(place, list(quizzes))
        return found.assignment, found.trouble, found.remarks

    bare = json.loads(json.dumps(book))
    bare["metadata"] = {}
    for one in bare["cells"]:
        one.pop("id")
        one["metadata"] = {}
    named = {**bare, "metadata": {"course": {"assignment": "91_other"}}}
    assert told(book) == ("90_example", "", ())
    assert told(named)[:2] == ("91_other", "")
    assert told(book, "90_example_final.ipynb") == ("90_example", "", ())
    assert told(bare, "90_example (1).ipynb")[:2] == ("90_example", "")
    assert told(bare)[:2] == ("90_example", ""), "the questions' headings tell"
    silent = {**bare, "cells": [one for one in bare["cells"] if not "".join(one["source"]).startswith("###")]}
    assert told(silent)[0] == "" and "Nothing in it tells" in told(silent)[1]
    assert told(silent, quizzes=[quiz])[0] == "90_example" and told(silent, quizzes=[quiz])[1]
    assignment, trouble, remarks = told(book | {"metadata": named["metadata"]}, "91_other.ipynb")
    assert (assignment, trouble) == ("90_example", "") and len(remarks) == 2
    foreign = {**bare, "metadata": {"course": {"assignment": "17_else"}}}
    assert "17_else" in told(foreign)[1] and told(foreign)[0] == ""
    foreign["cells"] = [*foreign["cells"], cell(book, "90-1-answer")]
    assert "17_else" in told(foreign)[1], "one copied cell doesn't make it that assignment"


def test_a_file_beside_the_right_one_is_told(tmp_path, quiz, book):
    write(tmp_path / "in" / "ada" / "90_example.ipynb", book)
    write(tmp_path / "in" / "ada" / "notes.ipynb", b"{")
    (found,) = submissions(tmp_path / "in", [quiz])
    assert found.trouble == "" and len(found.remarks) == 1 and "notes.ipynb" in found.remarks[0]


def test_what_is_nobodys_is_warned_of(tmp_path, quiz, book):
    write(tmp_path / "in" / "ada.ipynb", book)
    write(tmp_path / "in" / "roster.csv", b"student")
    with pytest.warns(UserWarning, match=r"roster\.csv"):
        assert [one.student for one in submissions(tmp_path / "in", [quiz])] == ["ada"]


def test_a_student_without_a_notebook_is_not_dropped(tmp_path, quiz, book):
    write(tmp_path / "in" / "ada" / "90_example.ipynb", book)
    write(tmp_path / "in" / "bob" / "answers.py", b"x = 1")
    found = {one.student: one for one in submissions(tmp_path / "in", [quiz])}
    assert "answers.py" in found["bob"].trouble and found["bob"].assignment == "90_example"


@pytest.mark.parametrize("name", ["..", "a..b", "a\\b", " ", "x" * (LONGEST_ID + 1)])
def test_an_id_that_cannot_be_used_is_refused_and_passes_for_nobody(tmp_path, quiz, book, name):
    place = zipped(tmp_path / "x.zip", [(f"{name}/90_example.ipynb", book), ("ada/90_example.ipynb", book)])
    bad, good = submissions(place, [quiz])
    assert bad.student.startswith("(unusable id) ") and "student's id" in bad.trouble and bad.cells == ()
    assert (good.student, good.trouble) == ("ada", "")


@pytest.mark.parametrize("name", ["=cmd()", "+1", "@x", "O'Neil", "\u202eabc", "a\x1b[2J", "josé", "*"])
def test_other_ids_are_taken_as_they_are(tmp_path, quiz, book, name):
    (found,) = submissions(zipped(tmp_path / "x.zip", [(f"{name}/90_example.ipynb", book)]), [quiz])
    assert (found.student, found.trouble) == (name, "")
    assert found.source.isprintable() and shown(name).isprintable()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such names")
def test_a_name_that_is_no_text_is_refused(tmp_path, quiz, book):
    (tmp_path / "in").mkdir()
    with open(os.fsencode(tmp_path / "in") + b"/\xff.ipynb", "wb") as file:
        file.write(json.dumps(book).encode())
    (found,) = submissions(tmp_path / "in", [quiz])
    assert "isn't text" in found.trouble
    for one in (found.student, found.source, found.trouble):
        assert one.encode() and one.isprintable()


def test_one_name_in_two_writings_is_one_student(tmp_path, quiz, book):
    files = [("jose\u0301/90_example.ipynb", book), ("jos\u00e9/90_example.ipynb", book)]
    (found,) = submissions(zipped(tmp_path / "x.zip", files), [quiz])
    assert found.student == "jos\u00e9" and len(found.remarks) == 1


def test_a_students_id_in_the_metadata_has_no_effect(taken, book):
    book["metadata"]["course"]["student"] = "eve"
    book["metadata"]["nbgrader"] = {"student": "eve"}
    assert taken(book).student == "ada"


def test_a_folder_around_the_class_is_no_student(tmp_path, quiz, book):
    for form, names in {
        "gradescope": ("export_1/submission_1/90_example.ipynb", "export_1/submission_2/90_example.ipynb"),
        "folders": ("Exam/submission_1/a.ipynb", "Exam/submission_2/b/c.ipynb"),
    }.items():
        found = submissions(zipped(tmp_path / f"{form}.zip", [(name, book) for name in names]), [quiz])
        assert [one.student for one in found] == ["submission_1", "submission_2"]


def test_a_layout_that_can_not_be_told_is_asked_about(tmp_path, quiz, book):
    place = zipped(tmp_path / "x.zip", [("Exam/ada.ipynb", book), ("Exam/bob.ipynb", book)])
    with refused("grading.layout", "Exam", "--form"):
        submissions(place, [quiz])
    assert [one.student for one in submissions(place, [quiz], form="notebooks")] == ["Exam"]


def test_blackboard(tmp_path, quiz, book):
    names = [
        "Exam_ada_attempt_2026-01-31-10-00-00_90_example.ipynb",
        "Exam_ada_attempt_2026-02-01-10-00-00_90_example.ipynb",
        "Exam_bob_attempt_2026-01-31-10-00-00_x_ada_attempt_2027-01-31-10-00-00_y.ipynb",
    ]
    found = {
        one.student: one for one in submissions(zipped(tmp_path / "b.zip", [(one, book) for one in names]), [quiz])
    }
    assert set(found) == {"ada", "bob"} and "2026-02-01" in found["ada"].source


def test_a_second_ending_is_no_other_file(tmp_path, quiz, book):
    write(tmp_path / "in" / "ada.ipynb.txt", book)
    write(tmp_path / "in" / "bob" / "90_example.ipynb.json", book)
    assert [(one.student, one.trouble) for one in submissions(tmp_path / "in", [quiz])] == [("ada", ""), ("bob", "")]


def test_a_course_folder_around_what_was_submitted_is_looked_through(tmp_path, quiz, book):
    names = [f"course/submitted/{who}/90_example/90_example.ipynb" for who in ("ada", "bob")]
    found = submissions(zipped(tmp_path / "n.zip", [(name, book) for name in names]), [quiz])
    assert [one.student for one in found] == ["ada", "bob"]


def test_names_in_utf_8_are_read_where_a_zip_does_not_say_so(tmp_path, quiz, book):
    place = zipped(tmp_path / "z.zip", [("Zoë/90_example.ipynb", book), ("ada/90_example.ipynb", book)])
    data = place.read_bytes()
    unsaid = data.replace(b"\x00\x08\x08\x00", b"\x00\x00\x08\x00")  # the flag that says it, of each header
    assert unsaid != data
    place.write_bytes(unsaid)
    assert [one.student for one in submissions(place, [quiz])] == ["Zoë", "ada"]


SLOW = {
    "signs of comments": "x = 1" + " #" * 500_000 + "'",
    "blanks": "x = 1" + " " * 1_000_000 + "y",
    "comments": "x #\n" * 250_000,
    "line ends": "\\\n" * 500_000,
    "names": "answer_90_1 " * 80_000,
    "headings": "# a\n" * 250_000,
}


@pytest.mark.parametrize("name", SLOW)
def test_megabytes_that_look_odd_take_no_time(quiz, book, name):
    for part in ("1", "A", "7"):
        answer(book, part, SLOW[name])
    notebook, plan = read_notebook(json.dumps(book).encode()), Plan(quiz)
    handed = {f"90-{part}-answer": "answer = ...  # here" for part in ("1", "A", "7")}
    began = time.monotonic()
    match(notebook, plan, handed)
    assert time.monotonic() - began < 10


def test_a_comment_ends_a_line_and_a_sign_in_a_text_begins_none():
    lines = {
        "x = 1  # so": "x = 1",
        "x = '#' # it": "x = '#'",
        "x = ' # '": "x = ' # '",
        "x#": "x#",
        "x \t# a # b": "x",
    }
    assert {line: _without_comment(line) for line in lines} == lines
