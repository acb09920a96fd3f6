"""Marks: from the author's references and the student's values to points; what nobody knows is never a zero."""

from pathlib import Path

import pytest
from needs import bwrap, run

from course_utils.errors import CourseError
from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.items import digest
from course_utils.grading.bank.reading import open_bank
from course_utils.grading.bank.sample_answers import mistaken, right
from course_utils.grading.gradebook.store import Store
from course_utils.grading.marking import selftest
from course_utils.grading.marking.batches import Grading, imports_of
from course_utils.grading.marking.expected import ExpectedResults
from course_utils.grading.marking.marker import Marker
from course_utils.grading.records import Cell, Outcome, State, Submission
from course_utils.grading.sandbox.shell import SANDBOX
from course_utils.grading.sandbox.worker_pool import Replies, WorkerPool

BANK = Path(__file__).parents[3] / "docs" / "example_bank"
(QUIZ,) = open_bank(BANK)
LIGHT = QUIZ.model_copy(update={"items": [item for item in QUIZ.items if item.kind != "model"]})

pytestmark = [
    bwrap,
    pytest.mark.timeout(120),
]


def changed(quiz, name, **parts):
    """A quiz with one item changed."""
    items = [item.model_copy(update=parts) if item.id == name else item for item in quiz.items]
    return quiz.model_copy(update={"items": items})


def handed_in(quiz=LIGHT, student="ada", answers=None, **more):
    """A submission with right answers, but for those given."""
    version = Assignment(quiz).for_student(student)
    cells = {item.id: right(item, version) for item in quiz.items if item.kind != "free text"}
    cells |= answers or {}
    texts = {"90.7": "Because."}
    return Submission(
        student,
        quiz.lesson,
        "here",
        more.pop("digest", f"{student} {answers}"),
        tuple(Cell(source, name) for name, source in cells.items() if source is not None),
        texts,
        tuple(name for name, source in cells.items() if source is None),
        **more,
    )


def marked(*submissions, quiz=LIGHT, known=None, personal=False):
    async def work():
        async with WorkerPool(2, ["numpy"]) as pool:
            return await Marker(Assignment(quiz, personal=personal), pool).mark(submissions, known)

    return run(work())


def outcomes(result):
    return {mark.item: mark.outcome for mark in result.marks}


def test_right_wrong_blank_raised_and_waiting():
    wrong = {
        "90.3": "answer_90_3 = 13.33",
        "90.5": 'answer_90_5 = " "',
        "90.A": "def balanced(t, g): raise KeyError('x')",
    }
    whole, some = marked(handed_in(), handed_in(student="eve", answers=wrong))
    assert {**outcomes(whole)} == dict.fromkeys(outcomes(whole), Outcome.RIGHT) | {"90.7": Outcome.WAITING}
    assert whole.state is State.PARTIAL and whole.points is None and whole.tier == "sandbox"
    by_item = {mark.item: mark for mark in some.marks}
    assert [by_item[name].outcome for name in wrong] == [Outcome.WRONG, Outcome.BLANK, Outcome.RAISED]
    assert all(by_item[name].points == 0 for name in wrong)
    assert by_item["90.3"].feedback == ("That is the error rate.",) and by_item["90.3"].answer == "13.33"
    assert by_item["90.A"].feedback == ("balanced stopped with a KeyError.",)
    assert whole.marks[-1].answer == "Because." and whole.marks[-1].points is None


def test_cells_of_ones_own_are_run_and_magics_do_nothing():
    helper = Cell("%matplotlib inline\n!ls\ndef share(one): return float(np.mean(one))\ndisplay(share)\n?share")
    code = "def balanced(t, g):\n    return float(np.mean([share(g[t == one] == one) for one in np.unique(t)]))"
    one = handed_in(answers={"90.A": code})
    own = Submission(one.student, one.assignment, "", "x", (helper, *one.cells), one.texts)
    assert outcomes(marked(own)[0])["90.A"] is Outcome.RIGHT


def test_a_known_mistake_gets_its_feedback_whatever_the_inputs():
    item = LIGHT.item("90.A")
    students = [f"s{n}" for n in range(3)]
    for mistake in item.mistakes:
        results = marked(*(handed_in(student=name, answers={"90.A": mistake.code}) for name in students))
        assert all(result.marks[6].feedback == (mistake.feedback,) for result in results)


def test_inputs_differ_from_student_to_student_and_not_from_run_to_run():
    async def drawn():
        async with WorkerPool(1, ["numpy"]) as pool:
            return [
                await ExpectedResults(Assignment(LIGHT), pool).of(LIGHT.item("90.A"), ["ada", "eve"]) for _ in range(2)
            ]

    first, second = run(drawn())
    assert first["ada"].inputs != first["eve"].inputs and first["ada"].inputs == second["ada"].inputs


def test_what_is_missing_or_unreadable_has_no_points():
    missing, unreadable = marked(
        handed_in(answers={"90.3": None}), Submission("eve", LIGHT.lesson, "there", "d", trouble="It is no notebook.")
    )
    assert missing.state is State.MISSING_CELL and missing.points is None
    assert outcomes(missing)["90.3"] is Outcome.MISSING and outcomes(missing)["90.1"] is Outcome.RIGHT
    assert unreadable.state is State.UNREADABLE and unreadable.remarks == ("It is no notebook.",)
    assert {(mark.outcome, mark.points) for mark in unreadable.marks} == {(Outcome.UNKNOWN, None)}


class Failing:
    """A worker pool that fails for our own reasons, from its nth job on."""

    def __init__(self, good=0):
        self.good, self.tier, self.at_once = good, SANDBOX, 2

    async def do(self, steps, seed=0, seconds=10.0, most=None):
        return Replies([], "infrastructure", "the fork server is gone")


def test_our_own_failure_is_no_zero_and_is_tried_again(tmp_path):
    async def work():
        async with WorkerPool(2, ["numpy"]) as local:
            first = await Marker(Assignment(LIGHT), Failing(), local=local).mark([handed_in()])
            with Store(tmp_path / "marks.sqlite") as store:
                store.save(first)
                known = store.known(LIGHT.lesson, "")
            again = await Marker(Assignment(LIGHT), local).mark([handed_in()], known)
            return first[0], known, again[0]

    first, known, again = run(work())
    assert first.state is State.INFRASTRUCTURE and first.points is None
    assert "the fork server is gone" in first.remarks[0]
    assert all(mark.points is None for mark in first.marks)
    assert set(known[("ada", first.digest)]) == {digest(LIGHT.item("90.7"), LIGHT.setup)}
    assert again.state is State.PARTIAL and outcomes(again)["90.A"] is Outcome.RIGHT


def test_time_up_and_a_crash_before_anything_was_judged_are_states():
    quiz = LIGHT.model_copy(update={"items": [LIGHT.item("90.A").model_copy(update={"limit": 0.5})]})
    ends = [handed_in(quiz, name, {"90.A": code}) for name, code in (("a", "while True: pass"), ("b", "exit(1)"))]
    crash = handed_in(quiz, "c", {"90.A": "import os; os.abort()"})
    results = marked(*ends, crash, quiz=quiz)
    assert [result.state for result in results] == [State.TIMEOUT, State.GRADED, State.CRASHED]
    assert [result.points for result in results] == [0, 0, 0]


def test_only_the_changed_item_is_run_again(tmp_path):
    ran = []

    async def work():
        async with WorkerPool(2, ["numpy"]) as pool:
            do = pool.do

            async def seen(steps, *more, **others):
                ran.append([step["name"] for step in steps if step["do"] == "read"])
                return await do(steps, *more, **others)

            before = await Marker(Assignment(LIGHT), pool).mark([handed_in()])
            known = {("ada", before[0].digest): {mark.digest: mark for mark in before[0].marks}}
            pool.do = seen
            same = await Marker(Assignment(LIGHT), pool).mark([handed_in()], known)
            assert ran == [] and same[0].marks == before[0].marks
            stricter = changed(LIGHT, "90.3", answer=10.0, tolerance=0.1)
            return await Marker(Assignment(stricter), pool).mark([handed_in()], known)

    after = run(work())[0]
    assert ran == [["answer_90_3"]]
    assert outcomes(after)["90.3"] is Outcome.WRONG and outcomes(after)["90.A"] is Outcome.RIGHT


@pytest.mark.parametrize(
    ("name", "parts", "told"),
    [
        ("90.A", {"reference": "def balanced(truth, guess): return guess"}, "90.A: the reference fails the example"),
        ("90.A", {"starter": "def balanced(truth, guess):\n    return 0.5"}, "90.A: the blank counts as wrong"),
        ("90.A", {"inputs": "[(np.zeros(3), np.zeros(3))]"}, "90.A: mistake 1 gets 3.0 of 3 points"),
        (
            "90.A",
            {"inputs": "[(object(), 1)]", "reference": "def balanced(t, g): return 1"},
            "90.A: its inputs hold an 'object'",
        ),
        ("90.A", {"reference": "def balanced(t, g): return len"}, "90.A: the reference gives a 'builtin"),
        ("90.5", {"accept": ["train", "training"]}, "90.5: mistake 1 gets 1.0 of 1 points"),
        ("90.3", {"unit": "%", "answer": 13.33}, "90.3: mistake 1 gets 1.0 of 1 points"),
    ],
)
def test_the_self_test_finds_what_an_author_may_do_wrong(name, parts, told):
    async def work():
        async with WorkerPool(2, ["numpy"]) as pool:
            quiz = changed(LIGHT, name, **parts)
            return await selftest.faults(Marker(Assignment(quiz, personal=True), pool))

    found = run(work())
    assert any(told in fault for fault in found) and all(fault.startswith(name) for fault in found)


def test_a_reference_that_fails_is_told():
    with pytest.raises(CourseError, match=r"item 90\.A: the author's own code failed \(ZeroDivisionError"):
        marked(handed_in(), quiz=changed(LIGHT, "90.A", reference="def balanced(truth, guess): return 1 / 0"))


def test_nothing_is_graded_by_a_faulty_pool(tmp_path):
    quiz = changed(LIGHT, "90.3", answer=13.33)

    async def work(store):
        async with WorkerPool(2, ["numpy"]) as pool:
            await Grading([Assignment(quiz)], pool, store).prove()

    with Store(tmp_path / "marks.sqlite") as store, pytest.raises(CourseError, match="nothing was graded"):
        run(work(store))


def test_a_network_is_judged_by_inputs_whose_truth_it_never_sees():
    net = QUIZ.item("90.B")
    quiz = QUIZ.model_copy(update={"items": [net]})
    version = Assignment(quiz).for_student("ada")
    answers = [right(net, version), *(source for source, _ in mistaken(net, version))]
    nan = "import torch\nclass Net(torch.nn.Module):\n    def forward(self, x): return x * torch.nan\n"
    answers += [f"{nan}net = Net()", "net = 3", "import torch\nnet = torch.nn.Linear(3, 2)"]
    subs = [Submission(f"s{n}", quiz.lesson, "", f"{n}", (Cell(code, "90.B"),)) for n, code in enumerate(answers)]

    async def work():
        async with WorkerPool(2, imports_of([quiz])) as pool:
            return await Marker(Assignment(quiz), pool).mark(subs)

    results = run(work())
    assert [result.marks[0].points for result in results] == [3, 0, 0, 0, 0, 0, 0]
    assert (
        "not finite" in results[4].marks[0].feedback[0] and "one row of two scores" in results[3].marks[0].feedback[0]
    )
    assert results[6].marks[0].outcome is Outcome.RAISED


def test_an_error_before_the_name_is_bound_is_no_blank():
    halfway = "balanced = ...\nraise ValueError('x')"
    unwritten = "def balanced(t, g):\n    raise NotImplementedError"
    results = marked(handed_in(answers={"90.A": halfway}), handed_in(student="eve", answers={"90.A": unwritten}))
    assert [outcomes(result)["90.A"] for result in results] == [Outcome.RAISED, Outcome.BLANK]
