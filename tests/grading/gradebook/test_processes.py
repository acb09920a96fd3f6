"""Several processes save at once, and one that is killed loses at most its open batch."""

import signal
import subprocess
import sys
import textwrap

import pytest
from graded import NAME, result, rows

from course_utils.errors import CourseError
from course_utils.grading.gradebook.store import Store

SAVES = """
    import sys
    from pathlib import Path
    from course_utils.grading.records import Mark, Outcome, Result, State
    from course_utils.grading.gradebook.store import Store

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


def test_a_writer_that_never_ends_is_told(store, path):
    with Store(path, patience=0.1) as other:
        store._file.execute("BEGIN IMMEDIATE")
        with pytest.raises(CourseError, match="another process"):
            other.save([result()])
        store._file.execute("ROLLBACK")
        other.save([result()])
