"""What lessons put out, live and in both themes: readable, and ended by Stop in one line."""

import re
from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from course_utils.lessons import LESSONS

ROOT = Path(__file__).parents[2]

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
SETUP = """\
from course_utils.environment import setup
course = setup("00_start")"""
TRAIN = """\
import torch
from fastai.vision.all import *
x, y = torch.rand(64, 3), torch.randint(0, 2, (64,))
dls = DataLoaders.from_dsets([*zip(x, y)], [*zip(x, y)], bs=16)
Learner(dls, torch.nn.Linear(3, 2), loss_func=CrossEntropyLossFlat(), metrics=accuracy, path=Path(".")).fit(2)"""
SHOW = """\
import os
os.environ.pop("COURSE_STRICT", None)  # as for a learner, who may have changed a number
import pandas as pd
from course_utils.display import show_result, show_table
from course_utils.experiments import recorded
show_result("70.5% of the test images are right.")
show_result("70.5% of the test images are right.", expected=False)
show_table([{"class": "car", "right": 5, "share": 0.5}, {"class": "truck", "right": 7, "share": 0.7}], "Right")
recorded("01/ladder")"""
CHECK = """\
def count_images(*_):
    return 0"""
CHECKED = """\
from course_utils.quiz import check
check("00.A", count_images)"""
PROGRESS = """\
import time
from course_utils.experiments import run_parallel
def wait(seconds):
    time.sleep(seconds)
run_parallel(wait, [(0.1,), (600,), (600,)], jobs=2)"""
CONTRASTS = """notebook => {
    const parts = colour => {
        const [r, g, b, a = 1] = colour.match(/[0-9.]+/g).map(Number);
        return colour.startsWith('color(') ? [255 * r, 255 * g, 255 * b, a] : [r, g, b, a];
    };
    const over = ([r, g, b, a], below) => [r, g, b].map((value, i) => a * value + (1 - a) * below[i]);
    const painted = it => parts(getComputedStyle(it).backgroundColor);
    const behind = it => it ? over(painted(it), behind(it.parentElement)) : [255, 255, 255];
    const light = colour => colour.map(value => value / 255)
        .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
        .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
    const seen = it => [...it.childNodes].some(node => node.nodeType === 3 && node.data.trim()) && it.checkVisibility();
    const cells = [...notebook.querySelectorAll('.jp-Cell')];
    const written = [...notebook.querySelectorAll('.jp-OutputArea-output *, .jp-MarkdownOutput *')];
    return written.filter(it => !['STYLE', 'SCRIPT'].includes(it.tagName) && seen(it)).map(it => {
        const back = behind(it), text = over(parts(getComputedStyle(it).color), back);
        const [dark, bright] = [light(back), light(text)].sort((a, b) => a - b);
        const place = cells.indexOf(it.closest('.jp-Cell'));
        return {ratio: (bright + 0.05) / (dark + 0.05), place, it: it.outerHTML.slice(0, 200)};
    });
}"""
SHOWN = 40  # outputs that Lab shows of a cell without asking
TROUBLE = "[data-mime-type='application/vnd.jupyter.stderr']"
OLDER = "The cell above was changed after it ran"

pytestmark = pytest.mark.timeout(900)


def test_outputs_are_readable_in_both_themes_and_a_run_can_be_stopped(lab, page):
    sources = [SETUP, TRAIN, SHOW, CHECK, CHECKED]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    file = lab.write("outputs", nbformat.v4.new_notebook(cells=cells, metadata=KERNEL))
    lab.wear("JupyterLab Dark")
    notebook = lab.open(page, file)
    notebook.run_all(seconds=300)
    assert notebook.problems() == []
    expect(notebook.outputs("table.fastprogress td")).to_have_count(10)
    expect_contrast(page)

    older = notebook.outputs(f"text={OLDER}")
    expect(older).to_have_count(0)
    defining = page.locator(".jp-CodeCell .cm-content").nth(3)
    defining.click()
    page.keyboard.press("Control+End")
    page.keyboard.type("  # changed")
    expect(older).to_have_count(1)
    expect_contrast(page)
    page.keyboard.press("Control+Enter")
    expect(older).to_have_count(0)

    page.keyboard.press("Control+s")
    lab.wear("JupyterLab Light")
    lab.stop_kernels()
    notebook = lab.open(page, file)
    expect(notebook.outputs("table.fastprogress td")).to_have_count(10)
    expect_contrast(page)

    page.locator(".jp-CodeCell .cm-content").last.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(f"{SETUP}\n{PROGRESS}")
    page.keyboard.press("Control+Enter")
    expect(notebook.outputs("text=1 of 3 runs, about")).to_be_visible()
    expect_contrast(page)
    page.keyboard.press("Escape")
    page.keyboard.press("i")
    page.keyboard.press("i")
    expect(page.locator(TROUBLE)).to_have_count(1)
    [said] = notebook.problems()
    assert re.fullmatch(r"Stopped in line 7, run_parallel\(.*\)\. [^\n]+", said.strip())
    expect(notebook.outputs("text=1 of 3 runs were done.")).to_be_visible()


def test_the_committed_lessons_are_readable_in_both_themes(lab, page):
    """What each shows, in few cells, since Lab takes its time over each; also trusted, as after a learner has saved."""
    cells, places = [], []
    for lesson in LESSONS:
        read = nbformat.read(ROOT / "lessons" / f"{lesson.slug}.ipynb", as_version=4).cells
        prose = "\n\n".join(one.source for one in read if one.cell_type == "markdown")
        cells.append(nbformat.v4.new_markdown_cell(prose))
        outputs = [output for one in read if one.cell_type == "code" for output in one.outputs]
        starts = range(0, len(outputs), SHOWN)
        cells += [nbformat.v4.new_code_cell(outputs=outputs[start : start + SHOWN]) for start in starts]
        places += [lesson.slug] * (len(cells) - len(places))
    file = lab.write("every_lesson", nbformat.v4.new_notebook(cells=cells, metadata=KERNEL))
    for theme, trusted in (("JupyterLab Dark", False), ("JupyterLab Light", False), ("JupyterLab Dark", True)):
        if trusted:
            lab.call(f"/api/contents/{file}/trust", "POST")
        lab.wear(theme)
        lab.open(page, file)
        expect(page.locator(".jp-Cell")).to_have_count(len(places))
        expect_contrast(page, places, least=1000)


def expect_contrast(page, places: Sequence = range(100), least: int = 10) -> None:
    """Every text of outputs and prose has the contrast that WCAG asks for; axe-core finds Lab's layers too deep."""
    found = page.locator(".jp-Notebook").evaluate(CONTRASTS)
    assert len(found) > least, "it did look"
    assert not (poor := [one | {"place": places[one["place"]]} for one in found if one["ratio"] < 4.5]), poor
