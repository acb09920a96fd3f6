"""Gets a source's archive here: from the mirror or by download, checked against its digest, and unpacked."""

import contextlib
import errno
import re
import shutil
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pooch
import requests
from filelock import FileLock, Timeout
from tqdm.auto import tqdm

from course_utils.data.archives import content_digest, read_files
from course_utils.data.sources import Source, find_source
from course_utils.environment import data_dir, mirror
from course_utils.errors import CourseError

RETRIES = 3
UNSOUND = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, CourseError)  # what a bad archive raises
CHUNK = 2**16  # bytes: what a broken connection loses at most


def fetch_archive(name: str) -> Path:
    """Return the checked archive of a source: from the data folder, else from the mirror, else downloaded.

    A download that breaks off keeps what came in a `.part` file beside the archive, and the next call goes on from
    there. An archive in the data folder that was damaged since is fetched again.

    Raises
    ------
    CourseError
        `data.unknown-source`, `data.host-refused`, `data.download-broke-off`, `data.no-network`, `data.wrong-file`,
        `data.disk-full` or `data.folder-unusable`.
    """
    source = find_source(name)
    return _fetch_file(source, f"{source.about}.\nLicence: {source.licence}. Cite: {source.citation}.")


def fetch_beside(name: str) -> dict[str, Path]:
    """Return the checked text files that a source's publisher keeps beside the archive, by their names.

    Raises
    ------
    CourseError
        As `fetch_archive`.
    """
    return {each.archive: _fetch_file(each) for each in find_source(name).files_beside()}


def _fetch_file(source: Source, announcement: str = "") -> Path:
    """Return one checked file: from the data folder, else from the mirror, else downloaded after an announcement."""
    archive = _archive_path(source)
    if archive.is_file():
        with _explain_errors(source, archive):
            fault = _find_damage(source, archive)
            if not fault:
                return archive
            print(f"{archive.name} in the data folder is damaged ({fault}): it is fetched again.")
            with _lock(source):
                if archive.is_file() and _find_damage(source, archive):  # another process may have been quicker
                    archive.unlink()
    mirrored = _find_in_mirror(source)
    if mirrored is not None:
        with _explain_errors(source, mirrored):
            _check_digest(source, mirrored)
        return mirrored
    with _explain_errors(source, archive), _lock(source):
        if not archive.is_file():
            if announcement:
                print(announcement)
            pooch.get_logger().setLevel("WARNING")  # its messages name folders, and the progress bar says the rest
            pooch.create(
                path=archive.parent,
                base_url="",
                registry={source.archive: None},
                urls={source.archive: source.url},
                retry_if_failed=RETRIES,
            ).fetch(source.archive, downloader=_ResumingDownloader(source))
            _pin(source, archive)
    return archive


def fetch(name: str) -> Path:
    """Return the folder that holds a source's files, fetched and unpacked when it isn't there yet.

    Raises
    ------
    CourseError
        As `fetch_archive`, and `data.unsafe-archive`.
    """
    source = find_source(name)
    folder = data_dir() / source.name
    if folder.is_dir():
        return folder
    archive = fetch_archive(name)
    unpacking = folder.with_name(f".{source.name}.part")
    with _explain_errors(source, folder), _lock(source):
        if folder.is_dir():
            return folder
        shutil.rmtree(unpacking, ignore_errors=True)  # what a killed process left
        try:
            for file, content in read_files(archive, source.unpacked):
                (unpacking / file).parent.mkdir(parents=True, exist_ok=True)
                (unpacking / file).write_bytes(content)
            unpacking.rename(folder)
        finally:
            shutil.rmtree(unpacking, ignore_errors=True)
    return folder


def verify(name: str) -> bool:
    """Check a source's archive and unpacked folder again.

    Returns
    -------
    bool
        False when neither is here.

    Raises
    ------
    CourseError
        `data.wrong-file` when one of them is damaged.
    """
    source = find_source(name)
    archive = _find(source)
    folder = data_dir() / source.name
    for each in (source, *source.files_beside()):
        file = _find(each)
        if file is not None:
            with _explain_errors(each, file):
                _check_digest(each, file)
                _check_pin(each, file)
    if folder.is_dir():
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        contents = ((path.relative_to(folder).as_posix(), path.read_bytes()) for path in files)
        found, expected = content_digest(contents, source.counted), source.content
        if expected is None and archive is not None:
            expected = content_digest(read_files(archive, source.unpacked), source.counted)
        if expected not in (None, found):
            raise CourseError(
                f"The files in {folder} are not those of '{name}': delete that folder and fetch again.",
                code="data.wrong-file",
            )
    return archive is not None or folder.is_dir()


def is_here(name: str) -> bool:
    """Whether a source can be had without a network: in the data folder or in the mirror."""
    source = find_source(name)
    return (data_dir() / name).is_dir() or all(_find(each) is not None for each in (source, *source.files_beside()))


def _archive_path(source: Source) -> Path:
    return data_dir() / "archives" / source.archive


def _partial_path(source: Source) -> Path:
    """Return the file that keeps what came of a download that broke off."""
    return _archive_path(source).with_name(f".{source.archive}.part")


def _find(source: Source) -> Path | None:
    return _archive_path(source) if _archive_path(source).is_file() else _find_in_mirror(source)


def _find_in_mirror(source: Source) -> Path | None:
    """Return the mirror's file, which lies in the mirror itself or in a folder of the source's name."""
    folder = mirror()
    candidates = [folder / source.archive, folder / source.name / source.archive] if folder is not None else []
    return next((path for path in candidates if path.is_file()), None)


def _pin_path(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256")


def _pin(source: Source, file: Path) -> None:
    """Keep the digest of a first download beside it, where none was known beforehand: trust on first use.

    Raises ValueError, and deletes the file, when an earlier download had another digest.
    """
    if source.pinned_at_first_use:
        try:
            _check_pin(source, file)
        except ValueError:
            file.unlink()
            raise
        _pin_path(file).write_text(f"{pooch.file_hash(str(file))}  {file.name}\n")


def _read_pin(file: Path) -> str:
    """Return the digest of a first download, "" where none was kept."""
    pin = _pin_path(file)
    return pin.read_text().split(" ")[0] if pin.is_file() else ""


def _find_damage(source: Source, file: Path) -> str:
    """Return what is wrong with a file in the data folder, "" where it is what was downloaded."""
    try:
        if source.pinned_at_first_use and _read_pin(file):
            _check_pin(source, file)
        else:
            _check_digest(source, file)
    except ValueError as fault:
        return str(fault)
    return ""


def _check_pin(source: Source, file: Path) -> None:
    """Raise ValueError when a file isn't any more what was downloaded first; a mirror's files have no pin."""
    expected = _read_pin(file)
    if source.pinned_at_first_use and expected:
        found = pooch.file_hash(str(file))
        if found != expected:
            raise ValueError(f"digest {found}, at its first download {expected}, kept in {_pin_path(file).name}")


def _check_digest(source: Source, archive: Path) -> None:
    """Raise ValueError when the archive, or what is in it, isn't what the registry knows."""
    if source.pinned_at_first_use:
        _check_layout(source, archive)
        return
    try:
        if source.published is not None:
            algorithm, expected = source.published.split(":")
            found = pooch.file_hash(str(archive), alg=algorithm)
        else:
            expected = source.content or ""
            found = content_digest(read_files(archive, source.unpacked), source.counted)
    except UNSOUND as error:
        raise _unsound(error) from error
    if found != expected:
        raise ValueError(f"digest {found}, expected {expected}")


def _check_layout(source: Source, file: Path) -> None:
    """Raise ValueError when a text file's lines, or the files in an archive's folders, aren't as many as known."""
    if source.archive in source.layout:
        found = {source.archive: len(file.read_bytes().splitlines())}
    else:
        try:
            names = [name for name, _ in read_files(file, source.unpacked) if re.search(source.counted, name)]
        except UNSOUND as error:
            raise _unsound(error) from error
        found = dict(Counter(PurePosixPath(name).parent.name for name in names))
    for name, count in source.layout.items():
        if found.get(name, 0) != count:
            what = "lines" if name == source.archive else f"files in {name}"
            raise ValueError(f"{found.get(name, 0):,} {what}, expected {count:,}")
    if len(found) > len(source.layout):
        raise ValueError(f"an unknown folder {min(found.keys() - source.layout.keys())}")


def _unsound(error: Exception) -> ValueError:
    first_line = str(error).split("\n")[0].rstrip(".:")  # tarfile lists every format that it tried
    return ValueError(f"not a sound archive: {first_line}")


class _ResumingDownloader:
    """A pooch downloader that goes on where the last try broke off, and hands over nothing unchecked.

    pooch itself deletes what came when a download fails, and starts again from nothing.
    """

    def __init__(self, source: Source) -> None:
        self.source = source

    def __call__(self, url: str, output_file: str, _: pooch.Pooch) -> None:
        part = _partial_path(self.source)
        have = part.stat().st_size if part.exists() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, headers=headers, stream=True, timeout=30) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                part.unlink()  # as long as the whole file, or longer: the next try starts from nothing
            response.raise_for_status()
            if response.status_code != requests.codes.partial_content:
                have = 0  # hosts that pack on demand ignore ranges and send everything again
            left = int(response.headers.get("Content-Length", 0))
            total = have + left if left and self.source.pinned_at_first_use else self.source.size
            with (
                part.open("ab" if have else "wb") as file,
                tqdm(desc=self.source.name, total=total, initial=have, unit="B", unit_scale=True) as bar,
            ):
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    bar.update(len(chunk))
        try:
            _check_digest(self.source, part)
        except ValueError:
            part.unlink()
            raise
        part.replace(output_file)


@contextlib.contextmanager
def _lock(source: Source) -> Iterator[None]:
    """Let one process at a time fetch a source into the data folder."""
    data_dir().mkdir(parents=True, exist_ok=True)
    lock = FileLock(data_dir() / f".{source.name}.lock")
    try:
        lock.acquire(timeout=1)
    except Timeout:
        print(f"Another process is fetching '{source.name}': waiting for it.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _explain_errors(source: Source, path: Path) -> Iterator[None]:
    """Turn what can go wrong on the way to `path` into one sentence that says what to do."""
    try:
        yield
    except requests.RequestException as error:
        raise _network_error(source, error) from error
    except ValueError as error:
        raise _wrong_file(source, path, error) from error
    except OSError as error:
        raise _folder_error(source, error) from error


def _host(source: Source) -> str:
    return source.url.split("/")[2]


def _by_hand(source: Source) -> str:
    return f"download {source.url} elsewhere, as {source.archive}, and name its folder in COURSE_DATA_MIRROR"


def _network_error(source: Source, error: requests.RequestException) -> CourseError:
    host, by_hand = _host(source), _by_hand(source)
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return CourseError(
            f"{host} answered {error.response.status_code} for '{source.name}': try again later, or {by_hand}.",
            code="data.host-refused",
        )
    partial = _partial_path(source)
    if partial.exists():
        came, total = partial.stat().st_size / 1e6, source.size / 1e6
        return CourseError(
            f"The download of '{source.name}' broke off after {came:.1f} of {total:.1f} MB: "
            f"call again and it goes on from there, or {by_hand}.",
            code="data.download-broke-off",
        )
    return CourseError(
        f"{host} can't be reached, so '{source.name}' can't be had: go online, or {by_hand}.", code="data.no-network"
    )


def _wrong_file(source: Source, path: Path, error: ValueError) -> CourseError:
    if path.exists():
        return CourseError(
            f"{path} is not the file that the course knows as '{source.name}' ({error}): delete it and fetch again.",
            code="data.wrong-file",
        )
    return CourseError(
        f"What {_host(source)} sent for '{source.name}' is not what the course knows ({error}), and was deleted: "
        f"try again later, or {_by_hand(source)}.",
        code="data.wrong-file",
    )


def _folder_error(source: Source, error: OSError) -> CourseError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        _partial_path(source).unlink(missing_ok=True)  # the room is needed more than the bytes
        return CourseError(
            f"The disk of {data_dir()} is full, and '{source.name}' takes {source.size / 1e6:.0f} MB there: "
            "free some room, or set COURSE_DATA_DIR to a folder on another disk.",
            code="data.disk-full",
        )
    return CourseError(
        f"{error.filename or data_dir()} can't be used ({error.strerror or error}): "
        "make the data folder writable, or set COURSE_DATA_DIR to a folder of yours.",
        code="data.folder-unusable",
    )
