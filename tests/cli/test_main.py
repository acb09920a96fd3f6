"""What the command says where a disk doesn't do what it should: one sentence, and no traceback."""

import errno
import os
import sys

import pytest

from course_utils import cli


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "The disk is full at out/page.html: free some space"),
        (errno.EDQUOT, "The disk is full at out/page.html"),
        (errno.EROFS, "out/page.html lies on a disk that can't be written to"),
        (errno.EACCES, "You may not read or write out/page.html"),
    ],
)
def test_a_disks_trouble_is_told_in_a_sentence(monkeypatch, number, said):
    def fails():
        raise OSError(number, os.strerror(number), "out/page.html")

    monkeypatch.setattr(cli, "app", fails)
    monkeypatch.setattr(sys, "argv", ["course", "quiz", "feedback"])
    with pytest.raises(SystemExit, match=f"course quiz: {said}"):
        cli.main()


def test_any_other_error_of_the_system_is_no_disks_trouble(monkeypatch):
    def fails():
        raise OSError(errno.EBADF, "x")

    monkeypatch.setattr(cli, "app", fails)
    with pytest.raises(OSError, match="x"):
        cli.main()
