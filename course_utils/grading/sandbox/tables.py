"""Tables and times as values: a Series or DataFrame travels by its labels, index and columns, a time by its text.

Where they are compared, neither pandas nor what they were is needed. Where they are inputs, they are rebuilt as they
were: dtypes, names of the index, several levels, dates, missing values.
"""

import datetime
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MISSING = {"float": "nan"}  # None, NaN, NaT and pandas' NA are one in a table, as for who reads it


@dataclass(eq=False)
class Table:
    """A pandas table: its columns' labels, its index, and each column as an array or a list.

    A series is a table of one column without a label.
    """

    is_series: bool
    labels: list
    index: list
    columns: list


@dataclass(frozen=True)
class Time:
    """A date, time or duration, where it is compared."""

    text: str


def is_a(value: Any, module: str, name: str) -> bool:
    """Whether a value is of a library's class, which need not be loaded."""
    found = getattr(sys.modules.get(module), name, None)
    return isinstance(found, type) and isinstance(value, found)


def encoded_table(value: Any, encode: Callable[[Any], Any], plain: set[str]) -> Any:
    """What is sent of a Series or DataFrame; None of anything else. plain: the dtypes that travel as arrays."""
    if is_a(value, "pandas", "DataFrame"):
        labels, columns = list(value.columns), [value.iloc[:, n] for n in range(value.shape[1])]
        names = list(value.columns.names)
    elif is_a(value, "pandas", "Series"):
        labels, columns, names = None, [value], [value.name]
    else:
        return None
    cells = [
        encode(one.to_numpy()) if str(one.dtype) in plain else {"list": [_cell(part, encode) for part in one.tolist()]}
        for one in columns
    ]
    form = {
        "dtypes": [str(one.dtype) for one in columns],
        "index": [str(value.index.dtype), getattr(value.index, "nlevels", 1) > 1],
        "names": encode(list(value.index.names)),
        "labels": encode(names),
    }
    index = {"list": [_cell(part, encode) for part in value.index]}
    return {"table": [labels is None, encode(labels or []), index, cells, form]}


def _cell(value: Any, encode: Callable[[Any], Any]) -> Any:
    return MISSING if value is None else encode(value)


def pandas_table(table: Table, form: dict, decode: Callable[[Any], Any]) -> Any:
    """The Series or DataFrame as it was."""
    import pandas as pd

    dtype, many = form["index"]
    names, labels = decode(form["names"]), decode(form["labels"])
    if many:
        index = pd.MultiIndex.from_tuples(table.index, names=names)
    else:
        index = pd.Index(table.index, name=names[0], tupleize_cols=False)
        index = _as(index, dtype)
    columns = [_as(pd.Series(one, index=index), of) for one, of in zip(table.columns, form["dtypes"], strict=True)]
    if table.is_series:
        return columns[0].rename(labels[0])
    made = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=index)
    several = len(labels) > 1
    made.columns = pd.MultiIndex.from_tuples(table.labels, names=labels) if several else pd.Index(table.labels)
    if not several:
        made.columns.name = labels[0]
    return made


def _as(values: Any, dtype: str) -> Any:
    """With the dtype that they had, where it can be named."""
    try:
        return values if str(values.dtype) == dtype else values.astype(dtype)
    except (TypeError, ValueError):
        return values


def encoded_time(value: Any) -> Any:
    """What is sent of a date, time or duration of Python, numpy or pandas; None of anything else."""
    if is_a(value, "numpy", "datetime64") or is_a(value, "numpy", "timedelta64"):
        import numpy as np

        if np.isnat(value):
            return MISSING
        long = isinstance(value, np.timedelta64)
        fine = value.astype("timedelta64[us]" if long else "datetime64[us]")
        if long and not isinstance(fine.item(), datetime.timedelta):  # years and months have no length
            return {"time": [str(value.dtype), str(value)]}
        return {"time": [str(value.dtype), _duration(fine.item()) if long else fine.item().isoformat()]}
    if isinstance(value, datetime.timedelta):
        return {"time": ["Timedelta" if is_a(value, "pandas", "Timedelta") else "timedelta", _duration(value)]}
    if isinstance(value, (datetime.date, datetime.time)):
        kind = "Timestamp" if is_a(value, "pandas", "Timestamp") else type(value).__name__
        return {"time": [kind, value.isoformat()]}
    return None


def _duration(value: datetime.timedelta) -> str:
    """In microseconds, exactly."""
    return f"{(value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds} us"


def native_time(kind: str, text: str) -> Any:
    """The date, time or duration as it was."""
    if kind in ("Timestamp", "Timedelta"):
        import pandas as pd

        return pd.Timestamp(text) if kind == "Timestamp" else pd.Timedelta(int(text.split()[0]), "us")
    if kind == "timedelta":
        return datetime.timedelta(microseconds=int(text.split()[0]))
    if kind in ("date", "time", "datetime"):
        return getattr(datetime, kind).fromisoformat(text)
    import numpy as np

    dtype = np.dtype(kind)
    if dtype.kind == "M":
        return np.datetime64(text).astype(dtype)
    return np.timedelta64(int(text.split()[0]), "us").astype(dtype)
