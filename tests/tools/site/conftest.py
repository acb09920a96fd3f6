"""The built site, once for all tests of a file, served below a folder as GitHub Pages serves it."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tools import site

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The folder of the pages, without PDFs, which need a browser."""
    out = tmp_path_factory.mktemp("served") / "course"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        site.site(out, pdf=False)
    return out


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(built: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(built.parent)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/{built.name}"
    server.shutdown()
