"""What some tests can't do without: they are skipped by name where it is missing, and fail there in CI."""

import os
import shutil

import pytest

bwrap = pytest.mark.skipif(
    not shutil.which("bwrap") and not os.environ.get("CI"),
    reason="bubblewrap is not installed: apt-get install bubblewrap",
)
