"""What controls share that take a file of the learner's: a button that uploads, in Lab and on Colab."""

import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

import ipywidgets as widgets

from course_utils.controls.answers import AnsweringControl

# A Jupyter server drops a larger message unless it is told otherwise, and neither the kernel nor the page learns of it.
MOST_BYTES = 10_000_000  # what a server takes that isn't told otherwise; ours is told to take more, so we see it here
# Colab's server drops those from 1 MB on, as most photos are. Its own dialogue takes them in parts.
COLAB = "google.colab"


class UploadingControl(AnsweringControl):
    """A button that uploads a file, and the answer to it.

    Attributes
    ----------
    upload : FileUpload or Button
        The button; on Colab it opens Colab's own dialogue.
    dialogue : Output
        Where that dialogue stands.
    row : list of widgets
        The button and the sentence beside it.
    """

    def make_upload(self, what: str, accept: str, hint: str, smaller: str, answer: Callable[[bytes, str], str]) -> None:
        """Make the button.

        Parameters
        ----------
        what : str
            What is uploaded: "an image".
        accept : str
            The kinds of files that the browser offers.
        hint : str
            The sentence beside the button.
        smaller : str
            What to do about a file that is too large.
        answer : callable
            Writes the answer to a file's content and name.
        """
        self.smaller, self.answer_to = smaller, answer
        look = {"description": f"Upload {what}", "layout": widgets.Layout(width="auto")}
        self.dialogue = widgets.Output()
        if COLAB in sys.modules:
            self.upload = widgets.Button(**look)
            self.upload.on_click(self._ask_colab)
        else:
            self.upload = widgets.FileUpload(accept=accept, multiple=False, **look)
            self.upload.observe(lambda change: self._take(_uploaded(change["new"])), "value")
        self.upload.tooltip = hint  # ipywidgets 8 would show "null" instead; 7's FileUpload has no such trait
        self.row = [self.upload, widgets.HTML(hint)]

    def boxed(self, *parts: widgets.Widget) -> widgets.VBox:
        """Put the button, Colab's dialogue where there is one, and further parts below each other."""
        return widgets.VBox([widgets.HBox(self.row), *([self.dialogue] if COLAB in sys.modules else []), *parts])

    def _ask_colab(self, button: widgets.Button) -> None:
        """Open Colab's dialogue, which waits for the learner, and answer what comes."""
        button.disabled = True  # a second dialogue would wait for the first
        chosen: Mapping[str, bytes] = {}
        with self.dialogue:
            try:
                chosen = import_module(f"{COLAB}.files").upload()
            except Exception as problem:
                self.refuse(f"Colab's upload failed: {' '.join(str(problem).split())}. Run this cell again.")
        self.dialogue.clear_output()
        button.disabled = False
        self._take(chosen.items())

    def _take(self, files: Iterable[tuple[str, bytes]]) -> None:
        for name, content in files:
            if len(content) > MOST_BYTES:
                size = f"{name} has {len(content) / 1e6:.1f} MB, and at most 10 MB can be uploaded"
                self.refuse(f"{size}: {self.smaller}.")
                continue
            self.try_to_answer(partial(self.answer_to, content, name), name)


def _uploaded(value: Any) -> list[tuple[str, bytes]]:
    """Return names and contents in a FileUpload's value: a dict by name in ipywidgets 7, a tuple of dicts in 8."""
    if isinstance(value, dict):
        return [(name, bytes(file["content"])) for name, file in value.items()]
    return [(file["name"], bytes(file["content"])) for file in value]
