"""What is seen of a machine: memory, cores, GPUs, network, host."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import joblib
import psutil
import pytest
import torch

from course_utils import machine

GIB = 2**30


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def two_cards(monkeypatch):
    """A machine with two CUDA cards; their arithmetic is done on the CPU."""
    ones = torch.ones
    cards = [SimpleNamespace(name="Tesla T4", total_memory=15 * GIB), SimpleNamespace(name="RTX", total_memory=8 * GIB)]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", cards.__getitem__)
    monkeypatch.setattr(torch, "ones", lambda n, device: ones(n))


@pytest.mark.parametrize(
    ("file", "text", "limit"),
    [
        ("memory.max", f"{GIB}\n", GIB),
        ("memory/memory.limit_in_bytes", f"{GIB}\n", GIB),
        ("memory.max", "max\n", None),
        ("memory/memory.limit_in_bytes", "9223372036854771712\n", None),  # cgroup v1's way to say "no limit"
        ("unrelated", "1\n", None),
    ],
)
def test_memory_is_the_containers_limit_where_there_is_one(tmp_path, file, text, limit):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    assert machine.memory(tmp_path) == (limit or psutil.virtual_memory().total)


@pytest.mark.parametrize(("usable", "physical", "cores"), [(2, 32, 2), (16, 8, 8), (4, None, 4)])
def test_cores_are_physical_and_within_the_containers_quota(monkeypatch, no_gpu, usable, physical, cores):
    monkeypatch.setattr(joblib, "cpu_count", lambda: usable)
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: physical)
    assert machine.observe().cores == cores


def test_a_containers_quota_is_respected(quota_of_one_core, no_gpu):
    assert machine.observe().cores == 1


def test_threads_that_the_user_set_are_kept(monkeypatch, no_gpu):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert machine.observe().omp_threads is None
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert machine.observe().omp_threads == torch.get_num_threads()


def test_no_gpu(no_gpu):
    assert (machine.observe().gpus, machine.observe().broken_gpu) == ((), False)


def test_cuda_cards(two_cards):
    facts = machine.observe()
    assert [(gpu.device, gpu.name, gpu.memory) for gpu in facts.gpus] == [
        ("cuda:0", "Tesla T4", 15 * GIB),
        ("cuda:1", "RTX", 8 * GIB),
    ]
    assert not facts.broken_gpu


def test_a_card_without_kernels_is_broken(two_cards, monkeypatch):
    def ones(n, device):
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device")

    monkeypatch.setattr(torch, "ones", ones)
    assert (machine.observe().gpus, machine.observe().broken_gpu) == ((), True)


def test_apple(no_gpu, monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 10 * GIB)
    assert machine.observe().gpus == (machine.Gpu("mps:0", "Apple GPU", 10 * GIB),)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_this_machines_own_gpu():
    facts = machine.observe()
    assert len(facts.gpus) == torch.cuda.device_count() or facts.broken_gpu
    assert all(gpu.memory > GIB for gpu in facts.gpus)


@pytest.mark.parametrize(
    ("variable", "host"),
    [
        ("COLAB_RELEASE_TAG", "Colab"),
        ("KAGGLE_KERNEL_RUN_TYPE", "Kaggle"),
        ("BINDER_SERVICE_HOST", "Binder"),
        ("HOME", None),
    ],
)
def test_hosts(monkeypatch, no_gpu, variable, host):
    for mark in ("COLAB_RELEASE_TAG", "KAGGLE_KERNEL_RUN_TYPE", "BINDER_SERVICE_HOST"):
        monkeypatch.delenv(mark, raising=False)
    monkeypatch.setenv(variable, "something")
    assert machine.observe().host == host


@pytest.fixture
def server():
    """A server on this machine that answers /yes with 200 and anything else with 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200 if self.path == "/yes" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.mark.parametrize("path", ["/yes", "/no"])
def test_any_answer_is_a_network(server, path):
    assert machine.network(server + path, seconds=10)


def test_a_closed_port_is_no_network_and_costs_no_waiting():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    start = time.perf_counter()
    assert not machine.network(f"http://127.0.0.1:{port}", seconds=30)
    assert time.perf_counter() - start < 10


def test_silence_is_no_network():
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the connection and never answers
        start = time.perf_counter()
        assert not machine.network(f"http://127.0.0.1:{silent.getsockname()[1]}", seconds=0.2)
    assert time.perf_counter() - start < 5


def test_a_name_look_up_that_hangs_is_not_waited_for(monkeypatch):
    end = threading.Event()

    def hang(*_, **__):
        end.wait(60)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    start = time.perf_counter()
    assert not machine.network("http://nowhere.invalid", seconds=0.2)
    assert time.perf_counter() - start < 5
    end.set()


@pytest.mark.parametrize(
    ("file", "where"),
    [
        ("mirror/photographs.zip", "the mirror folder"),
        ("mirror/images.tar.gz", "the mirror folder"),
        ("data/archives/photographs.zip", "the data folder"),
        ("data/decoded/vehicles-1df4.safetensors", "the data folder"),
        ("data/archives/.photographs.zip.part", ""),
        ("data/archives/.photographs.zip", ""),
        ("data/archives/list.txt", ""),
        ("data/features/of-drawings.safetensors", ""),
    ],
)
def test_photographs_are_found_where_they_need_no_download(tmp_path, file, where):
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).touch()
    assert machine.find_photographs(tmp_path / "data", tmp_path / "mirror") == where
    assert machine.find_photographs(tmp_path / "data", None) == (where if file.startswith("data") else "")


def test_folders_that_are_not_there_hold_no_photographs(tmp_path):
    assert machine.find_photographs(None, None) == machine.find_photographs(tmp_path / "no", tmp_path / "no") == ""


def test_the_network_is_asked_once(monkeypatch):
    asked = []
    monkeypatch.setattr(machine, "network", lambda: asked.append(1) or True)
    machine.network_once.cache_clear()
    assert machine.network_once() and machine.network_once() and len(asked) == 1
    machine.network_once.cache_clear()
