"""Deadlines: zones and daylight saving, what being late costs, and that nobody loses points unseen by it."""

import json
from dataclasses import replace
from datetime import UTC

import pytest
from graded import NAME, marks, result
from pydantic import ValidationError
from support.errors import refused

from course_utils.grading.gradebook.deadlines import (
    Rule,
    arrived_at,
    moment,
    read_deadlines,
    read_extensions,
)
from course_utils.grading.records import FULLER, Arrival, Outcome, State

BERLIN = "Europe/Berlin"
DUE = "2026-12-04 23:59"
ALL = marks(Outcome.RIGHT, Outcome.RIGHT, Outcome.RIGHT)  # 6 of 6 points
HALF = marks(Outcome.RIGHT, Outcome.WRONG, Outcome.WRONG)  # 2 of 6
MOODLE, FILE = "Moodle's worksheet", "the file's own time"


def rule(due=DUE, zone=BERLIN, **more):
    return Rule(due=due, zone=zone, **more)


def sure(time, source=MOODLE):
    return Arrival(time, source=source, sure=True)


def weak(time):
    return Arrival(time, source=FILE)


@pytest.fixture
def set_rule(store):
    def set_it(**more):
        one = rule(**more)
        store.decide(NAME, "deadline", NAME, "the syllabus", "prof", value=one.model_dump_json(exclude_defaults=True))

    return set_it


@pytest.fixture
def handed_in(store):
    """Save a result, and when it came; the only one's timing."""

    def hand_in(arrival, given=ALL, student="ada", digest="a", **more):
        store.save([result(student, digest, given, state=State.GRADED, **more)])
        store.note_arrivals([(NAME, student, digest, arrival)])
        return next(one for one in store.results(NAME) if one.student == student)

    return hand_in


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2026-12-04 23:59", BERLIN, "2026-12-04 22:59:59"),  # the whole minute is on time
        ("2026-12-04T23:59:00", BERLIN, "2026-12-04 22:59:00"),
        ("2026-07-04 23:59", BERLIN, "2026-07-04 21:59:59"),
        ("2026-10-24 23:59", BERLIN, "2026-10-24 21:59:59"),  # the evening before clocks go back
        ("2026-10-25 23:59", BERLIN, "2026-10-25 22:59:59"),
        ("2026-03-28 23:59", BERLIN, "2026-03-28 22:59:59"),  # the evening before they go forward
        ("2026-03-29 23:59", BERLIN, "2026-03-29 21:59:59"),
        ("2026-10-25 02:30:00", BERLIN, "2026-10-25 01:30:00"),  # comes twice: the later one
        ("2026-12-04 23:59:00+00:00", BERLIN, "2026-12-04 23:59:00"),
        ("2026-12-04 23:59:00Z", BERLIN, "2026-12-04 23:59:00"),
        ("2026-11-01 01:30:00", "America/New_York", "2026-11-01 06:30:00"),
        ("2026-12-04 9:05:00", "Asia/Kolkata", "2026-12-04 03:35:00"),
    ],
)
def test_a_deadline_is_a_moment_in_its_zone(text, zone, utc):
    assert f"{moment(text, zone).astimezone(UTC):%Y-%m-%d %H:%M:%S}" == utc


def test_times_that_are_none_are_refused():
    with refused("grading.no-such-time", "2026-03-29 02:30", BERLIN):
        moment("2026-03-29 02:30", BERLIN)
    for text in ("2026-12-04", "2026-12-04 24:00", "2026-13-04 10:00", "4.12.2026 23:59", "tomorrow", ""):
        with refused("grading.no-time", "2026-12-04 23:59"):
            moment(text, BERLIN)
    for zone in ("CEST", "Berlin", "../etc", "", "Europe"):
        with refused("grading.no-zone", "Europe/Berlin"):
            moment(DUE, zone)


def test_a_files_time_that_comes_twice_is_the_earlier_one():
    assert f"{arrived_at('2026-10-25T02:30:00', BERLIN).astimezone(UTC):%H:%M}" == "00:30"


@pytest.mark.parametrize(
    ("more", "arrived", "taken"),
    [
        ({"penalty": "10%", "per": "day"}, "2026-12-04 23:59:59", 0),
        ({"penalty": "10%", "per": "day"}, "2026-12-05 00:00:01", 1),
        ({"penalty": "10%", "per": "day"}, "2026-12-05 23:59:59", 1),
        ({"penalty": "10%", "per": "day"}, "2026-12-06 00:00:01", 2),
        ({"penalty": "10%", "per": "day", "at_most": "25%"}, "2026-12-08 12:00", 2.5),
        ({"penalty": "10%", "per": "day", "at_most": "3 points"}, "2026-12-20 12:00", 3),
        ({"penalty": "10%", "per": "day", "of": "earned"}, "2026-12-05 12:00", 0.8),
        ({"penalty": "10%", "per": "day"}, "2027-12-05 12:00", 8),  # never more than there is
        ({"penalty": "2", "per": "12 hours"}, "2026-12-05 12:30", 4),
        ({"penalty": "1.5 points"}, "2027-01-01 12:00", 1.5),
        ({"penalty": "5%", "per": "hour"}, "2026-12-05 00:59:59", 0.5),
        ({"penalty": "1", "per": "week"}, "2026-12-12 00:00:30", 2),
    ],
)
def test_each_started_step_costs(more, arrived, taken):
    one = rule(**more)
    assert one.penalty_of(one.ends, arrived_at(arrived, BERLIN), 8.0, 10.0) == pytest.approx(taken)


@pytest.mark.parametrize(("due", "hours"), [("2026-10-24 23:59", 25), ("2026-03-28 23:59", 23)])
def test_a_day_ends_at_the_same_time_of_day_when_clocks_change(due, hours):
    one = rule(due=due, penalty="10%", per="day")
    last = one.ends.astimezone(UTC).timestamp() + hours * 3600
    assert [one.steps(one.ends, one.ends.fromtimestamp(last + more, UTC)) for more in (-60, 0, 60)] == [1, 1, 2]
    by_hours = rule(due=due, penalty="10%", per="24 hours")
    assert by_hours.steps(one.ends, one.ends.fromtimestamp(last, UTC)) == (2 if hours == 25 else 1)


@pytest.mark.parametrize(
    "more",
    [
        {"penalty": "ten"},
        {"penalty": "10%", "per": "fortnight"},
        {"penalty": "10%", "per": "0 days"},
        {"grace": "soon"},
        {"at_most": "50%"},
        {"last": "2026-12-04 23:00"},
        {"last": "2026-12-05 00:10", "grace": "1 hour"},
        {"counts": "best"},
        {"peanlty": "10%"},
        {"due": "2026-03-29 02:30"},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(more):
    with pytest.raises(ValidationError):
        rule(**more)


def test_a_file_of_deadlines(tmp_path):
    file = tmp_path / "deadlines.yaml"
    file.write_text(
        "zone: Europe/Berlin\nassignments:\n  90_a:\n    due: 2026-12-04 23:59\n    penalty: 10%\n    per: day\n"
        "  91_b:\n    due: 2026-12-04 23:59:00\n    zone: America/New_York\n    penalty: 2\n",
        encoding="utf-8",
    )
    one, other = read_deadlines(file).values()
    assert f"{one.ends:%H:%M:%S %Z}" == "23:59:59 CET" and f"{other.ends:%H:%M:%S %Z}" == "23:59:00 EST"
    assert one.said() == "due 2026-12-04 23:59 Europe/Berlin; late 10% for each started day"
    file.write_text(file.read_text().replace("10%", "much"))
    with refused("quiz.faulty-items", "deadlines.yaml:3", "much"):
        read_deadlines(file)
    with refused("grading.deadlines-file"):
        read_deadlines(tmp_path / "none.yaml")


def test_a_file_of_extensions(tmp_path):
    file = tmp_path / "extensions.csv"
    file.write_text("student;until;why\nada;2026-12-08 23:59;Ill.\n\n007;2026-12-09 12:00;\n", encoding="utf-8")
    assert read_extensions(file) == [("ada", "2026-12-08 23:59", "Ill."), ("007", "2026-12-09 12:00", "")]
    for row in ("ada;;x", ";2026-12-08 23:59;", "ada;2026-12-08 23:59;\nada;2026-12-09 23:59;"):
        file.write_text(f"student;until;why\n{row}\n", encoding="utf-8")
        with refused("grading.extensions-file", "Row "):
            read_extensions(file)


def test_points_after_the_penalty_stand_beside_those_of_the_items(set_rule, handed_in):
    assert handed_in(sure("2026-12-05T12:00:00")).points == 6  # no deadline: nothing is late
    set_rule(penalty="10%", per="day")
    one = handed_in(sure("2026-12-05T12:00:00"))
    assert (one.raw, one.penalty, one.points, one.state) == (6, pytest.approx(0.6), pytest.approx(5.4), State.GRADED)
    assert (one.timing.source, one.timing.sure, one.timing.extended) == (MOODLE, True, False)


def test_a_deadline_alone_costs_nothing(set_rule, handed_in):
    set_rule()
    assert handed_in(sure("2027-01-01T12:00:00")).points == 6
    assert handed_in(weak("2027-01-01T12:00:00"), student="bob").points == 6


def test_grace_costs_nothing_and_days_count_from_its_end(set_rule, handed_in):
    set_rule(penalty="1", per="day", grace="15 minutes")
    for student, time, points in (
        ("a", "2026-12-05T00:14:00", 6),
        ("b", "2026-12-05T00:15:00", 5),
        ("c", "2026-12-06T00:14:00", 5),
        ("d", "2026-12-06T00:16:00", 4),
    ):
        assert handed_in(sure(time), student=student).points == points, student


def test_after_the_last_date_nothing_counts(set_rule, handed_in, store):
    set_rule(last="2026-12-11 23:59", penalty="1")
    assert handed_in(sure("2026-12-11T23:59:30")).points == 5
    over = handed_in(sure("2026-12-12T00:00:00"), student="bob")
    assert over.timing.over and (over.raw, over.points) == (6, 0)
    store.decide(NAME, "extend", "bob", "ill", "prof", value="2026-12-06 23:59")  # it moves the last date along
    assert [one.points for one in store.results(NAME)] == [5, 5]


@pytest.mark.parametrize("arrival", [weak("2026-12-05T12:00:00"), Arrival(mark="late", source="Canvas", sure=True)])
def test_what_is_no_proof_costs_nothing_until_a_person_has_said(set_rule, handed_in, store, arrival):
    set_rule(penalty="10%", per="day", last="2026-12-20 12:00")
    one = handed_in(arrival)
    assert (one.raw, one.penalty, one.points, one.state) == (6, None, None, State.LOOK)
    assert arrival.source in one.remarks[-1] and "handed-in" in one.remarks[-1]
    said = {"on time": 6, "2026-12-06 12:00": pytest.approx(4.8)} | ({"as found": 5.4} if arrival.time else {})
    for word, points in said.items():
        store.decide(NAME, "handed in", "ada", "he showed the mail", "prof", value=json.dumps(["a", word]))
        (one,) = store.results(NAME)
        assert one.points == points and one.state is State.GRADED
    store.decide(NAME, "handed in", "ada", "a mistake", "prof", undo=True, value=json.dumps(["a", ""]))
    assert store.results(NAME)[0].points is None


def test_what_a_person_says_holds_for_that_file_alone(set_rule, handed_in, store):
    set_rule(penalty="1")
    handed_in(weak("2026-12-05T12:00:00"))
    store.decide(NAME, "handed in", "ada", "yes", "prof", value=json.dumps(["a", "on time"]))
    assert (
        handed_in(
            weak("2026-12-06T12:00:00"), marks(Outcome.RIGHT, Outcome.RIGHT, Outcome.RIGHT, answer="C"), digest="b"
        ).points
        == 6
    )  # the first file, on time, gives more
    set_rule(penalty="1", counts="newest")
    assert store.results(NAME)[0].points is None


@pytest.mark.parametrize(
    ("arrivals", "points"),
    [
        ([weak("2026-12-06T12:00:00"), sure("2026-12-04T12:00:00")], 6),  # a platform goes before a file
        ([weak("2026-12-04T12:00:00"), sure("2026-12-05T12:00:00")], 5),
        ([Arrival(mark="late", source="Canvas", sure=True), sure("2026-12-05T12:00:00")], 5),
        ([weak("2026-12-05T12:00:00"), Arrival(mark="on time", source="Canvas", sure=True)], 6),
        ([weak("2026-12-06T12:00:00"), weak("2026-12-04T12:00:00")], 6),  # unpacked again later
        ([sure("2026-12-05T12:00:00"), sure("2026-12-04T12:00:00")], 6),  # the same file, handed in twice
        ([Arrival()], 6),
    ],
)
def test_the_best_evidence_counts(set_rule, handed_in, store, arrivals, points):
    set_rule(penalty="1")
    for arrival in arrivals:
        one = handed_in(arrival)
    assert one.points == points


@pytest.mark.parametrize(
    ("counts", "first", "second", "points"),
    [
        ("better", ALL, HALF, 6),
        ("better", HALF, ALL, 5),  # 6 less 1 is more than 2
        ("better", HALF, HALF, 2),
        ("newest", ALL, HALF, 1),
        ("on time", HALF, ALL, 2),
        ("better", ALL, marks(Outcome.WRONG, Outcome.WRONG, Outcome.WRONG), 6),
    ],
)
def test_which_attempt_counts_is_a_rule_and_by_default_costs_nobody_points(
    set_rule, handed_in, counts, first, second, points
):
    set_rule(penalty="1", counts=counts)
    handed_in(sure("2026-12-04T12:00:00"), first, digest="first")
    one = handed_in(sure("2026-12-05T12:00:00"), second, digest="second")
    assert one.points == points
    if one.digest == "first":
        assert "came late" in one.remarks[-1]


def test_a_person_marks_the_attempt_that_counts(set_rule, handed_in, store):
    set_rule(penalty="1")
    waits = marks(Outcome.RIGHT, Outcome.RIGHT, Outcome.WAITING)
    handed_in(sure("2026-12-04T12:00:00"), waits, digest="first")
    one = handed_in(sure("2026-12-05T12:00:00"), HALF, digest="second")
    assert one.digest == "first" and one.points is None  # it may give more, so it is the one to be marked
    store.mark(NAME, "ada", "04.7", 1.0, "half of it", "tutor")
    (one,) = store.results(NAME)
    assert (one.digest, one.points) == ("first", 5) and not store.waiting(NAME)


def test_an_attempt_that_was_superseded_stays_behind_the_newest(handed_in, store):
    handed_in(sure("2026-12-05T12:00:00"), ALL, digest="second")
    one = handed_in(sure("2026-12-04T12:00:00"), HALF, digest="first", superseded=True)
    assert one.digest == "second" and store.current(NAME) == {"ada": "second"}


def test_an_attempt_that_other_items_graded_is_told(set_rule, handed_in, store):
    set_rule(penalty="1")
    old = marks(Outcome.RIGHT, Outcome.RIGHT, Outcome.RIGHT)
    handed_in(sure("2026-12-04T12:00:00"), (*old[:2],), digest="first")
    one = handed_in(sure("2026-12-05T12:00:00"), HALF, digest="second")
    assert one.digest == "second" and "grade it again" in one.remarks[-1]


def test_dropped_items_and_per_cent_go_together(set_rule, handed_in, store):
    set_rule(penalty="10%")
    handed_in(sure("2026-12-05T12:00:00"))
    store.decide(NAME, "drop", "04.7", "not taught", "prof")
    (one,) = store.results(NAME)
    assert (one.most, one.raw, one.points) == (4, 4, pytest.approx(3.6))


def test_deadlines_have_a_history_and_can_be_taken_back(set_rule, handed_in, store):
    set_rule(penalty="1")
    handed_in(sure("2026-12-05T12:00:00"))
    store.decide(NAME, "extend", "ada", "ill", "dean", value="2026-12-06 23:59")
    assert store.results(NAME)[0].points == 6 and store.results(NAME)[0].timing.extended
    store.decide(NAME, "extend", "ada", "not ill", "dean", undo=True, value="2026-12-06 23:59")
    assert store.results(NAME)[0].points == 5
    told = [(one["what"], one["by"]) for one in store.history(NAME, "ada", "04.1")]
    assert sorted(told) == [("deadline", "prof"), ("extend", "dean"), ("graded", "grader"), ("undo extend", "dean")]
    store.decide(NAME, "deadline", NAME, "no", "prof", undo=True)
    assert store.results(NAME)[0].points == 6 and store.results(NAME)[0].timing is None


def test_an_extension_is_never_earlier_than_the_deadline(set_rule, store):
    set_rule()
    store.decide(NAME, "extend", "ada", "ill", "prof", value="2026-12-06 23:59")
    set_rule(due="2026-12-10 23:59")
    assert f"{store.deadlines().due(NAME, 'ada'):%d}" == "10"


def test_a_blank_file_that_comes_late_makes_nobody_look(set_rule, handed_in, store):
    set_rule(penalty="1")
    handed_in(sure("2026-12-04T12:00:00"), HALF, digest="first")
    why = (f"{FULLER} answers it: a.ipynb. A person looks at it.",)
    blank = [replace(mark, outcome=Outcome.LOOK, points=None, feedback=why) for mark in HALF]
    one = handed_in(sure("2026-12-05T12:00:00"), tuple(blank), digest="second")
    assert (one.digest, one.points) == ("first", 2) and not store.waiting(NAME)
    blank[2] = replace(blank[2], outcome=Outcome.RIGHT, points=2.0)  # beside it, something new: a person decides
    one = handed_in(sure("2026-12-06T12:00:00"), tuple(blank), digest="third")
    assert one.digest == "third" and one.points is None and store.waiting(NAME)


def test_a_mark_of_one_attempt_is_none_of_the_other(set_rule, handed_in, store):
    set_rule(penalty="1")
    handed_in(sure("2026-12-04T12:00:00"), HALF, digest="first")
    look = marks(Outcome.RIGHT, Outcome.MISSING, Outcome.WRONG, answer="other")
    handed_in(sure("2026-12-05T12:00:00"), look, digest="second")
    assert store.results(NAME)[0].digest == "second"  # it may give 4 less 1
    store.mark(NAME, "ada", "04.2", 0.0, "nothing", "tutor")
    (one,) = store.results(NAME)
    assert (one.digest, one.points) == ("first", 2) and not store.waiting(NAME)
    store.mark(NAME, "ada", "04.1", 0.5, "too much", "tutor")  # of the one that counts
    (one,) = store.results(NAME)
    assert one.digest == "second"  # 2 less 1 is more than 0.5
    assert [mark.item for _, mark in store.waiting(NAME)] == ["04.1"]  # it was marked for the other answer
    assert store.manual(NAME)["ada", "04.2"].comment == "nothing" == store.comment_of(NAME, "ada", "04.2")
