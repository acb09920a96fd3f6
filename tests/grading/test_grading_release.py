"""What students are handed: the same bytes each time, no key, and what intake rebuilds of it."""

import csv
import hashlib
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import typer
from typer.testing import CliRunner

from course_utils.cli.quiz import releasing
from course_utils.errors import CourseError
from course_utils.grading.handout import handed_out
from course_utils.grading.items import GradedQuiz, VariedNumber
from course_utils.grading.names import student_id
from course_utils.grading.pool import open_pool
from course_utils.grading.release import release
from course_utils.grading.roster import checked, read_roster
from course_utils.grading.variants import PUBLIC, new_course_key, read_course_key, seed, varied
from course_utils.quiz.answers import judge

POOL = Path(__file__).parents[2] / "docs" / "example_pool"
KEY = bytes(range(32))
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c63600000000200014898"
    "37450000000049454e44ae426082"
)


@pytest.fixture
def quiz():
    (whole,) = open_pool(POOL)
    return whole


@pytest.fixture
def alike(quiz):
    """The items that are the same for everybody."""
    return changed(quiz, items=[one for one in quiz.model_dump()["items"] if one["kind"] != "varied number"])


def changed(quiz, **parts) -> GradedQuiz:
    return GradedQuiz.model_validate(quiz.model_dump() | parts)


def with_item(quiz, identifier, **parts) -> GradedQuiz:
    items = [one | parts if one["id"] == identifier else one for one in quiz.model_dump()["items"]]
    return changed(quiz, items=items)


def sources(file) -> dict[str, str]:
    return {cell.id: cell.source for cell in nbformat.read(file, 4).cells}


def varying(**parts) -> VariedNumber:
    item = next(one for one in open_pool(POOL)[0].items if isinstance(one, VariedNumber))
    return VariedNumber.model_validate(item.model_dump() | parts)


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
    assert list(cells)[-2:] == ["90-7-question", "90-7-answer"]
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
    assert handed_out(alike) == sources(file)
    own = release(quiz, tmp_path, KEY, ["ada", "grace"])
    assert [file.relative_to(tmp_path).as_posix() for file in own] == [
        f"{student}/90_example.ipynb" for student in ("ada", "grace")
    ]
    for student, file in zip(("ada", "grace"), own, strict=True):
        assert handed_out(quiz, KEY, student) == sources(file)
    ours, theirs = (sources(file) for file in own)
    assert ours["90-4-question"] != theirs["90-4-question"]
    assert handed_out(quiz, bytes(32), "ada")["90-4-question"] != ours["90-4-question"]  # not without the course's key


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
        "import sys; from pathlib import Path; from course_utils.grading.pool import open_pool\n"
        "from course_utils.grading.release import release\n"
        "release(open_pool(Path(sys.argv[1]))[0], Path(sys.argv[2]), None, ['ada'])\n"
        "assert not {'torch', 'fastai', 'nbformat', 'pandas'} & set(sys.modules)"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    subprocess.run([sys.executable, "-c", code, POOL, tmp_path / "there"], check=True, env=environment)
    for file in (tmp_path / "here").rglob("*.*"):
        assert file.read_bytes() == (tmp_path / "there" / file.relative_to(tmp_path / "here")).read_bytes()


def test_a_varied_number_needs_names_and_the_course_key(quiz, tmp_path):
    with pytest.raises(CourseError, match=r"90\.4 .* --students"):
        release(quiz, tmp_path, KEY)
    with pytest.raises(CourseError, match="keygen"):
        release(changed(quiz, pool="graded"), tmp_path, None, ["ada"])
    assert list(tmp_path.iterdir()) == []


def test_nobodys_work_is_written_over(alike, tmp_path):
    first, second = release(alike, tmp_path, None, ["ada", "grace"])
    release(alike, tmp_path, None, ["ada", "grace"])  # the same again is no harm
    second.write_text(second.read_text(encoding="utf-8").replace('answer_90_5 = \\"\\"', 'answer_90_5 = \\"eval\\"'))
    first.unlink()
    with pytest.raises(CourseError, match=re.escape(str(second))):
        release(alike, tmp_path, None, ["ada", "grace"])
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
        assert set(handed) - set(manifest["cells"]) == differing
    before = first.read_bytes()
    others = [json.dumps(manifest | part) for part in ({"personal": False}, {"cells": {}}, {"notebooks": 3})]
    for other in ("[" * 5000, "", "{}", *others):
        (tmp_path / "90_example.manifest.json").write_text(other)
        with pytest.raises(CourseError, match="another release"):
            release(quiz, tmp_path, KEY, ["ada", "eve"])
        assert (tmp_path / "90_example.manifest.json").read_text() == other
    assert first.read_bytes() == before and not (tmp_path / "eve").exists()


def test_the_examples_help_whoever_is_not_there_yet(alike):
    cells = handed_out(alike)
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
    cells = handed_out(with_item(alike, "90.A", examples=["assert balanced", several]))
    exec(cells["90-A-examples"], {"balanced": "a\nb"})
    with pytest.raises(AssertionError):
        exec(cells["90-A-examples"], {"balanced": "a\n    b"})
    with pytest.raises(CourseError, match=r"90\.A isn't Python"):
        handed_out(with_item(alike, "90.A", examples=["assert ("]))


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
    assert handed_out(quiz)["90-A-answer"] == starter


def test_a_function_that_is_hard_to_find_needs_its_starter(alike):
    with pytest.raises(CourseError, match="`starter`"):
        handed_out(with_item(alike, "90.A", reference="from numpy import mean as balanced", starter=""))


def test_figures_travel_in_the_notebook(alike, tmp_path):
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool" / "dot.png").write_bytes(PIXEL)
    (tmp_path / "secret.png").write_bytes(PIXEL)
    shown = with_item(alike, "90.1", figure={"file": "dot.png", "alt": "a [dot]\nalone"})
    (file,) = release(shown, tmp_path / "out", figures=tmp_path / "pool")
    nbformat.validate(nbformat.read(file, 4))
    cells = sources(file)
    assert list(cells)[2:5] == ["90-1-question", "90-1-figure", "90-1-answer"]
    assert cells["90-1-figure"].startswith("![a \\[dot\\] alone](data:image/png;base64,iVBOR")
    assert {name: text for name, text in cells.items() if name != "90-1-figure"} == handed_out(shown)
    for bad in ("../secret.png", str(tmp_path / "secret.png"), "missing.png", "90_example.yaml"):
        with pytest.raises(CourseError, match=r"figure .* 90\.1"):
            release(
                with_item(alike, "90.1", figure={"file": bad, "alt": "x"}), tmp_path / "o", figures=tmp_path / "pool"
            )
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    "bad",
    [
        "",
        ".",
        "..",
        "../ada",
        "a/b",
        "a\\b",
        "/etc",
        "C:ada",
        "a\0b",
        "a\nb",
        "a\x1b[31m",
        " a",
        "a ",
        "a.",
        "~root",
        "-rf",
        *[".hidden", "con", "LPT1.txt", "a\u202eb", "x" * 101, "a\ud800", "what?", "<b>", "a..b", "e\u0301va"],
    ],
)
def test_an_id_that_cannot_name_a_folder_is_refused(alike, tmp_path, bad):
    with pytest.raises(CourseError, match="The student's id"):
        release(alike, tmp_path, None, ["ada", bad])
    assert list(tmp_path.iterdir()) == []


def test_ids_that_would_share_a_folder_are_refused():
    roster = ["ada@example.org", "=1+1", "Łukasz", "x" * 100, "con1", "Ada Lovelace"]
    assert [student_id(one) for one in checked(roster)] == [(one, "") for one in roster]  # so intake reads it back
    for pair in (["ada", "ada"], ["Ada", "ada"], ["Straße", "STRASSE"]):
        with pytest.raises(CourseError, match=r"comes twice|share one folder"):
            checked(pair)
    with pytest.raises(CourseError, match="no student"):
        checked([])


@pytest.mark.parametrize(
    ("text", "ids", "column"),
    [
        ("student\nada\ngrace\n", ["ada", "grace"], "student"),
        ("\ufeffname;Student\r\nA;ada\r\n\r\n;;\r\nB; grace \r\n", ["ada", "grace"], "Student"),
        ("id,name\nada,A\n", ["ada"], "id"),
        ('name,student\n"Lovelace, Ada",ada\n', ["ada"], "student"),
        ("student\ne\u0301va\n", ["éva"], "student"),
    ],
)
def test_rosters_as_they_come(tmp_path, text, ids, column):
    (tmp_path / "roster.csv").write_text(text, encoding="utf-8", newline="")
    assert read_roster(tmp_path / "roster.csv") == (ids, column)


@pytest.mark.parametrize(
    "content", [b"", b"student\n", b"student\n\n", b"name,student\nA,\n", b"name,student\nA\n", b"\xff"]
)
def test_rosters_that_name_nobody(tmp_path, content):
    (tmp_path / "roster.csv").write_bytes(content)
    with pytest.raises(CourseError):
        read_roster(tmp_path / "roster.csv")
    with pytest.raises(CourseError, match="can't be read"):
        read_roster(tmp_path / "none.csv")


def test_a_seed_belongs_to_one_pair_and_one_course():
    pairs = [
        ("ada", "04.1"),
        ("ada0", "4.1"),
        ("ada", "04.2"),
        ('a","b', "c"),
        ("a", 'b","c'),
        ("é", "1"),
        ("\ud800", "1"),
    ]
    seeds = {seed(key, *pair) for pair in pairs for key in (KEY, bytes(32))}
    assert len(seeds) == 2 * len(pairs) and all(0 <= one < 2**256 for one in seeds)
    assert seed(KEY, "ada", "04.1") == seed(KEY, "ada", "04.1")


def test_a_varied_number_is_judged_as_any_number():
    item = varying()
    for student in (f"s{n}" for n in range(50)):
        number = varied(item, KEY, student)
        width, classes = map(int, re.findall(r"\d+", number.stem))
        assert number == varied(item, KEY, student)
        assert number.id == item.id and number.points == item.points
        assert judge(number, width * classes + classes).right
        assert judge(number, width * classes).feedback == ("The bias has one parameter a class.",)
        assert not judge(number, width * classes).right
    assert len({varied(item, KEY, f"s{n}").stem for n in range(50)}) > 45


def test_values_are_shown_in_full_and_other_braces_stay():
    item = varying(
        stem=r"From {a} to {b}: \frac{1}{N}",
        explanation="{a} and {answer}",
        variant="a = np.float64(0.1) + np.float64(0.2); b = np.arange(2); answer = a; mine = 1; N = 2",
        mistakes=[{"answer": "a + 1", "feedback": "no"}],
    )
    number = varied(item.model_copy(update={"stem": r"From {a} to {b}: \frac{1}{M}"}), KEY, "ada")
    assert number.stem == r"From 0.30000000000000004 to [0, 1]: \frac{1}{M}"
    assert number.explanation == "0.30000000000000004 and {answer}"


def test_mistakes_that_are_right_are_left_out_or_drawn_again():
    coin = {"stem": "{n}", "variant": "n = int(rng.integers(0, 2)); answer = 2.0 + n", "tolerance": 0.25}
    both = [{"answer": "answer + n", "feedback": "n"}, {"answer": "answer + 0.4", "feedback": "near"}]
    for student in map(str, range(20)):
        number = varied(varying(**coin, mistakes=both), KEY, student)
        assert [one.feedback for one in number.mistakes] == (["n", "near"] if number.stem == "1" else ["near"])
        assert judge(number, number.answer + 0.4).feedback == ("near",)
        again = varied(varying(**coin, mistakes=both[:1]), KEY, student)
        assert again.stem == "1"
    for never in ("answer", "float('nan')", "answer + 0.25"):
        with pytest.raises(CourseError, match=r"90\.4 give the right answer"):
            varied(varying(**coin, mistakes=[{"answer": never, "feedback": "n"}]), KEY, "ada")


@pytest.mark.parametrize(
    "variant",
    [
        "n = 1; answer = 1 / 0",
        "n = 1; answer = 'x'",
        "n = 1; answer = 1j",
        "n = 1; answer = 10**400",
        "n = 1; answer = float('inf')",
        "if 0: n = answer = 1",
    ],
)
def test_a_variant_that_gives_no_number_is_told(variant):
    with pytest.raises(CourseError, match=r"variant of 90\.4"):
        varied(varying(stem="{n}", variant=variant, mistakes=[{"answer": "3", "feedback": "x"}]), KEY, "ada")


def test_a_course_key_is_made_once_and_read_back(tmp_path, quiz):
    file = new_course_key(tmp_path / "course.key")
    key = read_course_key(file, quiz)
    assert len(key) == 32 and key != PUBLIC and file.read_text() == f"{key.hex()}\n"
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(CourseError, match="is there already"):
        new_course_key(file)
    assert read_course_key(file, quiz) == key
    assert read_course_key(None, quiz) == PUBLIC
    with pytest.raises(CourseError, match="--course-key"):
        read_course_key(None, changed(quiz, pool="graded"))
    for content in (b"", b"0f" * 31, b"\xff" * 64, b"0f" * 33, b"zz" * 32):
        file.write_bytes(content)
        with pytest.raises(CourseError, match=r"course\.key|course key"):
            read_course_key(file, quiz)
    with pytest.raises(CourseError, match="can't be read"):
        read_course_key(tmp_path / "none", quiz)


@pytest.fixture
def course():
    app = typer.Typer()
    for command in (releasing.release, releasing.keygen, releasing.lock):
        app.command()(command)

    def run(*arguments, **environment):
        done = CliRunner().invoke(app, list(map(str, arguments)), env=environment)
        if isinstance(done.exception, CourseError):
            raise done.exception
        return done.exit_code, " ".join(done.output.split())

    return run


def test_the_commands_from_keys_to_notebooks(course, tmp_path):
    with (tmp_path / "roster.csv").open("w", newline="") as opened:
        csv.writer(opened).writerows([["student"], ["ada"], ["grace"]])
    assert course("keygen", tmp_path / "own")[0] == 0
    assert course("keygen", tmp_path / "own", "--course")[0] == 0
    private, public = (tmp_path / "own" / f"instructor.{which}.pem" for which in ("private", "public"))
    pool = tmp_path / "pool"
    pool.mkdir()
    text = (POOL / "90_example.yaml").read_text(encoding="utf-8").replace("pool: example", "pool: graded")
    (pool / "90_example.yaml").write_text(text, encoding="utf-8")
    status, said = course("lock", pool, "--for", public)
    assert status == 0 and "90_example.yaml.locked" in said and "1 key." in said
    (pool / "90_example.yaml").unlink()
    asked = ["release", "90", "--out", tmp_path / "out", "--students", tmp_path / "roster.csv"]
    with pytest.raises(CourseError, match="--pool"):
        course(*asked, COURSE_GRADED_POOL=None)
    with pytest.raises(CourseError, match="--key"):
        course(*asked, COURSE_GRADED_POOL=str(pool))
    with pytest.raises(CourseError, match="--course-key"):
        course(*asked, "--key", private, COURSE_GRADED_POOL=str(pool))
    assert not (tmp_path / "out").exists()
    status, said = course(*asked, "--key", private, "--course-key", tmp_path / "own" / "course.key", "--pool", pool)
    assert status == 0 and "2 notebooks" in said and "Next:" in said and "public" not in said
    assert (tmp_path / "out" / "grace" / "90_example.ipynb").is_file()


def test_the_command_says_that_an_examples_keys_are_public(course, tmp_path):
    (tmp_path / "roster.csv").write_text("student\nada\n")
    status, said = course("release", "90", "--pool", POOL, "--out", tmp_path, "--students", tmp_path / "roster.csv")
    assert status == 0 and said.count("its keys are public") == 1
    with pytest.raises(CourseError, match="--students"):
        course("release", "90", "--pool", POOL, "--out", tmp_path)
