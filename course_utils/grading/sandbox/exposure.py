"""Where a term's files could be seen from inside the sandbox: below what is mounted there, by any of their paths."""

import os
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

MOST_LOOKED = 1000  # entries of one folder
Binds = Sequence[tuple[str, str]]  # (the folder of the host, where it stands inside)


def seen_at(secrets: Iterable[Path], binds: Binds, mounts: str | None = None) -> dict[str, str]:
    """Paths inside, each with the secret that would be seen there.

    A folder is seen when one of its entries is. mounts: what /proc/self/mountinfo holds
    """
    if mounts is None:
        mounts = Path("/proc/self/mountinfo").read_text() if Path("/proc/self/mountinfo").exists() else ""
    mounted = [(one, other) for one, other in ((Path(source).resolve(), place) for source, place in binds)]
    parsed = _parsed(mounts)
    found: dict[str, str] = {}
    for secret in secrets:
        for entry in _entries(secret):
            for path in {entry.resolve(), *_other_paths(entry.resolve(), parsed)}:
                if any(source.is_relative_to(path) for source, _ in mounted):
                    continue  # Python's own folder, or the way to it: its other entries aren't mounted
                found |= {
                    str(Path(place, path.relative_to(source))): str(secret)
                    for source, place in mounted
                    if path.is_relative_to(source)
                }
    return found


def with_entries(paths: Iterable[Path]) -> list[Path]:
    """Paths, and what stands in the folders among them: links count for what they lead to then."""
    return [one for path in paths for one in (path, *(sorted(path.iterdir()) if path.is_dir() else ()))]


def _entries(secret: Path) -> list[Path]:
    """A file itself; of a folder its entries, but no links: a student may have made them."""
    if not secret.is_dir():
        return [secret]
    with os.scandir(secret) as entries:
        return [Path(one) for one in islice(entries, MOST_LOOKED) if not one.is_symlink()] or [secret]


def _parsed(mounts: str) -> list[tuple[str, Path, Path]]:
    """(device, the folder in it that is mounted, where) of each mount."""
    found = []
    for line in mounts.splitlines():
        fields = [re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), one) for one in line.split(" ")[:5]]
        if len(fields) == 5:
            found.append((fields[2], Path(fields[3]), Path(fields[4])))
    return found


def _other_paths(path: Path, mounts: Sequence[tuple[str, Path, Path]]) -> set[Path]:
    """Where else a file stands, since its folder is mounted twice."""
    own = max((one for one in mounts if path.is_relative_to(one[2])), key=lambda one: len(one[2].parts), default=None)
    if own is None:
        return set()
    device, root, place = own
    within = root / path.relative_to(place)
    same = [(top, there) for one, top, there in mounts if one == device and within.is_relative_to(top)]
    return {there / within.relative_to(top) for top, there in same}
