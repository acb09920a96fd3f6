"""Warnings of other libraries that a learner can do nothing about."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils import environment

ROOT = Path(__file__).parents[2]
WARN = "import warnings; warnings.warn_explicit({!r}, FutureWarning, 'file.py', 1, module='torch.jit._script')"


def test_known_warnings_are_hidden_in_processes_started_from_here_too(monkeypatch):
    monkeypatch.setenv("PYTHONWARNINGS", "error::SyntaxWarning")
    environment.silence_known_warnings()
    environment.silence_known_warnings()
    assert os.environ["PYTHONWARNINGS"].count(",") == 1, "a setting from outside stays, ours is added once"

    def said(message: str) -> str:
        return subprocess.run([sys.executable, "-c", WARN.format(message)], capture_output=True, text=True).stderr

    assert said("`torch.jit.script` is deprecated. Please switch.") == ""
    assert "something else" in said("something else is deprecated")


@pytest.mark.parametrize("file", ["Makefile", "binder/start"])
def test_jupyterlab_is_started_so_that_they_are_hidden_before_the_setup_cell_runs(monkeypatch, file):
    monkeypatch.delenv("PYTHONWARNINGS", raising=False)
    environment.silence_known_warnings()
    text = (ROOT / file).read_text(encoding="utf-8")
    assert os.environ["PYTHONWARNINGS"] in text and "PYTHONWARNINGS='" in text
