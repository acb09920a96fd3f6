"""A learner's code is run: limits of time and print, mistakes, errors, models, objects that lie."""

import itertools
import linecache
import sys
import time
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest
from support.errors import refused
from support.liars import Quoted, Sure, Yes
from support.quiz_items import item, one

from course_utils.lessons import LESSONS
from course_utils.quiz import exercises, reading
from course_utils.quiz.execution import MOST_PRINTED, SHOWN, run_item
from course_utils.quiz.items import Code, Model


def double(x):
    return 2 * x


def tried(answer, kind="code", context=None, **fields):
    return run_item(one(kind, **fields), answer, context or {})


def told(verdict):
    return " ".join(verdict.feedback)


def test_a_function_is_compared_on_generated_inputs():
    assert tried(double).right
    assert tried(lambda x: 2.0 * x).right  # 4.0 is 4
    assert tried(lambda x: np.float64(2 * x)).right
    assert told(tried(lambda x: x * x)) == "That squares."
    assert told(tried(lambda x: -2 * x)) == "double(1) should give 2, and gave -2."
    assert told(tried(5)) == "double should be a function, and is 5."


@pytest.mark.parametrize("wrong", [str, lambda x: [2 * x], lambda x: None, lambda x: Sure(2 * x), lambda x: Yes()])
def test_types_are_exact(wrong):
    verdict = tried(wrong)
    assert verdict.right is False and "should give" in told(verdict)


def test_an_input_that_is_changed_spoils_nothing():
    def sort_it(values):
        values.sort()
        return values

    fields = {"inputs": "[([3, 1, 2],)]", "reference": "def double(x):\n    return sorted(x)"}
    assert tried(sort_it, **fields).right


def test_a_value_is_compared_with_the_reference():
    fields = {"inputs": None, "reference": "double = 14", "name": "double"}
    fields["mistakes"] = [{"code": f"double = {n}", "feedback": f"Not {n}."} for n in (7, 28, 49)]
    assert tried(14, **fields).right
    assert told(tried(28, **fields)) == "Not 28."
    assert told(tried(13.0, **fields)) == "double should be 14, and is 13."
    assert told(tried("14", **fields)) == "double should be 14, and is '14'."


def endless(x):
    while True:
        pass


def stubborn(x):
    while True:
        with suppress(Exception):
            time.sleep(0.01)


def asleep(x):
    time.sleep(60)


@pytest.mark.parametrize("slow", [endless, stubborn, asleep, lambda x: sum(1 for _ in itertools.count())])
def test_a_loop_for_ever_is_interrupted(slow):
    start = time.perf_counter()
    verdict = tried(slow, limit=0.3)
    assert time.perf_counter() - start < 10
    assert verdict.right is None, "who was stopped hasn't tried"
    assert told(verdict) == (
        "The check was stopped after 0.3 seconds. If your code has a loop, make sure that it ends. Otherwise the "
        "machine is busy: run this cell again. This doesn't count as a try."
    )
    time.sleep(0.5)  # no interrupt comes late
    assert tried(double, limit=0.3).right


SLOWLY = "import time\ntime.sleep(0.5)\n"
SLOW_ITEMS = {
    "an import of `expect`": ("code", {"expect": "from slow_to_import import two\nassert double(1) == two, 'No.'"}),
    "an import of the reference": (
        "code",
        {"reference": "def double(x):\n    import slow_to_import\n    return 2 * x"},
    ),
    "the reference": ("code", {"reference": f"{SLOWLY}def double(x):\n    return 2 * x"}),
    "the reference's calls": (
        "code",
        {"reference": "import time\ndef double(x):\n    time.sleep(0.2)\n    return 2 * x"},
    ),
    "the inputs": ("code", {"inputs": "[(__import__('time').sleep(0.5) or 3,)]"}),
    "what is prepared": ("code", {"prepare": f"{SLOWLY}two = 2", "expect": "assert double(1) == two"}),
    "the held-out images": (
        "model",
        {
            "held_out": f"{SLOWLY}import torch\ninputs = torch.zeros(9, 3, 2, 2)\n"
            "truth = torch.zeros(9, dtype=torch.long)"
        },
    ),
}


@pytest.mark.parametrize("slow", SLOW_ITEMS)
def test_what_the_item_itself_loads_does_not_cost_the_learners_time(slow, tmp_path, monkeypatch):
    import torch

    (tmp_path / "slow_to_import.py").write_text(f"{SLOWLY}two = 2\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "slow_to_import", raising=False)
    kind, fields = SLOW_ITEMS[slow]
    answer = double if kind == "code" else torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 1))
    start = time.perf_counter()
    assert tried(answer, kind, limit=0.25, **fields).right is True
    assert time.perf_counter() - start > 0.5, "the item was slow, and the limit shorter"
    again = tried(asleep, kind, limit=0.25, **fields)
    assert again.right is (None if kind == "code" else False), "the learner's own time is limited as before"


def test_a_mistake_is_told_though_its_own_import_is_slow(tmp_path, monkeypatch):
    (tmp_path / "slow_to_import.py").write_text(f"{SLOWLY}two = 2\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "slow_to_import", raising=False)
    code = "def double(x):\n    from slow_to_import import two\n    return x * two**3"
    mistakes = [{"code": code, "feedback": "That doubles three times."}, *item("code")["mistakes"][:2]]
    assert told(tried(lambda x: 8 * x, limit=0.25, mistakes=mistakes)) == "That doubles three times."


def test_a_check_that_was_stopped_is_said_so_and_noted_as_no_try(monkeypatch):
    shown, noted = [], []
    monkeypatch.setattr(exercises, "display", lambda data, raw: shown.append(data))
    monkeypatch.setattr(exercises.progress, "record", lambda *given: noted.append(given))
    monkeypatch.setattr(exercises, "item_of", lambda identifier: one("code", limit=0.05))
    exercises.check("04.A", asleep)
    stopped = "The check was stopped after 0.05 seconds."
    assert shown[0]["text/plain"].startswith(f"{stopped} If your code has a loop, make sure that it ends.")
    assert f"<strong>{stopped}</strong> If your code" in shown[0]["text/html"]
    assert "To do." not in shown[0]["text/plain"] and "Not yet." not in shown[0]["text/html"]
    assert noted == []
    exercises.check("04.A", double)
    assert noted == [("04.A", True)]


def test_a_check_that_cannot_begin_is_no_try():
    fields = {"needs": ["table"], "inputs": "[(value,) for value in table['x']]"}
    verdict = tried(double, context={"table": {"y": [1]}}, **fields)
    assert verdict.right is None and told(verdict) == (
        "The check couldn't begin: it stopped with KeyError: 'x'. Run the cells above again, then this one. "
        "This doesn't count as a try."
    )
    assert tried(double, context={"table": {"x": [1]}}, **fields).right


def test_what_the_preparation_prints_is_hidden(capsys):
    assert tried(double, prepare="print('Loading.')").right
    assert capsys.readouterr() == ("", "")


def test_who_is_done_at_the_limit_is_interrupted_no_more():
    for pause in np.linspace(0.02, 0.03, 40):
        verdict = tried(lambda x, pause=pause: time.sleep(pause / 4) or 2 * x, limit=0.025)
        assert verdict.right or told(verdict).startswith("The check was stopped after 0.025 seconds.")
    time.sleep(0.1)


def test_the_stop_button_stops():
    def stopped(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tried(stopped)


def test_a_megabyte_printed_is_cut(capsys):
    def chatty(x):
        for _ in range(10_000):
            print("x" * 100)
        print("error", file=sys.stderr)
        return 3 * x

    verdict = tried(chatty)
    assert verdict.right is False and len(told(verdict)) < 2 * MOST_PRINTED
    assert verdict.feedback[-1].startswith("It printed: xxx") and len(verdict.feedback[-1]) < SHOWN + 20
    assert capsys.readouterr() == ("", "")
    assert told(tried(lambda x: print("Hello.") or 2 * x)) == ""  # right: nobody needs to look for the fault


def test_a_closed_output_is_no_trouble():
    assert tried(lambda x: sys.stdout.close() or 2 * x).right
    assert "It printed: so" in told(tried(lambda x: print("so") or sys.stdout.close() or print("far") or 5))


class Odd(BaseException):
    pass


class Mute(Exception):
    def __str__(self):
        raise RuntimeError


def broken(error):
    def raising(x):
        raise error

    return raising


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("a\nb"), "double stopped with ValueError: a b"),
        (KeyError(), "double stopped with KeyError: no message"),
        (SystemExit(3), "double stopped with SystemExit: 3"),
        (Odd("x"), "double stopped with Odd: x"),
        (Mute(), "double stopped with Mute."),
        (AssertionError("mine"), "double stopped with AssertionError: mine"),
        (RecursionError("deep"), "double stopped with RecursionError: deep"),
        (NotImplementedError("this operator runs on no CPU"), "double stopped with NotImplementedError: this operator"),
        (ValueError("y" * 5000), "y…"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_errors_of_the_learners_code_are_told(error, words):
    verdict = tried(broken(error))
    assert verdict.right is False and words in told(verdict) and len(told(verdict)) < 250


def test_wrong_arguments_are_told():
    assert "stopped with TypeError" in told(tried(lambda: 5))


@pytest.mark.parametrize("blank", [..., broken(NotImplementedError("write your lines here, in place of this one"))])
def test_a_blank_costs_no_try(blank):
    verdict = tried(blank)
    assert verdict.right is None and verdict.feedback == ("To do.", "double isn't written yet.", "A hint: Look.")


def test_a_bare_not_implemented_is_a_blank_too():
    assert tried(broken(NotImplementedError)).right is None


EXPECT = {
    "inputs": None,
    "reference": None,
    "expect": "assert double(2) == 4, 'Twice two is four.'\nassert double(0) == 0",
}


def test_assertions_give_the_feedback():
    assert tried(double, **EXPECT).right
    assert told(tried(lambda x: x, **EXPECT)) == "Twice two is four."
    assert told(tried(broken(AssertionError("mine")), **EXPECT)) == "double stopped with AssertionError: mine"
    assert tried(broken(NotImplementedError), **EXPECT).right is None


def test_the_reference_comes_before_the_assertions():
    fields = {"expect": "assert double(100) == 200, 'Large ones too.'"}
    assert tried(double, **fields).right
    assert told(tried(lambda x: min(2 * x, 50), **fields)) == "Large ones too."
    assert told(tried(lambda x: x, **fields)) == "That copies."


def test_what_the_check_needs_is_asked_for():
    fields = {"needs": ["factor"], "inputs": "[(factor,)]"}
    assert tried(double, context={"factor": 3}, **fields).right
    with refused("quiz.missing-names", "check('04.A', double, factor=factor)"):
        tried(double, **fields)


def test_a_model_is_judged_by_held_out_images():
    import torch
    from torch import nn

    class Says(nn.Module):
        def __init__(self, number, shape=(10,)):
            super().__init__()
            self.number, self.shape, self.part = number, shape, nn.Dropout().eval()

        def forward(self, x):
            scores = torch.zeros(len(x), *self.shape)
            scores[:, self.number] = 1
            return scores

    class Liar(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, arguments=(), options=None):
            return torch.ones(250).as_subclass(Liar)

    class Lying(nn.Module):
        def forward(self, x):
            return torch.rand(len(x), 10).as_subclass(Liar)

    good = Says(0)
    verdict = tried(good, "model")
    assert verdict.right and told(verdict) == "network is right for 100% of the held-out images."
    assert good.training and not good.part.training  # as they were before
    assert told(tried(Says(1), "model")) == "network is right for 0% of the held-out images; 90% are asked for."
    assert (
        told(tried(Says(0, (10, 2)), "model"))
        == "network should give one row of scores an image, and gave (250, 10, 2)."
    )
    assert told(tried(5, "model")) == "network should be a learner or a network, and is 5."
    assert not tried(Lying(), "model").right and not tried(Yes(), "model").right
    assert tried(..., "model").right is None
    expect = {"expect": "assert share > 2, f'Only {share:.0%}.'"}
    assert told(tried(good, "model", **expect)) == "Only 100%."


def test_the_classes_of_the_loaders_are_looked_at_before_anything_is_computed():
    from torch import nn

    class Never(nn.Module):
        def forward(self, x):
            raise AssertionError("it was computed")

    learner = SimpleNamespace(model=Never(), dls=SimpleNamespace(vocab=["metal", "paper"]))
    verdict = tried(learner, "model", classes=["car", "truck"])
    assert verdict.right is False
    wanted = "network was made with loaders of the classes metal, paper; give it loaders of car, truck."
    assert told(verdict) == wanted
    for known in (["car", "truck"], None):  # the right ones, or none that are named
        learner.dls.vocab = known
        assert "it was computed" in told(tried(learner, "model", classes=["car", "truck"]))


ITEMS = [one for lesson in LESSONS for one in reading.lesson_quiz(lesson.number).items]
EXERCISES = [one for one in ITEMS if isinstance(one, (Code, Model))]


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda one: one.id)
def test_a_lying_object_gets_no_point(exercise):
    names: dict = {"__name__": "exercise"}
    exec(compile(exercise.stand_in, f"<stand-in of {exercise.id}>", "exec"), names)
    context = {name: names[name] for name in exercise.needs}
    for liar in (Yes(), lambda *arguments, **options: Yes(), Sure(1), Quoted("yes")):
        assert run_item(exercise, liar, context).right is False


def test_a_check_says_when_the_newest_cell_of_a_function_did_not_finish(monkeypatch):
    shown, cells = [], ["", "def count_images(n):\n    return 0", "def count_images(n)\n    return n", "check(...)"]
    monkeypatch.setattr(exercises, "display", lambda data, raw: shown.append(data["text/html"]))
    monkeypatch.setattr(exercises.progress, "record", lambda *_: None)
    file = "/tmp/ipykernel_1/1.py"
    monkeypatch.setitem(linecache.cache, file, (1, None, [f"{line}\n" for line in cells[1].split("\n")], file))
    names = {"In": cells}
    exec(compile(cells[1], file, "exec"), names)
    monkeypatch.setattr(exercises, "get_ipython", lambda: SimpleNamespace(user_ns=names))
    exercises.check("00.A", names["count_images"])
    assert exercises.KEPT in shown[0]
    names["In"] = [*cells[:-1], cells[1], cells[-1]]
    exercises.check("00.A", names["count_images"])
    assert exercises.KEPT not in shown[1]
