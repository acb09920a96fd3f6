"""Stands in the sandbox with the heavy imports done, and forks a confined worker for each job.

It is handed one end of each job's socket and never reads it: no submission, input or key is in the memory that the
next worker inherits. What it tells (a worker's end) goes through a channel that no worker holds.
"""

import contextlib
import gc
import importlib
import json
import math
import os
import resource
import secrets
import selectors
import signal
import socket
import sys
import time
import traceback
from typing import Any

from course_utils.grading.sandbox import confine, worker

LARGEST_ORDER = 4096
NICE_STEP = 1.25  # by which Linux divides a thread's share for each level of niceness
WATCH = 0.05  # seconds between two looks at the workers
MANY_THREADS = 8  # of a worker: whoever has more shares the turns of so many among them
MOST_THREADS = max(64, 2 * (os.cpu_count() or 1))  # more would starve the others; no limit of the kernel counts root's


class ForkServer:
    """Forks the workers.

    settings: `namespaces` (bool), `filter` (BPF as hex, or ""), `folder`, `memory` and `scratch` (bytes), `seconds`
    """

    def __init__(self, control: socket.socket, settings: dict[str, Any]):
        self.control = control
        self.settings = settings
        self.filter = bytes.fromhex(settings["filter"])
        self.namespaces = confine.ProcessNamespaces() if settings["namespaces"] else None
        self.running: dict[int, tuple[int, int]] = {}  # job → its process, and a descriptor of that
        self.waiting = selectors.DefaultSelector()
        self.waiting.register(control, selectors.EVENT_READ)
        self.watched = 0.0
        self.over: set[int] = set()  # jobs whose worker was ended for all its threads or files

    def serve(self) -> None:
        """Fork, kill and report until the controller is gone."""
        while True:
            for key, _ in self.waiting.select(WATCH if self.running else None):
                if key.fileobj is not self.control:
                    self._ended(key.data)
                elif not self._obey():
                    return
            if (now := time.monotonic()) > self.watched + WATCH:
                self.watched = now
                for job, (process, _) in self.running.items():
                    self._watch(job, process)

    def _watch(self, job: int, process: int) -> None:
        """Let many threads of a worker weigh no more than some, and end one of very many threads or files."""
        try:
            threads = os.listdir(f"/proc/{process}/task")
            if len(threads) > MOST_THREADS or self._is_littered():
                self.over.add(job)
                os.kill(process, signal.SIGKILL)
            elif len(threads) > MANY_THREADS:
                nice = math.ceil(math.log(len(threads) / MANY_THREADS, NICE_STEP))
                for thread in threads:
                    os.setpriority(os.PRIO_PROCESS, int(thread), nice)
        except OSError:  # it has just ended, or this isn't Linux
            return

    def _is_littered(self) -> bool:
        """Whether a worker has made more files than one may, where the shared scratch has no limit of its own."""
        if self.namespaces or self.settings["folder"] != confine.SCRATCH:
            return False
        there = os.statvfs(confine.SCRATCH)
        return there.f_files - there.f_ffree > confine.INODES

    def _tell(self, **event: Any) -> None:
        self.control.send(json.dumps(event).encode())

    def _obey(self) -> bool:
        order, sockets, _, _ = socket.recv_fds(self.control, LARGEST_ORDER, 1)
        if not order:
            return False
        asked = json.loads(order)
        if "kill" in asked:
            if asked["kill"] in self.running:
                os.kill(self.running[asked["kill"]][0], signal.SIGKILL)
            return True
        try:
            self._fork(asked["job"], sockets[0])
        except OSError as error:
            self._tell(job=asked["job"], refused=str(error))
        finally:
            os.close(sockets[0])
        return True

    def _fork(self, job: int, channel: int) -> None:
        if self.namespaces:
            self.namespaces.next_child()
        process = os.fork()
        if process == 0:
            _be_worker(channel, self.filter, self.settings)
        descriptor = os.pidfd_open(process)
        self.running[job] = (process, descriptor)
        self.waiting.register(descriptor, selectors.EVENT_READ, job)

    def _ended(self, job: int) -> None:
        process, descriptor = self.running.pop(job)
        self.waiting.unregister(descriptor)
        os.close(descriptor)
        _, status, used = os.wait4(process, 0)
        busy = used.ru_utime + used.ru_stime
        if not self.namespaces:
            _empty(self.settings["folder"])
        over = job in self.over
        self.over.discard(job)
        self._tell(job=job, status=os.waitstatus_to_exitcode(status), busy=busy, over=over)


def _empty(folder: str) -> None:
    """Leave nothing of one worker to the next where they share a scratch; they come one after another there."""
    os.chmod(folder, 0o700)
    while entries := list(os.scandir(folder)):
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
                continue
            os.chmod(entry.path, 0o700)
            for inner in list(os.scandir(entry.path)):  # one level up, since they may be thousands deep
                if inner.is_dir(follow_symlinks=False):
                    os.chmod(inner.path, 0o700)
                os.rename(inner.path, f"{folder}/{secrets.token_hex(16)}")
            os.rmdir(entry.path)


def _be_worker(channel: int, program: bytes, settings: dict[str, Any]) -> None:
    """The child: shut itself in, do the job, end without a trace of the parent's clean-up."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        os.dup2(channel, 3)
        os.closerange(4, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        confine.limits(settings["seconds"], settings["memory"], settings["scratch"])
        if settings["namespaces"]:
            confine.own_mounts(settings["scratch"])
        os.chdir(settings["folder"])
        confine.give_up_privileges()
        if program:
            confine.install_filter(program)
        with open(3, "rb", closefd=False) as file:
            job = file.readline()
        _send(b'{"ready": true}\n')  # what comes before is ours, what comes after is the student's
        worker.work(job, _send)
        status = 0
    except BaseException:
        with contextlib.suppress(BaseException):
            _send(json.dumps({"broken": traceback.format_exc(limit=-2)[-500:]}).encode() + b"\n")
    finally:
        os._exit(status)


def _send(line: bytes) -> None:
    while line:
        line = line[os.write(3, line) :]


def main(descriptor: int) -> None:
    """Import what the settings name that come through the controller's channel, then serve."""
    control = socket.socket(fileno=descriptor)
    settings = json.loads(control.recv(1 << 20))
    missing = []
    for name in settings["imports"]:
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(name)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)  # a fork after several threads have worked hangs the child
    # What every worker needs, and what numpy imports at its first unique or median.
    for name in ("numpy", "numpy.random", "numpy.ma", "numpy.linalg", "IPython.core.inputtransformer2"):
        importlib.import_module(name)
    worker.reseed(0)  # the generators' first use is their dearest
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    gc.collect()
    gc.freeze()  # or each worker's first collection would copy the parent's pages
    fork_server = ForkServer(control, settings)
    with contextlib.suppress(OSError, AttributeError):  # not Linux
        confine.hide_memory()  # where they share namespaces, a worker could write into it through /proc
    fork_server._tell(ready=True, missing=missing)
    fork_server.serve()
