"""trade_words: the words of a ward, a warehouse or a workshop, spoken by voices of a synthesizer."""

from functools import cache
from typing import Any

import pandas as pd
from fastai.torch_basics import delegates

from course_utils.data.options import SplitOptions, check_known
from course_utils.data.sound.sounds import Sounds, divide
from course_utils.data.sound.spoken import read_spoken
from course_utils.errors import CourseError

TRADES = ("ward", "warehouse", "workshop")
SECONDS = 1.2


@delegates(SplitOptions)
def trade_words(
    n_per_class: int | None = None,
    *,
    trade: str = "ward",
    by: str = "chance",
    speaker: str | None = None,
    split: tuple[float, float] = (8, 8),
    **kwargs: Any,
) -> Sounds:
    """Load recordings of the twelve words of a trade, as tables of three splits.

    They are words that everyday vocabularies lack, such as "metoprolol", "dunnage" and "ferrule", each spoken four
    times by ten voices of the synthesizer espeak-ng, with noise and the echo of a room. The course's own network for
    speech has heard neither the words nor the voices.

    Parameters
    ----------
    trade : str
        "ward", "warehouse" or "workshop".
    by : "chance" or "speaker"
        By chance, each voice may be heard in each set. By speaker, two of the ten are heard in the test set alone, and
        two others in the validation set alone.
    speaker : str, optional
        Who is kept for testing, with `by="speaker"`: "voice 1" to "voice 10"; None lets the seed choose two.
    split : (float, float)
        The size of the validation and of the test set, as in `SplitOptions`.
    n_per_class, **kwargs
        The options of `SplitOptions`.

    Raises
    ------
    CourseError
        `data.unknown-trade`, `data.bad-option`; `data.extra-missing` without the extra `sound`; those of
        `split_by_class`.
    """
    check_known(kwargs, "trade_words", SplitOptions)
    if trade not in TRADES:
        raise CourseError(
            f"There is no trade {trade!r}: choose 'ward', 'warehouse' or 'workshop'.", code="data.unknown-trade"
        )
    table = _spoken(trade)
    options = SplitOptions(n_per_class=n_per_class, split=split, **kwargs)
    what = f"words of a {trade} spoken by a synthesizer"
    classes = sorted(table.label.unique())
    return divide(table, classes, options, by=by, speaker=speaker, what=what, seconds=SECONDS, real=False)


@cache
def _spoken(trade: str) -> pd.DataFrame:
    table = read_spoken("trades")
    return table[table.trade == trade].drop(columns=["trade", "take"]).reset_index(drop=True)
