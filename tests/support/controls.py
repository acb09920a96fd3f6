"""What a test sees of a control: what it shows in a notebook, and where its marks are."""

import re

from course_utils.display import widgets


def shown(control, monkeypatch) -> dict:
    """Return what a control displays: the data that stand for it, and its view."""
    outputs = []
    monkeypatch.setattr(widgets, "display", lambda data, raw: outputs.append(data))
    control._ipython_display_()
    still, live = outputs
    return {**still, **live, "text/html": widgets.static_part(still["text/html"])}


def marks(control) -> list[tuple[float, float]]:
    """Return left and top of each mark, in percent of the figure's size."""
    found = re.findall(r"<span[^>]*left:([\d.]+)%;top:([\d.]+)%", control.shown.value)
    return [(float(left), float(top)) for left, top in found]
