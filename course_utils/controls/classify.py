"""A control that classifies the learner's own image."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ipywidgets as widgets
from fastai.learner import Learner
from PIL import Image

from course_utils.controls.uploads import UploadingControl
from course_utils.data.images.opening import is_turned, open_image
from course_utils.data.images.store import Open
from course_utils.display.figures import image_html
from course_utils.display.widgets import show_control

Classify = Callable[[Image.Image], Mapping[str, float]]
HINT = "JPEG or PNG, at most 10 MB"
ON_ITS_SIDE = (
    "<p>The camera stored this photo on its side, with a note. It is shown upright here, but fastai leaves it on its "
    "side, for this network as for those of its training images that were stored so.</p>"
)
THUMBNAIL = 160  # CSS pixels


class ClassifyControl(UploadingControl):
    """An upload button, the image, and what the classifier says of it; made by `classify_control`."""

    def __init__(
        self, classify: Learner | Classify, example: Any, prepare: Callable[[Image.Image], Image.Image] | None
    ) -> None:
        self.classify: Callable[[Any], Mapping[str, float]]
        self.classify = _classify_with(classify) if isinstance(classify, Learner) else classify
        self.prepare = prepare
        # A learner opens the file itself, as it opened those of training; a function gets an image.
        self.opens_files = isinstance(classify, Learner) and prepare is None
        self.leaves_on_side = isinstance(classify, Learner) and prepare is None and not _begins_with_open(classify)
        self.answer = widgets.HTML(self._answer(example, "The example"))
        self.make_upload("an image", "image/*", HINT, "choose a smaller image, or save this one smaller", self._answer)
        self.box = self.boxed(self.answer)

    def _answer(self, source: Any, name: str) -> str:
        image = open_image(source)
        prepared = self.prepare(image) if self.prepare else image
        given = source if self.opens_files and not isinstance(source, Image.Image) else prepared
        images = _thumbnail(image, f"{name}: the image to classify.")
        if self.prepare:
            images += " → " + _thumbnail(prepared, "The same image as the network gets it.")
        note = ON_ITS_SIDE if self.leaves_on_side and _is_stored_on_its_side(source) else ""
        return f'<figure style="margin:0">{images}</figure>{note}' + self.told(name, self.classify(given))

    def _ipython_display_(self) -> None:
        show_control(self.box, self.answer.value, f"Upload an image. The example is classified as {self.result}.")


def classify_control(
    classify: Learner | Classify,
    example: bytes | str | Path | Image.Image,
    prepare: Callable[[Image.Image], Image.Image] | None = None,
) -> ClassifyControl:
    """Let the learner upload an image and read what the classifier says of it; the example is classified at once.

    An uploaded file that can't be classified gets one sentence in the control.

    Parameters
    ----------
    classify : Learner or callable
        A Learner, which prepares the file as `predict` does, or a function from a PIL image to the probability (0 to 1)
        of each class.
    example : bytes, str, Path or PIL image
        The image to begin with.
    prepare : callable, optional
        Turns a photograph into an image like those of training; the result is shown beside the original.

    Raises
    ------
    CourseError
        `data.unreadable-image` when the example can't be opened.
    """
    return ClassifyControl(classify, example, prepare)


def _classify_with(learn: Learner) -> Callable[[Any], Mapping[str, float]]:
    def classify(source: Any) -> dict[str, float]:
        with learn.no_bar(), learn.no_logging():
            probabilities = learn.predict(source)[2]
        return dict(zip(map(str, learn.dls.vocab), probabilities.tolist(), strict=True))

    return classify


def _begins_with_open(learn: Learner) -> bool:
    """Whether the learner's own pipeline turns photos upright, as the course's does."""
    lists: Any = getattr(learn.dls.valid_ds, "tls", ())
    return any(isinstance(each, Open) for each in getattr(lists[0].tfms, "fs", ())) if len(lists) else False


def _is_stored_on_its_side(source: Any) -> bool:
    if isinstance(source, Image.Image):
        return False  # it was opened elsewhere
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
        return is_turned(image)


def _thumbnail(image: Image.Image, alt: str) -> str:
    zoom = THUMBNAIL / max(image.size)
    width, height = (max(1, round(side * zoom)) for side in image.size)
    resample = Image.Resampling.NEAREST if zoom > 1 else Image.Resampling.LANCZOS
    return image_html(image.resize((2 * width, 2 * height), resample), alt, width)  # sharp on fine screens, too
