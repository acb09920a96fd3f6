"""How far a long cell is: counted in place, quiet for one step, and gone at the end."""

import io
import sys

import pytest

from course_utils.display import steps as module
from course_utils.display.steps import Steps, steps


class Place:
    def __init__(self, shown):
        self.shown = shown

    def update(self, data, raw):
        self.shown.append((data["text/html"], data["text/plain"]))


@pytest.fixture
def shown(monkeypatch):
    """What a notebook's one place held, one after the other."""
    outputs = []
    monkeypatch.setattr(module, "get_ipython", lambda: type("Shell", (), {"kernel": True}))
    monkeypatch.setattr(module, "display", lambda data, raw, display_id: Place(outputs))
    return outputs


def test_a_notebook_counts_the_steps_and_holds_nothing_at_the_end(shown):
    assert list(steps("abc", 3, "runs")) == list("abc")
    assert [text.split(",")[0] for _, text in shown] == ["0 of 3 runs", "1 of 3 runs", "2 of 3 runs", "3 of 3 runs", ""]
    assert '<progress max="3" value="1" aria-label="runs">' in shown[1][0]
    assert shown[-1] == ("", "")


def test_one_step_and_none_are_too_few_to_be_shown(shown):
    assert list(steps("a", 1, "runs")) == ["a"] and list(steps("", 0, "runs")) == []
    assert shown == []


def test_what_was_stopped_says_how_far_it_came(shown):
    with pytest.raises(KeyboardInterrupt), Steps(5, "runs") as bar:
        bar.tell(2, "best <90%>")
        raise KeyboardInterrupt
    assert "2 of 5 runs, best &lt;90%&gt;" in shown[0][0]
    assert shown[-1] == ("2 of 5 runs were done.",) * 2


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("file", [Terminal(), io.StringIO()], ids=["terminal", "log"])
def test_a_terminal_shows_a_bar_and_a_log_none(monkeypatch, file):
    monkeypatch.setattr(sys, "stderr", file)
    assert list(steps([1, 2], 2, "runs")) == [1, 2]
    assert ("0 of 2 runs" in file.getvalue()) == file.isatty()
