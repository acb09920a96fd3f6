"""Fixtures of the tests on downloads."""

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.archives import FILES, Host, zipped


@pytest.fixture
def host():
    server = Host(zipped(FILES))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty data folder without a mirror, and no waiting between retries."""
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("COURSE_DATA_MIRROR", raising=False)
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=lambda _: None))
    return tmp_path / "data"
