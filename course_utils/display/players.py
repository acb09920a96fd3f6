"""Recordings in a notebook: a player that holds its sound, so that it works anywhere and without a file."""

import base64
import html
import io
import wave
from typing import Any

import numpy as np

RATE = 8_000  # samples a second


def player_html(samples: Any, caption: str) -> str:
    """Return an audio player for samples (n,) between -1 and 1, 8,000 a second, with its caption."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(np.asarray(samples, np.float64), -1, 1) * 32767).astype("<i2").tobytes())
    source = "data:audio/wav;base64," + base64.b64encode(content.getvalue()).decode()
    told = html.escape(caption)
    return (
        f'<figure style="display:inline-block;margin:0 1em .5em 0"><figcaption>{told}</figcaption>'
        f'<audio controls preload="none" aria-label="{told}" style="width:14em" src="{source}"></audio></figure>'
    )
