"""What instructors import elsewhere: nothing unknown becomes a zero, nothing becomes a formula, nobody another."""

import csv
import json
import re
import time
from datetime import datetime

import pytest
from exported import canvas, moodle, result, table

from course_utils.errors import CourseError
from course_utils.grading.exports import FORMS, comments_of, export
from course_utils.grading.exports.cells import (
    cell,
    exact,
    id_cell,
    points_text,
    safe_names,
    write_whole,
)
from course_utils.grading.gradebook.store import Store
from course_utils.grading.records import Result, State

FORMULAS = [
    "=1+1",
    "+A1",
    "-A1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "  =1",
    "\u200b=1",
    "\u00a0@x",
    "\uff1d1",
    "\uff20x",
    "\uff0bA",
    "\uff0dA",
]
HOSTILE = [
    "../../etc/passwd",
    "..",
    ".",
    "/",
    "",
    "CON",
    "con.txt",
    "a/b",
    "a\\b",
    "a\0b",
    "x" * 300,
    "Zoë",
    "Zoe\u0308",
]
HOSTILE += [
    "<script>",
    "ada",
    "Ada",
    "ADA",
    "\ud800",
    "\x1b[31m",
    "index",
    " ada",
    "ada ",
    "a\nb",
    "-rf",
    "=cmd|' /C'!A0",
]


def test_points_are_written_as_people_would():
    assert [points_text(p) for p in (0.1 + 0.2, 2.0, 0.0, 10.0, 100.0, 0.25, -0.5, None)] == [
        *("0.3", "2", "0", "10", "100", "0.25", "-0.5"),
        "",
    ]
    assert points_text(-1e-15) == "0" and points_text(1e-7) == "0.0000001"
    assert exact(0.1 + 0.2) == 0.3 and type(exact(2.0)) is int


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_begins_a_formula(text):
    safe = cell(text)
    assert safe.startswith("'") and "\r" not in safe
    assert "\x00" not in cell("\x00" + text) and cell("\x00" + text).startswith("'")
    assert f";{text.strip()}" not in cell(f"a;{text.strip()}")  # where Excel splits at semicolons


def test_numbers_and_plain_words_stay_cells_as_they_are():
    for text in ("-5", "+3.5", "-3,5", "12", "a = b", "x-y", "Lovelace, Ada", "", "ada@uni.edu"):
        assert cell(text) == text


def test_an_id_that_can_do_no_harm_still_matches():
    for student in ("-12", "+49", "@ada", "ada+x@uni.edu", "ada", "007", "José", "ada lovelace"):
        assert id_cell(student) == student
    for student in ("=1+1", "=cmd|' /C calc'!A0", "@SUM(1)", "-2+cmd|x", " =1"):
        assert id_cell(student).startswith("'")


def test_every_name_is_a_safe_one_of_its_own():
    names = safe_names(HOSTILE)
    assert set(names) == set(HOSTILE) and len({name.lower() for name in names.values()}) == len(HOSTILE)
    for name in names.values():
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*[A-Za-z0-9]", name) and len(name) <= 80
        assert name.split(".")[0].lower() not in {"con", "index"}
    assert safe_names(["s123", "ada.lovelace"]) == {"s123": "s123", "ada.lovelace": "ada.lovelace"}
    stolen = safe_names(["Zoë"])["Zoë"]  # an id that is the name made for another
    assert len(set(safe_names(["Zoë", stolen]).values())) == 2


def test_nbgraders_table_has_its_columns_and_no_zero_for_unknown(tmp_path):
    done = export("nbgrader", [result("grace", (1.0, None)), result("ada", (0.1, 0.2))], tmp_path / "out" / "g.csv")
    rows = table(done.path)
    assert ",".join(rows[0]) == (
        "assignment,duedate,timestamp,student_id,last_name,first_name,email,raw_score,late_submission_penalty,score,max_score"
    )
    assert rows[1:] == [
        ["04_frozen", "", "", "ada", "", "", "", "0.3", "0", "0.3", "2"],
        ["04_frozen", "", "", "grace", "", "", "", "", "", "", "2"],
    ]
    assert done[1:4] == (2, 1, ())
    assert not done.path.read_bytes().startswith(b"\xef\xbb\xbf") and not list(done.path.parent.glob(".*"))


def test_nbgraders_table_takes_names_from_a_roster_and_defuses_them(tmp_path):
    (tmp_path / "r.csv").write_text("student;last_name;first_name\nada;=1+1;Äda\n", encoding="utf-8")
    done = export("nbgrader", [result("ada"), result("=cmd()"), result("-7")], tmp_path / "g.csv", tmp_path / "r.csv")
    rows = {row[3]: row for row in table(done.path)}
    assert rows["ada"][4:6] == ["'=1+1", "Äda"] and "'=cmd()" in rows and "-7" in rows
    assert done.unmatched == ("-7", "=cmd()") and "formula" in done.remarks[0]
    assert done.path.read_bytes().startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize(("delimiter", "ending", "bom"), [(",", "\r\n", True), (";", "\n", False), ("\t", "\n", True)])
def test_canvas_changes_the_assignments_column_alone(tmp_path, delimiter, ending, bom):
    before = canvas(tmp_path / "c.csv", delimiter, ending, bom)
    results = [
        result("101"),
        result("grace", (None, 1.0)),
        result("E@UNI.edu"),
        result("nobody"),
        result("104", (0, 0)),
    ]
    done = export("canvas", results, tmp_path / "new.csv", tmp_path / "c.csv")
    after = table(done.path, delimiter)
    column = before[0].index("Frozen (12)")
    assert [row[column] for row in after] == ["Frozen (12)", "2", "1.5", "1", "EX", "0"]
    assert [row[:column] + row[column + 1 :] for row in after] == [row[:column] + row[column + 1 :] for row in before]
    content = done.path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf") is bom and content.count(b"\r\n") == (6 if ending == "\r\n" else 0)
    assert done[1:4] == (4, 1, ("nobody",)) and "1 stay excused" in done.remarks[0]


def test_canvas_leaves_an_empty_cell_empty(tmp_path):
    canvas(tmp_path / "c.csv")
    export("canvas", [result("ada", (None, 1.0))], tmp_path / "new.csv", tmp_path / "c.csv")
    assert table(tmp_path / "new.csv")[2][6] == ""


def test_canvas_guesses_no_student(tmp_path):
    canvas(tmp_path / "c.csv")
    text = (tmp_path / "c.csv").read_text(encoding="utf-8-sig").replace("104,,", "104,101,")  # one's ID, another's SIS
    (tmp_path / "c.csv").write_text(text, encoding="utf-8")
    done = export("canvas", [result("101"), result("grace"), result("102")], tmp_path / "n.csv", tmp_path / "c.csv")
    assert done.rows == 0 and done.unmatched == ("101", "102", "grace")
    assert table(done.path) == table(tmp_path / "c.csv")


def test_canvas_finds_the_column_or_names_those_there_are(tmp_path):
    canvas(tmp_path / "c.csv")
    done = export("canvas", [result("ada")], tmp_path / "n.csv", tmp_path / "c.csv", title="Warm up (11)")
    assert table(done.path)[2][5] == "1.5" and "Points Possible is 5" in done.remarks[0]
    with pytest.raises(CourseError, match=r"no column for 'Thawed'.*--title.*'Frozen \(12\)'"):
        export("canvas", [result("ada")], tmp_path / "n.csv", tmp_path / "c.csv", title="Thawed")


def test_moodle_gets_grades_and_feedback_together(tmp_path):
    before = moodle(tmp_path / "m.csv")
    results = [result("7", feedback=("a < b; =1", "=2")), result("Participant 8", (None, 1.0)), result("Ada Lovelace")]
    comments = {("04_frozen", "7", "04.1"): "Well\ndone <b>"}
    done = export("moodle", results, tmp_path / "n.csv", tmp_path / "m.csv", comments=comments)
    after = table(done.path)
    assert after[1][4] == "1.5" and after[2:] == before[2:]  # without points neither grade nor comment is touched
    assert after[1][8] == (
        "04.1: 1 of 1. a &lt; b; &#61;1 =2 Well done &lt;b&gt;<br>04.2: 0.5 of 1. a &lt; b; &#61;1 =2"
    )
    assert done[1:4] == (2, 1, ("Ada Lovelace",))  # two of that name: nobody is guessed
    assert after[1][:4] == before[1][:4] and after[1][5:8] == before[1][5:8]


def test_moodle_warns_of_another_scale_and_a_missing_column(tmp_path):
    (tmp_path / "m.csv").write_text("Identifier,Grade,Maximum Grade\nParticipant 7,,100.00\n", encoding="utf-8")
    done = export("moodle", [result("7")], tmp_path / "n.csv", tmp_path / "m.csv")
    assert "Maximum Grade is 100" in done.remarks[0] and "Feedback comments" in done.remarks[1]


def test_columns_are_found_in_capitals_or_not(tmp_path):
    text = "identifier,full name,grade,Maximum grade,Feedback Comments\nParticipant 7,Ada,,100.00,\n"
    (tmp_path / "m.csv").write_text(text, encoding="utf-8")  # as newer versions of Moodle write them
    done = export("moodle", [result("7")], tmp_path / "n.csv", tmp_path / "m.csv")
    assert table(done.path)[1][2] == "1.5" and len(done.remarks) == 1 and "Maximum Grade is 100" in done.remarks[0]


def test_gradescope_leaves_unknown_scores_out(tmp_path):
    done = export("gradescope", [result("ada", (0.1, 0.2)), result("../grace", (1.0, None))], tmp_path / "gs")
    files = {json.loads(file.read_text())["tests"][1].get("score"): file for file in (tmp_path / "gs").rglob("*.json")}
    ada, grace = (json.loads(files[key].read_text()) for key in (0.2, None))
    assert files[0.2] == tmp_path / "gs" / "04_frozen" / "ada.json" and files[None].parent == files[0.2].parent
    assert ada["score"] == 0.3 and [test["max_score"] for test in ada["tests"]] == [1, 1]
    assert "Look at `freeze`." in ada["tests"][0]["output"]
    assert "score" not in grace and "score" not in grace["tests"][1] and grace["tests"][0]["score"] == 1
    assert grace["visibility"] == "after_published"  # or the sum of the known ones would be shown
    assert done[1:4] == (2, 1, ())


def test_lti_scores_are_complete_or_pending(tmp_path):
    done = export("lti", [result("ada", (0.1, 0.2)), result("grace", (1.0, None))], tmp_path / "s.json")
    ada, grace = json.loads(done.path.read_text())
    assert set(ada) == {
        *("userId", "scoreGiven", "scoreMaximum", "activityProgress", "gradingProgress", "timestamp", "comment")
    }
    assert (ada["userId"], ada["scoreGiven"], ada["scoreMaximum"]) == ("ada", 0.3, 2)
    assert ada["gradingProgress"] == "FullyGraded" and grace["gradingProgress"] == "PendingManual"
    assert "scoreGiven" not in grace
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d)", ada["timestamp"])
    assert datetime.fromisoformat(ada["timestamp"]).tzinfo


def test_unknown_is_a_zero_in_no_form(tmp_path):
    """The same unknown student, once beside a real zero: the files differ in every form."""
    canvas(tmp_path / "canvas.csv")
    moodle(tmp_path / "moodle.csv")
    for form in FORMS:
        gradebook = tmp_path / f"{form}.csv"
        texts = []
        for points in ((None, None), (0.0, 0.0)):
            student = "7" if form == "moodle" else "ada"
            results = [result(student, points, feedback=())]
            out = tmp_path / f"{form} {points[0]}"
            done = export(form, results, out, gradebook if gradebook.exists() else None)
            assert done.empty == (points[0] is None)
            texts.append(next(f for f in [out, *out.rglob("*.json")] if f.is_file()).read_text())
        assert texts[0] != texts[1], form


def test_an_unreadable_submission_is_no_zero_either(tmp_path):
    both = [Result("ada", "04_frozen", "d", "here", State.UNREADABLE, ()), result("grace")]
    assert table(export("nbgrader", both, tmp_path / "n").path)[1][7:] == ["", "", "", "2"]
    score = json.loads(export("lti", both, tmp_path / "l").path.read_text())[0]
    assert "scoreGiven" not in score and (score["userId"], score["scoreMaximum"]) == ("ada", 2)
    export("gradescope", both, tmp_path / "g")
    assert "score" not in json.loads((tmp_path / "g" / "04_frozen" / "ada.json").read_text())
    canvas(tmp_path / "c.csv")
    done = export("canvas", both, tmp_path / "o", tmp_path / "c.csv")
    assert table(done.path)[2][6] == "" and (done.rows, done.empty, done.remarks) == (2, 1, ())


def test_what_is_missing_is_said(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (tmp_path / "l.csv").write_bytes(b"Student,ID\n\xe4,1\n")
    for form, results, gradebook, message in (
        ("canvas", [result("a")], None, "--gradebook"),
        ("moodle", [result("a")], tmp_path / "none.csv", "can't be read"),
        ("canvas", [result("a")], tmp_path / "x.csv", "no columns 'Student' and 'ID'"),
        ("canvas", [result("a")], tmp_path / "l.csv", "UTF-8"),
        ("excel", [result("a")], None, "nbgrader, canvas"),
        ("lti", [], None, "no results"),
        ("lti", [result("a"), result("a", assignment="05_bn")], None, "--assignment"),
    ):
        with pytest.raises(CourseError, match=message):
            export(form, results, tmp_path / "out", gradebook)
    assert not (tmp_path / "out").exists()


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "g.csv"
    write_whole(path, "old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(CourseError, match="No space left"):
        write_whole(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_half_characters_and_huge_cells_stop_nothing(tmp_path):
    canvas(tmp_path / "c.csv")
    hostile = [result("\ud800", feedback=("\ud800\x1b[31m",)), result("ada")]
    for form in ("nbgrader", "gradescope", "lti"):
        assert export(form, hostile, tmp_path / form).rows == 2
    assert b"\\u001b" not in (tmp_path / "lti").read_bytes() and b"\x1b" not in (tmp_path / "lti").read_bytes()
    (tmp_path / "c.csv").write_text("Student,ID,Frozen (1)\n" + "x" * 200_000 + ",ada,\n", encoding="utf-8")
    with pytest.raises(CourseError, match="no CSV file"):
        export("canvas", hostile, tmp_path / "n.csv", tmp_path / "c.csv")


def test_comments_come_from_the_store(tmp_path):
    with Store(tmp_path / "marks.sqlite") as store:
        store.save([result("ada", (None, 1.0)), result("grace")])
        store.mark("04_frozen", "ada", "04.1", 0.5, "Half of it.")
        assert comments_of(store, ["04_frozen"]) == {("04_frozen", "ada", "04.1"): "Half of it."}
        export("lti", store.results(), tmp_path / "s.json", comments=comments_of(store, ["04_frozen"]))
    ada, grace = json.loads((tmp_path / "s.json").read_text())
    assert ada["scoreGiven"] == 1.5 and "Half of it." in ada["comment"] and "Half of it." not in grace["comment"]


def test_twenty_thousand_rows_take_seconds(tmp_path):
    results = [result(f"s{n:05}", (0.1, None) if n % 10 == 0 else (0.1, 0.2)) for n in range(20_000)]
    with (tmp_path / "canvas.csv").open("w", newline="", encoding="utf-8") as file:
        rows = ([f"L, F{n}", 10**6 + n, f"s{n:05}", f"l{n}", "", 1] for n in range(20_000))
        csv.writer(file).writerows([["Student", "ID", "SIS User ID", "SIS Login ID", "frozen (1)", "x (2)"], *rows])
    with (tmp_path / "moodle.csv").open("w", newline="", encoding="utf-8") as file:
        rows = ([f"Participant {n}", f"s{n:05}", "", ""] for n in range(20_000))
        csv.writer(file).writerows([["Identifier", "Full name", "Grade", "Feedback comments"], *rows])
    for form in FORMS:
        gradebook = tmp_path / f"{form}.csv"
        start = time.process_time()  # other work on the machine isn't ours
        done = export(form, results, tmp_path / f"out {form}", gradebook if gradebook.exists() else None)
        took = time.process_time() - start
        assert done[1:4] == (20_000, 2_000, ()) and took < (10 if form == "gradescope" else 5), (form, took)
