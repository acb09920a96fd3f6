"""Marks are kept as they were given: none is lost, doubled, overwritten or made a zero, whatever stops the process."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections import namedtuple
from dataclasses import replace

import pytest
import typer
from typer.testing import CliRunner

from course_utils.cli.quiz import standing
from course_utils.errors import CourseError
from course_utils.grading import database
from course_utils.grading.records import LONGEST_ANSWER, Mark, Outcome, Result, State
from course_utils.grading.store import Store

NAME = "04_frozen"
ITEMS = ("04.1", "04.2", "04.7")


def marks(*outcomes, points=None, answer="B"):
    """One mark for each item; the last waits for a person unless said otherwise."""
    outcomes = outcomes or (Outcome.RIGHT, Outcome.WRONG, Outcome.WAITING)
    gives = {Outcome.RIGHT: 2.0, Outcome.WAITING: None, Outcome.MISSING: None, Outcome.UNKNOWN: None}
    return tuple(
        Mark(item, outcome, gives.get(outcome, 0.0), 2.0, (f"It is {outcome}.",), answer, f"digest of {item}")
        for item, outcome in zip(ITEMS, outcomes, strict=True)
    )


def result(student="ada", digest="a", given=None, environment="e", state=State.PARTIAL, **more):
    return Result(student, NAME, digest, "in/x.ipynb", state, given or marks(), environment=environment, **more)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "marks.sqlite"


@pytest.fixture
def store(path):
    with Store(path) as one:
        yield one


def rows(store, table):
    return store._file.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


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
    store.appeal(NAME, "ada", "04.2", "more")
    store.mark(NAME, "ada", "04.2", 2, "granted", "prof")
    assert store.results()[0].marks[1].points == 2
    events = store.history(NAME, "ada", "04.2")
    assert [(event["what"], event["points"], event["text"]) for event in events] == [
        ("graded", 0.0, "It is wrong."),
        ("mark", 1.0, "half"),
        ("appeal", None, "more"),
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
def test_a_mark_or_appeal_of_nothing_is_refused(store, where):
    store.save([result()])
    with pytest.raises(CourseError):
        store.mark(*where, 1)
    with pytest.raises(CourseError):
        store.appeal(*where, "why?")


def test_many_marks_are_all_or_none(store):
    store.save([result(), result("bob")])
    with pytest.raises(CourseError, match="eve"):
        store.mark_many(NAME, [("ada", "04.7"), ("bob", "04.7"), ("eve", "04.7")], 1)
    assert store.manual(NAME) == {}
    store.mark_many(NAME, [("ada", "04.7"), ("bob", "04.7")], 1)
    assert {key: one.points for key, one in store.manual(NAME).items()} == {("ada", "04.7"): 1, ("bob", "04.7"): 1}


def test_an_appeal_waits_until_a_person_marks(store):
    store.save([result(given=marks(Outcome.RIGHT, Outcome.WRONG, Outcome.RIGHT), state=State.GRADED)])
    assert store.waiting(NAME) == []
    store.appeal(NAME, "ada", "04.2", "<b>It is B</b>\ud800")
    (appeal,) = store.appeals(NAME)
    assert (appeal.student, appeal.item, appeal.text, appeal.open) == ("ada", "04.2", "<b>It is B</b>?", True)
    assert [mark.item for _, mark in store.waiting(NAME)] == ["04.2"]
    store.mark(NAME, "ada", "04.2", 0, "no")
    assert store.waiting(NAME) == [] and not store.appeals(NAME)[0].open
    store.appeal(NAME, "ada", "04.2", "still")
    assert [one.open for one in store.appeals(NAME)] == [False, True]
    assert store.results()[0].marks[1].points == 0


# Several processes, and processes that die

SAVES = """
    import sys
    from pathlib import Path
    from course_utils.grading.records import Mark, Outcome, Result, State
    from course_utils.grading.store import Store

    path, who, batches = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    def results(batch):
        for number in range(20):
            marks = tuple(Mark(f"04.{n}", Outcome.RIGHT, 1.0, 1.0, (), "B" * 100, f"d{n}") for n in range(9))
            yield Result(f"{who}-{batch}-{number}", "04_frozen", "a", "x", State.GRADED, marks, environment="e")
            yield Result(f"both-{batch}-{number}", "04_frozen", "a", "x", State.GRADED, marks, environment="e")
    for batch in range(batches):
        with Store(path) as store:
            store.save(results(batch))
            print(batch, flush=True)
"""


def saving(path, who, batches):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SAVES), str(path), who, str(batches)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_save_at_once_without_loss_or_doubling(path):
    both = [saving(path, who, 15) for who in ("one", "two")]
    for process in both:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    with Store(path) as store:
        names = [one.student for one in store.results(NAME)]
        assert len(names) == len(set(names)) == 3 * 15 * 20
        assert rows(store, "marks") == 3 * 15 * 20 * 9
        assert all(one.points == 9 for one in store.results(NAME))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_killed_process_loses_at_most_its_open_batch(path):
    process = saving(path, "one", 10_000)
    told = [int(process.stdout.readline()) for _ in range(5)]
    process.kill()
    rest, _ = process.communicate(timeout=60)
    told += [int(line) for line in rest.split()]
    with Store(path) as store:
        kept = {}
        for one in store.results(NAME):
            kept.setdefault(int(one.student.split("-")[1]), []).append(one)
            assert one.points == 9
        assert set(told) <= set(kept), "what was told as saved is there"
        assert set(kept) <= {*told, max(told) + 1}
        assert {len(batch) for batch in kept.values()} == {40}, "a batch is there as a whole or not at all"
        store.save([result()])


def test_many_processes_may_make_the_store_at_once(path):
    processes = [saving(path, f"p{number}", 1) for number in range(4)]
    assert [process.communicate(timeout=120) and process.returncode for process in processes] == [0] * 4
    with Store(path) as store:
        assert len(store.results()) == 5 * 20


@pytest.mark.parametrize("read", ["known", "results", "waiting"])
def test_what_is_read_is_of_one_moment(store, path, read):
    store.save([result()])
    words = (NAME, "e") if read == "known" else (NAME,)
    with Store(path) as other:
        saved = []

        def meanwhile(statement):
            if statement.startswith("SELECT"):
                saved.append(f"late {len(saved)}")
                other.save([result(saved[-1]), result(digest=saved[-1])])

        store._file.set_trace_callback(meanwhile)
        getattr(store, read)(*words)
        store._file.set_trace_callback(None)
    assert saved
    assert len(store.results()) == 1 + len(saved)


def test_a_writer_that_never_ends_is_told(store, path, monkeypatch):
    monkeypatch.setattr(database, "PATIENCE", 0.1)
    with Store(path) as other:
        store._file.execute("BEGIN IMMEDIATE")
        with pytest.raises(CourseError, match="another process"):
            other.save([result()])
        store._file.execute("ROLLBACK")
        other.save([result()])


# Disks that are full, files that are damaged, foreign, old or new


def test_a_full_disk_keeps_what_was_there_and_says_what_to_do(store):
    store.save([result()])
    (pages,) = store._file.execute("PRAGMA page_count").fetchone()
    store._file.execute(f"PRAGMA max_page_count = {pages + 2}")
    many = [result(f"s{number}", given=marks(answer="x" * 5000)) for number in range(100)]
    with pytest.raises(CourseError, match="free space"):
        store.save(many)
    assert [one.student for one in store.results()] == ["ada"]
    store._file.execute("PRAGMA max_page_count = 1000000")
    store.save(many)
    assert len(store.results()) == 101


@pytest.mark.parametrize("damage", ["head", "middle", "short"])
def test_a_damaged_file_is_told_with_its_newest_backup(path, damage):
    with Store(path) as store:
        store.save([result(f"s{number}") for number in range(300)])
        older, newest = store.backup(), store.backup()
    assert older < newest
    content = bytearray(path.read_bytes())
    if damage == "head":
        content[:100] = b"x" * 100
    elif damage == "middle":
        content[4096:40960] = os.urandom(36864)
    else:
        del content[len(content) // 2 :]
    path.write_bytes(content)
    with pytest.raises(CourseError, match=newest.name):
        Store(path)
    path.write_bytes(newest.read_bytes())
    with Store(path) as store:
        assert len(store.results()) == 300


def test_the_last_few_backups_are_kept_and_those_before_a_migration(store, path):
    kept = database.backup(store._file, path, "version-0")
    made = [store.backup() for _ in range(7)]
    assert database.backups(path) == sorted([kept, *made[-database.KEPT :]])


def test_a_damaged_file_without_backup_is_told_too(path):
    path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(CourseError, match="no backup"):
        Store(path)


def test_backups_hold_everything_and_are_no_halves(store, path):
    store.save([result()])
    copy = store.backup()
    assert copy in database.backups(path) and not list(path.parent.glob("*.part"))
    with Store(copy) as again:
        assert again.results() == store.results()


def test_an_older_store_is_backed_up_then_migrated(path, monkeypatch):
    with Store(path) as store:
        store.save([result()])
        old = store.results()
    step = ("ALTER TABLE submissions ADD COLUMN shoe TEXT", "UPDATE submissions SET shoe = '42'")
    monkeypatch.setattr(database, "STEPS", (*database.STEPS, step))
    with Store(path) as store:
        assert store.results() == old
        assert store._file.execute("SELECT shoe FROM submissions").fetchone() == ("42",)
        assert store._file.execute("PRAGMA user_version").fetchone() == (2,)
    monkeypatch.undo()
    (copy,) = database.backups(path)
    with Store(copy) as store:
        assert store.results() == old
    with pytest.raises(CourseError, match="newer version"):
        Store(path)


def test_a_migration_that_fails_changes_nothing(path, monkeypatch):
    with Store(path) as store:
        store.save([result()])
    monkeypatch.setattr(database, "STEPS", (*database.STEPS, ("ALTER TABLE marks ADD COLUMN a TEXT", "nonsense")))
    with pytest.raises(CourseError):
        Store(path)
    monkeypatch.undo()
    with Store(path) as store:
        assert len(store.results()) == 1
        assert "a" not in [row[1] for row in store._file.execute("PRAGMA table_info(marks)")]


def test_another_programs_file_is_left_alone(path):
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE holidays (day TEXT)")
    file.close()
    before = path.read_bytes()
    with pytest.raises(CourseError, match="another program"):
        Store(path)
    assert path.read_bytes() == before


def test_a_place_that_cannot_hold_a_store_is_told(tmp_path):
    with pytest.raises(CourseError, match="is no folder"):
        Store(tmp_path / "nowhere" / "marks.sqlite")
    with pytest.raises(CourseError, match="is a folder"):
        Store(tmp_path)


Mount = namedtuple("Mount", "device mountpoint fstype opts")


@pytest.mark.parametrize(
    ("kind", "options", "warned"),
    [
        ("nfs4", "rw", True),
        ("cifs", "rw", True),
        ("fuse.sshfs", "rw", True),
        ("9p", "rw", True),
        ("NTFS", "rw,remote", True),
        ("ext4", "rw", False),
        ("tmpfs", "rw", False),
    ],
)
def test_a_network_file_system_is_warned_of(tmp_path, monkeypatch, recwarn, kind, options, warned):
    import psutil

    mounts = [Mount("a", "/", "ext4" if warned else "nfs", "rw"), Mount("b", str(tmp_path), kind, options)]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: mounts)
    with Store(tmp_path / "marks.sqlite"):
        assert [("network" in str(one.message)) for one in recwarn] == [True] * warned


# The commands


@pytest.fixture
def course(path):
    app = typer.Typer()
    app.command()(standing.status)
    app.command()(standing.mark)

    def run(*words):
        return CliRunner().invoke(app, [words[0], "--store", str(path), *words[1:]])

    return run


def test_status_counts_and_says_what_to_do(course, store):
    whole = marks(Outcome.RIGHT, Outcome.RIGHT, Outcome.RIGHT)
    store.save([result(), result("bob", given=whole, state=State.GRADED), result("cid", state=State.INFRASTRUCTURE)])
    store.appeal(NAME, "bob", "04.1", "!")
    said = course("status").output
    assert "04_frozen: 3 submissions" in said
    for line in ("1 graded: ", "1 partial: ", "1 infrastructure error: our failure, no mark yet: grade again"):
        assert line in said
    assert "3 items of 3 students wait" in said and "1 appeal open" in said
    store.save([result("dan", state=State.UNREADABLE, remarks=("It is \x1b[2J no notebook.",))])
    said = course("status", "--assignment", NAME).output
    assert "  dan: unreadable. It is \\x1b[2J no notebook.\n" in said and "ada:" not in said
    assert set(standing.NEXT) == set(State), "each state has its next step"
    assert isinstance(course("status", "--assignment", "05_x").exception, CourseError)


def test_status_makes_no_store(course, path):
    assert isinstance(course("status").exception, CourseError)
    assert not path.exists()


def test_mark_gives_points_by_hand(course, store):
    store.save([result()])
    said = course("mark", NAME, "ada", "04.7", "1.5", "--comment", "good", "--by", "prof")
    assert (said.exit_code, said.output) == (0, "ada, 04.7: 1.5 points, by prof.\n")
    assert store.results()[0].marks[2].points == 1.5
    for words in (["ada"], ["ada", "04.7"], [], ["ada", "04.7", "1", "--missing", "0"]):
        assert isinstance(course("mark", NAME, *words).exception, CourseError)


def test_missing_cells_are_marked_as_a_group_once_confirmed(course, store):
    gap = marks(Outcome.MISSING, Outcome.RIGHT, Outcome.WAITING)
    store.save([result(given=gap), result("bob", given=gap), result("cid")])
    store.mark(NAME, "bob", "04.1", 1.0)
    said = course("mark", NAME, "--missing", "0")
    assert said.exit_code == 1 and "1 missing cell of 1 student" in said.output and "--yes" in said.output
    assert len(store.manual(NAME)) == 1
    assert course("mark", NAME, "--missing", "0", "--yes").exit_code == 0
    assert {key: one.points for key, one in store.manual(NAME).items()} == {("ada", "04.1"): 0, ("bob", "04.1"): 1}
    assert "nothing to mark" in course("mark", NAME, "--missing", "0", "--yes").output
