"""Small archives that are laid out like the real ones, to stand in for them in a mirror."""

import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pooch
import pytest
from PIL import Image

from course_utils.data.archives import content_digest, read_files
from course_utils.data.sources import SOURCES

CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
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


STAND_INS = {"cifar10": archive_like_cifar10, "pets": archive_like_pets}


def mirror_stand_in(source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a stand-in for the source's archive into a mirror, choose the full profile, and an empty data folder."""
    archive = folder / SOURCES[source].archive
    STAND_INS[source](archive)
    if SOURCES[source].published:
        digests = {"published": f"sha256:{pooch.file_hash(str(archive))}"}
    else:
        digests = {"content": content_digest(read_files(archive, 10**8), SOURCES[source].suffix)}
    monkeypatch.setitem(SOURCES, source, replace(SOURCES[source], **digests))
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(folder))
    monkeypatch.setenv("COURSE_DATA_DIR", str(folder / "data"))
