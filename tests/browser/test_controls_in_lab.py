"""The controls in a real JupyterLab, from the keyboard, on a notebook that needs no training."""

import re

import nbformat
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

SETUP = """\
from course_utils.environment import setup
course = setup("00_start")"""
CLASSIFY = """\
from PIL import Image
from course_utils.controls import classify_control
def classify(image):
    red = image.resize((1, 1)).getpixel((0, 0))[0] / 255
    return {"bright": red, "dark": 1 - red}
classify_control(classify, Image.new("RGB", (64, 48), "white"), prepare=lambda image: image.resize((8, 8)))"""
DEPTHS = """\
import numpy as np
from course_utils.controls import depth_slider
rng = np.random.default_rng(0)
maps = {f"stage {n}": rng.random((16, 32 // n, 32 // n)) for n in range(1, 5)}
depth_slider(maps, rng.random((64, 64, 3)))"""
FIGURE = """\
from course_utils.plots import plot_confusion
plot_confusion([[9, 1], [2, 8]], ["car", "truck"])"""


pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def notebook(lab, page, request):
    cells = [nbformat.v4.new_code_cell(source) for source in (SETUP, CLASSIFY, DEPTHS, FIGURE)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = lab.open(page, lab.write(request.node.name, nbformat.v4.new_notebook(cells=cells, metadata=kernel)))
    notebook.run_all(seconds=400)
    assert notebook.problems() == []
    return notebook


def test_controls_answer_the_keyboard(notebook, tmp_path):
    expect(notebook.outputs("[role=status]")).to_have_text("The example: bright (100%)")
    button = notebook.page.get_by_role("button", name="Upload an image")
    expect(button).to_have_text("Upload an image")  # ipywidgets adds a count

    Image.new("RGB", (400, 300), (51, 0, 0)).save(tmp_path / "mine.png")
    notebook.upload(tmp_path / "mine.png")
    expect(notebook.outputs("[role=status]")).to_have_text("mine.png: dark (80%)")
    expect(button).to_have_text("Upload an image")

    noise = np.random.default_rng(0).integers(0, 256, (2200, 2200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "large.png")
    assert (tmp_path / "large.png").stat().st_size > 10 * 2**20, "what Jupyter takes by default"
    notebook.upload(tmp_path / "large.png")
    expect(notebook.outputs("[role=alert]")).to_have_text(
        re.compile(r"No answer\. large\.png has 14\.\d MB, and at most")
    )

    (tmp_path / "broken.png").write_bytes(b"this is no image")
    notebook.upload(tmp_path / "broken.png")
    sentence = notebook.outputs("[role=alert]")
    expect(sentence).not_to_contain_text("large.png")
    expect(sentence).to_contain_text("No answer.")
    assert re.fullmatch(r"No answer\. [^\n]+\.", sentence.inner_text())

    slider = notebook.page.get_by_role("slider")
    slider.focus()
    slider.press("ArrowRight")
    expect(notebook.outputs("img[alt^='stage 2']")).to_be_visible()
    assert notebook.problems() == []


def test_every_image_in_an_output_has_an_alt_text(notebook):
    images = notebook.outputs("img")
    expect(images).to_have_count(4)  # the example, as prepared, the feature maps, the confusion matrix
    for image in images.all():
        assert image.get_attribute("alt").strip()
        assert image.evaluate("image => image.complete && image.naturalWidth > 0")
