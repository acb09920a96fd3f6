"""Starts the fork server in the best isolation that this machine allows, and names it."""

import os
import platform
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import course_utils

PACKAGE = Path(course_utils.__file__).parent
START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from course_utils.grading.sandbox.fork_server import main; main(int(sys.argv[2]))"
)
# What the C library, fonts and BLAS look up; nothing of it is secret.
LOOKED_UP = tuple(
    f"/etc/{name}" for name in ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "fonts", "localtime")
)
TOP = tuple(Path("/", name) for name in ("bin", "sbin", "lib", "lib32", "lib64"))


@dataclass(frozen=True)
class Tier:
    """How far students' code is shut in.

    shell: whether bubblewrap hides the files, the network and the other processes; namespaces: whether each worker has
    a view of its own within; filter: whether the kernel answers few system calls only
    """

    name: str
    means: str
    shell: bool = False
    namespaces: bool = False
    filter: bool = False


SANDBOX = Tier(
    "sandbox",
    "no network, no files but the libraries and an empty scratch, a process namespace each, a system-call filter",
    shell=True,
    namespaces=True,
    filter=True,
)
SHARED = Tier(
    "shared sandbox",
    "no network, no files but the libraries and a scratch, a system-call filter; one submission at a time, since the "
    "workers share their namespaces",
    shell=True,
    filter=True,
)
CONTAINER = Tier(
    "container",
    "a system-call filter, no network; one submission at a time: the code can read what is mounted, the item bank "
    "and the course's key among it",
    filter=True,
)
BARE = Tier(
    "bare",
    "limits of time and memory only, one submission at a time: the code can read your files and use the network",
)
TIERS = (SANDBOX, SHARED, CONTAINER, BARE)


def in_container() -> bool:
    """Whether this is the container that is shipped for grading: its Dockerfile says so."""
    return os.environ.get("COURSE_GRADING_CONTAINER") == "1"


def candidates() -> list[Tier]:
    """The tiers to try here, best first; those without a shell hide no file, and are for who accepts that."""
    shells = [SANDBOX, SHARED] if platform.system() == "Linux" and shutil.which("bwrap") else []
    return [*shells, *([CONTAINER] if in_container() else []), BARE]


def start(tier: Tier, scratch: Path) -> tuple[subprocess.Popen, socket.socket]:
    """The fork server's process and the channel to it. `scratch` is its working folder where there is no shell."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    python = [sys.executable, "-I", "-B", "-W", "ignore", "-c", START]
    shell = _bubblewrap() if tier.shell else []
    place = "/course" if tier.shell else str(PACKAGE.parent)
    folder = "/scratch" if tier.shell else str(scratch)
    environment = {"MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}
    environment |= {"HOME": folder, "TMPDIR": folder, "PATH": "/usr/bin", "MPLBACKEND": "agg"}
    with theirs, (scratch / "last words").open("wb") as words:
        process = subprocess.Popen(
            [*shell, *python, place, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=words,
            env=environment,
            cwd="/",
        )
    return process, ours


def binds() -> list[tuple[str, str]]:
    """The folders and files of this machine that the sandbox shows, each with its place there; all can only be read."""
    shown = [("/usr", "/usr"), *((path, path) for path in LOOKED_UP)]
    shown += [(str(place), str(place)) for place in TOP if place.is_dir() and not place.is_symlink()]
    for prefix in sorted({sys.base_prefix, sys.prefix}):
        if not Path(prefix).is_relative_to("/usr") or Path(prefix).is_relative_to("/usr/local"):
            shown.append((prefix, prefix))
    return [*shown, (str(PACKAGE), "/course/course_utils")]


def _bubblewrap() -> list[str]:
    """Only the system's libraries, Python's and the course's package can be seen, and nothing written but /scratch."""
    command = ["bwrap", "--unshare-all", "--unshare-user", "--uid", "0", "--gid", "0", "--die-with-parent"]
    command += ["--as-pid-1"]  # bubblewrap's own process would stand there with its memory open to workers
    command += ["--new-session", "--hostname", "grading", "--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN"]
    for place in TOP:
        if place.is_symlink():
            command += ["--symlink", os.readlink(place), str(place)]
    for source, there in binds():
        command += ["--ro-bind-try" if source in LOOKED_UP else "--ro-bind", source, there]
    command += ["--proc", "/proc", "--dev", "/dev"]
    return [*command, "--size", str(1 << 20), "--tmpfs", "/scratch", "--remount-ro", "/dev", "--remount-ro", "/", "--"]
