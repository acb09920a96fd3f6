"""Lesson 00: what it stores is what its code says."""

import re
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


def test_lesson_00_counts_the_images_that_lesson_01_trains_on():
    start, first = (
        "\n".join(cell.source for cell in read_notebook(Lesson(ROOT / "lessons", name)).cells)
        for name in ("00_start", "01_first_finetune")
    )
    photos, epochs = map(int, re.search(r"^trained = (\d+) \* (\d+)$", start, re.M).groups())
    labels = int(re.search(r"^dls = data\.recycling\(n_per_class=(\d+),", first, re.M)[1])
    unfrozen = int(re.search(r"^learn\.fine_tune\((\d+),", first, re.M)[1])
    assert photos == labels * 6, "six materials"
    assert epochs == 1 + unfrozen, "one epoch trains the head alone"
    assert f"on {photos} photos for nine *epochs*" in start and epochs == 9
