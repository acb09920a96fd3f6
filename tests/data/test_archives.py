"""Reading archives: a digest of their contents that outlives repacking."""

import io
import os
import tarfile
import zipfile

from support.archives import zipped

from course_utils.data.archives import content_digest, read_files

FILES = {f"toy/{kind}/{i}.jpg": os.urandom(300_000) for kind in ("car", "truck") for i in range(3)}


def test_the_content_digest_outlives_a_repacked_archive(tmp_path):
    digests = set()
    backwards = dict(reversed(FILES.items()))
    for name, archive in (
        ("a.zip", zipped(FILES)),
        ("b.zip", zipped(backwards, zipfile.ZIP_DEFLATED)),
        ("c.zip", zipped(FILES | {"toy/README.md": b"a new read-me"})),
    ):
        (tmp_path / name).write_bytes(archive)
        digests.add(content_digest(read_files(tmp_path / name, 2_000_000), r"\.jpg$"))
    with tarfile.open(tmp_path / "d.tar.gz", "w:gz") as archive:
        for name, content in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    digests.add(content_digest(read_files(tmp_path / "d.tar.gz", 2_000_000), r"\.jpg$"))
    assert len(digests) == 1
    renamed = {name.replace("car", "cat"): content for name, content in FILES.items()}
    assert content_digest(renamed.items(), r"\.jpg$") not in digests
