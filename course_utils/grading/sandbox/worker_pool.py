"""Hands jobs to confined workers and takes their replies, within limits of time and size."""

import asyncio
import json
import math
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course_utils.errors import CourseError
from course_utils.grading.sandbox import shell
from course_utils.grading.sandbox.exposure import seen_at
from course_utils.grading.sandbox.scratch import Scratch
from course_utils.grading.sandbox.shell import Tier
from course_utils.grading.sandbox.values import decode

GRACE = 1.0  # seconds after a step's limit until its process is killed
FIRST_WORD = 20.0  # seconds until a worker has shut itself in
START = 120.0  # seconds that the imports may take
MOST_REPLY = 48_000_000  # bytes of one reply: a value in base64 and what stands around
MOST_SAID = 100_000  # bytes of a reply to a cell, which holds no value
MOST_SIGNS = 600_000  # brackets and commas of one reply: each may become an object of hundreds of bytes
MOST_ALL = 100_000_000  # bytes of all replies of one job
BUSY = 600  # processor seconds of a worker
MEMORY = 1 << 30  # bytes of a worker, beyond what it shares with the others
SCRATCH = 64 << 20


@dataclass(frozen=True)
class Replies:
    """What came of a job.

    replies: one for each step that ended; end: "done", "timeout" and "crashed" (in the step after the last reply), or
    "infrastructure"; why: of the last one, for the instructor; seconds: what the worker took
    busy: seconds of a processor, where the job didn't end well
    """

    replies: list[dict]
    end: str
    why: str = ""
    seconds: float = 0.0
    busy: float = 0.0


class Broken(Exception):
    """The fork server is gone, or could not do its part."""


@dataclass
class _Job:
    ended: asyncio.Future = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class WorkerPool:
    """Workers in a sandbox, as an asynchronous context manager.

    workers: how many at a time; imports: modules that are there before the fork; tier: the isolation, else the best
    one that works here; memory: bytes that a worker may use. secrets: files and folders that may
    not be seen from inside at_once: batches of jobs that keep it busy
    CourseError when no tier with a shell works, and no other is allowed.
    """

    def __init__(
        self,
        workers: int = 2,
        imports: Sequence[str] = (),
        tier: Tier | None = None,
        unsafe_local: bool = False,
        memory: int = MEMORY,
        secrets: Sequence[Path] = (),
    ):
        self.secrets = list(dict.fromkeys(one for path in secrets for one in (path.absolute(), path.resolve())))
        self.imports, self.memory, self.asked, self.unsafe_local = list(imports), memory, tier, unsafe_local
        self.workers, self.at_once = workers, 2
        self.tier: Tier = tier or shell.BARE
        self.jobs: dict[int, _Job] = {}
        self.number = 0
        self.restarting = asyncio.Lock()
        self.alone = asyncio.Lock()  # held by the job that runs while no other does
        self.calm, self.idle, self.under_way = asyncio.Event(), asyncio.Event(), 0
        self.calm.set()
        self.process: subprocess.Popen | None = None

    async def __aenter__(self) -> "WorkerPool":
        self.scratch = Scratch()
        reasons = []
        for tier in [self.asked] if self.asked else shell.candidates():
            if not tier.shell and not self.unsafe_local:
                break
            self.tier = tier
            try:
                await self._start()
                await self._try_out()
            except CourseError:
                await self._stop()
                self.scratch.cleanup()
                raise
            except Broken as error:
                reasons.append(f"{tier.name}: {error}")
                await self._stop()
                continue
            self.slots = asyncio.Semaphore(self.workers if tier.namespaces else 1)
            return self
        self.scratch.cleanup()
        raise CourseError(
            "Students' code can't be sandboxed here"
            + (f" ({'; '.join(reasons)})" if reasons else "")
            + ": install bubblewrap (Debian and Ubuntu: apt-get install bubblewrap), grade in the container of "
            "docs/grading.md, or accept the risk with --unsafe-local.",
            code="grading.no-sandbox",
        )

    async def __aexit__(self, *_: Any) -> None:
        await self._stop()
        self.scratch.cleanup()

    async def _start(self) -> None:
        from course_utils.grading.sandbox import filter as calls

        try:
            program = calls.program().hex() if self.tier.filter else ""
        except (ImportError, OSError) as error:
            raise Broken(f"no system-call filter can be made ({error})") from None
        self.process, self.control = shell.start(self.tier, Path(self.scratch.name))
        self.control.setblocking(False)
        settings = {
            "namespaces": self.tier.namespaces,
            "filter": program,
            "memory": self.memory,
            "scratch": SCRATCH,
            "folder": "/scratch" if self.tier.shell else self.scratch.name,
            "seconds": BUSY,
            "imports": self.imports,
        }
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(self.control, json.dumps(settings).encode())
            async with asyncio.timeout(START):
                first = await loop.sock_recv(self.control, 1 << 16)
        except (OSError, TimeoutError) as error:
            raise Broken(f"it didn't start: {str(error) or 'time is up'}{self._last_words()}") from None
        if not first:
            raise Broken(f"it didn't start{self._last_words()}")
        self.missing = json.loads(first)["missing"]
        self.listener = asyncio.create_task(self._listen())

    def _last_words(self) -> str:
        assert self.process is not None, "it has been started"
        self.process.kill()
        self.process.wait()
        words = Path(self.scratch.name, "last words").read_text(errors="replace").strip().splitlines()
        return f": {words[-1][:300]}" if words else ""

    async def _try_out(self) -> None:
        """A first job, before any student's: does the confinement work here, and are its values sound?"""
        self.slots = asyncio.Semaphore(1)
        tried = await self._once(0, [{"do": "run", "source": "one = 1 + 1"}, {"do": "read", "name": "one"}], 10.0)
        if tried.end != "done" or tried.replies[-1:] != [{"value": {"int": "0x2"}}]:
            raise Broken(tried.why or "a first job came to nothing")
        if self.tier.shell:
            await self._hide()

    async def _hide(self) -> None:
        """Try to see each secret from inside, as a student's code might. CourseError names the first that is seen."""
        places = seen_at(self.secrets, shell.binds()) | {str(one): str(one) for one in self.secrets if one.is_file()}
        looked = f"import os\nseen = [one for one in {list(places)!r} if os.path.exists(one)]"
        came = await self._once(0, [{"do": "run", "source": looked}, {"do": "read", "name": "seen"}], 10.0)
        if came.end != "done" or "value" not in came.replies[-1]:
            raise Broken(came.why or "what it can see can't be told")
        if seen := decode(came.replies[-1]["value"]):
            raise CourseError(
                f"Students' code could read {places[seen[0]]}: it lies below a folder that the sandbox shows, such as "
                f"Python's own, {sys.prefix}. Move the term's files elsewhere, or use an environment apart from them.",
                code="grading.exposed",
            )

    async def _stop(self) -> None:
        if self.process is None:
            return
        if listener := getattr(self, "listener", None):
            listener.cancel()
            await asyncio.wait([listener])  # or its end would take the next socket of that number from the loop
        self.control.close()
        self.process.kill()
        self.process.wait()
        self.process = None

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        while event := await loop.sock_recv(self.control, 1 << 16):
            told = json.loads(event)
            job = self.jobs.pop(told["job"], None)
            if job and not job.ended.done():
                job.ended.set_result(told)
        for job in self.jobs.values():
            if not job.ended.done():
                job.ended.set_result({"refused": "the fork server is gone"})
        self.jobs.clear()

    async def do(
        self,
        steps: list[dict],
        seed: int = 0,
        seconds: float = 10.0,
        most: float | None = None,
        tries: int = 3,
        alone: bool = False,
    ) -> Replies:
        """Do a job's steps in a worker of its own; what fails on our side is tried again.

        steps: {"do": "run", "source"}, {"do": "read", "name"}, {"do": "call" or "scores", "name", "inputs"}, each with
        its own "seconds" if it likes; most: seconds for all of them together; alone: while no other job runs
        """
        for attempt in range(tries):
            async with self._quiet() if alone else self._slot():
                came = await self._once(seed, steps, seconds, most)
            if came.end != "infrastructure":
                break
            if self._is_gone():
                await self._restart(attempt)
        return came

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        async with self.slots:
            while not self.calm.is_set():
                await self.calm.wait()
            self.under_way += 1
            try:
                yield
            finally:
                self.under_way -= 1
                if not self.under_way:
                    self.idle.set()

    @asynccontextmanager
    async def _quiet(self) -> AsyncIterator[None]:
        """Nothing else begins, and what is under way ends first."""
        async with self.alone:
            self.calm.clear()
            try:
                while self.under_way:
                    self.idle.clear()
                    await self.idle.wait()
                yield
            finally:
                self.calm.set()

    def _is_gone(self) -> bool:
        """Whether there is no fork server; bubblewrap, which stands around it, ends a moment later."""
        return self.process is None or self.process.poll() is not None or self.listener.done()

    async def _restart(self, attempt: int) -> None:
        async with self.restarting:
            await asyncio.sleep(0.1 * attempt)
            if self._is_gone():
                await self._stop()
                try:
                    await self._start()
                except Broken:
                    await self._stop()

    async def _once(self, seed: int, steps: list[dict], seconds: float, most: float | None = None) -> Replies:
        if self.process is None:
            return Replies([], "infrastructure", "the sandbox could not be started again")
        self.number += 1
        number, job = self.number, _Job()
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self.control, [json.dumps({"job": number}).encode()], [theirs.fileno()])
            except OSError as error:
                ours.close()
                return Replies([], "infrastructure", f"the fork server takes no job: {error}")
        self.jobs[number] = job
        reader, writer = await asyncio.open_connection(sock=ours, limit=MOST_REPLY)
        steps = [{"seconds": seconds} | step for step in steps]
        replies: list[dict] = []
        sizes: list[int] = []
        end, why, began = "done", "", time.monotonic()
        try:
            writer.write(json.dumps({"seed": seed or secrets.randbits(62), "steps": steps}).encode() + b"\n")
            await self._ready(reader)
            began = time.monotonic()
            for step in steps:
                if (left := began + (most or math.inf) - time.monotonic()) <= 0:
                    raise TimeoutError
                largest = MOST_SAID if step["do"] in ("run", "import") else step.get("most", MOST_REPLY)
                reply, size = await self._reply(reader, min(step["seconds"] + GRACE, left), largest)
                sizes.append(size)
                if sum(sizes) > MOST_ALL:
                    raise ValueError("too much in all")
                replies.append(reply)
        except TimeoutError:
            end = "timeout"
        except (ValueError, ConnectionError):  # no line, too long a line, no JSON
            end = "crashed"
        except Broken as error:
            end, why = "infrastructure", str(error)
        finally:
            writer.close()
        took = time.monotonic() - began
        if end == "crashed":  # how did it end, before it is ended from here?
            await asyncio.wait({job.ended, self.listener}, timeout=GRACE, return_when=asyncio.FIRST_COMPLETED)
        if not (by_itself := job.ended.done()):
            self._kill(number)
        if end == "done" and self.tier.namespaces:  # its process ends by the way; else its scratch is emptied first
            return Replies(replies, end, seconds=took)
        await asyncio.wait({job.ended, self.listener}, timeout=FIRST_WORD, return_when=asyncio.FIRST_COMPLETED)
        if not job.ended.done() and self.process:
            self.process.kill()  # it answers no more, and is started again
            self.process.wait()
        told: dict[str, Any] = (
            job.ended.result() if job.ended.done() else {"refused": "the fork server is gone, or answers no more"}
        )
        if "refused" in told:
            return Replies(replies, "infrastructure", told["refused"])
        killed = told.get("status") == -signal.SIGKILL and not told.get("over")
        if end == "crashed" and by_itself and killed and told["busy"] < BUSY:
            return Replies(replies, "infrastructure", "a worker was killed from outside: is memory short?")
        return Replies(replies, end, why, took, float(told.get("busy", 0.0)))

    async def _ready(self, reader: asyncio.StreamReader) -> None:
        """Wait until the worker has shut itself in: until then nothing of a student's has run, and it is our fault."""
        try:
            first, _ = await self._reply(reader, FIRST_WORD)
        except (TimeoutError, ValueError, ConnectionError):
            first = {"broken": "a worker died before it began"}
        if first != {"ready": True}:
            raise Broken(str(first.get("broken")))

    async def _reply(self, reader: asyncio.StreamReader, seconds: float, largest: int = MOST_SAID) -> tuple[dict, int]:
        """The next reply, and its bytes. TimeoutError; ValueError when what came is none."""
        try:
            async with asyncio.timeout(seconds):
                line = await reader.readline()
        except TimeoutError:  # was it there, and this process kept from reading it?
            async with asyncio.timeout(0.1):
                line = await reader.readline()
        if len(line) > largest or sum(map(line.count, (b"{", b"[", b","))) > MOST_SIGNS:
            raise ValueError("too long")
        try:
            reply = json.loads(line)
        except RecursionError:
            raise ValueError("too deep") from None
        if type(reply) is not dict:
            raise ValueError("no reply")
        return reply, len(line)

    def _kill(self, number: int) -> None:
        try:
            self.control.send(json.dumps({"kill": number}).encode())
        except OSError:  # the fork server is gone, and its workers with it
            return
