"""Whatever students hand in ends as a submission or as a sentence: nothing is run, extracted, followed or dropped."""

import hashlib
import json
import os
import random
import stat
import struct
import sys
import tracemalloc
import zipfile

import pytest
import yaml

from course_utils.errors import CourseError
from course_utils.grading import forms, places
from course_utils.grading.handout import given, handed_out
from course_utils.grading.intake import submissions
from course_utils.grading.items import GradedQuiz
from course_utils.grading.names import LONGEST_ID, shown
from course_utils.grading.pool import open_pool
from course_utils.grading.records import LONGEST_ANSWER, Cell
from course_utils.grading.release import notebook

KEY = b"k" * 32


@pytest.fixture(scope="module")
def quiz(request):
    (one,) = open_pool(request.config.rootpath / "docs" / "example_pool")
    return one


@pytest.fixture(scope="module")
def other(quiz):
    """A second assignment with the same kinds of items."""
    text = yaml.safe_dump(quiz.model_dump(mode="json", exclude_none=True)).replace("90.", "91.")
    return GradedQuiz.model_validate({**yaml.safe_load(text), "lesson": "91_other"})


@pytest.fixture
def book(quiz):
    """The notebook as it was handed out, as JSON has it."""
    return json.loads(notebook(quiz, given(quiz, KEY, "ada"), "release"))


@pytest.fixture
def handed(quiz):
    return lambda quiz, student: handed_out(quiz, KEY, "ada")


def cell(book, identifier):
    return next(one for one in book["cells"] if one.get("id") == identifier)


def code(source, **more):
    return {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None, **more}


def text(source):
    return {"cell_type": "markdown", "source": source, "metadata": {}}


def after(book, identifier, new):
    book["cells"].insert(book["cells"].index(cell(book, identifier)) + 1, new)


def answer(book, identifier, source):
    cell(book, f"90-{identifier}-answer")["source"] = source


def write(path, book):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(book if isinstance(book, bytes) else json.dumps(book).encode())
    return path


@pytest.fixture
def taken(tmp_path, quiz, handed):
    """Of one student's notebook or bytes, the submission."""

    def take(book, handed_out=handed, **more):
        place = write(tmp_path / "in" / "ada.ipynb", book).parent
        (found,) = submissions(place, [quiz], handed_out, **more)
        assert found.student == "ada"
        return found

    return take


def deflated(name):
    info = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def zipped(path, files):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in files:
            info = name if isinstance(name, zipfile.ZipInfo) else deflated(name)
            file.writestr(info, content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def answers(submission):
    return {one.item: one.source for one in submission.cells if one.item}


# What a notebook holds


def test_a_notebook_as_handed_out_has_all_answers_and_nothing_odd(taken, book, quiz):
    found = taken(book)
    codes = [item for item in quiz.items if item.kind != "free text"]
    assert found.trouble == "" and found.remarks == () and found.missing == ()
    assert found.assignment == "90_example"
    assert found.source == "in/ada.ipynb"
    assert found.digest == hashlib.sha256(json.dumps(book).encode()).hexdigest()
    assert list(answers(found)) == [item.id for item in codes] == [one.item for one in found.cells]
    assert answers(found)["90.1"] == 'answer_90_1 = ""  # a letter, like "B"'
    assert found.texts == {"90.7": ""}, "left as it was handed out"


def test_locked_cells_are_left_out_and_the_students_own_stay_in_order(taken, book):
    answer(book, "1", 'answer_90_1 = "B"')
    after(book, "90-1-answer", code("helper = 1"))
    after(book, "90-1-question", code(["before = 2\n", "more = 3"]))
    book["cells"] += [code("   \n"), text("a note"), code("last = 4")]
    found = taken(book)
    assert found.cells[:3] == (Cell("before = 2\nmore = 3"), Cell('answer_90_1 = "B"', "90.1"), Cell("helper = 1"))
    assert found.cells[-1] == Cell("last = 4")
    assert len(found.cells) == 8 + 3
    sources = " ".join(one.source for one in found.cells)
    assert "numpy" not in sources and "graded after you hand in" not in sources


@pytest.mark.parametrize("known", [True, False])
def test_an_edited_locked_cell_is_not_run(taken, book, handed, known):
    cell(book, "setup")["source"] += ["\nopen('/etc/passwd')"]
    cell(book, "90-1-examples")["source"] = "evil = 1"
    found = taken(book, handed if known else None)
    assert not any("passwd" in one.source or "evil" in one.source for one in found.cells)
    told = [one for one in found.remarks if "edited" in one]
    assert len(told) == known and all("setup, 90-1-examples" in one for one in told)


def test_another_students_notebook_is_told(tmp_path, quiz, book):
    write(tmp_path / "in" / "bob.ipynb", book)
    write(tmp_path / "in" / "ada.ipynb", book)
    ada, bob = submissions(tmp_path / "in", [quiz], lambda quiz, student: handed_out(quiz, KEY, student))
    assert ada.remarks == () and ada.trouble == bob.trouble == ""
    assert len(bob.remarks) == 1 and "90-4-question. Were they edited" in bob.remarks[0].replace(", 90-6-question", "")
    assert bob.remarks[0].startswith("Questions differ from this student's: ")


def test_metadata_that_were_changed_are_told_and_have_no_effect(taken, book):
    cell(book, "90-A-examples")["metadata"]["nbgrader"]["points"] = 100
    cell(book, "90-1-examples")["metadata"]["nbgrader"]["points"] = ["\x1b[2J"]
    cell(book, "setup")["metadata"]["nbgrader"]["locked"] = False
    answer(book, "1", 'answer_90_1 = "B"')
    cell(book, "90-1-answer")["metadata"]["nbgrader"]["solution"] = False
    found = taken(book, None)
    assert len(found.remarks) == 3
    assert "90.A: the points in the notebook were changed to 100" in found.remarks[1]
    assert "90.1: the points" in found.remarks[0]
    assert "setup, 90-1-answer" in found.remarks[2]
    assert answers(found)["90.1"] == 'answer_90_1 = "B"'
    assert not any("numpy" in one.source for one in found.cells)


def test_a_cell_that_says_it_is_locked_is_run_when_nobody_handed_it_out(taken, book):
    after(book, "title", code("mine = 1", metadata={"nbgrader": {"locked": True, "grade_id": "x\x1b[2J"}}))
    found = taken(book)
    assert Cell("mine = 1") in found.cells
    assert len(found.remarks) == 1 and "\x1b" not in found.remarks[0]


def test_cells_are_found_without_nbgraders_metadata_then_without_ids(taken, book):
    answer(book, "1", 'answer_90_1 = "B"')
    answer(book, "7", "Because.")
    for one in book["cells"]:
        one["metadata"] = {}
    found = taken(book)
    assert (found.missing, found.remarks, answers(found)["90.1"]) == ((), (), 'answer_90_1 = "B"')
    for one in book["cells"]:
        del one["id"]
    book["metadata"] = {}
    found = taken({**book, "metadata": {"course": {"assignment": "90_example"}}})
    assert found.missing == ()
    assert answers(found)["90.1"] == 'answer_90_1 = "B"' and found.texts == {"90.7": "Because."}
    assert len(found.remarks) == 9 + 1  # each found by its place, and locked cells that can't be told
    assert [one.item for one in found.cells if not one.item] == []


def test_by_place_the_cell_that_binds_the_name_comes_first(taken, book):
    cell(book, "90-A-answer").update(id="x", metadata={}, source="def balanced(truth, guess):\n    return 1")
    after(book, "90-A-question", code("scratch = 1"))
    found = taken(book, None)
    assert answers(found)["90.A"].startswith("def balanced")
    assert Cell("scratch = 1") in found.cells


@pytest.mark.parametrize("known", [True, False])
def test_an_answer_that_is_gone_is_missing_and_no_check_takes_its_place(taken, book, handed, known):
    for identifier in ("90-A-answer", "90-1-answer", "90-7-answer"):
        book["cells"].remove(cell(book, identifier))
    for identifier in ("90-A-examples", "90-1-examples"):
        cell(book, identifier).update(id="x", metadata={})
    found = taken(book, handed if known else None)
    assert found.missing == ("90.1", "90.A", "90.7")
    assert found.trouble == "" and found.texts == {}


def test_without_any_cell_all_is_missing(taken, book, quiz):
    found = taken({**book, "cells": []})
    assert (found.missing, found.cells, found.texts) == (tuple(item.id for item in quiz.items), (), {})


def test_of_copies_the_last_changed_one_under_its_own_heading_counts(taken, book):
    original = cell(book, "90-1-answer")
    blank = {**original, "id": "c0"}
    first = {**original, "source": 'answer_90_1 = "A"', "id": "c1"}
    second = {**original, "source": 'answer_90_1 = "B"', "id": "c2"}
    astray = {**original, "source": 'answer_90_1 = "C"', "id": "c3"}
    for one in (blank, second, first):
        after(book, "90-1-answer", one)
    after(book, "90-2-answer", astray)
    found = taken(book)
    assert answers(found)["90.1"] == 'answer_90_1 = "B"'
    assert [one.source for one in found.cells[:2]] == ['answer_90_1 = "A"', 'answer_90_1 = "B"']
    assert Cell('answer_90_1 = "C"') in found.cells
    assert not any(one.source == "".join(original["source"]) for one in found.cells), "a blank copy undoes nothing"
    assert len(found.remarks) == 1 and "90.1: 5 cells carry its id" in found.remarks[0]


def test_of_swapped_cells_the_id_wins(taken, book):
    one, two = cell(book, "90-1-answer"), cell(book, "90-2-answer")
    here, there = book["cells"].index(one), book["cells"].index(two)
    book["cells"][here], book["cells"][there] = two, one
    one["source"], two["source"] = 'answer_90_1 = "A"', 'answer_90_2 = "B C"'
    found = taken(book)
    assert (answers(found)["90.1"], answers(found)["90.2"]) == ('answer_90_1 = "A"', 'answer_90_2 = "B C"')
    assert len(found.remarks) == 2 and all("under the heading of" in remark for remark in found.remarks)


def test_code_in_a_text_cell_is_missing_and_told(taken, book):
    cell(book, "90-1-answer").update(cell_type="markdown", source='answer_90_1 = "B"')
    found = taken(book)
    assert found.missing == ("90.1",)
    assert "text cell" in found.remarks[0]


def test_an_answer_in_words_goes_on_in_the_students_cells(taken, book):
    answer(book, "7", "One.")
    after(book, "90-7-answer", text("Two."))
    after(book, "90-6-answer", text("A note elsewhere."))
    found = taken(book)
    assert found.texts == {"90.7": "One.\n\nTwo."}
    assert found.remarks == ("90.7: the answer goes on in 1 cell of the student's own.",)
    answer(book, "7", "### Question 90.1 — x\n" + "y" * 20_000)
    found = taken(book)
    assert len(found.texts["90.7"]) == LONGEST_ANSWER
    assert found.missing == () and [("10000 are kept" in one) for one in found.remarks] == [False, True]


def test_words_in_a_code_cell_are_read_and_not_run(taken, book):
    cell(book, "90-7-answer").update(cell_type="code", source="import os")
    found = taken(book)
    assert found.texts == {"90.7": "import os"}
    assert not any("import os" in one.source for one in found.cells)


def test_colab_keeps_ids_among_the_metadata(taken, book):
    answer(book, "1", 'answer_90_1 = "B"')
    for one in book["cells"]:
        one["metadata"] = {"id": one.pop("id")}
    found = taken({**book, "nbformat_minor": 0})
    assert (found.missing, found.remarks, answers(found)["90.1"]) == ((), (), 'answer_90_1 = "B"')


def test_locked_cells_that_are_gone_are_told(taken, book):
    book["cells"].remove(cell(book, "setup"))
    assert taken(book).remarks == ("Cells that were handed out are gone: setup.",)


def test_remarks_are_few(taken, book):
    mine = [code("x", metadata={"nbgrader": {"locked": True, "grade_id": str(n)}}) for n in range(500)]
    book["cells"] += mine
    found = taken(book)
    assert len(found.remarks) <= 31 and "470 more" in found.remarks[-1]


def test_notebooks_of_nbformat_3_are_read(taken, book, quiz):
    sheet = []
    for one in book["cells"]:
        source = "".join(one["source"])
        if one["cell_type"] == "code":
            sheet.append({"cell_type": "code", "input": source, "language": "python", "outputs": [], "metadata": {}})
        elif source.startswith("### "):
            head, _, rest = source.partition("\n")
            sheet.append({"cell_type": "heading", "level": 3, "source": head.removeprefix("### "), "metadata": {}})
            sheet.append({"cell_type": "markdown", "source": rest, "metadata": {}})
        else:
            sheet.append({"cell_type": "markdown", "source": source, "metadata": {}})
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": book["metadata"], "worksheets": [{"cells": sheet}]}
    found = taken(old)
    assert found.trouble == ""
    assert list(answers(found)) == [item.id for item in quiz.items if item.kind != "free text"]


def test_half_characters_end_as_question_marks(taken, book):
    answer(book, "1", 'answer_90_1 = "\ud800"')
    assert answers(taken(book))["90.1"] == 'answer_90_1 = "?"'


# What can't be read

HOSTILE = {
    "empty": b"",
    "spaces": b" \n",
    "no JSON": b"%PDF-1.7",
    "cut": b'{"cells": [',
    "UTF-16": '{"cells": []}'.encode("utf-16"),
    "Latin-1": b'{"cells": ["\xe9"]}',
    "deep": b'{"cells":' + b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000,
    "a huge number": b'{"nbformat": ' + b"9" * 10_000 + b"}",
    "a list": b"[]",
    "a number": b"4",
    "null": b"null",
    "twice": b'{"cells": [], "cells": []}',
    "twice inside": b'{"cells": [{"cell_type": "code", "source": "a", "source": "b"}], "nbformat": 4}',
    "old": b'{"nbformat": 2, "cells": []}',
    "new": b'{"nbformat": 5, "cells": []}',
    "no cells": b'{"nbformat": 4}',
    "no sheets": b'{"nbformat": 3, "cells": []}',
    "odd form": b'{"nbformat": "4", "cells": []}',
    "true form": b'{"nbformat": true, "cells": []}',
    "endless form": b'{"nbformat": Infinity, "cells": []}',
    "odd sheets": b'{"nbformat": 3, "worksheets": [1]}',
    "many cells": b'{"cells": [' + b'{"cell_type":"raw","source":""},' * 5_000 + b'{"cell_type":"raw"}]}',
    "an escape": b'{"nbformat": 4, "cells": [{"cell_type": "\\u001b[2J"}]}',
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_notebook_ends_in_a_sentence(taken, kind):
    found = taken(HOSTILE[kind])
    assert found.trouble.startswith("The notebook can't be read: ") and found.trouble.endswith(".")
    assert found.trouble.isprintable() and len(found.trouble) < 300
    assert (found.assignment, found.cells, found.missing, found.texts) == ("90_example", (), (), {})
    assert found.digest == hashlib.sha256(HOSTILE[kind]).hexdigest()


ODD = [None, 7, -1.5, True, "text", [], ["a", 1], {}, {"a": []}, [[]], float("nan")]


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize(
    "path",
    [
        ("cells",),
        ("cells", 3),
        ("cells", 3, "source"),
        ("cells", 3, "metadata"),
        ("cells", 3, "metadata", "nbgrader"),
        ("cells", 3, "metadata", "nbgrader", "grade_id"),
        ("cells", 3, "cell_type"),
        ("cells", 3, "id"),
        ("metadata",),
        ("metadata", "course"),
        ("metadata", "course", "assignment"),
        ("nbformat",),
    ],
    ids=lambda path: ".".join(map(str, path)),
)
def test_wrong_types_end_in_a_sentence_or_have_no_effect(taken, book, path, odd):
    place = book
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = odd
    found = taken(book)
    if found.trouble:
        assert found.cells == () and found.trouble.startswith("The notebook can't be read: ")
        assert found.trouble.endswith(".")
    else:
        assert all(type(one.source) is str for one in found.cells)
    must_fail = path in [("cells", 3), ("cells", 3, "cell_type"), ("nbformat",)]
    if must_fail or (path == ("cells", 3, "source") and odd not in ("text", [])):
        assert found.trouble


def test_random_damage_never_raises(tmp_path, quiz, book, handed):
    dice = random.Random(0)
    data = json.dumps(book).encode()
    for number in range(150):
        broken = bytearray(data)
        for _ in range(dice.randrange(1, 6)):
            place = dice.randrange(len(broken))
            broken[place : place + dice.randrange(4)] = dice.choice([b"", b"[", b"}", b'"', b"\xff", b"1", b",", b"\\"])
        write(tmp_path / "in" / f"s{number}.ipynb", bytes(broken))
    found = list(submissions(tmp_path / "in", [quiz], handed))
    assert len(found) == 150
    assert all(one.trouble or one.cells for one in found)
    assert any(one.trouble for one in found) and any(not one.trouble for one in found)


def test_a_byte_order_mark_and_nan_in_outputs_are_no_trouble(taken, book):
    cell(book, "90-1-answer")["outputs"] = [{"data": {"application/json": float("nan")}}]
    found = taken(b"\xef\xbb\xbf" + json.dumps(book).encode())
    assert found.trouble == "" and found.missing == ()


def test_a_large_notebook_is_not_parsed(taken, book):
    data = json.dumps(book).encode()
    assert taken(data, largest=len(data)).trouble == ""
    assert "larger than" in taken(data, largest=len(data) - 1).trouble


# Whose it is, and for what


def test_a_folder_of_students(tmp_path, quiz, other, book):
    second = json.loads(notebook(other, given(other, KEY, "ada"), "release"))
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


@pytest.mark.parametrize("form", forms.FORMS)
def test_a_form_can_be_named(tmp_path, quiz, book, form):
    names = {
        "notebooks": "5/90_example.ipynb",
        "canvas": "x_5_6_90_example.ipynb",
        "moodle": "X_5_assignsubmission_file_/90_example.ipynb",
        "nbgrader": "5/90_example/90_example.ipynb",
    }
    place = zipped(tmp_path / "one.zip", [(names[form], book)])
    for named in (form, None):
        (found,) = submissions(place, [quiz], form=named)
        assert (found.student, found.trouble) == ("5", "")
    with pytest.raises(CourseError, match="canvas"):
        submissions(place, [quiz], form="blackboard")


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
    assert told(bare)[0] == "" and "Nothing in it tells" in told(bare)[1]
    assert told(bare, quizzes=[quiz])[0] == "90_example" and told(bare, quizzes=[quiz])[1]
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


# Places that bite


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
    monkeypatch.setattr(places.listed, "__defaults__", (3,))
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
    with pytest.raises(CourseError, match="no files"):
        submissions(tmp_path / "empty", [quiz])
    with pytest.raises(CourseError, match="No assignment"):
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
