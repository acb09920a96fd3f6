"""Values as JSON: the only thing that a worker sends back. Each is rebuilt from exact built-in types, never unpickled.

An array is {"array": [dtype, shape, base64, "numpy" or "torch"]}; what has no form here {"other": "its type's name"}.
Subclasses go as what they are: a Counter as a dict, a named tuple as a tuple. Tables, records and iterators have
classes of their own below, so that nothing but numpy is needed where they are compared.
"""

import base64
import dataclasses
import datetime
import math
import sys
from collections import Counter, deque
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, islice
from operator import mul
from typing import Any

MOST_DEEP = 20
MOST_PARTS = 200_000  # parts of lists, dicts and sets, all together; rows of an array
MOST_BYTES = 16_000_000  # of one array
MOST_ALIKE = 100  # members of a set or keys of a dict that have one hash: each is compared with all the others
DTYPES = {"bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}
DTYPES |= {"float16", "float32", "float64", "complex64", "complex128"}
ITERATED = (Iterator, range, deque, KeysView, ValuesView, ItemsView)
_PLAIN = (type(None), bool, str)
_MANY = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}


class NoValue(ValueError):
    """What was sent is no value of this form, or too large a one."""


class Other:
    """Something that was no value: equal to nothing, not even to itself."""

    def __init__(self, kind: str):
        self.kind = kind

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]  # as Python has it for what is not hashable

    def __repr__(self) -> str:
        return f"<a {self.kind}>"


@dataclass(eq=False)
class Parts:
    """What a generator, a map, a range or their kin gave, in order."""

    kind: str
    parts: list


@dataclass(eq=False)
class Raised:
    """An error that a call ended with: the names of its class and of those that it comes from."""

    kinds: list[str]


@dataclass(eq=False)
class Record:
    """A dataclass's instance, or a time: its class's name and its fields."""

    kind: str
    fields: dict


@dataclass(eq=False)
class Table:
    """A pandas table: its columns' labels, its index, and each column as an array or a list.

    A series is a table of one column without a label.
    """

    is_series: bool
    labels: list
    index: list
    columns: list


def encode(value: Any) -> Any:
    """A value as JSON takes it. NoValue when it is too large or too deep."""
    return _encode(value, 0, [MOST_PARTS])


def _encode(value: Any, depth: int, left: list[int]) -> Any:
    kind = type(value)
    left[0] -= 1
    if depth > MOST_DEEP or left[0] < 0:
        raise NoValue("it is too deep" if depth > MOST_DEEP else "it has too many parts")
    if kind in _PLAIN:
        return value
    array = _as_array(value)
    if array is not None:
        return _encode_array(value, *array, depth, left)
    number = _encode_number(value)
    if number is not None:
        return number
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": base64.b64encode(value).decode()}
    for name, many in _MANY.items():
        if isinstance(value, many):
            return {name: [_encode(part, depth + 1, left) for part in value]}
    if isinstance(value, dict):
        return {"dict": [[_encode(part, depth + 1, left) for part in pair] for pair in dict.items(value)]}
    if kind is Raised:
        return {"raised": value.kinds}
    return _encode_rest(value, kind, depth, left)


def _encode_number(value: Any) -> Any:
    if isinstance(value, int):
        return {"int": hex(int.__index__(value))}  # of any size
    if isinstance(value, float):
        return {"float": float.hex(value)}
    if isinstance(value, complex):
        return {"complex": [value.real.hex(), value.imag.hex()]}
    if type(value) in (Decimal, Fraction):
        return {"float": float(value).hex()}
    pandas = sys.modules.get("pandas")
    if pandas and (value is pandas.NA or value is pandas.NaT):
        return {"float": "nan"}
    return None


def _encode_array(value: Any, data: Any, name: str, depth: int, left: list[int]) -> Any:
    if str(data.dtype) not in DTYPES:
        data = data.astype(str) if data.dtype.kind in "mM" else data
        return _encode(data.tolist(), depth + 1, left)  # texts, times, objects
    if data.nbytes > MOST_BYTES:
        raise NoValue(f"an array of {data.nbytes / 1e6:.0f} MB is too large")
    if not data.shape and name == "numpy" and not _is(value, "numpy", "ndarray"):
        return _encode(data.item(), depth + 1, left)  # numpy's numbers
    return {"array": [str(data.dtype), list(data.shape), base64.b64encode(data.tobytes()).decode(), name]}


def _encode_rest(value: Any, kind: type, depth: int, left: list[int]) -> Any:
    """Tables, records, iterators; the others by their type's name."""
    if _is(value, "pandas", "DataFrame"):
        columns = [value.iloc[:, n] for n in range(value.shape[1])]
        return _encode_table(value, list(value.columns), columns, depth, left)
    if _is(value, "pandas", "Series"):
        return _encode_table(value, None, [value], depth, left)
    if _is(value, "pandas", "Index"):
        return {"parts": ["Index", [_encode(part, depth + 1, left) for part in value]]}
    if isinstance(value, (datetime.date, datetime.time, datetime.timedelta)):
        text = str(value) if isinstance(value, datetime.timedelta) else value.isoformat()
        return {"record": ["time", {"dict": [["iso", text]]}]}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
        return {"record": [str(kind.__name__)[:100], _encode(fields, depth + 1, left)]}
    if isinstance(value, ITERATED):
        parts = list(islice(value, left[0] + 1))
        return {"parts": [str(kind.__name__)[:100], [_encode(part, depth + 1, left) for part in parts]]}
    return {"other": kind.__name__[:100] if type(kind.__name__) is str else "thing"}


def _encode_table(value: Any, labels: list | None, columns: list, depth: int, left: list[int]) -> Any:
    encoded = []
    for column in columns:
        plain = str(column.dtype) in DTYPES
        encoded.append(_encode(column.to_numpy() if plain else column.tolist(), depth + 1, left))
    index = _encode(list(value.index), depth + 1, left)
    return {"table": [labels is None, _encode(labels or [], depth + 1, left), index, encoded]}


def _is(value: Any, module: str, name: str) -> bool:
    found = getattr(sys.modules.get(module), name, None)
    return isinstance(found, type) and isinstance(value, found)


def _as_array(value: Any) -> tuple[Any, str] | None:
    """(numpy array, where it came from) of arrays, tensors and numpy's numbers."""
    if _is(value, "torch", "Tensor"):
        import torch

        plain = torch.Tensor.as_subclass(value, torch.Tensor).detach().cpu().resolve_conj().resolve_neg()
        return (plain.float() if plain.dtype == torch.bfloat16 else plain).contiguous().numpy(), "torch"
    if _is(value, "numpy", "ndarray") or _is(value, "numpy", "generic"):
        import numpy as np

        return np.asarray(value), "numpy"
    return None


def decode(sent: Any, native: bool = False) -> Any:
    """The value of what `encode` gave; nothing in it has a class but Python's own, numpy's arrays and those above.

    native: rebuild torch's tensors and pandas' tables as such: where the keys are, neither is imported
    """
    try:
        return _decode(sent, 0, native, [MOST_PARTS])
    except NoValue:
        raise
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, AttributeError) as error:
        raise NoValue(f"this is no value: {type(error).__name__}") from None


def _decode(sent: Any, depth: int, native: bool, left: list[int]) -> Any:
    left[0] -= 1
    if left[0] < 0:
        raise NoValue("it has too many parts")
    if type(sent) in _PLAIN:
        return sent
    if depth > MOST_DEEP + 2 or type(sent) is not dict or len(sent) != 1:
        raise NoValue("a value was expected")
    ((kind, content),) = sent.items()
    if kind == "int" and type(content) is str:
        return int(content, 16)
    if kind == "float":
        return float.fromhex(content)
    if kind == "complex":
        real, imaginary = content
        return complex(float.fromhex(real), float.fromhex(imaginary))
    if kind == "bytes":
        return base64.b64decode(content, validate=True)
    if kind in _MANY and type(content) is list:
        parts = [_decode(part, depth + 1, native, left) for part in content]
        return _MANY[kind](parts if kind in ("list", "tuple") else _unlike(parts))
    if kind == "dict" and type(content) is list:
        pairs = [[_decode(part, depth + 1, native, left) for part in pair] for pair in content]
        keys = _unlike([key for key, _ in pairs])
        return dict(zip(keys, (value for _, value in pairs), strict=True))
    if kind == "array":
        return _array(*content, native)  # type: ignore[call-arg]  # another length is a TypeError, which is caught
    if kind == "other" and type(content) is str:
        return Other(content[:100])
    return _decode_rest(kind, content, depth, native, left)


def _decode_rest(kind: Any, content: Any, depth: int, native: bool, left: list[int]) -> Any:
    if kind == "raised" and type(content) is list:
        return Raised([_text(name) for name in content[:100]])
    if kind == "parts":
        name, parts = content
        found = [_decode(part, depth + 1, native, left) for part in parts]
        return found if native else Parts(_text(name), found)
    if kind == "record":
        name, fields = content
        found = _decode(fields, depth + 1, native, left)
        if type(found) is dict:
            return Record(_text(name), found)
    if kind == "table":
        is_series, labels, index, columns = content
        labels, index = (_decode(part, depth + 1, native, left) for part in (labels, index))
        columns = [_decode(part, depth + 1, False, left) for part in columns]
        if not (
            type(labels) is type(index) is list and all(type(one) is list or hasattr(one, "dtype") for one in columns)
        ):
            raise NoValue("no table has that form")
        if any(len(one) != len(index) for one in columns) or len(columns) != (1 if is_series else len(labels)):
            raise NoValue("a table's columns differ in length")
        table = Table(is_series is True, labels, index, columns)
        return _pandas(table) if native else table
    raise NoValue(f"there is no kind of value {str(kind)[:20]!r}")


def _text(content: Any) -> str:
    if type(content) is not str:
        raise NoValue("a name was expected")
    return content[:100]


def _pandas(table: Table) -> Any:
    import pandas as pd

    columns = [pd.Series(one, index=pd.Index(table.index, tupleize_cols=True)) for one in table.columns]
    if table.is_series:
        return columns[0]
    made = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=table.index)
    made.columns = pd.Index(table.labels)
    return made


def _unlike(keys: list) -> list:
    """Keys as they are. NoValue when many have one hash: whoever chose them so wants to keep us busy for hours."""
    if keys and max(Counter(map(hash, keys)).values()) > MOST_ALIKE:
        raise NoValue("too many keys have the same hash")
    return keys


def _array(dtype: str, shape: list[int], data: str, source: str, native: bool) -> Any:
    import numpy as np

    if dtype not in DTYPES or type(shape) is not list or len(shape) > 32:
        raise NoValue("no array has that dtype or shape")
    if not all(type(length) is int and 0 <= length <= MOST_BYTES for length in shape):
        raise NoValue("no array has that shape")
    if sum(accumulate(shape[:-1], mul)) > MOST_PARTS:  # as lists in lists; an empty one can have billions
        raise NoValue("an array has too many rows")
    content = base64.b64decode(data, validate=True)
    if len(content) != math.prod(shape) * np.dtype(dtype).itemsize or len(content) > MOST_BYTES:
        raise NoValue("an array's bytes don't fill its shape")
    array = np.frombuffer(content, dtype).reshape(shape).copy()
    if native and source == "torch":
        import torch

        return torch.from_numpy(array)
    return array
