"""A real browser, for the tests that look at pages as a reader does."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def launched() -> Iterator[Browser]:
    """A headless Chromium; where there is none, the test is skipped, or fails in CI."""
    with sync_playwright() as playwright:
        path = next((found for name in NAMES if (found := shutil.which(name))), playwright.chromium.executable_path)
        if not Path(path).exists():
            missing = "no Chromium: install it (apt-get install chromium, or playwright install chromium)"
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)
        # Root has no sandbox; and the microphone beeps, where a page may use it.
        arguments = ["--no-sandbox", "--use-fake-device-for-media-stream"]
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()
