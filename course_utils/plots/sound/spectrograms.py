"""A figure of recordings as a network sees them, with a player below each."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from IPython.display import display
from matplotlib.figure import Figure

from course_utils.data.sound.spectrograms import RATE, log_mel, mel_middles
from course_utils.display.figures import add_title, figure_html
from course_utils.display.players import player_html
from course_utils.errors import CourseError

MOST = 8
MARKED = (250, 500, 1000, 2000, 3500)  # Hz, on the vertical axis


def plot_spectrograms(
    waves: Mapping[str, Any], *, players: bool = True, title: str | None = None, alt: str | None = None
) -> None:
    """Show the log-mel spectrogram of each recording, and a player for it.

    Parameters
    ----------
    waves : mapping
        Caption → samples (n,), 8,000 a second; eight at most.
    players : bool
        Whether each can be heard as well.

    Raises
    ------
    CourseError
        Without a recording, or with more than eight (`plots.no-sounds`).
    """
    if not 0 < len(waves) <= MOST:
        raise CourseError(f"1 to {MOST} recordings are shown at once: give fewer.", code="plots.no-sounds")
    samples = {caption: np.asarray(wave, np.float32) for caption, wave in waves.items()}
    longest = max(map(len, samples.values()))
    columns = min(4, len(samples))
    rows = -(-len(samples) // columns)
    figure = Figure(figsize=(2.5 * columns, 0.6 + 1.9 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    middles = mel_middles()
    for axis, (caption, wave) in zip(panels, samples.items(), strict=False):
        found = log_mel(torch.from_numpy(np.pad(wave, (0, longest - len(wave))))[None])[0, 0].numpy()
        axis.imshow(found, origin="lower", aspect="auto", cmap="magma", extent=(0, longest / RATE, 0, len(found)))
        axis.set_yticks([int(np.abs(middles - mark).argmin()) + 0.5 for mark in MARKED], list(map(str, MARKED)))
        axis.set_title(caption, fontsize="small")
        axis.grid(False)
    for axis in panels[len(samples) :]:
        axis.set_visible(False)
    figure.supxlabel("seconds", fontsize="medium")
    figure.supylabel("Hz", fontsize="medium")
    title = title or "Which frequencies are loud, and when"
    add_title(figure, title)
    told = "; ".join(f"{caption}: {len(wave) / RATE:.2f} s" for caption, wave in samples.items())
    alt = alt or f"{title}. Spectrograms, frequency against time, bright where it is loud. {told}."
    sounds = "".join(player_html(wave, caption) for caption, wave in samples.items()) if players else ""
    display({"text/html": f"{figure_html(figure, alt)}<div>{sounds}</div>", "text/plain": alt}, raw=True)
