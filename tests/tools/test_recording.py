"""Recording: a lesson's own cells over many seeds, stopped and gone on with, and stale as soon as they change."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from support.errors import refused
from typer.testing import CliRunner

from course_utils import lessons
from course_utils.experiments.records import recorded
from tools.__main__ import app
from tools.lessons.files import Lesson
from tools.recording import digests, running, staleness
from tools.recording.experiments import experiments_of

TOP = Path(__file__).parents[2]
TEXT = '''# %% [markdown]
# # 07 · Does the toy work?

# %%
import sys
# %pip install something

# %%
from pathlib import Path

raise RuntimeError("this cell isn't needed to record, but for its imports")

# %% tags=["recorded"]
BONUS = 0.25

# %% tags=["recorded:compare"]
def compare(seed):
    """Compare two arms."""
    with Path("ran").open("a") as ran:
        ran.write(f"{seed} ")
    return {"tuned": 0.5 + BONUS + seed / 100, "scratch": 0.5 + seed / 100}

# %% tags=["recorded:grid"]
def grid(seed, labels=(5, 20)):
    # rows with a factor of their own
    return [{"strategy": "tuned", "labels": each, "score": each / 100} for each in labels]
'''


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lessons, "LESSONS", (lessons.Lesson("07_toy", "Does the toy work?"),))
    (tmp_path / "jupytext.toml").write_text((TOP / "jupytext.toml").read_text())
    lesson = Lesson(Path("lessons"), "07_toy")
    lesson.text.parent.mkdir(parents=True)
    lesson.text.write_text(TEXT)
    return lesson


def record(only=None, seeds=10, jobs=1):
    running.record(["07"], only, seeds, jobs, folder=Path("records"))


def ran() -> list[int]:
    return [int(seed) for seed in Path("ran").read_text().split()]


def test_the_tagged_cells_run_once_for_each_seed(lesson):
    record(jobs=2)
    runs = recorded("07/compare", Path("records"))
    assert sorted(ran()) == list(range(10)) and runs.seeds == 10
    assert runs.difference("tuned", "scratch") == pytest.approx((0.25, 0), abs=1e-9)
    assert recorded("07/grid", Path("records")).scores("tuned", labels=20).tolist() == [0.2] * 10
    assert {"code", "data", "weights", "images", "machine", "versions", "date"} <= runs.made_with.keys()


def test_what_a_cell_has_cached_serves_all_experiments_of_a_lesson(lesson):
    slow = """# %% tags=["recorded"]
from functools import cache

@cache
def trained(name):
    with Path("trained").open("a") as trained:
        trained.write(f"{name} ")

"""
    text = TEXT.replace('# %% tags=["recorded:compare"]', slow + '# %% tags=["recorded:compare"]')
    text = text.replace('    """Compare', '    trained("one")\n    """Compare')
    lesson.text.write_text(text.replace("    # rows with", '    trained("one"), trained("two")\n    # rows with'))
    record()
    assert Path("trained").read_text().split() == ["one", "two"]


def test_a_tag_may_say_how_few_seeds_choose_something(lesson):
    lesson.text.write_text(TEXT.replace("recorded:compare", "recorded:compare:3"))
    record()
    assert ran() == [0, 1, 2] and recorded("07/compare", Path("records")).seeds == 3
    assert recorded("07/grid", Path("records")).seeds == 10


def test_a_stopped_recording_goes_on_and_more_seeds_are_added(lesson, monkeypatch):
    lesson.text.write_text(
        TEXT.replace('    with Path("ran")', '    assert seed < 4 or Path("go").exists()\n    with Path("ran")')
    )
    with pytest.raises(AssertionError):
        record(["compare"])
    assert ran() == [0, 1, 2, 3] and not Path("records").exists()
    Path("go").touch()
    record(["compare"])
    record(["compare"], seeds=12)
    assert ran() == list(range(12)) and recorded("07/compare", Path("records")).seeds == 12


def test_each_seed_is_told_and_ctrl_c_ends_in_one_line(lesson, capsys):
    lesson.text.write_text(
        TEXT.replace(
            '    with Path("ran")',
            '    if seed == 3 and not Path("go").exists():\n        signal.raise_signal(2)\n    with Path("ran")',
        ).replace("from pathlib", "import signal\nfrom pathlib")
    )
    with pytest.raises(typer.Exit) as stopped:
        record(["compare"])
    said = capsys.readouterr()
    assert stopped.value.exit_code == 130
    assert said.err == "Stopped. 07/compare has 3 of 10 seeds; the same command goes on from there.\n"
    assert re.fullmatch(r"07/compare: 3 of 10 seeds; seed 2 took 0 s, about \d+ s left", said.out.splitlines()[3])
    Path("go").touch()
    record(["compare"])
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first == "07/compare: 3 of 10 seeds are there already."
    assert last == "07/compare: 10 of 10 seeds; seed 9 took 0 s"


def test_runs_of_other_code_are_not_gone_on_with(lesson):
    record(["compare"])
    lesson.text.write_text(TEXT.replace("0.25", "0.3"))
    record(["compare"])
    assert ran() == [*range(10)] * 2
    assert recorded("07/compare", Path("records")).difference("tuned", "scratch")[0] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("old", "new", "stale"),
    [
        ("0.25", "0.3", ["compare", "grid"]),
        ("labels=(5, 20)", "labels=(5, 30)", ["grid"]),
        ('"""Compare two arms."""', '"""Compare."""', []),
        ("# rows with a factor of their own", "# rows", []),
        ("this cell isn't needed", "nor is this one", []),
    ],
)
def test_a_record_is_stale_when_its_own_code_changes(lesson, old, new, stale):
    record()
    assert staleness.find(folder=Path("records")) == []
    lesson.text.write_text(TEXT.replace(old, new))
    found = staleness.find(folder=Path("records"))
    assert [sentence.split()[3] for sentence in found] == [f"07/{name}" for name in stale]
    assert all("of other code: run `python -m tools record 07 --only " in sentence for sentence in found)


def test_missing_and_left_over_records_are_named(lesson):
    record(["compare"])
    lesson.text.write_text(TEXT.replace("recorded:compare", "recorded"))
    missing, left = staleness.find(folder=Path("records"))
    assert missing.startswith("07/grid has no recorded runs") and "07/compare belong to no experiment" in left


@pytest.mark.parametrize("part", ["data", "weights"])
def test_other_data_and_other_weights_make_a_record_stale(lesson, monkeypatch, part):
    text = TEXT.replace(
        "BONUS = 0.25",
        "from course_utils.backbones import resnet18_half\nfrom course_utils.data import digits\nBONUS = 0.25",
    )
    lesson.text.write_text(text)
    record(["compare"])
    file = Path("records/07/compare.csv")
    made_with, rows = file.read_text().split("\n", 1)
    made_with = json.loads(made_with.removeprefix("# "))
    assert list(made_with["data"]) == ["digits"] and list(made_with["weights"]) == ["resnet18_half"]
    (name,) = made_with[part]
    file.write_text(f"# {json.dumps(made_with | {part: {name: 'another'}})}\n{rows}")
    found = [sentence for sentence in staleness.find(folder=Path("records")) if "07/compare" in sentence]
    assert len(found) == 1 and f"of other {part}" in found[0]


def test_drawings_are_not_recorded_as_photographs(monkeypatch):
    from course_utils.data.images import recycling

    monkeypatch.setenv("COURSE_IMAGES", "photographs")
    monkeypatch.setattr(recycling, "_photographs", lambda: None)
    with refused("tools.no-photographs", "recycling"):
        digests.data_digest("recycling")
    monkeypatch.setenv("COURSE_IMAGES", "drawings")
    assert digests.data_digest("recycling")


def test_recordings_of_a_synthesizer_are_not_recorded_as_those_of_people(monkeypatch):
    from course_utils.data.sound import digits

    monkeypatch.setenv("COURSE_IMAGES", "photographs")
    monkeypatch.setattr(digits, "_public", lambda: None)
    with refused("tools.no-photographs", "spoken_digits"):
        digests.data_digest("spoken_digits")


def test_what_is_heard_is_part_of_the_fingerprint(monkeypatch):
    from course_utils.data.sound import trades

    before = digests.data_digest("trade_words")
    assert digests.data_digest("trade_words") == before
    table = trades._spoken("ward")
    monkeypatch.setattr(trades, "_spoken", lambda trade: table.assign(wave=[-wave for wave in table.wave]))
    assert digests.data_digest("trade_words") != before


def test_a_task_of_sounds_uses_the_networks_weights(lesson):
    lesson.text.write_text(TEXT.replace("BONUS = 0.25", "from course_utils.tasks import SoundTask\nBONUS = 0.25"))
    assert [each.backbones() for each in experiments_of(lesson)] == [["speech_resnet"]] * 2


def test_a_task_of_detection_uses_the_weights_of_detector_and_body(lesson):
    lesson.text.write_text(TEXT.replace("BONUS = 0.25", "from course_utils.tasks import DetectionTask\nBONUS = 0.25"))
    assert [each.backbones() for each in experiments_of(lesson)] == [["resnet18_half", "street_detector"]] * 2


@pytest.mark.parametrize("name", ["transactions", "ratings"])
def test_a_table_has_a_digest_of_all_its_rows(name, monkeypatch):
    before = digests.data_digest(name)
    assert digests.data_digest(name) == before
    entry = digests.find_data_set(name)
    first = next(iter({"n_weeks", "n_ratings"} & set(entry.small)))
    fewer = replace(entry, small={**entry.small, first: 1})
    monkeypatch.setattr(digests, "find_data_set", lambda _: fewer)
    assert digests.data_digest(name) != before


def test_boxes_are_part_of_the_fingerprint_and_drawn_blood_is_not_recorded_as_photographs(monkeypatch):
    from course_utils.data.boxes import cells, streets

    before = digests.data_digest("streets")
    assert digests.data_digest("streets") == before
    draw = streets._draw
    monkeypatch.setattr(streets, "_draw", lambda *given: (draw(*given)[0], [rows + 1 for rows in draw(*given)[1]]))
    assert digests.data_digest("streets") != before
    monkeypatch.setenv("COURSE_IMAGES", "photographs")
    monkeypatch.setattr(cells, "_public", lambda: None)
    with refused("tools.no-photographs", "blood_cells"):
        digests.data_digest("blood_cells")


def test_data_is_told_by_what_the_loader_gives():
    assert digests.data_digest("digits") == digests.data_digest("digits") != digests.data_digest("scans")


@pytest.mark.parametrize("returned", ["0.5", "{'tuned': 'high'}", "[{'score': 1}]"])
def test_what_is_no_score_is_refused(lesson, returned):
    lesson.text.write_text(TEXT.replace("return [{", f"return {returned}\n    return [{{"))
    with refused("tools.not-scores", "07/grid"):
        record(["grid"])


TABLE = """
    import pandas as pd
    row = {"strategy": "tuned", "labels": 5, "lr": 0.1, "metric": "accuracy", "score": 0.5, "error": ERROR}
    return pd.DataFrame([row, row | {"labels": 20}])
    return [{"""


def test_the_table_of_an_experiment_is_taken_as_it_is_unless_a_run_failed(lesson):
    lesson.text.write_text(TEXT.replace("\n    return [{", TABLE.replace("ERROR", '""')))
    record(["grid"])
    table = recorded("07/grid", Path("records")).table
    assert table.columns.tolist() == ["strategy", "labels", "seed", "metric", "score", "seconds"] and len(table) == 20
    lesson.text.write_text(TEXT.replace("\n    return [{", TABLE.replace("ERROR", '"no memory."')))
    with refused("tools.run-failed", "no memory"):
        record(["grid"])


def test_wrong_calls_are_refused(lesson):
    with refused("tools.too-few-seeds", "9"):
        record(seeds=9)
    with refused("tools.no-experiment", "No experiment"):
        record(["probe"])
    lesson.text.write_text(TEXT.replace("def grid(seed,", "def grid(run,"))
    with refused("tools.no-experiment", "grid(seed)"):
        experiments_of(lesson)


def test_every_committed_record_belongs_to_its_lesson(monkeypatch):
    monkeypatch.chdir(TOP)
    done = CliRunner().invoke(app, ["record", "--check"])
    assert done.exit_code == 0, done.output


def test_every_committed_record_belongs_to_the_photographs(monkeypatch, mirror, tmp_path):
    for name, value in (("MIRROR", mirror), ("DIR", tmp_path)):
        monkeypatch.setenv(f"COURSE_DATA_{name}", str(value))
    monkeypatch.setenv("COURSE_IMAGES", "photographs")
    test_every_committed_record_belongs_to_its_lesson(monkeypatch)
