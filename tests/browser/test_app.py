"""The app of a saved network, in a browser: upload a photo, and see its classes."""

from importlib.util import find_spec

import numpy as np
import pytest
from fastai.vision.learner import vision_learner
from PIL import Image

from course_utils import data
from course_utils.backbones import resnet18_half
from course_utils.shipping import load_network, make_app, save_network

pytestmark = pytest.mark.skipif(not find_spec("gradio"), reason="the extra 'app' isn't installed")


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    dls = data.vehicles("cars or trucks", n_per_class=4, split=(4, 4), size=32, bs=4)
    return save_network(vision_learner(dls, resnet18_half), tmp_path_factory.mktemp("app"))


@pytest.fixture(scope="module")
def address(network):
    app = make_app(network, "Which vehicle?", "to try the app. Not for traffic.")
    _, local, _ = app.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1")
    yield local
    app.close()


@pytest.fixture
def page(browser, address):
    page = browser.new_page()
    page.goto(address)
    page.get_by_text("Which vehicle?").first.wait_for()
    yield page
    page.close()


def upload(page, file):
    page.locator('input[type="file"]').first.set_input_files(str(file))
    page.locator("img").first.wait_for()
    page.get_by_role("button", name="Submit").click()


def test_an_uploaded_photo_gets_the_networks_probabilities(page, network, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    upload(page, tmp_path / "photo.png")
    answer = load_network(network).predict(tmp_path / "photo.png")
    best = max(answer, key=answer.get)
    page.get_by_test_id("label-output-value").filter(has_text=best).wait_for()
    assert f"{answer[best]:.0%}" in page.locator("body").inner_text()


def test_it_says_what_it_is_for_and_loads_nothing_from_outside(browser, address):
    page, asked = browser.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.get_by_text("Not for traffic").wait_for()
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    page.close()


def test_without_a_photo_it_asks_for_one(page):
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("Upload a photo first.").wait_for()
