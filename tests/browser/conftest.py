"""JupyterLab on a folder of notebook copies, and a real browser that opens, runs and reads them."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

PATIENCE = 120_000  # ms for one step of Lab on a busy machine
ROOT = Path(__file__).parents[2]
ARTEFACTS = Path(__file__).parents[1] / "artefacts"
TROUBLE = "[data-mime-type='application/vnd.jupyter.stderr']"  # what Lab marks errors with too
EVERY_CELL = """{"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}}"""  # not only those in sight
THEMES = "/lab/api/settings/@jupyterlab/apputils-extension:themes"


@dataclass
class Notebook:
    """A notebook that is open in the browser with its kernel ready."""

    page: Page

    def run_all(self, seconds: float) -> None:
        """Run every cell as a learner would, and wait until all have run or one has failed."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        self.page.wait_for_function(
            """trouble => document.querySelector(trouble) ||
                [...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')]
                    .every(prompt => /\\[\\d+\\]/.test(prompt.textContent))""",
            arg=TROUBLE,
            timeout=1000 * seconds,
        )

    def restart(self) -> None:
        """Restart the kernel by the menu, and confirm it."""
        self.page.get_by_role("menuitem", name="Kernel", exact=True).click()
        self.page.get_by_text("Restart Kernel…", exact=True).click()
        self.page.locator(".jp-Dialog .jp-mod-warn").click()

    def problems(self) -> list[str]:
        """What stands in the outputs as an error or on standard error."""
        return self.outputs(TROUBLE).all_inner_texts()

    def outputs(self, selector: str) -> Locator:
        """What is in sight of the outputs: beside a control lies what stands for it without a kernel."""
        return self.page.locator(".jp-OutputArea").locator(selector).locator("visible=true")

    def upload(self, file: Path) -> None:
        """Choose a file in the upload control, from the keyboard."""
        button = self.page.get_by_role("button", name="Upload an image")
        button.focus()
        with self.page.expect_file_chooser() as chooser:
            button.press("Enter")
        chooser.value.set_files(file)


@dataclass
class Lab:
    """A running JupyterLab and the folder that it serves."""

    folder: Path
    home: Path  # of its settings, workspaces and log
    token: str

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.port_retries=0"]
        command += [f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1", f"--IdentityProvider.token={self.token}"]
        own = {
            "JUPYTER_CONFIG_PATH": ROOT,  # the settings that `make lab` and Binder use
            "JUPYTER_CONFIG_DIR": self.home / "config",
            "JUPYTER_DATA_DIR": self.home / "data",
            "JUPYTER_RUNTIME_DIR": self.home / "runtime",
            "JUPYTERLAB_SETTINGS_DIR": self.home / "settings",
            "JUPYTERLAB_WORKSPACES_DIR": self.home / "workspaces",
            "IPYTHONDIR": self.home / "ipython",
        }
        with (self.home / "lab.log").open("a") as log:
            self.server = subprocess.Popen(
                [*command, f"--ServerApp.root_dir={self.folder}"],
                env=os.environ | {name: str(value) for name, value in own.items()},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server, and with it the kernels."""
        self.server.terminate()
        self.server.wait(30)

    def _wait(self, seconds: float = 180) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.server.poll() is None:
            try:
                self.call("/api")
                return
            except OSError:
                time.sleep(0.2)
        pytest.fail(f"JupyterLab did not answer within {seconds:.0f} s:\n{(self.home / 'lab.log').read_text()[-2000:]}")

    def copy(self, lesson: str, cleared: bool = True) -> str:
        """Copy a lesson into the folder, without its outputs unless they are wanted, and return the file's name."""
        notebook = nbformat.read(ROOT / "lessons" / f"{lesson}.ipynb", as_version=4)
        for cell in notebook.cells if cleared else []:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        return self.write(lesson if cleared else f"{lesson}_committed", notebook)

    def write(self, name: str, notebook: nbformat.NotebookNode) -> str:
        nbformat.write(notebook, self.folder / f"{name}.ipynb")
        return f"{name}.ipynb"

    def call(self, path: str, method: str = "GET", body: object = None) -> bytes:
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.address}{path}?token={self.token}", content, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def stop_kernels(self) -> None:
        """Give back what the notebooks hold: each kernel has most of a gigabyte."""
        for kernel in json.loads(self.call("/api/kernels")):
            self.call(f"/api/kernels/{kernel['id']}", "DELETE")

    def wear(self, theme: str) -> None:
        """Set the theme of the pages that are opened from now on: "JupyterLab Light" or "JupyterLab Dark"."""
        self.call(THEMES, "PUT", {"raw": json.dumps({"theme": theme})})

    def open(self, page: Page, file: str) -> Notebook:
        page.goto(f"{self.address}/lab/tree/{file}?token={self.token}&reset")
        expect(page.locator("#jp-main-statusbar")).to_contain_text("Idle")
        return Notebook(page)


@pytest.fixture(scope="session")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab of this checkout's settings; nothing starts where there is no browser to look at it."""
    home = tmp_path_factory.mktemp("jupyter")
    (home / "config" / "labconfig").mkdir(parents=True)
    (home / "config" / "labconfig" / "default_setting_overrides.json").write_text(EVERY_CELL)
    lab = Lab(tmp_path_factory.mktemp("lessons"), home, secrets.token_hex(16))
    lab.start()
    yield lab
    lab.stop()


@pytest.fixture
def page(browser: Browser, lab: Lab, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page that leaves an image of its end among the artefacts, whether the test passed or not."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    yield page
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"{request.node.name}.png")
    page.close()
    lab.wear("JupyterLab Light")
    lab.stop_kernels()
