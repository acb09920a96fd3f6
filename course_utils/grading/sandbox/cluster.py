"""Grades on a Dask cluster: each worker starts a sandbox of its own; keys and comparisons stay with the driver."""

import asyncio
import json
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

from course_utils.errors import CourseError
from course_utils.grading.sandbox import shell
from course_utils.grading.sandbox.worker_pool import Replies, WorkerPool

TOGETHER = 50  # jobs that travel together: at some 20 ms a job, the cluster's own millisecond doesn't count
WAIT = 0.02  # seconds that a job waits for others
RETRIES = 3  # times that jobs go to another worker when theirs is lost


class Cluster:
    """Does jobs as a WorkerPool does, on the cluster of a Dask scheduler; an asynchronous context manager.

    local: the worker pool whose settings (imports, memory, isolation) each worker's own worker pool gets
    CourseError when Dask isn't installed, the scheduler can't be reached, or a worker can't shut students' code in.
    """

    def __init__(self, address: str, local: WorkerPool):
        self.address, self.local = address, local
        self.open: list = []
        self.at_once = 2

    async def __aenter__(self) -> "Cluster":
        try:
            from distributed import Client
        except ImportError:
            raise CourseError(
                "A cluster needs Dask: pip install 'fine-tuning-course[cluster]'.", code="grading.no-dask"
            ) from None
        try:
            self.client = await Client(self.address, asynchronous=True, timeout="20s")
        except (OSError, TimeoutError, ValueError) as error:
            raise CourseError(
                f"No Dask scheduler answers at {self.address} ({error}): start one there, or correct the address.",
                code="grading.no-scheduler",
            ) from None
        local = self.local
        self.tier = local.tier
        self.settings = json.dumps([list(local.imports), local.tier.name, local.unsafe_local, local.memory])
        told = await self.client.run(_tried, self.settings)
        if not told or (bad := {worker: trouble for worker, trouble in told.items() if trouble}):
            await self.client.close()
            why = "; ".join(f"{worker}: {trouble}" for worker, trouble in bad.items()) if told else "it has no workers"
            raise CourseError(f"The cluster at {self.address} can't grade: {why}", code="grading.cluster")
        cores = sum(worker["nthreads"] for worker in self.client.scheduler_info(n_workers=-1)["workers"].values())
        self.at_once = 2 + cores // 2  # batches under way, so that every worker has jobs
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.client.close()

    async def do(
        self, steps: list[dict], seed: int = 0, seconds: float = 10.0, most: float | None = None, alone: bool = False
    ) -> Replies:
        """As WorkerPool.do, somewhere on the cluster, where each worker does one job at a time anyway."""
        loop = asyncio.get_running_loop()
        came = loop.create_future()
        self.open.append(([steps, seed, seconds, most], came))
        if len(self.open) == TOGETHER:
            self._send()
        elif len(self.open) == 1:
            loop.call_later(WAIT, self._send)
        return await came

    def _send(self) -> None:
        """Send the jobs that wait."""
        jobs, self.open = self.open, []
        if jobs:
            task = asyncio.create_task(self._fetch(jobs))
            jobs[0][1].add_done_callback(lambda _: task)  # keeps the task from being collected

    async def _fetch(self, jobs: Sequence[tuple[list, asyncio.Future]]) -> None:
        try:
            asked = json.dumps([job for job, _ in jobs])
            found = json.loads(await self.client.submit(_done, self.settings, asked, pure=False, retries=RETRIES))
            replies = [Replies(**one) for one in found]
        except Exception as error:  # whatever befell the cluster is none of the students' fault
            replies = [Replies([], "infrastructure", f"the cluster: {type(error).__name__}")] * len(jobs)
        for (_, came), reply in zip(jobs, replies, strict=True):
            if not came.done():
                came.set_result(reply)


class _Here:
    """A worker pool within a worker of the cluster, and the thread whose loop it lives in and ends with."""

    def __init__(self, settings: str):
        imports, tier, unsafe_local, memory = json.loads(settings)
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        asked = next(one for one in shell.TIERS if one.name == tier)
        self.pool = WorkerPool(1, imports, asked, unsafe_local, memory)
        self.wait(self.pool.__aenter__())

    def wait(self, work: Coroutine) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()


_lock = threading.Lock()


@cache
def _here(settings: str) -> _Here:
    return _Here(settings)


def _tried(settings: str) -> str:
    """Start this worker's pool; what is in its way, or ""."""
    try:
        with _lock:
            _here(settings)
    except CourseError as error:
        return str(error)
    return ""


def _done(settings: str, jobs: str) -> str:
    """Do jobs one after another in this worker's pool."""
    with _lock:
        here = _here(settings)

    async def each() -> list[dict]:
        return [asdict(await here.pool.do(*job)) for job in json.loads(jobs)]

    return json.dumps(here.wait(each()))
