"""What this machine has: memory, cores, GPUs, a network, a hosted notebook service. Looks only; decides nothing."""

import os
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from pathlib import Path

NETWORK_PROBE = "https://github.com"  # where most of the data sets are


@dataclass(frozen=True)
class Gpu:
    """One accelerator that this torch can compute on."""

    device: str  # torch's name for it, with its number: "cuda:0", "mps:0"
    name: str
    memory: int  # bytes


@dataclass(frozen=True)
class Facts:
    """What was seen of a machine."""

    memory: int  # bytes that this process may use
    cores: int  # physical ones that this process may use
    network: Callable[[], bool]  # a question rather than an answer: asked only where it matters
    gpus: tuple[Gpu, ...] = ()
    broken_gpu: bool = False  # there is a GPU, but this build of torch can't compute on it
    omp_threads: int | None = None  # torch's threads where OMP_NUM_THREADS is set
    host: str | None = None  # "Colab", "Kaggle" or "Binder"
    photographs: str = ""  # where photographs are without a download: "the mirror folder" or "the data folder"


def observe(data_dir: Path | None = None, mirror: Path | None = None) -> Facts:
    """Look at this machine, and for photographs into the data folder and the mirror folder."""
    # An operation that MPS lacks then runs on the CPU, rather than failing; torch reads it when imported.
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    import joblib
    import psutil
    import torch

    gpus, broken_gpu = _gpus()
    return Facts(
        memory=memory(),
        # joblib knows of affinity and of a container's quota, psutil tells cores from hyper-threads.
        cores=min(joblib.cpu_count(), psutil.cpu_count(logical=False) or sys.maxsize),
        network=network_once,
        gpus=gpus,
        broken_gpu=broken_gpu,
        omp_threads=torch.get_num_threads() if os.environ.get("OMP_NUM_THREADS") else None,
        host=_host(),
        photographs=find_photographs(data_dir, mirror),
    )


def find_photographs(data_dir: Path | None, mirror: Path | None) -> str:
    """Name the folder that holds archives or what was decoded from them; "" where neither does."""
    for name, folder, inside in (
        ("the mirror folder", mirror, ("*.zip", "*.tar.gz")),
        ("the data folder", data_dir, ("archives/*.zip", "archives/*.tar.gz", "decoded/*.safetensors")),
    ):
        if folder and any(not path.name.startswith(".") for pattern in inside for path in folder.glob(pattern)):
            return name
    return ""


def memory(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Count the bytes that this process may use: the machine's, or a container's limit (cgroup v2 or v1) if lower."""
    import psutil

    limits = [psutil.virtual_memory().total]
    for file in (cgroup / "memory.max", cgroup / "memory" / "memory.limit_in_bytes"):
        text = file.read_text().strip() if file.is_file() else ""
        if text.isdigit():  # v2 writes "max" where there is no limit
            limits.append(int(text))
    return min(limits)


def network(url: str = NETWORK_PROBE, seconds: float = 1.5) -> bool:
    """Ask whether an address answers in time, through a proxy where one is set.

    In a thread, because no timeout covers the look-up of a name, which can hang where there is no network.
    """
    answers = []

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds).close()
        except urllib.error.HTTPError:
            pass  # refused, but by a server
        except (OSError, HTTPException):
            return
        answers.append(url)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(answers)


@cache
def network_once() -> bool:
    """Ask as `network` does, and remember the answer: each data set asks, and a silent network takes its time."""
    return network()


def _gpus() -> tuple[tuple[Gpu, ...], bool]:
    """List the GPUs that torch can compute on, and say whether there are some that it can't."""
    import torch

    if torch.cuda.is_available():
        try:
            # An older card (Kaggle's P100) counts as available, yet new builds of torch have no kernels for it.
            torch.ones(1, device="cuda:0").add(1).item()
        except RuntimeError:
            return (), True
        seen = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        return tuple(Gpu(f"cuda:{i}", card.name, card.total_memory) for i, card in enumerate(seen)), False
    if torch.backends.mps.is_available():
        return (Gpu("mps:0", "Apple GPU", torch.mps.recommended_max_memory()),), False
    return (), False


def _host() -> str | None:
    """Name the hosted notebook service that this runs on, by the variable that each of them sets."""
    marks = {"COLAB_RELEASE_TAG": "Colab", "KAGGLE_KERNEL_RUN_TYPE": "Kaggle", "BINDER_SERVICE_HOST": "Binder"}
    if "google.colab" in sys.modules:
        return "Colab"
    return next((host for mark, host in marks.items() if mark in os.environ), None)
