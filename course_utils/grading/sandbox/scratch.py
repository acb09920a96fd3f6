"""The folder on the disk that a grader's sandbox has, and what graders that were killed left of theirs."""

import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

PREFIX = "course-grading-sandbox-"
YOUNG = 60.0  # seconds that a folder may be without its grader's lock: it has just been made


class Scratch:
    """A folder of one grader's own, locked as long as that lives: the next one removes what has lost its lock.

    name: its path. The kernel takes the lock back however the grader ends. OSError when no folder can be made.
    """

    def __init__(self) -> None:
        remove_left_ones()
        self.name = tempfile.mkdtemp(prefix=PREFIX)
        self.lock = _locked(self.name)

    def cleanup(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.name, ignore_errors=True)
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None


def remove_left_ones() -> None:
    """Remove the folders of this user's graders that live no more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # another one removes it at the same time
            there = folder.lstat()
            if there.st_uid != os.geteuid() or time.time() - there.st_ctime < YOUNG:
                continue
            if (lock := _locked(str(folder))) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def _locked(folder: str) -> int | None:
    """A descriptor that holds the folder's lock; None where another grader holds it, or there are no locks."""
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
