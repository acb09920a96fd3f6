"""Values as JSON: the only thing that a worker sends back. Each is rebuilt from exact built-in types, never unpickled.

An array is {"array": [dtype, shape, base64, "numpy" or "torch"]}; what has no form here {"other": "its type's name"}.
"""

import base64
import math
import sys
from collections import Counter
from itertools import accumulate
from operator import mul
from typing import Any

MOST_DEEP = 20
MOST_PARTS = 200_000  # parts of lists, dicts and sets, all together; rows of an array
MOST_BYTES = 16_000_000  # of one array
MOST_ALIKE = 100  # members of a set or keys of a dict that have one hash: each is compared with all the others
DTYPES = {"bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}
DTYPES |= {"float16", "float32", "float64", "complex64", "complex128"}
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
    if kind is int:
        return {"int": hex(value)}  # of any size
    if kind is float:
        return {"float": value.hex()}
    if kind is complex:
        return {"complex": [value.real.hex(), value.imag.hex()]}
    if kind is bytes:
        return {"bytes": base64.b64encode(value).decode()}
    for name, many in _MANY.items():
        if kind is many:
            return {name: [_encode(part, depth + 1, left) for part in value]}
    if kind is dict:
        return {"dict": [[_encode(part, depth + 1, left) for part in pair] for pair in value.items()]}
    array = _as_array(value)
    if array is not None:
        data, name = array
        if str(data.dtype) not in DTYPES:
            return _encode(data.tolist(), depth + 1, left)  # texts, objects
        if data.nbytes > MOST_BYTES:
            raise NoValue(f"an array of {data.nbytes / 1e6:.0f} MB is too large")
        if not data.shape and name == "numpy" and not _is(value, "numpy", "ndarray"):
            return _encode(data.item(), depth + 1, left)  # numpy's numbers
        return {"array": [str(data.dtype), list(data.shape), base64.b64encode(data.tobytes()).decode(), name]}
    if _is(value, "pandas", "DataFrame") or _is(value, "pandas", "Series"):
        return _encode(value.to_dict(), depth + 1, left)
    return {"other": kind.__name__[:100] if type(kind.__name__) is str else "thing"}


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


def decode(sent: Any, tensors: bool = False) -> Any:
    """The value of what `encode` gave; nothing in it has a class but Python's own, numpy's arrays, torch's and Other.

    tensors: rebuild torch's tensors as such, else as numpy arrays: where the keys are, torch isn't imported
    """
    try:
        return _decode(sent, 0, tensors, [MOST_PARTS])
    except NoValue:
        raise
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, AttributeError) as error:
        raise NoValue(f"this is no value: {type(error).__name__}") from None


def _decode(sent: Any, depth: int, tensors: bool, left: list[int]) -> Any:
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
        parts = [_decode(part, depth + 1, tensors, left) for part in content]
        return _MANY[kind](parts if kind in ("list", "tuple") else _unlike(parts))
    if kind == "dict" and type(content) is list:
        pairs = [[_decode(part, depth + 1, tensors, left) for part in pair] for pair in content]
        keys = _unlike([key for key, _ in pairs])
        return dict(zip(keys, (value for _, value in pairs), strict=True))
    if kind == "array":
        return _array(*content, tensors)  # type: ignore[call-arg]  # another length is a TypeError, which is caught
    if kind == "other" and type(content) is str:
        return Other(content[:100])
    raise NoValue(f"there is no kind of value {str(kind)[:20]!r}")


def _unlike(keys: list) -> list:
    """Keys as they are. NoValue when many have one hash: whoever chose them so wants to keep us busy for hours."""
    if keys and max(Counter(map(hash, keys)).values()) > MOST_ALIKE:
        raise NoValue("too many keys have the same hash")
    return keys


def _array(dtype: str, shape: list[int], data: str, source: str, tensors: bool) -> Any:
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
    if tensors and source == "torch":
        import torch

        return torch.from_numpy(array)
    return array
