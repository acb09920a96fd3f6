"""What a result was made with, written down so that a second machine can compare itself with it, line by line."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from course_utils._version import __version__
from course_utils.errors import CourseError

FILE = "manifest.json"
FORM = 1
PACKAGES = (
    "torch",
    "torchvision",
    "fastai",
    "numpy",
    "pandas",
    "pillow",
    "scikit-learn",
    "safetensors",
    "onnx",
    "onnxruntime",
)
# Neither a result nor what one is made from; the manifest itself can't hold its own digest.
LEFT_OUT = {".git", "__pycache__", ".ipynb_checkpoints", ".pytest_cache", ".venv"}
TOGETHER = 50  # files; a folder of more has one digest for all of them
READ_AT_ONCE = 2**20  # bytes


def make_manifest(folder: Path | str = ".", seeds: Sequence[int] = ()) -> Path:
    """Write FOLDER/manifest.json, and return it.

    It holds the versions of Python, the course and its libraries, the seeds, the commit of the folder's repository and
    which files differed from it, and a digest of each file: data, weights, settings and results; of a notebook, its
    code alone counts. A folder of more than
    fifty files has one digest for all, since a manifest is there to be read.

    Parameters
    ----------
    folder : Path or str
        A project's, or any other.
    seeds : sequence of int
        The seeds that the results follow from.

    Raises
    ------
    CourseError
        `shipping.no-folder`.
    """
    where = _existing(folder)
    file = where / FILE
    file.write_text(json.dumps(_facts(where, seeds), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return file


def check_manifest(folder: Path | str = ".") -> list[str]:
    """Compare a folder and this machine with the folder's manifest.json; return a sentence for each difference.

    Raises
    ------
    CourseError
        `shipping.no-folder`; `shipping.no-manifest` where there is none, `shipping.bad-manifest` for one that can't be
        read.
    """
    where = _existing(folder)
    try:
        written = json.loads((where / FILE).read_text(encoding="utf-8"))
        kept = {name: written[name] for name in ("form", "machine", "packages", "seeds", "repository", "files")}
        if kept["form"] != FORM or not all(isinstance(kept[name], dict) for name in ("machine", "packages", "files")):
            raise TypeError
    except FileNotFoundError:
        raise CourseError(
            f"There is no {FILE} in {where}: write one on the machine that made the results, with "
            "`course manifest make`.",
            code="shipping.no-manifest",
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
        raise CourseError(
            f"{FILE} can't be read: take it from the machine that made the results again.",
            code="shipping.bad-manifest",
        ) from None
    found = _facts(where, kept["seeds"])
    return [
        *_differences("", kept["machine"], found["machine"]),
        *_differences("", kept["packages"], found["packages"]),
        *_of_repositories(kept["repository"], found["repository"]),
        *_differences("", kept["files"], found["files"], told=False),
    ]


def _facts(folder: Path, seeds: Sequence[int]) -> dict[str, Any]:
    machine = {
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "course": __version__,
    }
    packages = {name: found for name in PACKAGES if (found := _version(name))}
    facts: dict[str, Any] = {"form": FORM, "machine": machine, "packages": packages, "seeds": list(seeds)}
    return facts | {"repository": _repository(folder), "files": digests(folder)}


def digests(folder: Path) -> dict[str, str]:
    """Give the sha256 of each file below a folder by its name; of a folder with more than fifty files one for all."""
    found: dict[str, str] = {}
    for part in _folders(folder):
        files = sorted(path for path in part.iterdir() if path.is_file() and not path.is_symlink())
        files = [path for path in files if path != folder / FILE and path.name not in LEFT_OUT]
        each = {path.relative_to(folder).as_posix(): _sha256(path) for path in files}
        if len(each) > TOGETHER:
            lines = "".join(f"{digest}  {name}\n" for name, digest in each.items())
            name = f"{part.relative_to(folder).as_posix()}/ ({len(each):,} files)"
            each = {name: hashlib.sha256(lines.encode()).hexdigest()}
        found |= each
    return found


def _folders(folder: Path) -> Iterator[Path]:
    yield folder
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink() and path.name not in LEFT_OUT:
            yield from _folders(path)


def _sha256(file: Path) -> str:
    found = hashlib.sha256()
    if file.suffix == ".ipynb":  # its code alone, since every run and every save changes the rest
        with suppress(ValueError, LookupError, TypeError):
            cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
            sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
            return hashlib.sha256("\n\n".join(sources).encode()).hexdigest()
    with file.open("rb") as opened:
        while part := opened.read(READ_AT_ONCE):
            found.update(part)
    return found.hexdigest()


def _version(package: str) -> str | None:
    try:
        return version(package).partition("+")[0]  # torch's builds differ by what they compute on: "2.11.0+cpu"
    except PackageNotFoundError:
        return None


def _repository(folder: Path) -> dict[str, Any] | None:
    """The commit that is checked out, and which files differ from it; None where git knows nothing of the folder."""
    try:
        commit = _git(folder, "rev-parse", "HEAD").strip()
        changed = [line[3:] for line in _git(folder, "status", "--porcelain", "--", ".").splitlines()]
    except (OSError, subprocess.CalledProcessError):
        return None
    return {"commit": commit, "changed": [name for name in changed if not name.endswith(FILE)]}


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def _of_repositories(kept: Mapping | None, found: Mapping | None) -> Iterator[str]:
    if kept and kept.get("changed"):
        yield f"the results were made with changes that aren't in their commit: {', '.join(kept['changed'])}."
    if kept and found and kept.get("commit") != found["commit"]:
        yield f"commit is {found['commit'][:12]} here, and was {str(kept.get('commit'))[:12]}."
    if kept and not found:
        yield f"this folder is no git repository, and the results were made at commit {str(kept.get('commit'))[:12]}."


def _differences(what: str, kept: Mapping, found: Mapping, told: bool = True) -> Iterator[str]:
    for name in [*kept, *(name for name in found if name not in kept)]:
        here, there = found.get(name), kept.get(name)
        if here == there:
            continue
        if here is None:
            yield f"{what}{name} is missing here{f', and was {there}' if told else ''}."
        elif there is None:
            yield f"{what}{name} is here, and wasn't there."
        else:
            yield f"{what}{name} is {here} here, and was {there}." if told else f"{what}{name} differs."


def _existing(folder: Path | str) -> Path:
    where = Path(folder)
    if not where.is_dir():
        raise CourseError(
            f"There is no folder {where}: name the one whose results you mean.", code="shipping.no-folder"
        )
    return where
