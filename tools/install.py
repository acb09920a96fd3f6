"""Install the course into the Python that runs this; the extras are named: `python tools/install.py lab text sound`.

It runs before anything is installed, so it imports nothing but the standard library.
"""

import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INDEX = "https://download.pytorch.org/whl/cpu/"  # PyTorch's own; PyPI has one build for Linux, that for NVIDIA cards
PATIENCE = 8  # seconds that PyTorch's index may take to answer
NAMES = {"cpu": "the small one for CPUs", "auto": "the one for this card", "default": "PyPI's"}
WARM_UP = "import fastai.vision.all, sklearn.datasets, course_utils.environment"  # what a lesson's first cell imports


def has_nvidia_card() -> bool:
    """Whether this machine has an NVIDIA card with a driver that answers."""
    if Path("/proc/driver/nvidia/version").exists():
        return True
    tool = shutil.which("nvidia-smi")
    return tool is not None and subprocess.run([tool, "-L"], capture_output=True).returncode == 0


def answers(address: str) -> bool:
    """Whether a package index can be reached from here, through the proxies that the environment names."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=PATIENCE):
            return True
    except (OSError, ValueError):
        return False


def choose_build(wanted: str = "") -> tuple[str, str]:
    """The build of torch, "cpu", "auto" (that for this card) or "default" (PyPI's), and why in one sentence.

    Parameters
    ----------
    wanted : the environment's TORCH, "cpu" or "default": it is taken as it is
    """
    if wanted in ("cpu", "default"):
        return wanted, f"TORCH={wanted} asks for it."
    if not sys.platform.startswith("linux"):
        return "default", "here it is the only one, and small on a machine without an NVIDIA card."
    if has_nvidia_card():
        why = "this machine has an NVIDIA card."
        return ("auto" if answers(INDEX) else "default"), why
    if answers(INDEX):
        return "cpu", "this machine has no NVIDIA card. Some 1.6 GB in all."
    return "default", f"the smaller build, at {INDEX}, can't be reached. This one takes 6 GB, and needs no card."


def commands(extras: Sequence[str], build: str) -> list[list[str]]:
    """What to try one after the other until one succeeds: uv first, then pip.

    uv installs several times as fast, but pip alone knows a package index that is set in pip's own settings; and a card
    whose build contradicts the lock still gets PyPI's.
    """
    what = ["--constraint", "requirements.lock", "--editable", f".[{','.join(extras)}]"]
    uv = [shutil.which("uv", path=str(Path(sys.executable).parent)) or "", "pip", "install", "--python", sys.executable]
    # Tests start hundreds of processes, each of which would compile what it imports anew.
    uv += ["--compile-bytecode"] if "test" in extras else []
    pip = [sys.executable, "-m", "pip", "install"]
    tried = [[*uv, *what], [*pip, *what]]
    if build == "auto":
        tried.insert(0, [*uv, "--torch-backend", "auto", *what])
    if build == "cpu":
        tried[:0] = [[*uv, "--torch-backend", "cpu", *what], [*pip, "--extra-index-url", INDEX, *what]]
    return [command for command in tried if command[0]]  # without uv, pip does it


def add_startup() -> None:
    """Put what IPython runs as a kernel starts into this environment: an editable install leaves data files out."""
    folder = Path(sys.prefix, "etc", "ipython", "startup")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "labconfig" / "course_startup.py", folder)
    except OSError as problem:  # a system's Python, where pip installed for this user alone
        print(
            f"After a restart, a missing name won't say which cell to run first: {folder} can't be written ({problem})."
        )


def main() -> None:
    """Install, say which build of torch came and why, and import once what a lesson imports."""
    extras = sys.argv[1:]
    build, why = choose_build(os.environ.get("TORCH", ""))
    print(f"Installing the course into {sys.prefix}: the first time, this takes some minutes.")
    print(f"The build of PyTorch is {NAMES[build]}: {why}", flush=True)
    for command in commands(extras, build):
        if subprocess.run(command, cwd=ROOT).returncode == 0:
            break
    else:
        sys.exit("The course could not be installed: the lines above say why.")
    add_startup()
    version = metadata.version("torch")
    print(f"PyTorch {version} is installed.")
    if build == "cpu" and sys.platform.startswith("linux") and not version.endswith("+cpu"):
        print("This is not the small build: it was here before, or PyTorch's own index failed. It works as well.")
    # Imported once here, in half a minute, it is compiled: the first lesson then begins in 6 seconds in place of 14.
    if "test" not in extras:
        print("Compiling what lessons import, in half a minute, so that the first one begins sooner.", flush=True)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        subprocess.run([sys.executable, "-W", "ignore", "-c", WARM_UP], cwd=ROOT, check=True)
    print("The course is installed.")


if __name__ == "__main__":
    main()
