"""Compares what a learner's code gave with what was expected, by exact types: no method of the learner's is called."""

import math
import sys
from typing import Any

ATOMS = (str, bytes, bool, type(None), int, float, complex)


def same(expected: Any, given: Any, tolerance: float) -> bool:
    """Whether two results agree, numbers within `tolerance` (relative beyond 1).

    No method of `given` is called that a class of the learner's could define: its exact type is looked at first.
    """
    expected, given = as_plain(expected), as_plain(given)
    if type(expected) in (int, float) and type(given) in (int, float):
        return _close(expected, given, tolerance)
    if type(expected) is not type(given):
        return False
    if type(expected) in (list, tuple):
        pairs = zip(expected, given, strict=False)
        return len(expected) == len(given) and all(same(one, other, tolerance) for one, other in pairs)
    if type(expected) is dict:
        known = len(expected) == len(given) and _plain_keys(given) and _typed(expected) == _typed(given)
        return known and all(same(expected[key], given[key], tolerance) for key in expected)
    if type(expected) in (set, frozenset):
        return len(expected) == len(given) and _plain_keys(given) and _typed(expected) == _typed(given)
    return type(expected) in ATOMS and expected == given


def _plain_keys(given: Any) -> bool:
    """Whether sets and dicts of these may be compared without calling the learner's own methods."""
    return all(type(key) in ATOMS or (type(key) is tuple and _plain_keys(key)) for key in given)


def _typed(keys: Any) -> set:
    """Keys with what tells True from 1."""
    return {tuple((type(part) is bool, part) for part in (key if type(key) is tuple else (key,))) for key in keys}


def _close(expected: float, given: float, tolerance: float) -> bool:
    if expected == given:
        return True
    try:
        if math.isnan(expected) or math.isnan(given):
            return math.isnan(expected) and math.isnan(given)
        return not math.isinf(expected) and abs(expected - given) <= tolerance * max(1.0, abs(expected))
    except OverflowError:  # whole numbers beyond what a float holds
        return False


def as_plain(value: Any) -> Any:
    """Arrays, tensors and tables as lists; anything else as it is."""
    kind = type(value)
    if getattr(sys.modules.get(kind.__module__), kind.__name__, None) is not kind:
        return value  # a class that only says that it is numpy's
    module, name = kind.__module__.partition(".")[0], kind.__name__
    if module == "numpy":
        return value.tolist() if hasattr(kind, "tolist") else value
    if module == "torch" and name in ("Tensor", "Parameter"):
        return value.detach().cpu().tolist()
    if module == "fastai" and hasattr(kind, "as_subclass"):
        import torch

        return torch.Tensor.as_subclass(value, torch.Tensor).detach().cpu().tolist()
    if module == "pandas" and hasattr(kind, "to_dict"):
        return value.to_dict()
    return value
