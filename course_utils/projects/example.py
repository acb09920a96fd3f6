"""The worked example: a project filled with the course's photographs of rubbish, as files."""

from pathlib import Path, PurePosixPath

from PIL import Image

from course_utils import environment
from course_utils.data.archives import read_files
from course_utils.data.fetching import fetch_archive
from course_utils.data.images.recycling import VOCAB, recycling
from course_utils.data.sources import SOURCES
from course_utils.errors import CourseError
from course_utils.projects.settings import FILE

FILLED = {
    "question": "Staff at a recycling plant: which of six bins does this piece of rubbish go into?",
    "groups": "none",
    "resize": "squish",
    "use": "to propose a bin for one object on a plain background; a person decides",
    "not_for": "rubbish on a moving belt, and anything dangerous, such as batteries",
    "harm": "a load with too much of the wrong material is burnt; each bin is sampled once a day",
    "contact": "whoever made this project from the course's example",
}
DRAWN = {"source": "drawings by the course's own code", "licence": "free to use"}


def fill_with_example(folder: Path) -> str:
    """Put photographs of rubbish into a new project, and fill in its project.toml; return a sentence on what came.

    Where the photographs can't be had, drawings take their place.
    """
    source = SOURCES["trashnet"]
    filled = FILLED | {"source": f"{source.about} {source.citation}", "licence": source.licence}
    raw = folder / "data" / "raw"
    try:
        if environment.images() != "photographs":
            raise CourseError("drawings were asked for", code="projects.drawings")
        archive = fetch_archive(source.name)
        count = 0
        for name, content in read_files(archive, source.unpacked):
            path = PurePosixPath(name)
            if path.suffix == ".jpg" and path.parent.name in VOCAB:
                (raw / path.parent.name).mkdir(parents=True, exist_ok=True)
                (raw / path.parent.name / path.name).write_bytes(content)
                count += 1
        told = f"{count:,} photographs of rubbish (TrashNet) lie in data/raw."
    except CourseError as problem:
        filled |= DRAWN
        count = _draw(raw)
        told = f"{count:,} drawings of rubbish lie in data/raw, since the photographs can't be had: {problem}"
    fill_in(folder, filled)
    return told


def _draw(raw: Path) -> int:
    store = recycling(augment=False).store
    for number, (image, label) in enumerate(zip(store.images, store.labels.tolist(), strict=True)):
        target = raw / VOCAB[label] / f"{number:04}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.permute(1, 2, 0).cpu().numpy()).save(target)
    return len(store.labels)


def fill_in(folder: Path, filled: dict[str, str]) -> None:
    """Give entries of a project.toml their values, wherever they stand in it."""
    file = folder / FILE
    lines = []
    for line in file.read_text(encoding="utf-8").splitlines():
        key = line.partition(" =")[0]
        if key in filled:
            value = filled[key].replace("\\", "").replace('"', "'")
            line = f'{key} = "{value}"'
        lines.append(line)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
