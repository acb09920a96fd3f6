"""Whether a student's value is the one that was expected, as a teacher would say; `docs/grading.md` has the rules.

Both were decoded from what workers sent: nothing of a student's is called, and neither torch nor pandas is needed.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_utils.grading.sandbox.functions import Function
from course_utils.grading.sandbox.tables import Table, Time
from course_utils.grading.sandbox.values import Other, Parts, Raised, Record

ATOMS = (str, bytes, bool, type(None), int, float, complex, Time)
NUMBERS = (int, float, complex)
KINDS = (
    "list",
    "tuple",
    "set",
    "dict",
    "str",
    "bool",
    "int",
    "float",
    "complex",
    "None",
    "array",
    "Series",
    "DataFrame",
)
ROUNDING = 4  # times the precision of an array's dtype, at the largest number of each column


@dataclass(frozen=True)
class Rules:
    """How closely values are compared.

    tolerance: relative; absolute: beside it, for what lies near 0
    exact: a list is no tuple, 1 is no 1.0; dtype: arrays and columns have the same dtype
    order: whether the order of a sequence or of a table's rows counts; index: whether a table's index does
    """

    tolerance: float = 1e-6
    absolute: float = 1e-9
    exact: bool = False
    dtype: bool = False
    order: bool = True
    index: bool = True


def same(expected: Any, given: Any, rules: Rules) -> bool:
    """Whether two values agree."""
    if type(expected) is Raised or type(given) is Raised:
        return type(expected) is type(given) and set(expected.kinds[:1]) <= set(given.kinds)
    if rules.exact and kind_of(expected) != kind_of(given):
        return False
    if rules.dtype and _dtype(expected) != _dtype(given):
        return False
    expected, given = _scalar(expected), _scalar(given)
    if type(expected) in NUMBERS:
        return type(given) in NUMBERS and _close(expected, given, rules)
    if type(expected) in ATOMS:
        return type(given) is type(expected) and expected == given
    if type(expected) is dict:
        return type(given) is dict and _same_dicts(expected, given, rules)
    if type(expected) in (set, frozenset):
        return type(given) in (set, frozenset) and _same_sets(expected, given, rules)
    if type(expected) is Record:
        alike = type(given) is Record and expected.kind == given.kind
        return alike and same(expected.fields, given.fields, rules)
    if type(expected) is Table:
        return type(given) is Table and _same_tables(expected, given, rules)
    return _same_sequences(expected, given, rules)


def trouble(expected: Any, given: Any) -> str:
    """How the kinds of two values differ, for a sentence: "a dict, and a Series is asked for"; "" when they don't."""
    wanted, got = kind_of(expected), kind_of(given)
    got = got if got in (*KINDS, wanted) else "thing of another kind"  # a class's name could carry hidden inputs
    if wanted == got or (_parts(expected) is not None and _parts(given) is not None and type(expected) is not Table):
        return ""
    if type(_scalar(expected)) in NUMBERS and type(_scalar(given)) in NUMBERS:
        return ""
    return f"{_article(got)}, and {_article(wanted)} is asked for"


def kind_of(value: Any) -> str:
    """What a person calls a value's type."""
    if type(value) is Table:
        return "Series" if value.is_series else "DataFrame"
    if type(value) in (Parts, Record, Other):
        return value.kind if value.kind.isidentifier() else "thing"
    if type(value) is np.ndarray:
        return "array"
    return {type(None): "None", Time: "time"}.get(type(value), type(value).__name__)


def incomparable(value: Any) -> str:
    """What in a value can be compared with nothing, by its type's name; "" when all can."""
    if type(value) is Other:
        return value.kind
    if type(value) is dict:
        inside = list(value.values())
    elif type(value) is Record:
        inside = list(value.fields.values())
    elif type(value) is Function:
        inside = value.parts
    elif type(value) is Table:
        inside = [value.index, *value.columns]
    else:
        inside = (_parts(value) or []) if type(value) is not np.ndarray else []
    return next((found for part in inside if (found := incomparable(part))), "")


def _article(kind: str) -> str:
    return kind if kind == "None" else f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"


def _scalar(value: Any) -> Any:
    """Arrays and tensors without a dimension as numbers."""
    return value.item() if type(value) is np.ndarray and not value.shape else value


def _dtype(value: Any) -> Any:
    if type(value) is Table:
        return [str(getattr(one, "dtype", "object")) for one in value.columns]
    return str(value.dtype) if type(value) is np.ndarray else ""


def _close(expected: Any, given: Any, rules: Rules, floor: float = 0.0) -> bool:
    if expected == given:
        return not rules.exact or type(expected) is type(given)
    try:
        if type(expected) is type(given) is int:
            return bool(rules.tolerance > 1e-6) and abs(expected - given) <= rules.tolerance * abs(expected)
        if expected != expected or given != given:
            return expected != expected and given != given
        if math.isinf(abs(expected)) or math.isinf(abs(given)):
            return False
        return abs(expected - given) <= max(rules.absolute, floor, rules.tolerance * abs(expected))
    except OverflowError:  # whole numbers beyond what a float holds
        return False


def _parts(value: Any) -> list | None:
    """A sequence's parts; None of what is none. A series counts by its values."""
    if type(value) in (list, tuple):
        return list(value)
    if type(value) is Parts:
        return value.parts
    if type(value) is np.ndarray and value.shape:
        return list(value) if value.ndim > 1 else value.tolist()
    return _parts(value.columns[0]) if type(value) is Table and value.is_series else None


def _same_sequences(expected: Any, given: Any, rules: Rules) -> bool:
    if rules.order and type(expected) is type(given) is np.ndarray:
        return _same_arrays(expected, given, rules)
    one, other = _parts(expected), _parts(given)
    if one is None or other is None or len(one) != len(other):
        return False
    if not rules.order:
        one, other = sorted(one, key=_key), sorted(other, key=_key)
    return all(same(*pair, rules) for pair in zip(one, other, strict=True))


def _same_arrays(expected: np.ndarray, given: np.ndarray, rules: Rules) -> bool:
    if expected.shape != given.shape or (expected.dtype.kind == "b") != (given.dtype.kind == "b"):
        return False
    if expected.dtype.kind in "biu" and given.dtype.kind in "biu" and rules.tolerance <= 1e-6:
        return bool((expected == given).all())
    floats = [one.dtype for one in (expected, given) if one.dtype.kind in "fc"]
    with np.errstate(all="ignore"):
        wide = np.complex128 if "c" in {one.kind for one in floats} else np.float64
        expected, given = expected.astype(wide), given.astype(wide)
        equal = (expected == given) | (np.isnan(expected) & np.isnan(given))
        size = np.where(np.isfinite(expected), np.abs(expected), 0.0)
        largest = size.max(0, keepdims=True) if size.size else size
        floor = ROUNDING * max((float(np.finfo(one).eps) for one in floats), default=0.0) * largest
        near = np.abs(expected - given) <= np.maximum(np.maximum(rules.absolute, floor), rules.tolerance * size)
        near &= np.isfinite(expected) & np.isfinite(given)
    return bool((equal | near).all())


def _same_tables(expected: Table, given: Table, rules: Rules) -> bool:
    if expected.is_series != given.is_series or len(expected.index) != len(given.index):
        return False
    if not same(expected.labels, given.labels, Rules(exact=rules.exact)):
        return False
    left, right = ([*((one.index,) if rules.index else ()), *one.columns] for one in (expected, given))
    if not rules.order:
        left, right = _rows_sorted(left), _rows_sorted(right)
    plain = Rules(rules.tolerance, rules.absolute)
    return all(same(*pair, plain) for pair in zip(left, right, strict=True))


def _rows_sorted(columns: list) -> list:
    rows = sorted(zip(*(_parts(one) or [] for one in columns), strict=True), key=_key)
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in columns]


def _same_sets(expected: Any, given: Any, rules: Rules) -> bool:
    if len(expected) != len(given):
        return False
    if set(map(_typed, expected)) == set(map(_typed, given)):
        return True
    numbers = all(type(one) in (int, float) for one in (*expected, *given))
    return numbers and all(_close(*pair, rules) for pair in zip(sorted(expected), sorted(given), strict=True))


def _same_dicts(expected: dict, given: dict, rules: Rules) -> bool:
    one, other = ({_typed(key): value for key, value in each.items()} for each in (expected, given))
    alike = len(one) == len(expected) == len(given) and one.keys() == other.keys()
    return alike and all(same(value, other[key], rules) for key, value in one.items())


def _typed(key: Any) -> Any:
    """A key with what tells True from 1; one NaN is like another."""
    if type(key) is tuple:
        return "tuple", *map(_typed, key)
    return ("nan", None) if key != key else (type(key) is bool, key)


def _key(value: Any) -> tuple:
    """By what values are sorted where their order doesn't count: near ones end near each other."""
    value = _scalar(value)
    if type(value) in (int, float):
        try:
            return 0, float(value), ""
        except OverflowError:
            return 0, math.inf, ""
    parts = _parts(value)
    if parts is not None:
        return 2, 0.0, "", *(_key(part) for part in parts[:100])
    return 1, 0.0, str(value)[:1000] if type(value) in ATOMS else ""
