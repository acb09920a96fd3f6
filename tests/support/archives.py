"""Small archives laid out like the real ones, for a mirror, and a server that breaks off, lies or is gone."""

import io
import os
import re
import tarfile
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pooch
import pytest
from PIL import Image

from course_utils.data.archives import content_digest, read_files
from course_utils.data.sources import SOURCES, Source

CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
MATERIALS = {"cardboard": 3, "glass": 1, "metal": 5, "paper": 2, "plastic": 4, "trash": 6}  # as the lists number them
BREEDS = {"Abyssinian": 6, "Russian_Blue": 6, "american_bulldog": 6, "pug": 6}


def zipped(files: dict[str, bytes], compression=zipfile.ZIP_STORED) -> bytes:
    """The bytes of a zip archive with these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def archive_like_pets(path) -> None:
    """JPEGs of several shapes in images/, one of them grey, and the files that the real archive has besides."""
    random = np.random.default_rng(0)
    with tarfile.open(path, "w:gz") as archive:
        folder = tarfile.TarInfo("images")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for breed, count in BREEDS.items():
            for number in range(1, count + 1):
                pixels = random.integers(0, 255, (8, 8 + number), np.uint8) if number == 1 else None
                pixels = random.integers(0, 255, (8, 8 + number, 3), np.uint8) if pixels is None else pixels
                buffer = io.BytesIO()
                Image.fromarray(pixels).resize((60 + 5 * number, 60)).save(buffer, "JPEG")
                member = tarfile.TarInfo(f"images/{breed}_{number}.jpg")
                member.size = buffer.tell()
                buffer.seek(0)
                archive.addfile(member, buffer)
        member = tarfile.TarInfo("images/Abyssinian_100.mat")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"mat"))


def archive_like_cifar10(path, per_class: int = 16) -> None:
    """A zip of CIFAR-10's layout: photographs of noise, 16 train and 8 test a class, a twin on both sides of each."""
    random = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("CIFAR/README.md", "nothing to see")
        for name in CIFAR:
            coarse = random.integers(0, 255, (per_class * 3 // 2, 6, 6, 3), np.uint8)
            coarse[per_class] = coarse[0]  # the first test photograph is the first of train again
            for i, pixels in enumerate(coarse):
                part, number = ("train", i) if i < per_class else ("test", i - per_class)
                buffer = io.BytesIO()
                Image.fromarray(pixels).resize((32, 32), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=95)
                archive.writestr(f"CIFAR/{part}/{name}/{number:04d}.jpg", buffer.getvalue())


def archive_like_trashnet(path) -> None:
    """TrashNet's layout: 8 train, 3 validation and 4 test photographs a class, and the three lists beside the zip."""
    random = np.random.default_rng(0)
    lists = {"train": [], "val": [], "test": []}
    with zipfile.ZipFile(path, "w") as archive:
        for kind, number in MATERIALS.items():
            coarse = random.integers(0, 255, (15, 9, 12, 3), np.uint8)
            coarse[14] = coarse[0]  # the last test photograph is the first of train again
            for i, pixels in enumerate(coarse, 1):
                buffer = io.BytesIO()
                Image.fromarray(pixels).resize((48, 36), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=95)
                archive.writestr(f"dataset-resized/{kind}/{kind}{i}.jpg", buffer.getvalue())
                lists["train" if i <= 8 else "val" if i <= 11 else "test"].append(f"{kind}{i}.jpg {number}")
    for name, lines in lists.items():
        text = "\n".join(random.permutation(lines)) + "\n"
        path.with_name(f"one-indexed-files-notrash_{name}.txt").write_text(text, encoding="utf-8")


def archive_like_brain_tumor(path) -> None:
    """Twelve slices a class, two of each byte-identical and two of one name, and three copies of each beside them."""
    random = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Brain/architecture.jpg", b"no slice")
        for folder, stem in (("no", "{} no"), ("yes", "Y{}")):
            for number in range(12):
                name = stem.format(1 if number == 2 else number)
                pixels = np.zeros((90, 70), np.uint8)  # a bright head in dark air
                noise = random.integers(60, 255, (9, 7), np.uint8)
                pixels[10:70, 5:55] = Image.fromarray(noise).resize((50, 60), Image.Resampling.BICUBIC)
                buffer = io.BytesIO()
                Image.fromarray(pixels).save(buffer, "PNG" if number == 2 else "JPEG")
                if number == 0:
                    first = buffer.getvalue()
                content = first if number == 5 else buffer.getvalue()
                archive.writestr(f"Brain/{folder}/{name}.{'png' if number == 2 else 'JPG'}", content)
                for copy in range(3):
                    point = "." if number == 7 else ""  # the authors' script cut some names behind it
                    archive.writestr(f"Brain/augmented data/{folder}/aug_{name}{point}_0_{number}{copy}.jpg", content)


STAND_INS = {
    "brain_tumor": archive_like_brain_tumor,
    "cifar10": archive_like_cifar10,
    "pets": archive_like_pets,
    "trashnet": archive_like_trashnet,
}


def mirror_stand_in(source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a stand-in for the source's archive into a mirror, choose photographs, and an empty data folder."""
    archive = folder / SOURCES[source].archive
    STAND_INS[source](archive)
    if SOURCES[source].pinned_at_first_use:
        lines = {name: len((folder / name).read_text().splitlines()) for name in SOURCES[source].beside}
        digests = {"layout": dict.fromkeys(MATERIALS, 15), "beside": lines}
    elif SOURCES[source].published:
        digests = {"published": f"sha256:{pooch.file_hash(str(archive))}"}
    else:
        digests = {"content": content_digest(read_files(archive, 10**8), SOURCES[source].counted)}
    monkeypatch.setitem(SOURCES, source, replace(SOURCES[source], **digests))
    monkeypatch.setenv("COURSE_IMAGES", "photographs")
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(folder))
    monkeypatch.setenv("COURSE_DATA_DIR", str(folder / "data"))


FILES = {f"toy/{kind}/{i}.jpg": os.urandom(300_000) for kind in ("car", "truck") for i in range(3)}


class Host(ThreadingHTTPServer):
    """Serves `payload`; `faults` says, request by request, after how many bytes to hang up or which status to give."""

    def __init__(self, payload: bytes):
        super().__init__(("127.0.0.1", 0), Answer)
        self.payload, self.knows_ranges, self.faults, self.ranges, self.sent = payload, True, [], [], 0
        self.url = f"http://127.0.0.1:{self.server_port}/toy.zip"


class Answer(BaseHTTPRequestHandler):
    server: Host

    def do_GET(self):
        host = self.server
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and host.knows_ranges else 0
        host.ranges.append(int(asked[1]) if asked else None)
        fault = host.faults.pop(0) if host.faults else None
        if isinstance(fault, str):
            return self.send_error(int(fault))
        if start >= len(host.payload):
            return self.send_error(416)
        body = host.payload[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:fault])
        host.sent += len(body[:fault])

    def log_message(self, *_):
        pass


def known(monkeypatch, **changes) -> Source:
    toy = Source(
        name="toy",
        about="A toy",
        url="http://127.0.0.1:9/toy.zip",
        archive="toy.zip",
        size=len(zipped(FILES)),
        unpacked=2_000_000,
        counted=r"\.jpg$",
        licence="CC0",
        citation="nobody",
        content=content_digest(FILES.items(), r"\.jpg$"),
    )
    monkeypatch.setitem(SOURCES, "toy", replace(toy, **changes))
    return SOURCES["toy"]


def left_in(folder: Path) -> list[str]:
    """Every file below the data folder but the lock."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock")
