"""Marks are kept as they were given: none is lost, doubled, overwritten or made a zero."""

import sqlite3
from dataclasses import replace

import pytest
from graded import NAME, marks, result, rows

from course_utils.errors import CourseError
from course_utils.grading.gradebook.store import Store
from course_utils.grading.records import LONGEST_ANSWER, Outcome, State

# What goes in comes out


def test_results_come_back_as_they_were_saved(store):
    first = result(remarks=("odd",), seconds=1.5, tier="sandbox")
    hostile = result('=cmd|"/c calc"!A1\x00\x1b[2J\u202e', "b", marks(answer="'; DROP TABLE marks; --\n" * 3))
    store.save([first, hostile])
    assert sorted(store.results(), key=lambda one: one.digest) == [first, hostile]
    assert store.results("05_other") == []


def test_half_characters_and_long_answers_can_be_kept(store):
    store.save([result(given=marks(answer="\ud800" + "x" * 20_000), remarks=("\udcff",))])
    (kept,) = store.results()
    assert kept.marks[0].answer == "?" + "x" * (LONGEST_ANSWER - 1)
    assert kept.remarks == ("?",)


def test_an_unknown_mark_stays_unknown(store):
    store.save([result(given=marks(Outcome.UNKNOWN, Outcome.UNKNOWN, Outcome.UNKNOWN), state=State.UNREADABLE)])
    (kept,) = store.results()
    assert kept.points is None and [mark.points for mark in kept.marks] == [None] * 3
    assert kept.state is State.UNREADABLE


def test_a_result_without_marks_has_no_points(store):
    store.save([replace(result(), marks=(), state=State.UNREADABLE)])
    assert store.results()[0].points is None


def test_saving_again_adds_nothing(store):
    store.save([result(), result("bob", "b")])
    before = rows(store, "marks"), rows(store, "submissions"), store.results()
    store.save([result(), result("bob", "b")])
    store.save(iter([result(), result()]))
    assert (rows(store, "marks"), rows(store, "submissions"), store.results()) == before


def test_the_latest_saved_submission_is_current(store):
    first, second = result(digest="a"), result(digest="b", given=marks(answer="C"))
    store.save([first, second])
    assert store.results() == [second]
    assert store.current(NAME) == {"ada": "b"}
    store.save([first])  # the student went back to the earlier file
    assert store.results() == [first]
    assert store.current(NAME) == {"ada": "a"} and store.current("05_other") == {}


def test_an_item_that_left_the_quiz_leaves_the_result(store):
    store.save([result()])
    fewer = result(given=marks()[:2])
    store.save([fewer])
    assert store.results() == [fewer]
    assert len(store.history(NAME, "ada", "04.7")) == 1


def test_a_failure_within_a_save_keeps_nothing_of_it(store):
    bad = replace(result("bob"), marks=(replace(marks()[0], most=None),))
    with pytest.raises(sqlite3.IntegrityError):
        store.save([result(), bad])
    assert store.results() == []
    store.save([result()])
    assert len(store.results()) == 1


def test_a_save_that_fails_while_it_is_read_has_locked_nobody_out(store, path):
    def slow():
        yield result()
        with Store(path) as other:
            other.save([result("bob")])
        yield result("cid")

    store.save(slow())
    assert [one.student for one in store.results()] == ["ada", "bob", "cid"]


# What need not be graded again


def test_known_are_the_final_marks_of_that_environment(store):
    store.save([result(given=marks(Outcome.RIGHT, Outcome.UNKNOWN, Outcome.TIMEOUT))])
    right, _, late = marks(Outcome.RIGHT, Outcome.UNKNOWN, Outcome.TIMEOUT)
    assert store.known(NAME, "e") == {("ada", "a"): {right.digest: right, late.digest: late}}
    assert store.known(NAME, "other") == {} == store.known("05_other", "e")


def test_known_has_the_latest_mark_and_the_earlier_item(store):
    store.save([result()])
    changed = replace(marks()[1], points=1.0)
    new_item = replace(marks()[0], digest="a new text of 04.1", outcome=Outcome.WRONG, points=0.0)
    store.save([result(given=(new_item, changed, marks()[2]))])
    known = store.known(NAME, "e")["ada", "a"]
    assert known[changed.digest] == changed
    assert known[new_item.digest] == new_item
    assert known[marks()[0].digest] == marks()[0]
    assert store.results()[0].marks == (new_item, changed, marks()[2])


def test_what_became_unknown_is_graded_again(store):
    store.save([result()])
    store.save([result(given=marks(Outcome.UNKNOWN, Outcome.WRONG, Outcome.WAITING))])
    assert marks()[0].digest not in store.known(NAME, "e")["ada", "a"]


# People's marks


def test_a_persons_mark_fills_the_gap_and_stays(store):
    store.save([result()])
    assert store.waiting(NAME) == [("ada", marks()[2])]
    assert store.results()[0].points is None
    store.mark(NAME, "ada", "04.7", 1.5, "well said", "prof")
    (kept,) = store.results()
    assert (kept.points, kept.state, kept.marks[2].points) == (3.5, State.GRADED, 1.5)
    assert store.waiting(NAME) == []
    store.save([result(), result(digest="b", environment="f")])
    assert store.results()[0].points == 3.5
    assert store.comment_of(NAME, "ada", "04.7") == "well said"
    assert (store.comment_of(NAME, "ada", "04.1"), store.comment_of(NAME, "bob", "04.7")) == ("", "")
    one = store.manual(NAME)["ada", "04.7"]
    assert (one.points, one.comment, one.by) == (1.5, "well said", "prof")


def test_a_gap_that_is_left_keeps_the_state(store):
    store.save([result(given=marks(Outcome.MISSING, Outcome.RIGHT, Outcome.WAITING), state=State.MISSING_CELL)])
    store.mark(NAME, "ada", "04.7", 2)
    (kept,) = store.results()
    assert (kept.state, kept.points) == (State.MISSING_CELL, None)
    store.mark(NAME, "ada", "04.1", 0)
    assert (store.results()[0].state, store.results()[0].points) == (State.GRADED, 4.0)


def test_a_later_mark_takes_the_place_and_history_has_both(store):
    store.save([result()])
    store.mark(NAME, "ada", "04.2", 1, "half", "prof")
    store.request_regrade(NAME, "ada", "04.2", "more")
    store.mark(NAME, "ada", "04.2", 2, "granted", "prof")
    assert store.results()[0].marks[1].points == 2
    events = store.history(NAME, "ada", "04.2")
    assert [(event["what"], event["points"], event["text"]) for event in events] == [
        ("graded", 0.0, "It is wrong."),
        ("mark", 1.0, "half"),
        ("regrade request", None, "more"),
        ("mark", 2.0, "granted"),
    ]
    assert events == sorted(events, key=lambda event: event["time"])
    assert events[0]["submission"] == "a" and events[0]["environment"] == "e"


def test_a_mark_for_an_answer_that_changed_since_is_told_and_waits_again(store):
    store.save([result(given=marks(answer="old"))])
    store.mark(NAME, "ada", "04.7", 2)
    store.save([result(digest="b", given=marks(answer="old"))])  # another file, the same answer
    assert store.waiting(NAME) == [] and store.results()[0].remarks == ()
    store.save([result(digest="b", given=marks(answer="a value with an address 0x7f"))])  # the same file once more
    store.save([result(given=marks(answer="a value with an address 0x8f"), environment="new")])
    assert store.waiting(NAME) == []
    store.save([result(digest="c", given=marks(answer="new"))])
    (kept,) = store.results()
    assert kept.points == 4.0, "a person's mark isn't overwritten"
    assert [mark.item for _, mark in store.waiting(NAME)] == ["04.7"]
    assert len(kept.remarks) == 1 and "04.7" in kept.remarks[0]
    store.mark(NAME, "ada", "04.7", 1)
    assert store.waiting(NAME) == []


@pytest.mark.parametrize("points", [-1, float("nan"), float("inf"), 2.5, "2", None, True])
def test_points_that_cannot_be_given_are_refused(store, points):
    store.save([result()])
    with pytest.raises(CourseError, match=r"points"):
        store.mark(NAME, "ada", "04.7", points)
    assert store.manual(NAME) == {}


@pytest.mark.parametrize("where", [("05_other", "ada", "04.7"), (NAME, "eve", "04.7"), (NAME, "ada", "04.9")])
def test_a_mark_or_regrade_request_of_nothing_is_refused(store, where):
    store.save([result()])
    with pytest.raises(CourseError):
        store.mark(*where, 1)
    with pytest.raises(CourseError):
        store.request_regrade(*where, "why?")


def test_many_marks_are_all_or_none(store):
    store.save([result(), result("bob")])
    with pytest.raises(CourseError, match="eve"):
        store.mark_many(NAME, [("ada", "04.7"), ("bob", "04.7"), ("eve", "04.7")], 1)
    assert store.manual(NAME) == {}
    store.mark_many(NAME, [("ada", "04.7"), ("bob", "04.7")], 1)
    assert {key: one.points for key, one in store.manual(NAME).items()} == {("ada", "04.7"): 1, ("bob", "04.7"): 1}


def test_a_regrade_request_waits_until_a_person_marks(store):
    store.save([result(given=marks(Outcome.RIGHT, Outcome.WRONG, Outcome.RIGHT), state=State.GRADED)])
    assert store.waiting(NAME) == []
    store.request_regrade(NAME, "ada", "04.2", "<b>It is B</b>\ud800")
    (request,) = store.regrade_requests(NAME)
    assert (request.student, request.item, request.text, request.open) == ("ada", "04.2", "<b>It is B</b>?", True)
    assert [mark.item for _, mark in store.waiting(NAME)] == ["04.2"]
    store.mark(NAME, "ada", "04.2", 0, "no")
    assert store.waiting(NAME) == [] and not store.regrade_requests(NAME)[0].open
    store.request_regrade(NAME, "ada", "04.2", "still")
    assert [one.open for one in store.regrade_requests(NAME)] == [False, True]
    assert store.results()[0].marks[1].points == 0


# Taken back, and overtaken by others


ITEM = "04.7"


def held(store, student="ada"):
    return store.manual(NAME).get((student, ITEM))


def waits(store):
    return sorted((student, mark.item) for student, mark in store.waiting(NAME))


def test_an_undone_mark_waits_again_and_history_has_all(store):
    store.save([result()])
    store.mark(NAME, "ada", ITEM, 2, "Good.", "tutor")
    store.undo(NAME, [("ada", ITEM)], "tutor")
    assert held(store) is None and waits(store) == [("ada", ITEM)] and store.results()[0].points is None
    assert [one["what"] for one in store.history(NAME, "ada", ITEM)] == ["graded", "mark", "undo"]
    with pytest.raises(CourseError, match="no mark to undo") as told:
        store.undo(NAME, [("ada", ITEM)])
    assert told.value.code == "grading.no-mark"


def test_undoing_gives_back_what_held_before_with_who_gave_it(store):
    store.save([result()])
    for points, by in ((1, "first"), (2, "second"), (0, "third")):
        store.mark(NAME, "ada", ITEM, points, f"said by {by}", by)
    left = []
    for _ in range(2):
        store.undo(NAME, [("ada", ITEM)], "fourth")
        left.append((held(store).points, held(store).by, held(store).comment))
    assert left == [(2, "second", "said by second"), (1, "first", "said by first")]
    store.mark(NAME, "ada", ITEM, 1.5, by="fifth")
    store.undo(NAME, [("ada", ITEM)], "fifth")
    assert held(store).by == "first"


def test_undoing_the_mark_that_settled_a_regrade_request_opens_it(store):
    store.save([result()])
    store.mark(NAME, "ada", ITEM, 1)
    store.request_regrade(NAME, "ada", ITEM, "Please look again.")
    store.mark(NAME, "ada", ITEM, 2)
    assert waits(store) == []
    store.undo(NAME, [("ada", ITEM)])
    assert waits(store) == [("ada", ITEM)] and held(store).points == 1
    assert [one.open for one in store.regrade_requests(NAME)] == [True]


def overtake(store, how):
    if how == "mark":
        store.mark(NAME, "emmy", ITEM, 2, by="B. Tutor")
    elif how == "request":
        store.request_regrade(NAME, "emmy", ITEM, "Look.")
    elif how == "undo":
        store.undo(NAME, [("emmy", ITEM)])
    else:
        store.save([result("emmy", "newer")])


@pytest.mark.parametrize("how", ["mark", "request", "undo", "newer notebook"])
@pytest.mark.parametrize("act", ["mark_many", "undo"])
def test_who_marks_what_stands_otherwise_now_is_told_and_nothing_is_lost(store, how, act):
    store.save([result("ada"), result("emmy")])
    both = [("ada", ITEM), ("emmy", ITEM)]
    seen = store.mark_many(NAME, both, 1, "mine", "me")
    overtake(store, how)
    before = store.history(NAME, "emmy", ITEM), held(store), held(store, "emmy")
    with pytest.raises(CourseError, match="has changed since you saw it") as told:
        store.mark_many(NAME, both, 0, by="me", seen=seen) if act == "mark_many" else store.undo(NAME, both, seen=seen)
    assert told.value.code == "grading.overtaken"
    assert ("B. Tutor gave it 2 points" in str(told.value)) == (how == "mark")
    assert (store.history(NAME, "emmy", ITEM), held(store), held(store, "emmy")) == before


def test_what_was_seen_is_the_last_thing_that_was_done(store):
    store.save([result("ada"), result("emmy")])
    assert store.seen(NAME) == {}
    seen = store.mark_many(NAME, [("ada", ITEM)], 1)
    assert store.seen(NAME) == {("ada", ITEM): seen["ada", ITEM].act} and seen["ada", ITEM].digest == "a"
    again = store.mark_many(NAME, [("ada", ITEM)], 2, seen=seen)
    assert again["ada", ITEM].act > seen["ada", ITEM].act and held(store).points == 2


def test_the_version_changes_with_what_others_write_alone(store, path):
    store.save([result()])
    before = store.version
    store.mark(NAME, "ada", ITEM, 1)
    assert store.version == before
    with Store(path) as other:
        other.mark(NAME, "ada", ITEM, 2)
    assert store.version != before
