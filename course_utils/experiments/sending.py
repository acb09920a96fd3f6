"""What goes to other processes where these can't be forked: a notebook's and local functions go as code."""

import pickle
from typing import Any

from joblib import wrap_non_picklable_objects

from course_utils.errors import CourseError


def pack(value: Any) -> bytes:
    """Write a value so that a new process can read it; CourseError `experiments.not-sent` where it can't be."""
    try:
        return pickle.dumps(wrap_non_picklable_objects(value, keep_wrapper=False))
    except Exception as problem:  # pickle raises PicklingError, TypeError and AttributeError
        raise not_sent(problem) from problem


def unpack(parcel: bytes) -> Any:
    """Read what `pack` wrote; CourseError `experiments.not-sent` where a module that it needs isn't found here."""
    try:
        return pickle.loads(parcel)
    except Exception as problem:
        raise not_sent(problem) from problem


def not_sent(problem: BaseException) -> CourseError:
    """Say of a function or a value that can't go to another process what to do about it."""
    cause = problem
    while cause.__cause__ is not None:
        cause = cause.__cause__
    text = str(cause).strip('\n" ').rstrip(".")
    reason = text.splitlines()[-1] if text else type(cause).__name__  # of a traceback from there, the last line
    return CourseError(
        f"This can't be sent to another process ({reason}): move what is run into a file of its own, such as runs.py, "
        "that opens in its functions what it needs, and import it from there, or work in one process.",
        code="experiments.not-sent",
    )
