"""The controls over tables in a real JupyterLab, from the keyboard."""

import re

import nbformat
import pytest
from playwright.sync_api import expect

SETUP = """\
from course_utils.environment import setup
course = setup("00_start")"""
FREEZE = """\
import pandas as pd
from course_utils.controls import freeze_slider
costs = pd.DataFrame({"depth": ["stem", "stage 1", "head"], "frozen": ["nothing", "stem", "stem to stage 1"],
    "trainable": [1000, 900, 100], "activations_mb": [6.0, 3, 1], "gradients_mb": 2.0, "optimizer_mb": 4.0,
    "memory_mb": [12.0, 9, 7], "seconds": [0.06, 0.04, 0.02], "accuracy": [float("nan"), 0.5, 0.75], "images": 200})
freeze_slider(costs)"""
EXPLORE = """\
from course_utils.controls import strategy_explorer
runs = pd.DataFrame([{"strategy": strategy, "labels": labels, "seed": 1000, "lr": rate,
    "metric": "accuracy", "score": start + labels / 100 - rate} for strategy, start in (("probe", 0.4), ("full", 0.5))
    for labels in (5, 20) for rate in (0.01, 0.1)])
strategy_explorer(runs)"""

pytestmark = pytest.mark.timeout(900)


def test_controls_of_tables_answer_the_keyboard(lab, page):
    cells = [nbformat.v4.new_code_cell(source) for source in (SETUP, FREEZE, EXPLORE)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    file = lab.write("tables", nbformat.v4.new_notebook(cells=cells, metadata=kernel))
    notebook = lab.open(page, file)
    notebook.run_all(seconds=400)
    assert notebook.problems() == []
    frozen, explored = notebook.outputs("[role=status]").all()
    depth, strategy, labels, rate = page.get_by_role("slider").all()
    expect(frozen).to_have_text(re.compile(r"Nothing is frozen\. All 1,000 weights train"))

    for slider, name, value in ((depth, "Trains from", "stem (nothing frozen)"), (strategy, "Strategy", "probe")):
        expect(slider).to_have_attribute("aria-label", name)
        expect(slider).to_have_attribute("aria-valuetext", value)
    depth.focus()
    depth.press("ArrowRight")
    expect(depth).to_have_attribute("aria-valuetext", "stage 1")
    expect(frozen).to_have_text(re.compile(r"Frozen: stem\. 900 of 1,000 .* gets 50\.0% of 200 validation images"))

    expect(explored).to_have_text(re.compile(r"probe at 5 labels per class, learning rate 0\.01: 44\.0%"))
    for slider in (strategy, labels, rate):
        slider.focus()
        slider.press("ArrowRight")
    expect(explored).to_have_text(re.compile(r"full at 20 labels per class, learning rate 0\.1: 60\.0%"))

    image = notebook.outputs("img").last
    ring = notebook.outputs("span[style*='border-radius']")
    inside, around = ring.bounding_box(), image.bounding_box()
    assert around["x"] < inside["x"] < around["x"] + around["width"]
    assert around["y"] < inside["y"] < around["y"] + around["height"]
    for each in notebook.outputs("img").all():
        assert each.get_attribute("alt").strip()
    assert notebook.problems() == []
