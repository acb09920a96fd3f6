"""Why an item has no points, in sentences that tell a student what to do and no hidden input.

A worker's own words are never shown: they are sorted into the sentences below, which are few, since code that has seen
its hidden inputs chooses among them. What may be any word (an error's name, a package) comes from a run without hidden
inputs.
"""

import builtins
import re
from collections.abc import Sequence
from typing import Any

from course_utils.grading.bank.items import GradedCode, GradedItem, answer_name
from course_utils.grading.marking.comparing import trouble
from course_utils.grading.records import Outcome

Judged = tuple[Outcome, tuple[str, ...]]

PACKAGE = re.compile(r"ModuleNotFoundError: No module named '(\w{1,40})")
PROCESSES = "no other process can be started here"
# What works on a student's machine and not where answers are graded: (in the error, what is said of it).
ELSEWHERE = (
    (re.compile(r"CUDA|cuda|NVIDIA|\bmps\b|MPS|Found no NVIDIA"), "there is no GPU here"),
    (
        re.compile(r"^PermissionError|Operation not permitted|Function not implemented|DataLoader worker"),
        PROCESSES,
    ),
    (re.compile(r"^\w+: \[Errno (1|2|11|13|30|38)\] [A-Za-z -]+$"), PROCESSES),  # of no file
    (re.compile(r"^(FileNotFoundError|IsADirectoryError|NotADirectoryError)"), "a file isn't here"),
    (re.compile(r"^(EOFError: EOF when reading a line|StdinNotImplementedError)"), "nobody answers `input()` here"),
    (re.compile(r"URLError|gaierror|ConnectionError|HTTPError|Temporary failure in name"), "there is no network here"),
)
_ENDED = {
    Outcome.TIMEOUT: "{name} was stopped at its time limit: does a loop never end?",
    Outcome.CRASHED: "The process ended while it ran {name}.",
}


def named(item: GradedItem) -> str:
    """What the answer cell binds."""
    return answer_name(item)


def ended(item: GradedItem, outcome: Outcome) -> str:
    """A time-out or crash in a sentence."""
    return _ENDED[outcome].format(name=named(item))


def elsewhere(error: Any, told: bool = False) -> str:
    """What is missing here and was there on the student's machine, going by an error; "" when it is the code's own.

    told: whether the error comes from a run without hidden inputs, so that a package may be named
    """
    if type(error) is not str:
        return ""
    if package := PACKAGE.match(error):
        return f"the package {package[1]} isn't installed here" if told else "a package isn't installed here"
    return next((said for pattern, said in ELSEWHERE if pattern.search(error)), "")


def without_value(
    item: GradedItem, reply: dict, own: dict | None, strays: Sequence[dict], written_in: bool, public: Sequence[str]
) -> Judged:
    """The outcome of an item that gave no value: what its cell replied comes before what it was asked for.

    own: what its cell replied when it failed; strays: what cells of the student's own replied when they did;
    written_in: whether its cell is known to differ from the blank one; public: errors of a run without hidden inputs,
    the item's own first ("" where it had none), then those of other cells
    """
    cell = own or reply
    if reply.get("timeout") is True or cell.get("timeout") is True:
        return Outcome.TIMEOUT, (ended(item, Outcome.TIMEOUT),)
    if "error" in cell and cell.get("blank") is not True and cell.get("unbound") is not True:
        return _raised(item, cell["error"], strays, public)
    if reply.get("none") is True and written_in:
        return Outcome.WRONG, (_nothing(item, reply),)
    if reply.get("blank") is True or cell.get("blank") is True or reply.get("unbound") is True:
        if written_in:
            return Outcome.LOOK, (f"Its cell is written in and binds no {named(item)}. A person looks at it.",)
        if reply.get("unbound") is not True:
            return Outcome.BLANK, ()
    return _raised(item, reply.get("error"), strays, public)


def _raised(item: GradedItem, error: Any, strays: Sequence[dict], public: Sequence[str]) -> Judged:
    if why := next((said for one in (error, *(one.get("error") for one in strays)) if (said := elsewhere(one))), ""):
        why = next((said for one in public if (said := elsewhere(one, told=True))), why)
        return Outcome.LOOK, (f"{named(item)} could not be run: {why}. A person looks at it.",)
    return Outcome.RAISED, (stopped(item, public),)


def _nothing(item: GradedItem, reply: dict) -> str:
    done = "prints its result and returns nothing" if reply.get("printed") is True else "returns nothing"
    return f"{named(item)} {done}: end it with `return`."


def wrong_after_error(own: dict, public: Sequence[str]) -> Judged:
    """A wrong result of a cell that stopped halfway: a person sees how far it came."""
    why = (
        "its time was up"
        if own.get("timeout") is True
        else elsewhere(own["error"]) or f"it stopped with {_error(next(iter(public), ''))}"
    )
    return Outcome.LOOK, (f"Its cell didn't run to its end: {why}. A person looks at it.",)


def stopped(item: GradedItem, public: Sequence[str]) -> str:
    """An error of the student's code in a sentence, named where a run without hidden inputs ends with one too."""
    if not (error := next(iter(public), "")):
        return f"{named(item)} stopped with an error that the examples don't show: try it with data of your own."
    return f"{named(item)} stopped with {_error(error)}."


def other_results(item: GradedCode, wanted: Any, given: Any) -> str:
    """What is wrong with a result: that its type is another one, else that it differs."""
    pairs = (
        zip(wanted, given, strict=False) if item.inputs and type(given) is type(wanted) is list else [(wanted, given)]
    )
    for one, other in pairs:
        if said := trouble(one, other):
            return f"{item.name} gives {said}."
    return f"{item.name} gives other results than it should."


def _error(said: str) -> str:
    """The kind of an error that a worker reports, when it is one of Python's own."""
    name = said.partition(":")[0]
    known = isinstance(kind := getattr(builtins, name, None), type) and issubclass(kind, BaseException)
    return f"{'an' if name[:1] in 'AEIOU' else 'a'} {name}" if known else "an error"
