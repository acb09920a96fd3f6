"""Results and tables: what stands out, what stands beside it as text, and what is said softly."""

import re

import pandas as pd
import pytest

from course_utils.display import points, results, show_result, show_table


@pytest.fixture
def shown(monkeypatch):
    """What was displayed: one bundle a call."""
    bundles = []
    monkeypatch.setattr(results, "display", lambda bundle, raw: bundles.append(bundle))
    monkeypatch.delenv("COURSE_STRICT", raising=False)
    return bundles


def test_a_result_is_the_same_sentence_in_html_and_as_text(shown):
    show_result("right: 70.0% <before>")
    (bundle,) = shown
    assert bundle["text/plain"] == "right: 70.0% <before>"
    assert "right: 70.0% &lt;before&gt;" in bundle["text/html"] and results.NOTE not in bundle["text/html"]


def test_another_result_than_the_texts_is_said_softly_and_all_cells_go_on(shown):
    show_result("right: 30.0%", expected=False)
    (bundle,) = shown
    assert bundle["text/plain"].splitlines() == ["right: 30.0%", results.NOTE] and results.NOTE in bundle["text/html"]


def test_in_tests_another_result_is_an_error(shown, monkeypatch):
    monkeypatch.setenv("COURSE_STRICT", "1")
    show_result("right: 70.0%")
    with pytest.raises(AssertionError, match="not what the text says"):
        show_result("right: 30.0%", expected=False)


def test_a_table_hides_an_index_that_only_counts(shown):
    show_table([{"way": "a<b", "score": 0.12345, "images": 12000}, {"way": "c", "score": float("nan"), "images": 7}])
    (bundle,) = shown
    assert bundle["text/plain"].splitlines()[1].split() == ["a<b", "0.123", "12,000"]
    assert bundle["text/plain"].splitlines()[2].split() == ["c", "–", "7"]
    assert "a&lt;b" in bundle["text/html"] and "<th>0</th>" not in bundle["text/html"]


def test_a_table_keeps_an_index_that_names_and_a_caption(shown):
    show_table(pd.DataFrame({"moved": [3]}, index=["weight"]), "what <moved>", decimals=1)
    (bundle,) = shown
    assert ">weight</th>" in bundle["text/html"] and "what &lt;moved&gt;" in bundle["text/html"]
    assert bundle["text/plain"].splitlines()[0] == "what <moved>"
    assert "color" not in bundle["text/html"] and " id=" not in bundle["text/html"]  # the theme's own, and any number


def test_words_begin_at_the_left_and_numbers_end_at_the_right_with_their_headings(shown):
    rows = [{"way": "SVM", "score": "54.9% ± 2.2", "gain": "–"}, {"way": "3 layers", "score": "+3.4", "gain": 0.5}]
    show_table(rows)
    cells = re.findall(r'<(t[hd]) style="text-align:(\w+)">(.*?)</t', shown[0]["text/html"])
    sides = {text: side for _, side, text in cells}
    assert len(cells) == 9 and {text for text, side in sides.items() if side == "left"} == {"way", "SVM", "3 layers"}


def test_points_are_those_of_a_share():
    assert points(0.0345, 0.012) == "+3.5 ± 1.2" and points(-0.2, 0.0) == "-20.0 ± 0.0"
