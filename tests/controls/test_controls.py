"""Controls without a browser: answers, refusals and static output, under today's ipywidgets and under Colab's."""

import importlib.metadata
import io
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import ipywidgets as widgets
import numpy as np
import pytest
from PIL import Image
from support.controls import COLAB, upload

from course_utils.controls import classify_control, depth_slider
from course_utils.display import widgets as output
from course_utils.errors import CourseError


def classify(image):
    red = image.resize((1, 1)).getpixel((0, 0))[0] / 255
    return {"dark": 1 - red, "bright": red}


def png(colour=(51, 0, 0)):
    file = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(file, "png")
    return file.getvalue()


def test_example_is_classified_at_once():
    control = classify_control(classify, Image.new("RGB", (64, 48), "white"))
    assert control.result == "bright (100%)"
    answer = control.answer.value
    assert '<p role="status">The example: <strong>bright (100%)</strong></p>' in answer
    assert re.search("bright</th><td[^>]*>100%</td>.*dark</th><td[^>]*>0%</td>", answer)
    assert 'alt="The example: the image to classify."' in answer


@pytest.fixture
def colab(monkeypatch):
    """A stand-in of Colab's module: its dialogue gives what `chosen` holds, or raises it."""
    made = {name: ModuleType(name) for name in ("google", "google.colab", "google.colab.files")}
    for name, module in made.items():
        monkeypatch.setitem(sys.modules, name, module)
        if parent := name.rpartition(".")[0]:
            setattr(made[parent], name.rpartition(".")[2], module)
    given = SimpleNamespace(chosen={}, asked=0)

    def upload():
        given.asked += 1
        if isinstance(given.chosen, Exception):
            raise given.chosen
        return given.chosen

    made["google.colab.files"].upload = upload
    return given


def test_on_colab_its_own_dialogue_takes_large_photos(colab):
    control = classify_control(classify, png((255, 0, 0)))
    assert not isinstance(control.upload, widgets.FileUpload) and colab.asked == 0
    noise = np.random.default_rng(0).integers(0, 60, (1200, 1200, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "png")
    assert len(file.getvalue()) > 2**20
    colab.chosen = {"night.png": file.getvalue()}
    control.upload.click()
    assert colab.asked == 1 and "night.png: <strong>dark (" in control.answer.value
    colab.chosen = {}  # the learner closes the dialogue
    control.upload.click()
    assert "night.png: <strong>dark (" in control.answer.value and not control.upload.disabled
    colab.chosen = {"notes.txt": b"no image"}
    control.upload.click()
    assert "No answer." in control.answer.value


def test_colabs_failed_upload_is_told_in_a_sentence(colab):
    control = classify_control(classify, png())
    colab.chosen = RuntimeError("the browser\nclosed")
    control.upload.click()
    assert control.result == "Colab's upload failed: the browser closed. Run this cell again."
    assert not control.upload.disabled


def test_elsewhere_the_widget_uploads():
    assert isinstance(classify_control(classify, png()).upload, widgets.FileUpload)


def test_three_classes_have_bars_and_the_others_share_a_row():
    shares = {"a": 0.003, "b": 0.9, "c": 0.05, "d": 0.04, "e": 0.007}
    answer = classify_control(lambda image: shares, Image.new("RGB", (64, 48))).answer.value
    rows = re.findall(r"<th scope='row'>(.+?)</th><td[^>]*>(.+?)</td>", answer)
    assert rows == [("b", "90%"), ("c", "5%"), ("d", "4%"), ("the other 2", "1%")]
    assert re.findall(r'<div style="width:([\d.]+%)', answer) == ["90.0%", "5.0%", "4.0%"]
    four = classify_control(lambda image: {"a": 0.7, "b": 0.2, "c": 0.099, "d": 0.001}, Image.new("RGB", (64, 48)))
    assert re.search("d</th><td[^>]*>under 1%</td>", four.answer.value)


@pytest.mark.parametrize("kind", ["bytes", "path", "text"])
def test_example_may_be_a_file(kind, tmp_path):
    path = tmp_path / "example.png"
    path.write_bytes(png())
    example = {"bytes": path.read_bytes(), "path": path, "text": str(path)}[kind]
    assert classify_control(classify, example).result == "dark (80%)"


def test_upload_is_classified_each_time():
    control = classify_control(classify, Image.new("RGB", (64, 48), "white"))
    upload(control.upload, "mine.png", png())
    assert control.result == "dark (80%)"
    assert "mine.png: <strong>dark (80%)</strong>" in control.answer.value
    upload(control.upload, "other.png", png((255, 0, 0)))
    assert control.result == "bright (100%)"
    assert "mine.png" not in control.answer.value


def test_prepare_stands_between_the_image_and_the_classifier():
    def invert(image):
        return image.point(lambda value: 255 - value)

    control = classify_control(classify, Image.new("RGB", (64, 48), "white"), prepare=invert)
    assert control.result == "dark (100%)"
    assert control.answer.value.count("<img ") == 2
    assert 'alt="The same image as the network gets it."' in control.answer.value


def test_broken_file_gets_one_sentence_and_the_next_one_an_answer():
    control = classify_control(classify, Image.new("RGB", (64, 48), "white"))
    upload(control.upload, "broken.png", b"this is no image")
    assert 'role="alert"' in control.answer.value and "<img" not in control.answer.value
    assert control.result.endswith(".") and "\n" not in control.result and "Traceback" not in control.result
    upload(control.upload, "mine.png", png())
    assert control.result == "dark (80%)"


def test_a_file_over_the_limit_is_refused_in_a_sentence():
    control = classify_control(classify, Image.new("RGB", (8, 8)))
    upload(control.upload, "large.png", png() + bytes(10_000_000))
    assert control.result.startswith("large.png has 10.0 MB, and at most 10 MB can be uploaded: choose")
    assert 'role="alert"' in control.answer.value


def test_failing_classifier_gets_one_sentence_too():
    def fails_on_dark(image):
        if image.getpixel((0, 0))[0] < 100:
            raise ValueError("too dark to see")
        return classify(image)

    control = classify_control(fails_on_dark, Image.new("RGB", (64, 48), "white"))
    upload(control.upload, "night.png", png())
    assert control.result == "night.png can't be classified: too dark to see."


def test_broken_example_is_the_authors_error():
    with pytest.raises(CourseError):
        classify_control(classify, b"this is no image")


def test_names_cannot_inject_html():
    control = classify_control(lambda image: {"<b>car</b>": 1.0}, Image.new("RGB", (64, 48)))
    upload(control.upload, "<script>x</script>.png", png())
    assert "<script>" not in control.answer.value and "<b>" not in control.answer.value


@pytest.mark.parametrize("size", [(1, 3000), (3000, 1), (1, 1)])
def test_extreme_shapes_have_a_thumbnail(size):
    assert "<img " in classify_control(classify, Image.new("RGB", size)).answer.value


def test_static_output_holds_the_answer(monkeypatch):
    outputs = []
    monkeypatch.setattr(output, "display", lambda data, raw: outputs.append(data))
    control = classify_control(classify, Image.new("RGB", (64, 48), "white"))
    slider = depth_slider({"stem": np.ones((4, 8, 8))}, np.zeros((16, 16, 3)))
    control._ipython_display_()
    slider._ipython_display_()
    for data, box in zip(outputs[1::2], (control.box, slider.box), strict=True):
        assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == box.model_id
        assert list(data) == ["application/vnd.jupyter.widget-view+json"]  # a terminal shows the text once
    assert output.static_part(outputs[0]["text/html"]) == control.answer.value
    assert "Run this cell again" in outputs[0]["text/html"] and output.static_part("<p>other</p>") is None
    assert outputs[0]["text/plain"] == "Upload an image. The example is classified as bright (100%)."
    assert 'alt="stem: 4 of 4 feature maps of 8 by 8' in outputs[2]["text/html"]


def test_depth_slider_shows_the_chosen_depth():
    maps = {"stem": np.ones((4, 8, 8)), "stage 1": np.ones((16, 4, 4))}
    slider = depth_slider(maps, np.zeros((16, 16, 3)))
    assert slider.slider.options == ("stem", "stage 1")
    assert 'alt="stem: 4 of 4' in slider.shown.value
    slider.slider.value = "stage 1"
    assert 'alt="stage 1: 16 of 16' in slider.shown.value


def test_depth_slider_answers_at_once():
    slider = depth_slider({f"stage {n}": np.random.rand(256, 8, 8) for n in range(5)}, np.zeros((16, 16, 3)))
    seconds = []
    for name in slider.figures:
        began = time.perf_counter()
        slider.slider.value = name
        seconds.append(time.perf_counter() - began)
    assert min(seconds[1:]) < 0.05, "the figures shall be drawn before the first move"  # drawing takes 0.2 s


def test_depth_slider_without_depths_is_refused():
    with pytest.raises(CourseError, match="no activations"):
        depth_slider({}, np.zeros((16, 16, 3)))


def test_learner_is_asked_without_a_progress_bar(capsys):
    from fastai.vision.all import Learner, nn

    from course_utils.data import digits

    dls = digits(n_per_class=2, bs=4)
    learn = Learner(dls, nn.Sequential(nn.Flatten(), nn.LazyLinear(10)), loss_func=nn.CrossEntropyLoss())
    control = classify_control(learn, Image.new("RGB", (8, 8)))
    label, share = control.result.split()
    assert label in dls.vocab and share.endswith("%)")
    assert control.answer.value.count("<tr>") == 1 + 3 + 1 and "the other 7" in control.answer.value
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(
    importlib.metadata.version("ipywidgets") == COLAB, reason="this is the run under Colab's ipywidgets"
)
def test_controls_build_under_colabs_ipywidgets(request):
    folder = Path(request.config.cache.mkdir(f"ipywidgets-{COLAB}"))
    if not (folder / "ipywidgets").is_dir():
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder]
        subprocess.run([*install, f"ipywidgets=={COLAB}", "ipython_genutils"], check=True)
    tests = Path(__file__).parents[1]
    rooms = [tests / "controls", tests / "quiz" / "test_widgets.py", tests / "grading" / "returning" / "test_review.py"]
    # Only what makes widgets, without unused plug-ins, and without tests of time, which loading beside others spoils.
    again = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:nbval", "-p", "no:xdist"]
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path}
    run = subprocess.run(
        [*again, "-k", "not learner and not at_once", *rooms], env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout[-4000:]
    assert " passed, 1 skipped" in run.stdout
