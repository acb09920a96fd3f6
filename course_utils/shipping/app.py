"""An app for a saved network: upload a photo in the browser, and see the classes with their probabilities."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils.errors import CourseError
from course_utils.shipping.saving import SavedNetwork, load_network

if TYPE_CHECKING:
    import gradio


def make_app(network: SavedNetwork | Path | str, title: str, told: str = "") -> "gradio.Interface":
    """Make the app; `make_app(...).launch()` serves it on this machine.

    Parameters
    ----------
    network : SavedNetwork, Path or str
        What `load_network` gave, or the folder that it lies in.
    title, told : str
        Above the photo, and what it is for and not for, below.

    Raises
    ------
    CourseError
        `shipping.extra-missing` without gradio; what `load_network` raises.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # or each start would be reported to its makers
    try:
        import gradio
    except ImportError as problem:
        raise CourseError(
            'The app needs gradio: install it with pip install "fine-tuning-course[app]".',
            code="shipping.extra-missing",
        ) from problem
    loaded = network if isinstance(network, SavedNetwork) else load_network(network)

    def classify(photo: str | None) -> dict[str, float]:
        if photo is None:
            raise gradio.Error("Upload a photo first.")
        try:
            return loaded.predict(photo)
        except CourseError as refusal:
            raise gradio.Error(str(refusal)) from refusal

    return gradio.Interface(
        classify,
        gradio.Image(type="filepath", label="Photo"),
        gradio.Label(label="What it shows"),
        title=title,
        description=told,
        flagging_mode="never",
    )
