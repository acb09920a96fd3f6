"""What goes back in bulk is read here as each platform reads it: every page reaches its own student, or nobody."""

import json
import os
import re
import zipfile

import nbformat
import pytest
from support.errors import refused
from typer.testing import CliRunner

from course_utils.cli.quiz import app, handing_back
from course_utils.grading.records import Result, State
from course_utils.grading.returning import bulk, feedback
from course_utils.grading.returning.bulk import as_notebook, zipped
from course_utils.grading.returning.feedback import Page


def moodle(name, now=True):
    """(participant, file) as Moodle's assignfeedback_file_zip_importer reads a path; now: since 4.1, or before."""
    if not now:
        info = f"/{name}".split("_", 4)
        return (int(info[1]), info[4]) if len(info) == 5 and info[2:4] == ["assignsubmission", "file"] else None
    parts = name.split("/")
    while parts:
        info = parts.pop(0).split("_", 4)
        if len(info) >= 4 and info[1].isdigit() and info[2:4] == ["assignsubmission", "file"]:
            return int(info[1]), "/".join([*info[4:], *parts])
    return None


def ilias(name):
    """(user, file) as ILIAS reads an entry: three parts, the first as older versions want it."""
    parts = name.split("/")
    assert len(parts) == 3 and parts[0].startswith("multi_feedback") and not parts[2].startswith(".")
    return int(parts[1].split("_")[-1]), parts[2]


def canvas(name):
    """(user, attachment) as Canvas infers them from a file's name."""
    parts = os.path.basename(name).split("_")
    user, attachment = [part for part in parts if re.fullmatch(r"\d+", part)][:2]
    assert not parts[-1].startswith("link") and not name.startswith("._")
    return int(user), int(attachment)


@pytest.fixture
def page(tmp_path):
    """Writes a student's page."""

    def write(student, source="", assignment="90_example", size=0):
        path = tmp_path / "feedback" / f"s-{student}" / f"{assignment}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        more = os.urandom(size).hex()
        path.write_text(f"<main><p>Feedback for <bdi>{student}</bdi>.</p><pre>a\n\nb</pre>{more}</main>")
        return Page(Result(student, assignment, "d", source or f"in/{student}", State.GRADED, ()), path)

    return write


def inside(path):
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        return {name: file.read(name) for name in file.namelist()}


def owner(content):
    (student,) = re.findall(r"Feedback for <bdi>(.*?)</bdi>", content.decode())
    return student


@pytest.mark.parametrize("form", ["moodle", "ilias"])
def test_each_page_reaches_its_own_student_and_a_doubt_nobody(tmp_path, page, form):
    students = ["7", "007", "70", "123", "12", "ada", "Team 3", "", "1e3", "\u0663", "9" * 19, " 5"]
    (one,) = zipped(form, [page(student) for student in students], tmp_path / "out")
    ((file, count),) = one.files
    assert file == tmp_path / "out" / f"{form}_90_example.zip" and count == 3
    found = inside(file)
    for name, content in found.items():
        for number, left in [moodle(name), moodle(name, now=False)] if form == "moodle" else [ilias(name)]:
            assert str(number) == owner(content) and left.strip("/") == "90_example.html"
    assert {owner(content) for content in found.values()} == {"70", "123", "12"}
    assert set(one.left_out) == set(students) - {"70", "123", "12"}
    assert one.left_out["7"] == one.left_out["007"] == "another student's number is the same"


def test_canvas_gets_each_page_for_the_file_that_was_handed_in(tmp_path, page):
    sources = {
        "5": "c.zip/lovelaceada_LATE_5_61_90_example-1.ipynb",
        "6": "c.zip/Homework/6_6_62_my_7_99_work.ipynb",
        "7": "c.zip/byrong_7_63_hw.zip/deep/x_5_61_90_example.ipynb",
        "8": "c.zip/turing_8_64_05_link.ipynb",
        "9": "c.zip/hopper_9_65_answers.pdf",
        "10": "c.zip/other_11_66_90_example.ipynb",
        "11": "in/11/90_example.ipynb",
    }
    (one,) = zipped("canvas", [page(student, source) for student, source in sources.items()], tmp_path)
    ((file, _),) = one.files
    found = inside(file)
    expected = {"5": 61, "6": 62, "7": 63, "8": 64}
    assert {str(user): attachment for user, attachment in map(canvas, found)} == expected
    for name, content in found.items():
        if name.endswith(".zip"):
            (content,) = inside(_saved(tmp_path, content)).values()
        else:
            book = nbformat.reads(content.decode(), 4)
            nbformat.validate(book)
            content = book.cells[0].source.encode()
        assert owner(content) == str(canvas(name)[0])
    assert set(one.left_out) == {"9", "10", "11"} and ".pdf" in one.left_out["9"]


def _saved(folder, content):
    (folder / "inner.zip").write_bytes(content)
    return folder / "inner.zip"


def test_ids_that_are_no_numbers_go_by_moodles_worksheet(tmp_path, page):
    sheet = tmp_path / "moodle.csv"
    rows = [
        "Identifier,Full name,ID number,Grade",
        "Participant 41,Ada L,ada,",
        "Participant 42,G B,gb,",
        "Participant 43,G B,x,",
    ]
    sheet.write_text("\n".join(rows) + "\n")
    pages = [page(student) for student in ("ada", "gb", "G B", "43", "99")]
    (one,) = zipped("moodle", pages, tmp_path, gradebook=sheet)
    found = {moodle(name)[0]: owner(content) for name, content in inside(one.files[0][0]).items()}
    assert found == {41: "ada", 42: "gb", 43: "43"}
    assert set(one.left_out) == {"G B", "99"} and "moodle.csv" in one.left_out["99"]


def test_a_large_class_comes_in_several_zips_and_old_ones_go(tmp_path, page):
    pages = [page(str(number), size=30_000) for number in range(1, 31)]
    whole = zipped("moodle", pages, tmp_path)[0].files
    assert len(whole) == 1 and whole[0][0].stat().st_size > 2**19
    (tmp_path / "moodle_90_example_final.zip").write_bytes(b"mine")
    parts = zipped("moodle", pages, tmp_path, most_mb=0.25)[0].files
    assert len(parts) > 2 and sum(count for _, count in parts) == 30
    assert all(file.stat().st_size <= 2**18 for file, _ in parts)
    assert sorted(file.name for file in tmp_path.glob("*.zip")) == sorted(
        [*(file.name for file, _ in parts), "moodle_90_example_final.zip"]
    )
    together = [name for file, _ in parts for name in inside(file)]
    assert len(set(together)) == len(together) == 30
    before = [file.read_bytes() for file, _ in parts]
    assert [file.read_bytes() for file, _ in zipped("moodle", pages, tmp_path, most_mb=0.25)[0].files] == before


def test_each_assignment_has_a_zip_of_its_own(tmp_path, page):
    pages = [page("5"), page("5", assignment="91_other"), page("6", assignment="91_other")]
    assert [one.files for one in zipped("ilias", pages, tmp_path)] == [
        [(tmp_path / "ilias_90_example.zip", 1)],
        [(tmp_path / "ilias_91_other.zip", 2)],
    ]


def test_a_page_as_a_notebook_says_the_same_in_one_block():
    page = (
        "<body><main>\n<h1>Quiz</h1>\n<svg><title>no</title>\n</svg><pre dir='auto'>a\n\n# b &lt;c&gt;</pre>\n\n"
        '<p class="comment" dir="auto">one\n\n- two</p></main></body>'
    )
    source = json.loads(as_notebook(page))["cells"][0]["source"]
    assert "\n" not in source and "svg" not in source and "a&#10;&#10;# b &lt;c&gt;</pre>" in source
    assert "one<br><br>- two" in source and source.startswith("<main>") and source.endswith("</main>")


def test_what_no_platform_takes_is_said(tmp_path, page):
    for form in bulk.NONE:
        with refused("grading.no-bulk-return"):
            zipped(form, [page("5")], tmp_path)
    with refused("grading.no-bulk-return", "ada", "--gradebook"):
        zipped("moodle", [page("ada")], tmp_path)
    assert not list(tmp_path.glob("*.zip"))
    for form, pages, gradebook in (("olat", [page("5")], None), ("moodle", [], None), ("ilias", [page("5")], tmp_path)):
        with pytest.raises(Exception, match=r"choose one of|no pages|leave it out"):
            zipped(form, pages, tmp_path, gradebook=gradebook)


def test_the_command_names_the_zips_and_who_is_in_none(tmp_path, page, monkeypatch):
    pages = [page(student) for student in ("5", "ada")]
    (tmp_path / "marks.sqlite").write_bytes(b"")
    monkeypatch.setattr(handing_back, "_graded", lambda *_: [])
    monkeypatch.setattr(feedback, "feedback", lambda *_: pages)
    asked = ["feedback", "--out", str(tmp_path / "out"), "--store", str(tmp_path / "marks.sqlite"), "--zip", "moodle"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    assert "moodle_90_example.zip: 1 page," in done.output and "ada is in none" in done.output
