"""A control that classifies the learner's own recording of a word."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import ipywidgets as widgets
import numpy as np
from fastai.learner import Learner

from course_utils.controls.microphone import Microphone
from course_utils.controls.uploads import UploadingControl
from course_utils.data.sound.reading import FORMATS, read_sound
from course_utils.display.players import player_html
from course_utils.display.widgets import show_control
from course_utils.tasks.sound import classify_sound

Classify = Callable[[np.ndarray], Mapping[str, float]]
HINT = "WAV, FLAC, Ogg or MP3 of one word, at most 10 seconds"
RECORDED = "Your recording"


class SoundControl(UploadingControl):
    """Buttons to upload and to record, a player, and what the classifier hears; made by `sound_control`.

    Attributes
    ----------
    microphone : Microphone
        The button that records.
    """

    def __init__(self, classify: Learner | Classify, example: Any) -> None:
        self.classify = partial(classify_sound, classify) if isinstance(classify, Learner) else classify
        self.answer = widgets.HTML(self._answer(np.asarray(example, np.float32), "The example"))
        accept = f"audio/*,{','.join(FORMATS)}"
        self.make_upload("a recording", accept, HINT, "cut it to one word, or save it as FLAC", self._read)
        self.microphone = Microphone(
            lambda content: self.try_to_answer(lambda: self._read(content, RECORDED), RECORDED)
        )
        self.box = self.boxed(self.microphone.box, self.answer)

    def _read(self, content: bytes, name: str) -> str:
        return self._answer(read_sound(content, name), name)

    def _answer(self, wave: np.ndarray, name: str) -> str:
        return player_html(wave, name) + self.told(name, self.classify(wave))

    def _ipython_display_(self) -> None:
        show_control(
            self.box,
            self.answer.value,
            f"Upload or record a word. The example is classified as {self.result}.",
            "it takes a recording of yours again",
        )


def sound_control(classify: Learner | Classify, example: Any) -> SoundControl:
    """Let the learner upload or record a word and read what the classifier hears; the example is classified at once.

    A recording that can't be read gets one sentence in the control, and so does a page that may not use the microphone.

    Parameters
    ----------
    classify : Learner or callable
        A Learner of sounds, or a function from samples (n,), 8,000 a second, to the probability (0 to 1) of each word.
    example : (n,) array
        The recording to begin with.
    """
    return SoundControl(classify, example)
