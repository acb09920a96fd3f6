"""Lesson 00: what it stores is what its code says."""

from types import SimpleNamespace

from support.project import ROOT

from tools.lessons.files import Lesson, read_notebook


def test_a_seed_gives_the_stored_answer_on_this_machine_too(capsys):
    cells = read_notebook(Lesson(ROOT / "lessons", "00_start")).cells
    (cell,) = (cell for cell in cells if "set_seed(course.seed)" in cell.source)
    exec(cell.source, {"course": SimpleNamespace(seed=42)})
    (stored,) = cell.outputs
    assert capsys.readouterr().out == stored.text
    assert [line.split()[-1] for line in stored.text.splitlines()] == ["True", "False"]
