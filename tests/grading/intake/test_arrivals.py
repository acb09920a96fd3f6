"""When files came: what platforms say of it, how far it can be believed, and which attempts are taken in."""

import json
import os
import zipfile
from datetime import UTC, datetime

import pytest
from handed_in import answer, answers, write, zipped
from support.errors import refused

from course_utils.grading.intake.arrivals import iso, read_times
from course_utils.grading.intake.submissions import submissions
from course_utils.grading.records import Arrival

NAME = "90_example"
WORKSHEET = (
    "Identifier,Full name,Status,Last modified (submission),Grade\n"
    'Participant 7,Ada,Submitted,"Friday, 4 December 2026, 11:50 PM",\n'
    "Participant 8,Grace,No submission,-,\n"
)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("Wednesday, 10 June 2026, 2:14 PM", "2026-06-10T14:14:00"),
        ("Wednesday, September 23, 2020, 9:00 PM", "2020-09-23T21:00:00"),
        ("Thursday, 1 January 2026, 12:05 AM", "2026-01-01T00:05:00"),
        ("1 Jan 2026, 12:05 PM", "2026-01-01T12:05:00"),
        ("Friday, 4 December 2026, 23:50", "2026-12-04T23:50:00"),
        ("Friday, 4 December 2026, 11:50\u202fPM", "2026-12-04T23:50:00"),
        ("2026-12-04 9:50", "2026-12-04T09:50:00"),
        ("2026-12-04 23:50:07.943160 -0800", "2026-12-04T23:50:07.943160-0800"),
        ("2015-02-02 15:58:23.948203 UTC", "2015-02-02T15:58:23.948203+00:00"),
        ("2026-12-04T22:50:00Z", "2026-12-04T22:50:00+00:00"),
        ("-", ""),
        ("", ""),
    ],
)
def test_times_as_platforms_write_them(text, time):
    assert iso(text) == time


@pytest.mark.parametrize(
    "text",
    [
        "04/12/2026 23:50",
        "12/4/26",
        "Freitag, 4. Dezember 2026, 23:50",
        "4 Ju 2026, 10:00",
        "31 February 2026, 10:00",
        "4 December 2026, 13:50 PM",
        "2026-12-04",
        "yesterday",
    ],
)
def test_a_time_that_would_be_guessed_is_none(text):
    with pytest.raises(ValueError, match=r"."):
        iso(text)


def test_lists_of_times(tmp_path):
    file = tmp_path / "list.csv"
    for text, student, time in (
        (WORKSHEET, "7", "2026-12-04T23:50:00"),
        ("Name;Submission ID;Submission Time\nAda;12;2026-12-04 23:50:00 -0800\n", "submission_12", "-0800"),
        ("student,handed_in\n007,2026-12-04 23:50\n", "007", "2026-12-04T23:50:00"),
    ):
        file.write_text(text, encoding="utf-8")
        ((who, arrival),) = read_times(file).items()
        assert who == student and time in arrival.time and arrival.sure and arrival.source == "list.csv"
    file.write_text("student,handed_in\nada,4/12/26\n", encoding="utf-8")
    with refused("grading.unknown-time", "Row 2", "4/12/26"):
        read_times(file)
    file.write_text("student,grade\nada,4\n", encoding="utf-8")
    with refused("grading.no-times", "worksheet"):
        read_times(file)


@pytest.fixture
def came(tmp_path, quiz, handed, book):
    """When each student's file in a zip of these names came; names may come with another content."""

    def take(*names, **more):
        files = [one if isinstance(one, tuple) else (one, book) for one in names]
        place = zipped(tmp_path / "in.zip", files)
        return {one.student: one.arrival for one in submissions(place, [quiz], handed, **more)}

    return take


def test_canvas_marks_what_is_late(came):
    found = came("ada_1_11_90_example.ipynb", "bob_LATE_2_12_90_example.ipynb", "lateeve_3_13_90_example.ipynb")
    assert {one: arrival.mark for one, arrival in found.items()} == {"1": "on time", "2": "late", "3": "on time"}
    assert all(one.sure and "Canvas" in one.source and not one.time for one in found.values())


def test_blackboards_names_hold_the_time_and_its_notes_are_nobodys_notebook(came):
    note = ("Q_ada_attempt_2026-12-04-23-50-07.txt", b"Name: Ada (ada)\nDate Submitted: 4 December 2026\n")
    found = came("Q_ada_attempt_2026-12-04-23-50-07_90_example.ipynb", note)
    assert found == {"ada": Arrival("2026-12-04T23:50:07", source="Blackboard's name of the file", sure=True)}


def test_gradescopes_list_tells_the_time(came):
    listed = (
        "submission_12:\n  :submitters:\n  - :name: Ada\n    :sid: '1'\n"
        "  :created_at: 2026-12-04 23:50:07.943160000 -08:00\n  :score: 1.0\n"
    )
    found = came(
        *[f"assignment_1_export/submission_{n}/90_example.ipynb" for n in (12, 13)],
        ("assignment_1_export/submission_metadata.yml", listed.encode()),
    )
    assert found["submission_12"].time == "2026-12-04T23:50:07.943160-08:00" and found["submission_12"].sure
    assert not found["submission_13"].sure


def test_no_student_writes_their_own_time(came, recwarn):
    forged = b"submission_12:\n  :created_at: 2026-01-01 00:00:00 Z\n"
    for files in (
        ["class/submission_12/90_example.ipynb", ("class/submission_12/submission_metadata.yml", forged)],
        ["class/submission_12/90_example.ipynb", ("class/submission_12/timestamp.txt", b"2026-01-01 00:00:00 UTC")],
    ):
        assert not came(*files, "class/submission_13/90_example.ipynb")["submission_12"].sure


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b"a: [", b"a: {:created_at: soon}", b"\xff", b"- " * 5000])
def test_a_list_that_is_none_stops_nothing(came, content):
    found = came(*[f"x/submission_{n}/90_example.ipynb" for n in (12, 13)], ("x/submission_metadata.yml", content))
    assert len(found) == 2 and not any(one.sure for one in found.values())


def test_nbgrader_keeps_a_timestamp_beside_the_notebook(came):
    found = came(
        "submitted/ada/90_example/90_example.ipynb",
        ("submitted/ada/90_example/timestamp.txt", b"2026-12-04 22:50:07.948203 UTC"),
        "submitted/bob/90_example/90_example.ipynb",
        ("submitted/bob/90_example/timestamp.txt", b"2026-12-04 22:50:07 America/New_York"),
    )
    assert found["ada"] == Arrival("2026-12-04T22:50:07.948203+00:00", source="nbgrader's timestamp.txt", sure=True)
    assert not found["bob"].sure


def test_a_files_own_time_is_no_proof(came, tmp_path, quiz, handed, book):
    (arrival,) = came("ada.ipynb").values()
    assert arrival == Arrival("2026-01-01T00:00:00", source="the time in the zip")
    (arrival,) = came((zipfile.ZipInfo("ada.ipynb"), book)).values()  # 1980: no time was written
    assert arrival == Arrival()
    file = write(tmp_path / "class" / "ada.ipynb", book)
    os.utime(file, (1_796_428_200, 1_796_428_200))
    (one,) = submissions(file.parent, [quiz], handed)
    at = datetime.fromtimestamp(1_796_428_200, UTC).isoformat()
    assert one.arrival == Arrival(at, source="the file's own time") and at.endswith("+00:00")


def test_a_list_goes_before_all_else(came):
    told = Arrival("2026-12-04T23:50:00", source="list.csv", sure=True)
    found = came("bob_LATE_2_12_90_example.ipynb", "ada_1_11_90_example.ipynb", times={"2": told})
    assert found["2"] == told and found["1"].mark == "on time"


@pytest.mark.parametrize(("line", "kept"), [("2026-12-05", "BC"), ("2026-12-06", "C"), ("2026-12-03", "C")])
def test_of_a_late_student_the_latest_file_in_time_is_taken_too(tmp_path, quiz, handed, book, line, kept):
    files = []
    for day, letter in zip((4, 5, 6), "ABC", strict=True):
        answer(book, "1", f"answer_90_1 = {letter!r}")
        files.append((f"Q_ada_attempt_2026-12-0{day}-00-00-00_90_example.ipynb", json.dumps(book).encode()))
    place = zipped(tmp_path / "in.zip", files)
    found = list(submissions(place, [quiz], handed, on_time=lambda name, who, came: came.time[:10] <= line))
    assert [answers(one)["90.1"] for one in found] == [f"answer_90_1 = {letter!r}" for letter in kept]
    assert [one.superseded for one in found] == [True] * (len(kept) - 1) + [False]
    assert "not counted" in found[-1].remarks[-1]
