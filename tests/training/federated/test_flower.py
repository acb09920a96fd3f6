"""The app for Flower: a server and three sites as processes on this machine give the weights that `federate` gives.

Flower wants other versions of typer, rich and packaging than the lock has, so it lives in an environment of its own,
and COURSE_FLOWER names that environment's Python: `COURSE_FLOWER=~/flower/bin/python make test ARGS="-k flower"`.
"""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support.project import ROOT

APP = ROOT / "docs" / "flower_app"
PYTHON = os.environ.get("COURSE_FLOWER", "")
SITES = 3


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON, reason="COURSE_FLOWER names no Python with Flower")
def test_one_round_of_three_processes_gives_the_weights_of_federate(tmp_path, monkeypatch):
    link, *own = free_ports(1 + SITES)
    home, result, bin_ = tmp_path / "home", tmp_path / "result.safetensors", Path(PYTHON).parent
    home.mkdir()
    (home / "config.toml").write_text(
        f'[superlink]\ndefault = "plants"\n[superlink.plants]\naddress = "127.0.0.1:{link}"\ninsecure = true\n'
    )
    places = {"FLWR_HOME": str(home), "PATH": f"{bin_}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    env = os.environ | places | {"FLWR_TELEMETRY_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    commands = [["flower-superlink", "--insecure", "--disable-runtime-dependency-installation", "--port", str(link)]]
    for site, port in enumerate(own):
        node = ["flower-supernode", "--insecure", "--superlink", f"127.0.0.1:{link}", "--port", str(port)]
        commands.append([*node, "--node-config", f"site={site}"])
    running = []
    try:
        for number, command in enumerate(commands):
            log = (tmp_path / f"{number}.log").open("w")
            how = {"stdout": log, "stderr": subprocess.STDOUT, "start_new_session": True}
            running.append(subprocess.Popen([str(bin_ / command[0]), *command[1:]], env=env, cwd=tmp_path, **how))
            if not number:
                wait_for(link)
        run = ["flwr", "run", str(APP), "plants", "--stream", "--run-config", f'result="{result}"']
        told = subprocess.run([str(bin_ / run[0]), *run[1:]], env=env, capture_output=True, text=True, timeout=240)
        logs = "\n".join(path.read_text()[-2000:] for path in tmp_path.glob("*.log"))
        assert result.is_file(), told.stdout[-3000:] + told.stderr[-2000:] + logs
    finally:
        for process in running:
            os.killpg(process.pid, signal.SIGTERM)
        for process in running:
            process.wait(30)
    monkeypatch.syspath_prepend(str(APP))
    theirs, (ours, before) = load_file(result), by_federate()
    assert len(theirs) == 62, "20 convolutions, 20 BatchNorm layers with two tensors each, and the head"
    moved = max((ours[name] - before[name]).abs().max().item() for name in theirs)
    gap = max((theirs[name] - ours[name]).abs().max().item() for name in theirs)
    print(f"{len(theirs)} tensors; training moved them by up to {moved:.1e}; Flower's differ by {gap:.1e} at most")
    assert moved > 1e-2 and gap < 1e-6
    for name, weight in theirs.items():
        torch.testing.assert_close(weight, ours[name], rtol=1e-4, atol=1e-6)


def by_federate() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The weights of one round in this process, and those before it."""
    import importlib

    from course_utils.training.federated import federate

    task = importlib.import_module("plants.task")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model = task.network(0)
        before = {name: weight.clone() for name, weight in model.state_dict().items()}
        clients = [task.examples(site, SITES, 0) for site in range(SITES)]
        federate(model, clients, rounds=1, epochs=1, lr=0.1, bs=16, batchnorm=task.BATCHNORM, seed=0)
    finally:
        torch.set_num_threads(threads)
    return model.state_dict(), before


def wait_for(port: int) -> None:
    """Wait until a server listens on this port."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(f"Nothing listens on port {port}.")
