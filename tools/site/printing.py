"""Pages for paper: a headless Chromium prints them as PDF."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from course_utils.errors import CourseError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 120  # seconds, on a busy machine


def find_browser() -> str:
    """Find a Chromium.

    Raises
    ------
    CourseError
        `tools.no-browser` when there is none.
    """
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    raise CourseError(
        "The PDFs need Chromium, and there is none: install it (apt-get install chromium), or leave them out with "
        "--no-pdf.",
        code="tools.no-browser",
    )


def print_page(page: Path, pdf: Path) -> None:
    """Print a built page on one sheet.

    Raises
    ------
    CourseError
        `tools.not-printed` when Chromium fails, `tools.too-long-to-print` when one sheet isn't enough.
    """
    with tempfile.TemporaryDirectory() as profile:
        command = [find_browser(), "--headless", "--disable-gpu", "--no-sandbox", f"--user-data-dir={profile}"]
        command += ["--no-pdf-header-footer", f"--print-to-pdf={pdf.resolve()}", page.resolve().as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode or not pdf.is_file():
        raise CourseError(f"Chromium didn't print {page.name}: {done.stderr.strip()[-500:]}", code="tools.not-printed")
    if (sheets := count_sheets(pdf)) != 1:
        raise CourseError(
            f"{page.stem} takes {sheets} sheets of paper and should fit on one: shorten docs/{page.stem}.md.",
            code="tools.too-long-to-print",
        )


def count_sheets(pdf: Path) -> int:
    """Count the pages of a PDF."""
    return len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes()))
