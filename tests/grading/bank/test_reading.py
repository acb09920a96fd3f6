"""Pools: faults are told with file, line and item; what can't be meant is refused."""

import shutil
from pathlib import Path

import pytest

from course_utils.errors import CourseError
from course_utils.grading.bank.items import answer_name, digest, grade_id
from course_utils.grading.bank.reading import open_bank

EXAMPLE = Path(__file__).parents[3] / "docs" / "example_bank" / "90_example.yaml"


def bank(folder: Path, *changes: tuple[str, str]) -> Path:
    text = EXAMPLE.read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) >= 1
        text = text.replace(old, new, 1)
    (folder / EXAMPLE.name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("  kind: code", "  kind: cod"), r"90_example\.yaml:\d+ \(item 90\.A\): `kind`"),
        (("reference: |\n    def balanced", "reference: |\n    def balance_"), None),
        (("  limit: 2\n", "  limit: 2\n  expect: assert True\n"), r"item 90\.A.*runs beside the student's own code"),
        (("    answer = width * classes + classes", "    x = 1"), r"item 90\.4.*should bind answer"),
        (("    width = int(", "    width = = int("), r"item 90\.4.*is no Python"),
        (("maps {width} features to {classes}", "maps 3 features to 4"), r"item 90\.4.*names nothing of `variant`"),
        (("  points: 4", "  points: 5"), r"item 90\.7.*add up to 4 and the item's are 5"),
        (('id: "90.2"', 'id: "90.1"'), r"'90\.1' comes twice"),
        (('id: "90.2"', 'id: "91.2"'), r"'91\.2' belongs to another lesson"),
        (("  name: net", "  name: balanced"), r"two items bind 'balanced'"),
        (("bank: example", "bank: practice"), r"90_example\.yaml:3.*bank"),
    ],
)
def test_faults_are_told(tmp_path, change, told):
    folder = bank(tmp_path, change)
    if told is None:  # what only the self-test can find
        assert open_bank(folder)
        return
    with pytest.raises(CourseError, match=told):
        open_bank(folder)


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(CourseError, match="holds no graded items"):
        open_bank(tmp_path)
    with pytest.raises(CourseError, match="no assignment '04': choose one of 90"):
        open_bank(bank(tmp_path), ["04"])


def test_a_plain_file_beside_a_locked_one_is_refused(tmp_path):
    shutil.copy(bank(tmp_path) / EXAMPLE.name, tmp_path / f"{EXAMPLE.name}.locked")
    with pytest.raises(CourseError, match="holds both"):
        open_bank(tmp_path)


def test_a_digest_changes_with_its_own_item_and_the_setup_alone(tmp_path):
    (before,), (after,) = (
        open_bank(EXAMPLE.parent),
        open_bank(bank(tmp_path, ("  tolerance: 0.5\n", "  tolerance: 0.6\n"))),
    )
    changed = [old.id for old, new in zip(before.items, after.items, strict=True) if digest(old) != digest(new)]
    assert changed == ["90.3"]
    assert digest(before.items[0], "import math") != digest(before.items[0])


def test_names_of_cells_and_answers():
    (quiz,) = open_bank(EXAMPLE.parent)
    assert [answer_name(quiz.item(name)) for name in ("90.1", "90.A")] == ["answer_90_1", "balanced"]
    assert grade_id(quiz.item("90.A"), "examples") == "90-A-examples"
