"""A slider of a lesson as one of the page: what it shows at each value was kept when the lesson ran."""

import html
import json
import re
from typing import Any

from course_utils.display.widgets import marked_html, status_html


def slider_html(slider: dict[str, Any], static: str) -> str:
    """Render a slider; see static/slider.js for what makes it move.

    Parameters
    ----------
    slider : dict
        What `course_utils.display.widgets.slider_frames` gave.
    static : str
        The HTML that stands for the control, with its one figure.
    """
    figure = re.search(r"<figure.*?</figure>", static, re.S)
    start = slider["frames"][slider["start"]]
    marks = f'<span class="course-marks">{start["marks"]}</span>'
    frames = json.dumps(slider["frames"], ensure_ascii=False).replace("</", "<\\/")
    return (
        f'<div class="course-slider"><p><label>{html.escape(slider["label"])} '
        f'<input type="range" min="0" max="{len(slider["frames"]) - 1}" value="{slider["start"]}" '
        f'aria-valuetext="{html.escape(start["value"], quote=True)}"></label> '
        f"<output>{html.escape(start['value'])}</output></p>{status_html(start['said'])}"
        f"{marked_html(figure[0] if figure else '', [marks])}"
        f'<script type="application/json">{frames}</script></div>'
    )
