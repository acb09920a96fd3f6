"""How a result reaches the notebook: a sentence that stands out, and a table, each with the same as plain text."""

import html
import math
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import display

from course_utils import settings

# Half-transparent on whatever the theme's background is, so that the text keeps the theme's own contrast.
RESULT = "border-left:4px solid #0072B2;background:rgba(0,114,178,.12);padding:.5em .8em;margin:.3em 0"
NOTE = "This came out otherwise than the text says. A changed number, seed or network can do that: just go on."


def show_result(sentence: str, expected: bool = True) -> None:
    """Display a lesson's result so that it stands out, and say softly when it isn't what the text expects.

    Parameters
    ----------
    sentence : str
        The result, with its figures.
    expected : bool
        Whether it came out as the lesson's text says. Where not, one more sentence says so, and running all cells goes
        on: learners are free to change a number.

    Raises
    ------
    AssertionError
        When it came out otherwise and COURSE_STRICT=1 is set, as tests do.
    """
    lines = [sentence] if expected else [sentence, NOTE]
    shown = html.escape(sentence) + ("" if expected else f"<br><em>{NOTE}</em>")
    display(
        {"text/html": f'<div class="result" style="{RESULT}">{shown}</div>', "text/plain": "\n".join(lines)}, raw=True
    )
    if settings.strict():
        assert expected, f"{sentence}: not what the text says"


def show_table(rows: pd.DataFrame | Iterable[Mapping[str, Any]], caption: str = "", decimals: int = 3) -> None:
    """Display a table that keeps to the page's theme, without an index that only counts.

    Parameters
    ----------
    rows : DataFrame or iterable of mappings
        A mapping a row, column → value.
    caption : str
        What the table holds, said above it.
    decimals : int
        Of numbers that aren't whole.
    """
    table = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    counts = isinstance(table.index, pd.RangeIndex)
    text = table.map(lambda value: _written(value, decimals))
    shown = table_html(text, index=not counts)
    plain = text.to_string(index=not counts)
    if caption:
        shown, plain = f"<p><strong>{html.escape(caption)}</strong></p>{shown}", f"{caption}\n{plain}"
    display({"text/html": shown, "text/plain": plain}, raw=True)


def table_html(text: pd.DataFrame, index: bool = True) -> str:
    """Render a table of texts as HTML without ids or colours of its own: any theme styles it, a page may hold many.

    Columns of words begin at the left, those of numbers end at the right, each with its heading: Lab puts all cells at
    the right.
    """
    words = [_is_of_words(text.iloc[:, place]) for place in range(text.shape[1])]
    head = "".join(_cell("th", name, left) for name, left in zip(text.columns, words, strict=True))
    lines = [f"<tr>{'<th></th>' if index else ''}{head}</tr>"]
    for name, row in zip(text.index, text.itertuples(index=False), strict=True):
        cells = "".join(_cell("td", value, left) for value, left in zip(row, words, strict=True))
        lines.append(f"<tr>{_cell('th', name, True) if index else ''}{cells}</tr>")
    first, *rest = lines
    body = "\n".join(rest)
    return f'<table class="dataframe">\n<thead>{first}</thead>\n<tbody>\n{body}\n</tbody>\n</table>'


def _cell(kind: str, value: Any, left: bool) -> str:
    return f'<{kind} style="text-align:{"left" if left else "right"}">{html.escape(str(value))}</{kind}>'


def _is_of_words(column: pd.Series) -> bool:
    """Whether some value begins with a letter: "54.9% ± 2.2", "+3.4", "–" and "" are numbers, or the lack of one."""
    return any(str(value)[:1].isalpha() for value in column)


def _written(value: Any, decimals: int) -> str:
    if isinstance(value, Real) and not isinstance(value, bool | np.bool_):
        if math.isnan(value):
            return "–"
        return f"{value:,}" if isinstance(value, Integral) else f"{value:,.{decimals}f}"
    return str(value)


def points(mean: float, half: float) -> str:
    """Write a mean and half its interval, of shares, in percentage points: "+3.4 ± 1.2"."""
    return f"{100 * mean:+.1f} ± {100 * half:.1f}"
