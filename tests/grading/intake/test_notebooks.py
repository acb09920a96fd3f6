"""What a notebook holds: its answers are found wherever they went, and no locked cell is run."""

import hashlib
import json

import pytest
from handed_in import KEY, after, answer, answers, cell, code, text, write

from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.intake.submissions import submissions
from course_utils.grading.records import LONGEST_ANSWER, Cell
from course_utils.grading.release.handout import handed_out


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
    ada, bob = submissions(
        tmp_path / "in", [quiz], lambda quiz, student: handed_out(Assignment(quiz, KEY).for_student(student))
    )
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
    assert found.remarks[1:] == ("90.7: the answer goes on in 1 cell of the student's own.",)
    assert "90.6: its own cell is blank" in found.remarks[0] and set(found.looks) == {"90.6"}
    answer(book, "7", "### Question 90.1 — x\n" + "y" * 20_000)
    found = taken(book)
    assert len(found.texts["90.7"]) == LONGEST_ANSWER
    assert found.missing == () and ["10000 are kept" in one for one in found.remarks] == [False, False, True]


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


@pytest.mark.parametrize("marks", ["<<<<<<< local\n{}\n=======\n1\n>>>>>>> remote", "{}\n# <<<<<<< and >>>>>>> \n"])
def test_the_marks_of_a_merge_in_a_cell_are_looked_at(taken, book, marks):
    answer(book, "1", marks.format("answer_90_1 = 'B'"))
    looks = taken(book).looks
    assert ("merged" in looks.get("90.1", "")) == marks.startswith("<") and len(looks) == marks.startswith("<")


@pytest.mark.parametrize(
    "source",
    [
        ["answer_90_1 = 'B'", "helper = 1"],
        ["answer_90_1 = 'B'\r", "helper = 1"],
        ["answer_90_1 = 'B'\r\n", "helper = 1"],
        "answer_90_1 = 'B'\rhelper = 1",
    ],
)
def test_lines_are_told_apart_however_they_end(taken, book, source):
    answer(book, "1", source)
    assert answers(taken(book))["90.1"] == "answer_90_1 = 'B'\nhelper = 1"
