"""The control for a word of one's own in a real JupyterLab: what the microphone hears is classified by the kernel."""

import re

import nbformat
import pytest
from playwright.sync_api import expect

CONTROL = """\
from course_utils.environment import setup
course = setup("00_start")
import numpy as np
from course_utils.controls import sound_control
def long_or_short(wave):
    share = min(len(wave) / 16_000, 1)
    return {"long": share, "short": 1 - share}
sound_control(long_or_short, np.sin(np.arange(1600)))"""

pytestmark = pytest.mark.timeout(900)


def test_a_recording_of_the_microphone_is_answered_in_lab(lab, page, request):
    page.context.grant_permissions(["microphone"])
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [nbformat.v4.new_code_cell(CONTROL)]
    notebook = lab.open(page, lab.write(request.node.name, nbformat.v4.new_notebook(cells=cells, metadata=kernel)))
    notebook.run_all(seconds=400)
    page.get_by_role("button", name="Record 2 seconds").press("Enter")
    answer = notebook.outputs("[role=status]").filter(has_text="Your recording")
    expect(answer).to_have_text(re.compile(r"Your recording: long \(\d+%\)"))
    assert notebook.problems() == []
