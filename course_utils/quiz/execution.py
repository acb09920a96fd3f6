"""Runs a learner's code against an item: within a time limit, its printing cut short, compared by exact types.

The clock is for the learner's code: what the item itself loads, imports and computes is done before it starts.
"""

import _thread
import ast
import copy
import io
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from course_utils.errors import CourseError
from course_utils.quiz.answers import Verdict
from course_utils.quiz.comparing import as_plain, same
from course_utils.quiz.items import Code, Model

MOST_PRINTED = 2_000  # characters of what the learner's code prints
SHOWN = 120  # characters of a value in a sentence
BLANK = "write your lines here"  # how the NotImplementedError of a blank begins; `...` is the blank of a value


WHY_STOPPED = "If your code has a loop, make sure that it ends. Otherwise the machine is busy: run this cell again."
NO_TRY = "This doesn't count as a try."


class TooLong(Exception):
    """The learner's code was interrupted at the item's limit."""


class Prints(io.StringIO):
    """Keeps the beginning of what is printed, and drops the rest."""

    def write(self, text: str) -> int:
        """Keep what still fits, and claim to have kept all."""
        super().write(text[: max(0, MOST_PRINTED - self.tell())])
        return len(text)

    def close(self) -> None:
        """Do nothing: what was printed is still wanted when the learner's code has closed its output."""


@contextmanager
def limited(seconds: float) -> Iterator[Prints]:
    """Run what stands inside for so many seconds at most, and catch what it prints.

    Raises
    ------
    TooLong
        When the time is up.

    Notes
    -----
    The interrupt is the Stop button's: code that swallows KeyboardInterrupt goes on until the learner stops it.
    """
    passed, over, deciding = threading.Event(), threading.Event(), threading.Lock()

    def interrupt() -> None:
        with deciding:  # never an interrupt after the end
            if not over.is_set():
                passed.set()
                _interrupt_main()

    printed = Prints()
    timer = threading.Timer(seconds, interrupt)
    timer.daemon = True
    timer.start()
    try:
        try:
            with _hearing_interrupts(), redirect_stdout(printed), redirect_stderr(printed):
                yield printed
        finally:
            with deciding:
                over.set()
            timer.cancel()
    except KeyboardInterrupt:
        if passed.is_set():
            raise TooLong(f"The check was stopped after {seconds:g} second{'s' * (seconds != 1)}.") from None
        raise


@contextmanager
def _hearing_interrupts() -> Iterator[None]:
    """A process that was started in the background ignores them."""
    deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if not deaf or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _interrupt_main() -> None:
    """As the Stop button: a real signal where there is one, since it also wakes a sleep."""
    if hasattr(signal, "pthread_kill"):
        main = threading.main_thread().ident
        assert main is not None  # it runs
        signal.pthread_kill(main, signal.SIGINT)
    else:
        _thread.interrupt_main()


def run_item(item: Code | Model, answer: Any, context: Mapping[str, Any]) -> Verdict:
    """Judge what the learner's code bound to the item's name.

    Parameters
    ----------
    item : Code or Model
        The exercise.
    answer : object
        What the learner's cell bound.
    context : mapping
        The lesson's names that the item needs.

    Raises
    ------
    CourseError
        `quiz.missing-names` where `context` lacks one of them.
    """
    if missing := [name for name in item.needs if name not in context]:
        given = ", ".join(f"{name}={name}" for name in item.needs)
        raise CourseError(
            f"The check needs {', '.join(missing)}: call check('{item.id}', {item.name}, {given}).",
            code="quiz.missing-names",
        )
    if answer is ...:
        return _unwritten(item)
    try:
        names, cases = _prepared(item, context)
    except Exception as error:  # the item's own code, on a name of the lesson that the learner has changed
        said = f"The check couldn't begin: it stopped with {told(error)}"
        return Verdict(None, (f"{said.removesuffix('.')}.", "Run the cells above again, then this one.", NO_TRY))
    try:
        with limited(item.limit) as printed:
            verdict = _code(item, answer, names, cases) if isinstance(item, Code) else _model(item, answer, names)
    except TooLong as error:
        return Verdict(None, (str(error), WHY_STOPPED, NO_TRY))
    except KeyboardInterrupt:  # the learner's own
        raise
    except BaseException as error:
        if type(error) is NotImplementedError and (not error.args or str(error).startswith(BLANK)):
            return _unwritten(item)  # torch has NotImplementedErrors of its own
        return Verdict(False, (f"{item.name} stopped with {told(error)}",))
    said = printed.getvalue().strip()
    if said and not verdict.right:
        return Verdict(verdict.right, (*verdict.feedback, f"It printed: {short(said)}"))
    return verdict


def _unwritten(item: Code | Model) -> Verdict:
    return Verdict(None, ("To do.", f"{item.name} isn't written yet.", f"A hint: {item.hints[0]}"))


@dataclass(frozen=True)
class _Cases:
    """What a reference gave: a value, or the results for several inputs."""

    inputs: list[tuple] | None
    expected: Any


def _prepared(item: Code | Model, context: Mapping[str, Any]) -> tuple[dict[str, Any], _Cases | None]:
    """Do before the clock starts what isn't the learner's: imports, data, the reference's results, held-out images."""
    names, cases = dict(context), None
    with redirect_stdout(Prints()) as hidden, redirect_stderr(hidden):
        reference = item.reference if isinstance(item, Code) else None
        _import_all([item.expect, reference, *(mistake.code for mistake in item.mistakes)])
        exec(compile(item.prepare, f"<the preparation of {item.id}>", "exec"), names)
        if isinstance(item, Model):
            import torch  # noqa: F401  as `_model` does

            exec(compile(item.held_out, f"<the images of {item.id}>", "exec"), names)
        elif item.reference:
            import numpy as np

            rng = np.random.default_rng(crc32(item.id.encode()))
            inputs = None if item.inputs is None else eval(item.inputs, names | {"rng": rng})
            expected = bound(item.reference, item.name, names)
            cases = _Cases(inputs, expected if inputs is None else _results(expected, inputs))
    return names, cases


def _import_all(sources: Iterable[str | None]) -> None:
    """Import what code will import later: the first time may take many seconds on a busy machine."""
    for node in (node for source in sources if source for node in ast.walk(ast.parse(source))):
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        with suppress(ImportError):  # whoever needs it says so
            exec(compile(ast.Module([node], []), "<the item's imports>", "exec"), {})


def told(error: BaseException) -> str:
    """Put an error of the learner's code into a sentence, with the line of their own cell where there is one."""
    lines = []
    trace = error.__traceback__
    while trace:
        if "ipykernel" in trace.tb_frame.f_code.co_filename or trace.tb_frame.f_code.co_filename.startswith("<ipython"):
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    where = f" in line {lines[-1]} of its cell" if lines else ""
    with suppress(Exception):  # an error's own text may fail
        return f"{type(error).__name__}{where}: {short(str(error)) or 'no message'}"
    return f"{type(error).__name__}{where}."


def short(text: str) -> str:
    """Cut a text to one line of at most SHOWN characters."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


def _code(item: Code, answer: Any, context: dict[str, Any], cases: _Cases | None) -> Verdict:
    if cases:
        verdict = _compared(item, cases, answer, context)
        if not verdict.right:
            return verdict
    if item.expect:
        return _expected(item, item.expect, answer, context)
    return Verdict(True, ())


def _compared(item: Code, cases: _Cases, answer: Any, context: dict[str, Any]) -> Verdict:
    inputs, expected = cases.inputs, cases.expected
    if inputs is not None and not callable(answer):
        return Verdict(False, (f"{item.name} should be a function, and is {_value(answer)}.",))
    outcome = answer if inputs is None else _results(answer, inputs)
    if same(expected, outcome, item.tolerance):
        return Verdict(True, ())
    for mistake in item.mistakes:
        with suppress(Exception):
            wrong = bound(mistake.code, item.name, context)
            if same(wrong if inputs is None else _results(wrong, inputs), outcome, item.tolerance):
                return Verdict(False, (mistake.feedback,))
    if inputs is None:
        return Verdict(False, (f"{item.name} should be {_value(expected)}, and is {_value(outcome)}.",))
    index = next(n for n in range(len(inputs)) if not same(expected[n], outcome[n], item.tolerance))
    call = f"{item.name}({', '.join(_value(argument) for argument in inputs[index])})"
    return Verdict(False, (f"{call} should give {_value(expected[index])}, and gave {_value(outcome[index])}.",))


def _results(function: Any, inputs: list[tuple]) -> list:
    return [function(*copy.deepcopy(arguments)) for arguments in inputs]  # copies: a function may change what it gets


def bound(code: str, name: str, context: Mapping[str, Any]) -> Any:
    """Run an item's own code, and give what it binds to `name`."""
    names = dict(context)
    exec(compile(code, f"<the item's {name}>", "exec"), names)
    return names[name]


def _expected(item: Code | Model, expect: str, answer: Any, context: dict[str, Any]) -> Verdict:
    """The first assertion of the item that fails, by its message; what it raises else is the answer's fault too."""
    names, check = context | {item.name: answer}, f"<the check of {item.id}>"
    try:
        exec(compile(ast.parse(expect), check, "exec"), names)
    except AssertionError as error:
        if _raised_in(error) != check:
            raise  # an assertion of the learner's own
        return Verdict(False, (str(error),))
    return Verdict(True, (str(names["said"]),) if "said" in names else ())


def _raised_in(error: BaseException) -> str:
    """The file whose code raised an error."""
    trace = error.__traceback__
    assert trace is not None  # it was raised
    while trace.tb_next:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename


def _model(item: Model, answer: Any, names: dict[str, Any]) -> Verdict:
    import torch

    network = getattr(answer, "model", answer)
    if not isinstance(network, torch.nn.Module):
        return Verdict(False, (f"{item.name} should be a learner or a network, and is {_value(answer)}.",))
    if (classes := _classes(answer)) is not None and item.classes and classes != item.classes:
        said = f"{item.name} was made with loaders of the classes {short(', '.join(classes))}"
        return Verdict(False, (f"{said}; give it loaders of {', '.join(item.classes)}.",))
    inputs, truth = names["inputs"], names["truth"]
    weights = next(network.parameters(), inputs)
    modes = [(layer, layer.training) for layer in network.modules()]
    network.eval()
    try:
        with torch.no_grad():
            parts = [network(part.to(weights.device)) for part in inputs.split(100)]
    finally:
        for layer, mode in modes:  # one by one: some may be held in eval
            layer.training = mode
    with torch._C.DisableTorchFunctionSubclass():  # a tensor of the learner's own class could lie
        scores = torch.cat([part.detach().cpu().as_subclass(torch.Tensor) for part in parts])
    if scores.ndim != 2 or len(scores) != len(truth):
        return Verdict(False, (f"{item.name} should give one row of scores an image, and gave {tuple(scores.shape)}.",))
    share = (scores.argmax(1) == truth).float().mean().item()
    if item.expect:
        verdict = _expected(item, item.expect, answer, names | {"share": share})
        if not verdict.right:
            return verdict
    said = f"{item.name} is right for {share:.0%} of the held-out images"
    if share < item.at_least:
        return Verdict(False, (f"{said}; {item.at_least:.0%} are asked for.",))
    return Verdict(True, (f"{said}.",))


def _classes(answer: Any) -> list[str] | None:
    """The classes that a learner's loaders name; None for a network, and for loaders that name none."""
    try:
        return [str(one) for one in answer.dls.vocab]
    except (AttributeError, TypeError):
        return None


def _value(value: Any) -> str:
    """A value in a sentence."""
    plain = as_plain(value)
    if type(plain) is float:
        return f"{plain:.4g}"
    if callable(plain):
        return f"the function {getattr(plain, '__name__', '')}".strip()
    with suppress(Exception):
        return short(repr(plain))
    return f"a {type(value).__name__}"
