"""The papers around the code: citation, licences, README and CONTRIBUTING agree with what is there."""

import ast
import re
from xml.etree import ElementTree

import pytest
from support.project import PROJECT, ROOT

from course_utils import lessons
from tools.picture import FOLDER, SHAPES, THEMES, curves, draw_curve


def test_the_citation_agrees_with_the_package():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {PROJECT['version']}\n" in citation
    assert PROJECT["license"] in citation


@pytest.mark.parametrize(
    ("name", "marks"),
    [
        ("LICENSE", ["Apache License", "Version 2.0", "END OF TERMS AND CONDITIONS"]),
        ("LICENSE-lessons", ["Attribution 4.0 International", "Creative Commons may be contacted"]),
    ],
)
def test_the_licences_are_there_in_full(name, marks):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert all(mark in text for mark in marks)


PAPERS = ["README.md", "CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "CHANGELOG.md"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAPERS += sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("name", PAPERS)
def test_the_papers_point_at_files_and_commands_that_exist(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?![a-z]+:)([^)#]+)", re.sub(r"^```.*?^```|`[^`\n]+`", "", text, flags=re.M | re.S))
    assert not [link for link in links if not ((ROOT / name).parent / link).exists()]
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert set(re.findall(r"\bmake ([a-z]+)`", text)) <= targets


def test_the_readmes_lines_are_those_of_lesson_01():
    (code,) = re.findall(r"```python\n(.+?)```", README, re.DOTALL)
    lesson = (ROOT / "lessons/text/01_first_finetune.py").read_text(encoding="utf-8")
    lines, known = ([line.partition("  #")[0] for line in text.splitlines()] for text in (code, lesson))
    imports = [line for line in lines if line.startswith("from ")]
    assert len(lines) - len(imports) - lines.count("") == 3 and set(lines) <= set(known)
    names = {name for line in imports for name in line.partition(" import ")[2].split(", ")}
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    assert names == used - {"dls", "learn"}, "the lines run as they stand"


# ------------------------------------------------------------------------------------------------- the README's picture

PICTURES = re.findall(r'(?:src|srcset)="(docs/pictures/[^"]+)"', README)
SVG = "{http://www.w3.org/2000/svg}"


def test_the_picture_comes_first_in_both_themes_and_for_phones():
    phone, dark = "(max-width: 600px)", "(prefers-color-scheme: dark)"
    sources = re.findall(r'media="([^"]+)" srcset="docs/pictures/classified-([\w-]+)\.svg"', README)
    assert sources == [(f"{phone} and {dark}", "narrow-dark"), (phone, "narrow-light"), (dark, "wide-dark")]
    assert PICTURES[-1] == "docs/pictures/classified-wide-light.svg" and README.index("<picture>") < 60
    assert {path.name for path in (ROOT / FOLDER).iterdir()} == {path.rpartition("/")[2] for path in PICTURES}


@pytest.mark.parametrize(("shape", "shown"), [("wide", 830), ("narrow", 358)])
def test_the_pictures_words_are_large_enough_where_it_is_shown(shape, shown):
    """In GitHub's column, and on a phone of 390 pixels."""
    text = (ROOT / FOLDER / f"classified-{shape}-light.svg").read_text(encoding="utf-8")
    (width,) = re.findall(r'viewBox="0 0 (\d+) ', text)
    sizes = [int(size) for size in re.findall(r"font-size: (\d+)px", text)]
    assert min(sizes) * shown / int(width) >= 12


@pytest.mark.parametrize("shape", sorted(SHAPES))
@pytest.mark.parametrize("theme", sorted(THEMES))
def test_the_picture_shows_the_records_and_needs_nothing_else(theme, shape):
    text = (ROOT / FOLDER / f"classified-{shape}-{theme}.svg").read_text(encoding="utf-8")
    assert len(text.encode()) <= 100_000
    assert draw_curve(THEMES[theme]) in text, "run `python -m tools picture`"
    page = ElementTree.fromstring(text)
    drawings = [image.get("href") for image in page.iter(f"{SVG}image")]
    assert len(set(drawings)) == 4 and all(link.startswith("data:image/webp;base64,") for link in drawings)
    assert "prefers-reduced-motion" in text and "<script" not in text
    assert text.count("✓") == 3 and text.count("✗") == 1  # it isn't always right, and the README's text says which
    assert "labelled photos per class" in draw_curve(THEMES[theme])


@pytest.mark.parametrize("theme", sorted(THEMES))
def test_what_the_picture_says_can_be_read(theme):
    colours = THEMES[theme]
    for ink in ("ink", "dim", "tuned", "scratch"):
        assert contrast(colours[ink], colours["back"]) >= 4.5, ink


def test_what_is_said_of_the_picture_are_its_numbers():
    (alt,) = re.findall(r'alt="(First[^"]+)"', README)
    said = [int(number) for number in re.findall(r"(\d+)%", alt)]
    assert said == [round(100 * mean) for points in curves().values() for mean, _ in points]


def test_the_first_two_lessons_take_as_long_as_their_openings_say():
    (said,) = re.findall(r"00 and 01 first, (\d+) minutes", README)
    assert int(said) == sum(lessons.find_lesson(number).minutes for number in ("00", "01"))


def contrast(one: str, other: str) -> float:
    """The ratio of two colours' luminances, as WCAG defines it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    darker, lighter = sorted(luminance(colour) for colour in (one, other))
    return (lighter + 0.05) / (darker + 0.05)
