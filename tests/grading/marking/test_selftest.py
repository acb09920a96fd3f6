"""The self-test refuses what no answer could equal, with the reason; and items that call a student's function with
functions and tables are judged like any other."""

from honest import EXAM, KEY
from needs import bwrap, run

from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.items import GradedCode
from course_utils.grading.marking.marker import Marker
from course_utils.grading.marking.selftest import faults
from course_utils.grading.records import Cell, Outcome, Submission
from course_utils.grading.sandbox.worker_pool import WorkerPool

SETUP = """import datetime as dt, itertools, math, enum, dataclasses, functools
import numpy as np
import pandas as pd

class Point:
    def __init__(self, x):
        self.x = x

def square(x):
    return x ** 2
"""
CAN_NOT = {
    "lambda: 5": "gives a 'function', which can't be compared: call it, and give what comes out",
    "math": "gives a 'module', which can't be compared: give a value from it",
    "[1, {'a': len}]": "gives a 'builtin_function_or_method', which can't be compared: call it",
    "Point": "gives a 'type', which can't be compared: call it, and give what comes out",
    "Point(1)": "gives a 'Point', which can't be compared: let it be numbers, texts, lists, dicts",
    "{Point(1)}": "gives a 'Point', which can't be compared",
    "{(Point(1), 2): 3}": "gives what can't be compared (this is no value: TypeError): let it be numbers",
    "np.array([Point(1), None])": "gives a 'Point', which can't be compared",
    "pd.Series([Point(1)])": "gives a 'Point', which can't be compared",
    "open('/dev/null')": "gives a 'TextIOWrapper', which can't be compared: read it, and give what it holds",
    "np.random.default_rng(0)": "gives a 'Generator', which can't be compared: let it be numbers",
    "itertools.count()": "the author's own code failed (NoValue: it has more than 200000 parts, or never ends)",
    "(n for n in iter(int, 1))": "(NoValue: it has more than 200000 parts, or never ends)",
    "(lambda one: one.append(one) or one)([])": "(NoValue: it is nested deeper than 20 levels, or holds itself)",
    "(lambda one: one.update(a=one) or one)({})": "(NoValue: it is nested deeper than 20 levels, or holds itself)",
    "np.zeros(10**7)": "(NoValue: an array of 80 MB is too large)",
    "1 / 0": "(ZeroDivisionError: division by zero)",
    "next(n for n in itertools.count() if n < 0)": "(it took too long)",
}
CAN = (
    "math.nan", "[math.nan, None]", "np.array([np.nan, 1.0])", "pd.DataFrame({'x': [None, 1]})", "range(3)", "b'x'",
    "1 + 2j", "(n * n for n in range(5))", "zip('ab', [1, 2])", "{frozenset({1}): 2}", "np.datetime64('2026-01-01')",
    "enum.Enum('Colour', 'RED').RED", "pd.Timestamp('2026-01-01')", "{'a': [(1, 2.5, 'x', None, True)]}", "'x' * 1000",
)  # fmt: skip


def item(**more):
    common = {"id": "91.A", "kind": "code", "topic": "t", "stem": "s", "name": "answer", "limit": 1.0}
    return GradedCode.model_validate(common | more)


def quiz_of(one):
    return EXAM.model_copy(update={"setup": SETUP, "items": [one]})


async def judged(pool, one, *sources):
    marker = Marker(Assignment(quiz_of(one), KEY), pool)
    handed = [Submission("eve", marker.quiz.lesson, "here", f"{n}", (Cell(s, one.id),)) for n, s in enumerate(sources)]
    return [result.marks[0] for result in await marker.mark(handed)]


async def found(pool, one):
    return await faults(Marker(Assignment(quiz_of(one), KEY), pool))


@bwrap
def test_what_can_not_be_compared_is_refused_with_the_reason():
    async def work():
        async with WorkerPool(2, ["numpy", "pandas"]) as pool:
            values = {code: await found(pool, item(reference=f"answer = {code}")) for code in CAN_NOT}
            values |= {"all": await found(pool, item(reference=f"answer = [{', '.join(CAN)}]"))}
            calls = {
                code: await found(pool, item(reference=f"def answer(n):\n    return {code}", inputs="[(1,)]"))
                for code in ("lambda: 5", "math", "Point(n)", "itertools.count()")
            }
            inputs = {
                code: await found(pool, item(reference="def answer(n):\n    return 1", inputs=f"[({code},)]"))
                for code in ("Point(1)", "lambda x: x + rng.random()", "open('/dev/null')", "[[Point]]")
            }
            return values, calls, inputs

    values, calls, inputs = run(work())
    for code, said in CAN_NOT.items():
        (fault,) = values[code]
        assert fault.startswith("91.A: the ") and said in fault, (code, fault)
    assert values["all"] == []
    for code, kind in (("lambda: 5", "'function'"), ("math", "'module'"), ("Point(n)", "'Point'")):
        assert len(calls[code]) == 1 and f"the reference gives a {kind}, which" in calls[code][0]
    assert "never ends" in calls["itertools.count()"][0]
    kinds = ["'Point'", "'Generator'", "'TextIOWrapper'", "'type'"]
    for kind, (said,) in zip(kinds, inputs.values(), strict=True):
        assert f"its inputs hold a {kind}, which can't be sent" in said


SLOPE = {
    "name": "slope",
    "inputs": "[(square, 3.0), (np.sin, 0.5), *((lambda x, a=a: a * x ** 3, 1.0) for a in rng.uniform(1, 5, 3))]",
    "reference": "def slope(f, x):\n    return (f(x + 1e-5) - f(x - 1e-5)) / 2e-5",
    "tolerance": 1e-4,
    "examples": ["assert abs(slope(lambda x: x ** 2, 3.0) - 6) < 1e-3", "assert abs(slope(square, 1.0) - 2) < 1e-3"],
    "mistakes": [{"code": "def slope(f, x):\n    return f(x + 1) - f(x)", "feedback": "The step is too wide."}],
}
MEANS = {
    "name": "means",
    "inputs": """[(pd.DataFrame({
        "day": pd.date_range("2026-01-30", periods=6, freq="D"), "x": rng.normal(size=6).round(3), "who": list("aabbcc")
    }).mask(lambda one: one["x"] > 1.5),)]""",
    "reference": "def means(table):\n    return table.groupby([table['day'].dt.month, 'who'])['x'].mean()",
}


@bwrap
def test_functions_and_tables_are_inputs():
    right = "def slope(g, at, h=1e-6):\n    return (g(at + h) - g(at)) / h"
    shadow = f"def square(x):\n    return 'mine'\nnp = None\n{right}"
    wide = "def slope(f, x):\n    return f(x + 1) - f(x)"
    raises = "def slope(f, x):\n    return f.x"
    steals = "def slope(f, x):\n    f.__globals__.clear(); f.__code__ = (lambda x: 0).__code__; return 0.0"
    loops = "def means(table):\n    return table.assign(m=[d.month for d in table.day]).groupby(['m', 'who']).x.mean()"

    async def work():
        async with WorkerPool(2, ["numpy", "pandas"]) as pool:
            slope, means = item(**SLOPE), item(**MEANS)
            proof = await found(pool, slope), await found(pool, means)
            of_slope = await judged(pool, slope, right, shadow, wide, raises, steals)
            return proof, of_slope, await judged(pool, means, loops, loops.replace(".month", ".year"))

    proof, of_slope, of_means = run(work())
    assert proof == ([], [])
    outcomes = [mark.outcome for mark in of_slope]
    assert outcomes == [Outcome.RIGHT, Outcome.RIGHT, Outcome.WRONG, Outcome.RAISED, Outcome.RAISED]
    assert of_slope[2].feedback == ("The step is too wide.",)
    assert [mark.outcome for mark in of_means] == [Outcome.RIGHT, Outcome.WRONG]
