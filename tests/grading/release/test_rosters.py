"""Who is handed a notebook: ids that can name a folder, and rosters as they come."""

import pytest
from support.errors import refused

from course_utils.errors import CourseError
from course_utils.grading.names import student_id
from course_utils.grading.release.releasing import release
from course_utils.grading.release.roster import checked, read_roster


@pytest.mark.parametrize(
    "bad",
    [
        "",
        ".",
        "..",
        "../ada",
        "a/b",
        "a\\b",
        "/etc",
        "C:ada",
        "a\0b",
        "a\nb",
        "a\x1b[31m",
        " a",
        "a ",
        "a.",
        "~root",
        "-rf",
        *[".hidden", "con", "LPT1.txt", "a\u202eb", "x" * 101, "a\ud800", "what?", "<b>", "a..b", "e\u0301va"],
    ],
)
def test_an_id_that_cannot_name_a_folder_is_refused(alike, tmp_path, bad):
    with pytest.raises(CourseError, match="The student's id"):
        release(alike, tmp_path, roster=["ada", bad])
    assert list(tmp_path.iterdir()) == []


def test_ids_that_would_share_a_folder_are_refused():
    roster = ["ada@example.org", "=1+1", "Łukasz", "x" * 100, "con1", "Ada Lovelace"]
    assert [student_id(one) for one in checked(roster)] == [(one, "") for one in roster]  # so intake reads it back
    for pair in (["ada", "ada"], ["Ada", "ada"], ["Straße", "STRASSE"]):
        with pytest.raises(CourseError, match=r"comes twice|share one folder"):
            checked(pair)
    with pytest.raises(CourseError, match="no student"):
        checked([])


@pytest.mark.parametrize(
    ("text", "ids", "column"),
    [
        ("student\nada\ngrace\n", ["ada", "grace"], "student"),
        ("\ufeffname;Student\r\nA;ada\r\n\r\n;;\r\nB; grace \r\n", ["ada", "grace"], "Student"),
        ("id,name\nada,A\n", ["ada"], "id"),
        ('name,student\n"Lovelace, Ada",ada\n', ["ada"], "student"),
        ("student\ne\u0301va\n", ["éva"], "student"),
        ("ada\ngrace\n", ["ada", "grace"], ""),
        ("sep=;\nname;student\nA;ada\n", ["ada"], "student"),
        (
            'Student,ID,SIS Login ID,Quiz\n    Points Possible,,,10\n"Lovelace, Ada",101,ada,\n"Student, Test",9,,\n',
            ["101"],
            "ID",
        ),
        ("Identifier,Full name\nParticipant 123,Ada\n", ["123"], "Identifier"),
    ],
)
def test_rosters_as_they_come(tmp_path, text, ids, column):
    (tmp_path / "roster.csv").write_text(text, encoding="utf-8", newline="")
    assert read_roster(tmp_path / "roster.csv") == (ids, column)


@pytest.mark.parametrize(
    "content", [b"", b"student\n", b"student\n\n", b"name,student\nA,\n", b"name,student\nA\n", b"\xff"]
)
def test_rosters_that_name_nobody(tmp_path, content):
    (tmp_path / "roster.csv").write_bytes(content)
    with pytest.raises(CourseError):
        read_roster(tmp_path / "roster.csv")
    with pytest.raises(CourseError, match="can't be read"):
        read_roster(tmp_path / "none.csv")


@pytest.mark.parametrize("spoiled", ["12345.0", "1.2E+10", "1,2E+10", "3e5"])
def test_ids_that_a_spreadsheet_changed_are_refused(tmp_path, spoiled):
    (tmp_path / "roster.csv").write_text(f"student\tname\n{spoiled}\tA\n", encoding="utf-8")
    with refused("grading.spreadsheet-id", spoiled):
        read_roster(tmp_path / "roster.csv")


def test_ids_that_may_have_lost_their_zeros_are_noticed(tmp_path):
    ids = [f"00{n}" if n < 10 else f"0{n}" for n in range(1, 60)]
    (tmp_path / "roster.csv").write_text("\n".join(["student", *ids, "7"]), encoding="utf-8")
    with pytest.warns(UserWarning, match=r"1 ids .* \(7\)"):
        read_roster(tmp_path / "roster.csv")


def test_a_roster_whose_ids_can_not_be_told_is_asked_about(tmp_path):
    (tmp_path / "roster.csv").write_text("Vorname,Kennung\nAda,ada\n", encoding="utf-8")
    with refused("grading.roster-column", "student"):
        read_roster(tmp_path / "roster.csv")
