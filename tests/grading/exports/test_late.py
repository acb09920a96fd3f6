"""What being late costs, in every form that marks are exported in."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from exported import canvas, moodle, result, table

from course_utils.grading.exports import export
from course_utils.grading.exports.cells import how_long, lateness
from course_utils.grading.records import Timing

BERLIN = ZoneInfo("Europe/Berlin")
DUE = datetime(2026, 12, 4, 23, 59, 59, tzinfo=BERLIN)


def late(student, penalty, hours=26, sure=True, **more):
    """1.5 points before the penalty."""
    arrived = DUE + timedelta(hours=hours)
    return replace(result(student), timing=Timing(DUE, arrived, timedelta(hours=hours), "list", sure, penalty, **more))


def test_every_form_carries_what_being_late_costs(tmp_path):
    canvas(tmp_path / "canvas.csv")
    moodle(tmp_path / "moodle.csv")
    both = [late("ada", 0.5), late("grace", None, sure=False)]
    rows = table(export("nbgrader", both, tmp_path / "n").path)
    assert rows[1][1:3] == ["2026-12-04 22:59:59", "2026-12-06 00:59:59"] and rows[1][7:] == ["1.5", "0.5", "1", "2"]
    assert rows[2][1:3] == ["2026-12-04 22:59:59", ""] and rows[2][7:] == ["1.5", "", "", "2"]
    done = export("canvas", both, tmp_path / "c", tmp_path / "canvas.csv")
    assert [row[6] for row in table(done.path)[2:4]] == ["1", "1"]  # grace keeps what was there
    assert done.empty == 1 and "Canvas's late policy" in done.remarks[0] and "twice" in done.remarks[0]
    done = export("moodle", [late("7", 0.5)], tmp_path / "m", tmp_path / "moodle.csv")
    row = table(done.path)[1]
    assert row[4] == "1" and "1 day 2 h after" in row[8] and "0.5 of 1.5 points are taken off" in row[8]
    assert "twice" in done.remarks[0]
    export("gradescope", both, tmp_path / "g")
    ada, grace = (json.loads((tmp_path / "g" / "04_frozen" / f"{who}.json").read_text()) for who in ("ada", "grace"))
    assert ada["score"] == 1 and "0.5 of 1.5" in ada["output"] and [test["score"] for test in ada["tests"]] == [1, 0.5]
    assert "score" not in grace and "may have come after" in grace["output"]
    ada, grace = json.loads(export("lti", both, tmp_path / "l").path.read_text())
    assert ada["scoreGiven"] == 1 and "0.5 of 1.5" in ada["comment"]
    assert datetime.fromisoformat(ada["submission"]["submittedAt"]) == DUE + timedelta(hours=26)
    assert "scoreGiven" not in grace and "submission" not in grace and grace["gradingProgress"] == "PendingManual"


def test_lateness_is_told_in_words():
    assert lateness(result("ada")) == "" and lateness(late("ada", 0.0, 0)) == ""
    assert lateness(late("ada", 0.0)).endswith("2026-12-04 23:59 CET. It costs no points.")
    assert "nothing counts any more" in lateness(late("ada", 1.5, over=True))
    spans = {0.01: "less than a minute", 0.5: "30 min", 1: "1 h", 25: "1 day 1 h", 48: "2 days", 49.5: "2 days 1 h"}
    assert {hours: how_long(timedelta(hours=hours)) for hours in spans} == spans
    assert how_long(timedelta(hours=3, minutes=7)) == "3 h 7 min"
