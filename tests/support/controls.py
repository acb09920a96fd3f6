"""What a test sees of a control, and how a file arrives at it."""

import datetime
import importlib.metadata
import mimetypes
import re

from course_utils.display import widgets

COLAB = "7.7.1"  # the version of ipywidgets that Colab has


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


def upload(button, name, content):
    """Let a file arrive at a FileUpload: what the browser does for it differs between the versions of ipywidgets."""
    if importlib.metadata.version("ipywidgets") == COLAB:
        button.set_state({"metadata": [{"name": name}], "data": [memoryview(content)], "_counter": button._counter + 1})
        return
    now = datetime.datetime.now(datetime.UTC)
    kind, _ = mimetypes.guess_type(name)
    file = {"name": name, "type": kind or "", "size": len(content), "last_modified": now}
    button.value = ({**file, "content": memoryview(content)},)
