"""A project with sixty small photos of three colours, filled in, with a search that takes seconds."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from course_utils.projects import Project, new_project, open_project
from course_utils.projects.example import FILLED, fill_in

COLOURS = {"blue": (60, 60, 160), "green": (60, 160, 60), "red": (160, 60, 60)}
SMALL = {
    "epochs = 9": "epochs = 1",
    "size = 72": "size = 32",
    "[1e-3, 3e-3, 1e-2, 3e-2]": "[1e-3, 1e-2]",
    '["head", "stage 4", "stage 3", "all"]': '["head", "all"]',
    "starts = 3": "starts = 2",
}


def put_photos(raw: Path, each: int = 20) -> None:
    random = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (raw / name).mkdir(parents=True, exist_ok=True)
        for number in range(each):
            pixels = random.normal(colour, 60, (32, 32, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(raw / name / f"{number:02}.png")


def change_settings(project: Path, changes: dict[str, str]) -> None:
    file = project / "project.toml"
    text = file.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


@pytest.fixture
def change():
    """A function that exchanges lines of a project.toml."""
    return change_settings


@pytest.fixture
def folder(tmp_path) -> Path:
    """A new project with photos, filled in but for nothing."""
    made = new_project("colours", tmp_path)
    put_photos(made / "data" / "raw")
    fill_in(made, FILLED | {"source": "made of noise", "licence": "free to use"})
    change_settings(made, SMALL)
    return made


@pytest.fixture
def project(folder) -> Project:
    return open_project(folder)
