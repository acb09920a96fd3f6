"""An author's odd reference, inputs or held-out set: one sentence that names the item, and never a traceback."""

from pathlib import Path

import pytest
from needs import bwrap, run

from course_utils.errors import CourseError
from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.items import GradedQuiz
from course_utils.grading.bank.reading import open_bank
from course_utils.grading.bank.variants import PUBLIC
from course_utils.grading.marking import selftest
from course_utils.grading.marking.marker import Marker
from course_utils.grading.sandbox.worker_pool import WorkerPool

(QUIZ,) = open_bank(Path(__file__).parents[3] / "docs" / "example_bank")
RESULT = "def balanced(truth, guess):\n    return "
PRIME = (1 << 61) - 1
ALIKE = f"{RESULT}{{n * {PRIME} for n in range(300)}}"
TORCH = "import torch\ninputs = torch.zeros(4, 2)\n"
ODD = {
    "gives nothing": ("90.A", {"reference": f"{RESULT}None"}, "it gives nothing"),
    "gives a function": ("90.A", {"reference": f"{RESULT}len"}, "can't be compared"),
    "has no end": ("90.A", {"reference": f"import itertools\n{RESULT}itertools.count()"}, "never ends"),
    "holds itself": ("90.A", {"reference": f"{RESULT}(lambda x: x.append(x) or x)([])"}, "holds itself"),
    "is very large": ("90.A", {"reference": f"{RESULT}'x' * 10**8"}, "the author's own code failed"),
    "has keys alike": ("90.A", {"reference": ALIKE}, "the same hash"),
    "ends Python": ("90.A", {"reference": f"{RESULT}__import__('os')._exit(1)"}, "the author's own code failed"),
    "no inputs": ("90.A", {"inputs": "[]"}, "empty list"),
    "inputs that are empty": ("90.A", {"inputs": "[[], []]"}, "missing 2 required"),
    "inputs that are none": ("90.A", {"inputs": "None"}, "not iterable"),
    "inputs without end": ("90.A", {"inputs": "iter(int, 1)"}, "the author's own code failed"),
    "a mistake with keys alike": ("90.A", {"mistakes": [{"code": ALIKE, "feedback": "f"}] * 3}, "mistake 1"),
    "a truth of two columns": ("90.B", {"held_out": f"{TORCH}truth = torch.zeros(4, 2)"}, "class number for each"),
    "a truth of nothing": (
        "90.B",
        {"held_out": "import torch\ninputs = truth = torch.zeros(0)"},
        "class number for each",
    ),
    "a truth that is a number": ("90.B", {"held_out": f"{TORCH}truth = 3"}, "the author's own code failed"),
    "a variant that ends Python": ("90.4", {"variant": "width = classes = answer = 1\nraise SystemExit"}, "SystemExit"),
    "a variant of text": ("90.4", {"variant": "width = classes = 1\nanswer = 'a'"}, "could not convert"),
}


async def faults(pool, name):
    item, more, _ = ODD[name]
    changed = QUIZ.item(item).model_dump(exclude_unset=True) | more | ({"limit": 1.0} if item != "90.4" else {})
    quiz = GradedQuiz.model_validate(QUIZ.model_dump(exclude_unset=True) | {"items": [changed]})
    try:
        return await selftest.faults(Marker(Assignment(quiz, PUBLIC, False), pool))
    except CourseError as error:
        return [str(error)]


@pytest.fixture(scope="module")
def found():
    async def work():
        async with WorkerPool(2, ["numpy", "torch"], memory=500 << 20) as pool:
            return {name: await faults(pool, name) for name in ODD}

    return run(work())


@bwrap
@pytest.mark.parametrize("name", ODD)
def test_an_odd_item_is_told_in_a_sentence(found, name):
    item, _, said = ODD[name]
    assert item in found[name][0] and said in " ".join(found[name]), found[name]
    assert "Traceback" not in " ".join(found[name])
