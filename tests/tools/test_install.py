"""How the course is installed: which build of PyTorch, with what, and what is said of it."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools import install


@pytest.mark.parametrize(
    ("system", "card", "reachable", "build", "said"),
    [
        ("linux", False, True, "cpu", "no NVIDIA card"),
        ("linux", False, False, "default", "can't be reached"),
        ("linux", True, True, "auto", "has an NVIDIA card"),
        ("linux", True, False, "default", "has an NVIDIA card"),
        ("darwin", False, True, "default", "the only one"),
        ("win32", False, False, "default", "the only one"),
    ],
)
def test_the_build_follows_the_machine_and_says_why(monkeypatch, system, card, reachable, build, said):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(install, "has_nvidia_card", lambda: card)
    monkeypatch.setattr(install, "answers", lambda address: reachable)
    found, why = install.choose_build()
    assert found == build and said in why


@pytest.mark.parametrize("wanted", ["cpu", "default"])
def test_a_build_that_is_asked_for_is_taken(monkeypatch, wanted):
    monkeypatch.setattr(install, "has_nvidia_card", lambda: pytest.fail("nothing is to be looked for"))
    assert install.choose_build(wanted) == (wanted, f"TORCH={wanted} asks for it.")


@pytest.mark.parametrize("status", [200, 404])
def test_an_index_is_asked_before_it_is_used(status):
    class Index(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(status)
            self.end_headers()

        def log_message(self, *ignored):
            pass

    server = HTTPServer(("127.0.0.1", 0), Index)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/whl/cpu/"
    try:
        assert install.answers(address) == (status == 200)
    finally:
        server.shutdown()
        server.server_close()
    assert not install.answers(address) and not install.answers("no address")


@pytest.mark.parametrize("build", ["cpu", "auto", "default"])
def test_every_way_keeps_to_the_lock_and_the_last_ones_need_only_pypi(build):
    tried = install.commands(["lab", "grading"], build)
    for command in tried:
        assert command[-4:] == ["--constraint", "requirements.lock", "--editable", ".[lab,grading]"]
    assert [command[1:3] for command in tried[-2:]] == [["pip", "install"], ["-m", "pip"]]
    assert not any("--torch-backend" in command or install.INDEX in command for command in tried[-2:])
    assert ("--torch-backend" in tried[0]) == (build != "default")
    assert not any("--compile-bytecode" in command for command in tried)
    assert "--compile-bytecode" in install.commands(["lab", "test"], build)[0]


@pytest.fixture
def tried(monkeypatch, tmp_path):
    """An installation in which nothing is installed: what it would have run, and what comes of it."""
    done = SimpleNamespace(commands=[], fail=(), version="2.15.0+cpu")

    def run(command, **_):
        done.commands.append(command)
        return SimpleNamespace(returncode=int(len(done.commands) - 1 in done.fail))

    monkeypatch.setattr(install.subprocess, "run", run)
    monkeypatch.setattr(install.metadata, "version", lambda package: done.version)
    monkeypatch.setenv("TORCH", "cpu")
    monkeypatch.setattr(sys, "argv", ["install.py", "lab"])
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    return done


def test_what_is_installed_is_said_and_imported_once(tried, capsys):
    install.main()
    first, last = tried.commands
    assert first == install.commands(["lab"], "cpu")[0] and last[-1] == install.WARM_UP
    assert "2.15.0+cpu is installed" in capsys.readouterr().out
    assert [file.name for file in Path(sys.prefix, "etc", "ipython", "startup").iterdir()] == ["course_startup.py"]


def test_a_folder_that_cannot_be_written_ends_no_installation(tried, tmp_path, capsys):
    (tmp_path / "etc").write_text("a file where a folder should be")
    install.main()
    assert "can't be written" in (said := capsys.readouterr().out) and "The course is installed." in said


def test_what_fails_is_tried_otherwise_and_what_came_is_said(tried, capsys):
    tried.fail, tried.version = (0, 1), "2.15.0"
    install.main()
    assert tried.commands[2] == install.commands(["lab"], "default")[0]
    assert "not the small build" in capsys.readouterr().out


def test_an_installation_that_fails_every_way_ends_in_one_line(tried):
    tried.fail = range(10)
    with pytest.raises(SystemExit, match="could not be installed"):
        install.main()
    assert len(tried.commands) == 4


def test_it_imports_nothing_that_is_not_there_before(monkeypatch):
    lines = Path(install.__file__).read_text(encoding="utf-8").splitlines()
    imported = {line.split()[1].partition(".")[0] for line in lines if line.startswith(("import ", "from "))}
    assert imported <= sys.stdlib_module_names
