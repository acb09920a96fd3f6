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
        with pytest.raises(CourseError, match=r"in the roster twice|share one folder"):
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
        (
            "Student,ID,SIS User ID,SIS Login ID,Section,Quiz (7)\n,,,,,Manual Posting\n    Points Possible,,,,,10\n"
            '"Lovelace, Ada",101,s1,ada,A,\n"Hopper, Grace",99,s2,grace,A,3\n',
            ["101", "99"],
            "ID",
        ),
        ("Identifier,Full name\nParticipant 123,Ada\n", ["123"], "Identifier"),
        ("\n\r\nname;student\nA;ada\n", ["ada"], "student"),  # blank lines above
        ("\ufeffsep=;\r\nname;student\r\nA;ada\r\n", ["ada"], "student"),
        ("ada,\ngrace,\n", ["ada", "grace"], ""),  # an empty column that a spreadsheet left
        ("name,student,,\nA,ada,,\n,,,\n", ["ada"], "student"),
        ('student,name\n"=""007""",A\n', ["007"], "student"),
        ("007\n008\n", ["007", "008"], ""),
        ("student\n 12345 \n\u00a012346\u00a0\n", ["12345", "12346"], "student"),
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


@pytest.mark.parametrize("spoiled", ["12345.0", "12345,00", "1.2E+10", "1,2E+10", "3e5", "3-Feb", "Mar-02"])
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


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "utf-8-sig", "cp1252"])
def test_rosters_in_the_encodings_of_spreadsheets(tmp_path, encoding):
    file = tmp_path / "roster.csv"
    file.write_bytes("student\tname\r\nada\tÄda\r\ngrace\tGrâce\r\n".encode(encoding))
    assert read_roster(file) == (["ada", "grace"], "student")  # names may be in any
    file.write_bytes("student\tname\r\näda\tA\r\n".encode(encoding))
    if encoding == "cp1252":  # it may be another code page as well
        with refused("grading.encoding", "UTF-8"):
            read_roster(file)
    else:
        assert read_roster(file) == (["äda"], "student")


def test_a_student_who_comes_twice_is_named(tmp_path):
    (tmp_path / "roster.csv").write_text("student\nada\ngrace\n ada\n", encoding="utf-8")
    with pytest.raises(CourseError, match="'ada' is in the roster twice"):
        read_roster(tmp_path / "roster.csv")


def test_a_row_without_an_id_is_named_and_no_student_is_dropped(tmp_path):
    (tmp_path / "roster.csv").write_text("\nname,student\nA,ada\n\nB,\n", encoding="utf-8")
    with refused("grading.row-without-id", "Row 5", "student"):
        read_roster(tmp_path / "roster.csv")
