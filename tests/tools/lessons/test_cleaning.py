"""What of a lesson's outputs is committed."""

import os
from pathlib import Path

import nbformat
from ipywidgets import VBox
from nbformat.v4 import new_output
from support.toy_lesson import executed, html

from course_utils.display import widgets
from tools.lessons import checking
from tools.lessons.cleaning import WIDGET, clean
from tools.lessons.files import read_notebook


def test_fastai_training_table_loses_its_seconds_and_bars(toy):
    lesson = executed(toy())
    notebook = read_notebook(lesson)
    table = (
        '<div><table class="fastprogress"><thead><tr><th>epoch</th><th>accuracy</th><th>time</th></tr></thead>'
        "<tbody><tr><td>0</td><td>0.593750</td><td>00:03</td></tr></tbody></table></div>"
    )
    style = "\n<style>\n progress { width: 300px; }\n</style>\n"
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    empty = [html(style), html(2 * style), html(""), html("<div></div>")]
    code.outputs = [*empty, html('<progress value="3">'), html(table)]
    clean(notebook, Path("/nowhere"), lesson.folder.parent)
    assert len(code.outputs) == 1
    shown = code.outputs[0].data
    assert shown["text/plain"] == "epoch  accuracy\n    0  0.593750"
    assert "00:03" not in shown["text/html"] and "<td>0.593750</td>" in shown["text/html"]
    nbformat.write(notebook, lesson.notebook)
    assert checking.check(lesson) == []


def test_a_control_that_brings_its_own_page_keeps_it(toy):
    notebook = read_notebook(executed(toy()))
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    page = {"text/html": "<p>a car</p>", "text/plain": "a car"}
    code.outputs = [new_output("display_data", {**page, WIDGET: {"model_id": "1"}})]
    clean(notebook, Path("/nowhere"), Path("/nowhere"))
    assert [dict(output.data) for output in code.outputs] == [page]


def test_of_a_control_of_ours_the_page_stays_that_stands_for_it(toy, monkeypatch):
    notebook = read_notebook(executed(toy()))
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    shown = []
    monkeypatch.setattr(widgets, "display", lambda data, raw: shown.append(new_output("display_data", data)))
    widgets.show_control(VBox(), "<div>\n<p>a car</p></div>", "a car")
    code.outputs = shown
    clean(notebook, Path("/nowhere"), Path("/nowhere"))
    assert [dict(output.data) for output in code.outputs] == [
        {"text/html": "<div>\n<p>a car</p></div>", "text/plain": "a car"}
    ]


def test_paths_of_other_folders_stay(toy):
    notebook = read_notebook(executed(toy()))
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    code.outputs = [new_output("stream", name="stdout", text="/h/me/a /h/me /h/mean /o/h/me /w/course/lessons/x\n")]
    clean(notebook, Path("/h/me"), Path("/w/course"))
    assert code.outputs[0].text == "~/a ~ /h/mean /o/h/me lessons/x\n".replace("/", os.sep)
