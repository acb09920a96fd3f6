"""The whole notebook beside an answer: as words alone, from where it was graded."""

import json

import pytest
from handed_in import code, text, write, zipped

from course_utils.grading.returning.originals import Originals

BOOK = {"cells": [code("x = 1 < 2"), text("<script>alert(1)</script>\x1b[2J")], "nbformat": 4, "metadata": {}}


@pytest.fixture(params=["folder", "zip", "nbgrader"])
def place(request, tmp_path):
    name = "ada/90_example.ipynb"
    if request.param == "zip":
        return zipped(tmp_path / "in.zip", [(name, BOOK)]), f"in.zip/{name}"
    inside = tmp_path / "in" / ("submitted" if request.param == "nbgrader" else "")
    write(inside / name, BOOK)
    return tmp_path / "in", f"{inside.name}/{name}"


def test_a_notebook_is_shown_and_nothing_of_it_runs(place):
    folder, source = place
    page = Originals(folder).page(source)
    assert "x = 1 &lt; 2" in page and "&lt;script&gt;" in page and "<script" not in page and "\x1b" not in page
    assert page.startswith("<details>") and "Cell 2, text" in page


def test_what_can_not_be_shown_is_a_sentence(tmp_path):
    write(tmp_path / "in" / "ada.ipynb", json.dumps({"cells": 3}).encode())
    originals = Originals(tmp_path / "in")
    assert "can't be shown" in originals.page("in/ada.ipynb") and "isn't where" in originals.page("in/bob.ipynb")
    assert "can't be shown" in Originals(tmp_path / "gone").page("in/ada.ipynb")
