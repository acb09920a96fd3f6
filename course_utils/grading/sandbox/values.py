"""Values as JSON: the only thing that a worker sends back. Each is rebuilt from exact built-in types, never unpickled.

An array is {"array": [dtype, shape, base64, "numpy" or "torch"]}; what has no form here {"other": "its type's name"}.
Subclasses go as what they are: a Counter as a dict, a named tuple as a tuple. Tables, records and iterators have
classes of their own below, so that nothing but numpy is needed where they are compared.
"""

import base64
import dataclasses
import enum
import io
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

from course_utils.grading.sandbox.functions import KINDS, Packer, Unpacker
from course_utils.grading.sandbox.functions import inside as inside_function
from course_utils.grading.sandbox.tables import (
    Table,
    Time,
    encoded_table,
    encoded_time,
    is_a,
    native_time,
    pandas_table,
)

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
    """A dataclass's instance or a member of an enumeration: its class's name and its fields."""

    kind: str
    fields: dict


@dataclass
class Limits:
    """What is left of a value that is written or read. functions: how those are sent or rebuilt, where they may be."""

    parts: int = MOST_PARTS
    functions: Packer | Unpacker | None = None


def encode(value: Any, functions: bool = False) -> Any:
    """A value as JSON takes it. NoValue when it is too large or too deep.

    functions: send them too, as an author's inputs; else they are no values
    """
    return _encode(value, 0, Limits(functions=Packer() if functions else None))


def _encode(value: Any, depth: int, left: Limits) -> Any:
    kind = type(value)
    left.parts -= 1
    if depth > MOST_DEEP or left.parts < 0:
        raise NoValue(
            f"it is nested deeper than {MOST_DEEP} levels, or holds itself"
            if depth > MOST_DEEP
            else f"it has more than {MOST_PARTS} parts, or never ends"
        )
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
        try:
            return {"float": float(value).hex()}
        except (OverflowError, ValueError):  # too large, or a signalling NaN
            return {"float": "nan"}
    pandas = sys.modules.get("pandas")
    if pandas and (value is pandas.NA or value is pandas.NaT):
        return {"float": "nan"}
    return None


def _encode_array(value: Any, data: Any, name: str, depth: int, left: Limits) -> Any:
    if data.dtype.kind in "mM":
        times = [encoded_time(one) for one in data.ravel()]
        return {"times": [str(data.dtype), list(data.shape), times]} if data.shape else encoded_time(data[()])
    if data.dtype.kind in "fc" and str(data.dtype) not in DTYPES:  # of more digits, or other order of bytes
        data = data.astype("complex128" if data.dtype.kind == "c" else "float64")
    if str(data.dtype) not in DTYPES:
        return _encode(data.tolist(), depth + 1, left)  # texts, objects
    if data.nbytes > MOST_BYTES:
        raise NoValue(f"an array of {data.nbytes / 1e6:.0f} MB is too large")
    if not data.shape and name == "numpy" and not is_a(value, "numpy", "ndarray"):
        return _encode(data.item(), depth + 1, left)  # numpy's numbers
    return {"array": [str(data.dtype), list(data.shape), base64.b64encode(data.tobytes()).decode(), name]}


def _encode_rest(value: Any, kind: type, depth: int, left: Limits) -> Any:
    """Tables, records, iterators; the others by their type's name."""

    def inside(part: Any) -> Any:
        return _encode(part, depth + 1, left)

    if (table := encoded_table(value, inside, DTYPES)) is not None:
        return table
    if is_a(value, "pandas", "Index"):
        return {"parts": ["Index", [inside(part) for part in value]]}
    if (time := encoded_time(value)) is not None:
        return time
    if left.functions and (sent := left.functions.packed(value, inside)) is not None:  # type: ignore[union-attr]
        return sent
    if isinstance(value, enum.Enum):
        return {"record": [str(kind.__name__)[:100], inside({"name": value.name})]}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
        return {"record": [str(kind.__name__)[:100], _encode(fields, depth + 1, left)]}
    if isinstance(value, ITERATED) and not isinstance(value, io.IOBase):
        parts = list(islice(value, left.parts + 1))
        return {"parts": [str(kind.__name__)[:100], [_encode(part, depth + 1, left) for part in parts]]}
    return {"other": kind.__name__[:100] if type(kind.__name__) is str else "thing"}


def _as_array(value: Any) -> tuple[Any, str] | None:
    """(numpy array, where it came from) of arrays, tensors and numpy's numbers."""
    if is_a(value, "torch", "Tensor"):
        import torch

        plain = torch.Tensor.as_subclass(value, torch.Tensor).detach().cpu().resolve_conj().resolve_neg()
        return (plain.float() if plain.dtype == torch.bfloat16 else plain).contiguous().numpy(), "torch"
    if is_a(value, "numpy", "ndarray") or is_a(value, "numpy", "generic"):
        import numpy as np

        return np.asarray(value), "numpy"
    return None


def decode(sent: Any, native: bool = False) -> Any:
    """The value of what `encode` gave; nothing in it has a class but Python's own, numpy's arrays and those above.

    native: rebuild torch's tensors, pandas' tables, times and functions as such: in a worker alone, never where the
    keys are
    """
    try:
        return _decode(sent, 0, native, Limits(functions=Unpacker() if native else None))
    except NoValue:
        raise
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, AttributeError) as error:
        raise NoValue(f"this is no value: {type(error).__name__}") from None


def _decode(sent: Any, depth: int, native: bool, left: Limits) -> Any:
    left.parts -= 1
    if left.parts < 0:
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
        if kind in ("list", "tuple"):
            return _MANY[kind](parts)
        return next((one for one in parts if type(one) is Other), None) or _MANY[kind](_unlike(parts))
    if kind == "dict" and type(content) is list:
        pairs = [[_decode(part, depth + 1, native, left) for part in pair] for pair in content]
        keys = _unlike([key for key, _ in pairs])
        return dict(zip(keys, (value for _, value in pairs), strict=True))
    if kind == "array":
        return _array(*content, native)  # type: ignore[call-arg]  # another length is a TypeError, which is caught
    if kind == "other" and type(content) is str:
        return Other(content[:100])
    return _decode_rest(kind, content, depth, native, left)


def _decode_rest(kind: Any, content: Any, depth: int, native: bool, left: Limits) -> Any:
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

    def inside(part: Any) -> Any:
        return _decode(part, depth + 1, native, left)

    if kind == "time":
        name, text = map(_text, content)
        return native_time(name, text) if native else Time(text)
    if kind == "times":
        dtype, shape, times = content
        return _times(dtype, shape, [inside(one) for one in times], native)
    if kind == "table":
        is_series, labels, index, columns, form = content
        table = _table(is_series is True, inside(labels), inside(index), [inside(one) for one in columns])
        return pandas_table(table, form, inside) if native else table
    if kind in KINDS:
        return left.functions.unpacked(kind, content, inside) if native else inside_function(kind, content, inside)  # type: ignore[union-attr]
    raise NoValue(f"there is no kind of value {str(kind)[:20]!r}")


def _text(content: Any) -> str:
    if type(content) is not str:
        raise NoValue("a name was expected")
    return content[:100]


def _table(is_series: bool, labels: Any, index: Any, columns: list) -> Table:
    if not (type(labels) is type(index) is list and all(type(one) is list or hasattr(one, "dtype") for one in columns)):
        raise NoValue("no table has that form")
    if any(len(one) != len(index) for one in columns) or len(columns) != (1 if is_series else len(labels)):
        raise NoValue("a table's columns differ in length")
    return Table(is_series, labels, index, columns)


def _times(dtype: str, shape: list[int], found: list, native: bool) -> Any:
    """An array of times: as such, or as lists."""
    if native:
        import numpy as np

        return np.array([one if one == one else "NaT" for one in found], dtype).reshape(shape)
    if type(shape) is not list or not all(type(one) is int and one > 0 for one in shape) or len(shape) > MOST_DEEP:
        return found
    for length in shape[:0:-1]:
        found = [found[start : start + length] for start in range(0, len(found), length)]
    return found


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
