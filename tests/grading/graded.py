"""Results and marks as grading gives them to the store."""

from course_utils.grading.records import Mark, Outcome, Result, State

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


def rows(store, table):
    return store._file.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
