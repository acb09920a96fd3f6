"""Shuts a forked worker in: its own namespaces and scratch, no capability, hard limits, few system calls."""

import ctypes
import os
import resource
import signal
from contextlib import suppress

SCRATCH = "/scratch"
NEWNS, NEWPID, NEWIPC = 0x00020000, 0x20000000, 0x08000000
NOSUID, NODEV, NOEXEC, READ_ONLY, REMOUNT = 2, 4, 8, 1, 32
PDEATHSIG, SET_DUMPABLE, CAPBSET_DROP, NO_NEW_PRIVS, SET_SECCOMP, CAP_AMBIENT = 1, 4, 24, 38, 22, 47
SECCOMP_FILTER, AMBIENT_CLEAR_ALL, CAPABILITIES_3 = 2, 4, 0x20080522
INODES = 4096  # files that a scratch may hold
THREADS = 4096  # of all workers together, where the kernel counts them; the fork server looks at each worker's

libc = ctypes.CDLL(None, use_errno=True)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _call(name: str, *arguments) -> int:
    if (result := getattr(libc, name)(*arguments)) < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")
    return result


def _long(*values: int) -> list[ctypes.c_ulong]:
    return [ctypes.c_ulong(value) for value in values]


class ProcessNamespaces:
    """Gives each child a process namespace of its own: when the worker ends, so does all that it started."""

    def __init__(self):
        self.own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def next_child(self) -> None:
        """The next child is the first process of a new namespace. OSError where that is forbidden."""
        _call("setns", self.own, NEWPID)  # a second unshare is refused without
        _call("unshare", NEWPID)


def own_mounts(scratch_bytes: int) -> None:
    """A view of the files of one's own: an empty scratch of a limited size, and no /proc."""
    _call("unshare", NEWNS | NEWIPC)
    _mount(SCRATCH, f"size={scratch_bytes},nr_inodes={INODES},mode=0700", NOSUID | NODEV | NOEXEC)
    _mount("/proc", "size=0,nr_inodes=2,mode=0500", NOSUID | NODEV | NOEXEC | READ_ONLY)


def _mount(place: str, options: str, flags: int) -> None:
    _call("mount", b"tmpfs", place.encode(), b"tmpfs", ctypes.c_ulong(flags), options.encode())


def limits(seconds: float, memory: int, scratch_bytes: int) -> None:
    """Hard limits: processor seconds; bytes of memory beyond what is held now, of one file; open files."""
    with open("/proc/self/statm") as file:
        held = int(file.read().split()[0]) * resource.getpagesize()
    for what, most in (
        (resource.RLIMIT_AS, held + memory),
        (resource.RLIMIT_CPU, int(seconds) + 2),
        (resource.RLIMIT_FSIZE, scratch_bytes),
        (resource.RLIMIT_NOFILE, 128),
        (resource.RLIMIT_NPROC, THREADS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(what, (most, most))


def hide_memory() -> None:
    """This process's memory is nobody else's to read or write, nor that of its children."""
    _call("prctl", SET_DUMPABLE, *_long(0, 0, 0, 0))


def give_up_privileges() -> None:
    """No capability, now or later; dies with its parent."""
    _call("prctl", PDEATHSIG, *_long(signal.SIGKILL, 0, 0, 0))
    with suppress(OSError):  # older kernels have no ambient set
        _call("prctl", CAP_AMBIENT, *_long(AMBIENT_CLEAR_ALL, 0, 0, 0))
    for capability in range(64):
        if libc.prctl(CAPBSET_DROP, *_long(capability, 0, 0, 0)) < 0:
            break  # beyond the last one, or none to drop
    _call("capset", ctypes.byref(_Header(CAPABILITIES_3, 0)), ctypes.byref((ctypes.c_uint32 * 6)()))
    hide_memory()
    _call("prctl", NO_NEW_PRIVS, *_long(1, 0, 0, 0))


def install_filter(program: bytes) -> None:
    """From here on only the filter's system calls are answered; it can't be taken back."""
    held = ctypes.create_string_buffer(program, len(program))
    asked = _Program(len(program) // 8, ctypes.cast(held, ctypes.c_void_p))
    _call("prctl", SET_SECCOMP, *_long(SECCOMP_FILTER), ctypes.byref(asked), *_long(0, 0))
