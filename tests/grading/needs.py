"""What tests of grading share: what they can't do without (in CI they fail where it is missing), and a loop."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

bwrap = pytest.mark.sandbox  # tests/conftest.py skips it without bubblewrap


def run(work: Coroutine) -> Any:
    """asyncio.run, in a thread: where browser tests came before, this one has a loop already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
