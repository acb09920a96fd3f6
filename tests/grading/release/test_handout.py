"""What students are handed: the same bytes each time, no key, and what intake rebuilds of it."""

import hashlib
import json
import os
import re
import subprocess
import sys

import nbformat
import pytest
from example_quiz import BANK, KEY, changed, sources, with_item

from course_utils.errors import CourseError
from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.items import GradedQuiz
from course_utils.grading.bank.variants import PUBLIC
from course_utils.grading.release.handout import handed_out
from course_utils.grading.release.releasing import release

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c63600000000200014898"
    "37450000000049454e44ae426082"
)


def everybodys(quiz):
    """What is rebuilt of the notebook for everybody."""
    return handed_out(Assignment(quiz).for_student(None))


def students_own(quiz, key, student):
    """What is rebuilt of a student's own notebook."""
    return handed_out(Assignment(quiz, key, personal=True).for_student(student))


def test_a_notebook_for_everybody(alike, tmp_path):
    (file,) = release(alike, tmp_path)
    assert file == tmp_path / "90_example.ipynb"
    notebook = nbformat.read(file, 4)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert nbformat.writes(notebook) + "\n" == file.read_text(encoding="utf-8")  # saving it changes nothing
    assert notebook.metadata.course.assignment == "90_example"
    cells = {cell.id: cell for cell in notebook.cells}
    assert list(cells)[:5] == ["title", "setup", "90-1-question", "90-1-answer", "90-1-examples"]
    assert list(cells)[-3:] == ["90-7-question", "90-7-answer", "try"]
    assert cells["90-2-question"].source.startswith("### Question 90.2 — what moves (2 points)\n")
    assert cells["90-3-answer"].source == "answer_90_3 = None  # a number, in %"
    assert cells["90-A-answer"].source == "def balanced(truth, guess):\n    ..."
    for name, cell in cells.items():
        assert cell.metadata.nbgrader.grade_id == name
        assert cell.metadata.nbgrader.locked is not name.endswith("-answer")
        assert cell.metadata.get("editable", True) is name.endswith("-answer")
        assert cell.metadata.deletable is False


def test_what_is_rebuilt_is_what_was_handed_out(quiz, alike, tmp_path):
    (file,) = release(alike, tmp_path / "everybody")
    assert everybodys(alike) == sources(file)
    own = release(quiz, tmp_path, KEY, ["ada", "grace"])
    assert [file.relative_to(tmp_path).as_posix() for file in own] == [
        f"{student}/90_example.ipynb" for student in ("ada", "grace")
    ]
    for student, file in zip(("ada", "grace"), own, strict=True):
        assert students_own(quiz, KEY, student) == sources(file)
    ours, theirs = (sources(file) for file in own)
    assert ours["90-4-question"] != theirs["90-4-question"]
    assert (
        students_own(quiz, bytes(32), "ada")["90-4-question"] != ours["90-4-question"]
    )  # not without the course's key


def test_no_secret_changes_a_byte(quiz, tmp_path):
    """All that is secret is replaced: nothing of the notebooks may tell."""

    def other(part, name=""):
        if isinstance(part, dict):
            return {key: other(value, key) for key, value in part.items()}
        if isinstance(part, list):
            return [other(value, name) for value in part]
        if name in ("feedback", "explanation", "cue", "section", "source", "accept", "answers"):
            return "SECRET"
        if name in ("reference", "held_out", "inputs", "code", "stand_in"):
            return f"{part}  # SECRET"
        return 0.123456 if name in ("tolerance", "at_least") else part

    secret = quiz.model_dump()
    for item in secret["items"]:
        hidden = other(item) | {"hints": ["SECRET"], "difficulty": "hard"}
        if item["kind"] in ("one choice", "several choices"):
            hidden["options"] = [one | {"right": place == 2} for place, one in enumerate(hidden["options"])]
        if item["kind"] == "varied number":
            hidden["variant"] += "\nanswer += 7  # SECRET"
        if item["kind"] == "number":
            hidden |= {"answer": -1.0, "mistakes": [{"answer": 5.0, "tolerance": 0.0, "feedback": "SECRET"}]}
        if item["kind"] == "short text":
            hidden["mistakes"] = [{"answers": ["another"], "feedback": "SECRET"}]
        if item["kind"] == "free text":
            hidden["rubric"] = [{"text": "SECRET", "points": float(item["points"])}]
        item.update(hidden)
    hidden = GradedQuiz.model_validate(secret)
    assert "SECRET" in hidden.model_dump_json()
    for roster in (["ada"], ["ada", "grace"]):
        pair = [release(one, tmp_path / str(n) / str(len(roster)), KEY, roster) for n, one in enumerate((quiz, hidden))]
        for plain, other_one in zip(*pair, strict=True):
            assert plain.read_bytes() == other_one.read_bytes()
    for number in ("1", "2"):
        plain, other_one = (tmp_path / one / number / "90_example.manifest.json" for one in ("0", "1"))
        assert plain.read_bytes() == other_one.read_bytes()


def test_the_same_bytes_in_another_process(quiz, tmp_path):
    release(quiz, tmp_path / "here", PUBLIC, ["ada"])
    code = (
        "import sys; from pathlib import Path; from course_utils.grading.bank.reading import open_bank\n"
        "from course_utils.grading.release.releasing import release\n"
        "release(open_bank(Path(sys.argv[1]))[0], Path(sys.argv[2]), roster=['ada'])\n"
        "assert not {'torch', 'fastai', 'nbformat', 'pandas'} & set(sys.modules)"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    subprocess.run([sys.executable, "-c", code, BANK, tmp_path / "there"], check=True, env=environment)
    for file in (tmp_path / "here").rglob("*.*"):
        assert file.read_bytes() == (tmp_path / "there" / file.relative_to(tmp_path / "here")).read_bytes()


def test_a_varied_number_needs_names_and_the_course_key(quiz, tmp_path):
    with pytest.raises(CourseError, match=r"90\.4 .* --students"):
        release(quiz, tmp_path, KEY)
    with pytest.raises(CourseError, match="--course-key"):
        release(changed(quiz, bank="graded"), tmp_path, roster=["ada"])
    assert list(tmp_path.iterdir()) == []


def test_nobodys_work_is_written_over(alike, tmp_path):
    first, second = release(alike, tmp_path, roster=["ada", "grace"])
    release(alike, tmp_path, roster=["ada", "grace"])  # the same again is no harm
    second.write_text(second.read_text(encoding="utf-8").replace('answer_90_5 = \\"\\"', 'answer_90_5 = \\"eval\\"'))
    first.unlink()
    with pytest.raises(CourseError, match=re.escape(str(second))):
        release(alike, tmp_path, roster=["ada", "grace"])
    assert "eval" in second.read_text(encoding="utf-8") and not first.exists()


def test_the_manifest_tells_what_went_out(quiz, tmp_path):
    (first,) = release(quiz, tmp_path, KEY, ["ada"])
    (later,) = release(quiz, tmp_path, KEY, ["grace"])
    manifest = json.loads((tmp_path / "90_example.manifest.json").read_text())
    assert manifest["assignment"] == "90_example" and manifest["personal"] is True
    assert {one["student"] for one in manifest["notebooks"].values()} == {"ada", "grace"}
    assert len({one["release"] for one in manifest["notebooks"].values()}) == 2
    for file in (first, later):
        note = manifest["notebooks"][file.relative_to(tmp_path).as_posix()]
        assert note["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert note["release"] == nbformat.read(file, 4).metadata.course.release
        handed = sources(file)
        for name, cell in manifest["cells"].items():
            assert cell["sha256"] == hashlib.sha256(handed[name].encode()).hexdigest()
            assert cell["locked"] is not name.endswith("-answer")
        differing = {f"90-{n}-question" for n in (1, 2, 4, 6)}  # orders and drawn numbers
        assert set(handed) - set(manifest["cells"]) == differing | {"title", "try"}  # words prove nothing
    before = first.read_bytes()
    others = [json.dumps(manifest | part) for part in ({"personal": False}, {"cells": {}}, {"notebooks": 3})]
    for other in ("[" * 5000, "", "{}", *others):
        (tmp_path / "90_example.manifest.json").write_text(other)
        with pytest.raises(CourseError, match="another release"):
            release(quiz, tmp_path, KEY, ["ada", "eve"])
        assert (tmp_path / "90_example.manifest.json").read_text() == other
    assert first.read_bytes() == before and not (tmp_path / "eve").exists()


def test_the_examples_help_whoever_is_not_there_yet(alike):
    cells = everybodys(alike)
    code = cells["90-A-examples"]
    for answer in ("", cells["90-A-answer"], "def balanced(truth, guess):\n    return 1.0", "balanced = 3"):
        space = {}
        exec(cells["setup"], space)
        exec(answer, space)
        with pytest.raises(AssertionError, match=r"`balanced` isn't yet .* finish the cell above"):
            exec(code, space)
    exec(alike.item("90.A").reference, space)
    exec(code, space)
    exec(cells["90-1-examples"], {})  # words alone


def test_examples_keep_their_meaning(alike):
    several = 'text = """a\nb"""\nassert balanced == text'
    cells = everybodys(with_item(alike, "90.A", examples=["assert balanced", several]))
    exec(cells["90-A-examples"], {"balanced": "a\nb"})
    with pytest.raises(AssertionError):
        exec(cells["90-A-examples"], {"balanced": "a\n    b"})
    with pytest.raises(ValueError, match="never closed"):
        everybodys(with_item(alike, "90.A", examples=["assert ("]))


@pytest.mark.parametrize(
    ("reference", "starter"),
    [
        (
            "def balanced(a: np.ndarray, *, b=2, **c) -> int:\n    'why'\n    return 3",
            "def balanced(a, *, b=2, **c):\n    ...",
        ),
        ("class balanced:\n    key = 3", "class balanced:\n    ..."),
        ("balanced = 86.67", "balanced = ..."),
    ],
)
def test_a_starter_is_made_without_the_body(alike, reference, starter):
    quiz = with_item(alike, "90.A", reference=reference, starter="", inputs=None)
    assert everybodys(quiz)["90-A-answer"] == starter


def test_a_function_that_is_hard_to_find_needs_its_starter(alike):
    with pytest.raises(CourseError, match="`starter`"):
        handed_out(
            Assignment(
                with_item(alike, "90.A", reference="from numpy import mean as balanced", starter="")
            ).for_student(None)
        )


def test_figures_travel_in_the_notebook(alike, tmp_path):
    (tmp_path / "bank").mkdir()
    (tmp_path / "bank" / "dot.png").write_bytes(PIXEL)
    (tmp_path / "secret.png").write_bytes(PIXEL)
    shown = with_item(alike, "90.1", figure={"file": "dot.png", "alt": "a [dot]\nalone"})
    (file,) = release(shown, tmp_path / "out", figures=tmp_path / "bank")
    nbformat.validate(nbformat.read(file, 4))
    cells = sources(file)
    assert list(cells)[2:5] == ["90-1-question", "90-1-figure", "90-1-answer"]
    assert cells["90-1-figure"].startswith("![a \\[dot\\] alone](data:image/png;base64,iVBOR")
    assert {name: text for name, text in cells.items() if name != "90-1-figure"} == handed_out(
        Assignment(shown).for_student(None)
    )
    for bad in ("../secret.png", str(tmp_path / "secret.png"), "missing.png", "90_example.yaml"):
        with pytest.raises(CourseError, match=r"figure .* 90\.1"):
            release(
                with_item(alike, "90.1", figure={"file": bad, "alt": "x"}), tmp_path / "o", figures=tmp_path / "bank"
            )
    assert not (tmp_path / "o").exists()
