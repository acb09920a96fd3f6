"""How a test states that something is refused: by the error's code and one key fact, not by its prose."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from course_utils.errors import CourseError


@contextmanager
def refused(code: str, *facts: str) -> Iterator[pytest.ExceptionInfo[CourseError]]:
    """Expect a CourseError of this code, in one sentence that holds each of the facts (a name, a number, a remedy)."""
    with pytest.raises(CourseError) as caught:
        yield caught
    message = str(caught.value)
    assert caught.value.code == code, f"refused as {caught.value.code!r}, not as {code!r}: {message}"
    assert message.endswith((".", ".)")) and "\n" not in message.strip(), f"not a sentence: {message!r}"
    for fact in facts:
        assert fact in message, f"{fact!r} is not in {message!r}"
