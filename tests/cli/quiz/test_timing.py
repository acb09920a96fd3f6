"""`course quiz deadline`, `extend`, `handed-in`, and what `status` says of them."""

import pytest
from support.errors import refused
from typer.testing import CliRunner

from course_utils.cli.quiz import app
from course_utils.grading.gradebook.store import Store
from course_utils.grading.records import Arrival, Mark, Outcome, Result, State

NAME = "04_frozen"
RULES = "zone: Europe/Berlin\nassignments:\n  04_frozen:\n    due: 2026-12-04 23:59\n    penalty: 1\n    per: day\n"
WHY = ("--why", "so it is", "--by", "prof")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deadlines.yaml").write_text(RULES, encoding="utf-8")

    def say(*words, status=0):
        done = CliRunner().invoke(app, words, catch_exceptions=False)
        assert done.exit_code == status, done.output
        return done.output

    return say


@pytest.fixture
def graded(tmp_path):
    arrivals = {
        "ada": Arrival("2026-12-04T12:00:00", source="list.csv", sure=True),
        "bob": Arrival("2026-12-06T01:00:00", source="list.csv", sure=True),
        "cid": Arrival("2026-12-05T12:00:00", source="the file's own time"),
        "dan": Arrival(mark="late", source="Canvas's name of the file", sure=True),
        "eve": Arrival(),
        "flo": Arrival("2026-12-04T12:00:00", source="the time in the zip"),
    }
    with Store(tmp_path / "marks.sqlite") as store:
        marks = (Mark("04.1", Outcome.RIGHT, 4.0, 4.0),)
        store.save([Result(one, NAME, f"of {one}", "in", State.GRADED, marks) for one in arrivals])
        store.note_arrivals([(NAME, one, f"of {one}", arrival) for one, arrival in arrivals.items()])


def points(tmp_path):
    with Store(tmp_path / "marks.sqlite") as store:
        return {one.student: one.points for one in store.results(NAME)}


def test_a_term_of_deadlines(run, graded, tmp_path):
    said = run("deadline", "deadlines.yaml", *WHY)
    assert "due 2026-12-04 23:59 Europe/Berlin; late 1 point for each started day" in said and "22:59 UTC" in said
    assert "unchanged" in run("deadline", "deadlines.yaml", *WHY)
    assert points(tmp_path) == {"ada": 4, "bob": 2, "cid": None, "dan": None, "eve": 4, "flo": 4}
    said = run("status", "--assignment", NAME)
    for line in (
        "1 file came late: bob by 1 day 1 h (-2)",
        "2 files may be late and wait for a person: cid by 12 h (the file's own time), dan (Canvas's name of the file)",
        "1 file without a known time count as on time: eve",
        "1 file on time by the file's own time",
        "2 look at this",
    ):
        assert line in said, (line, said)
    assert "until 2026-12-05 23:59" in run("extend", NAME, "bob", "2026-12-05 23:59", *WHY)
    said = run("extend", NAME, "gil", "2026-12-08 23:59", *WHY)
    assert "Nobody with this id" in said
    said = run("status", "--assignment", NAME)
    assert "bob by 1 h (-1)" in said and "bob until 2026-12-05 23:59, gil until 2026-12-08 23:59, nothing yet" in said
    run("handed-in", NAME, "cid", "on time", *WHY)
    run("handed-in", NAME, "dan", "2026-12-05 10:00", *WHY)
    assert points(tmp_path) == {"ada": 4, "bob": 3, "cid": 4, "dan": 3, "eve": 4, "flo": 4}
    run("handed-in", NAME, "cid", "--undo", *WHY)
    said = run("handed-in", NAME, "--all", "as-found", *WHY, status=1)
    assert "1 files" in said and points(tmp_path)["cid"] is None
    run("handed-in", NAME, "--all", "as-found", "--yes", *WHY)
    assert points(tmp_path)["cid"] == 3
    run("deadline", "deadlines.yaml", "--undo", *WHY)
    assert set(points(tmp_path).values()) == {4}


def test_a_deadline_stands_before_anybody_hands_in(run, tmp_path):
    assert "due" in run("deadline", "deadlines.yaml", *WHY)
    (tmp_path / "extensions.csv").write_text("student,until,why\nada,2026-12-08 23:59,Ill.\n", encoding="utf-8")
    run("extend", NAME, "--students", "extensions.csv", "--by", "prof")
    with Store(tmp_path / "marks.sqlite") as store:
        assert [(one.kind, one.about, one.why) for one in store.decisions(NAME)][1:] == [("extend", "ada", "Ill.")]


def test_what_would_be_without_effect_is_refused(run, graded, tmp_path):
    (tmp_path / "other.yaml").write_text(RULES.replace("04_frozen", "04_frosen"), encoding="utf-8")
    with refused("grading.unknown-assignment", "04_frosen", "04_frozen"):
        run("deadline", "other.yaml", *WHY)
    for words in (["extend", NAME, "ada", "2026-12-08 23:59"], ["handed-in", NAME, "ada", "on time"]):
        with refused("grading.no-deadline"):
            run(*words, *WHY)
    run("deadline", "deadlines.yaml", *WHY)
    with refused("grading.extension-before-deadline", "ada"):
        run("extend", NAME, "ada", "2026-12-04 12:00", *WHY)
    with refused("grading.extend-whom"):
        run("extend", NAME, "ada", *WHY)
    with refused("grading.no-time"):
        run("handed-in", NAME, "ada", "yesterday", *WHY)
    with refused("grading.no-time", "on time"):
        run("handed-in", NAME, "--all", "2026-12-04 12:00", *WHY)
    with refused("grading.unknown", "nobody"):
        run("handed-in", NAME, "nobody", "on time", *WHY)
    with refused("grading.no-reason"):
        run("extend", NAME, "ada", "2026-12-08 23:59")
    (tmp_path / "released").mkdir()
    note = '{"notebooks": {"x": {"student": "ada", "release": "r"}}}'
    (tmp_path / "released" / f"{NAME}.manifest.json").write_text(note, encoding="utf-8")
    with refused("grading.unknown", "adaa"):
        run("extend", NAME, "adaa", "2026-12-08 23:59", *WHY)
