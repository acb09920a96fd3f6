"""One submission's code, run cell by cell in a confined process; what it binds goes back as values.

The job comes as one line of JSON and holds no key. Nothing here is trusted by those who read the replies: the
student's code shares this process and may have rewritten all of it.
"""

import json
import random
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from course_utils.grading.sandbox.kernel import Kernel, import_ahead
from course_utils.grading.sandbox.values import NoValue, Raised, decode, encode

MOST_SAID = 300  # characters of an error that go back


class TimeUp(BaseException):
    """The step's limit; no `except Exception` swallows it."""


def work(job: bytes, reply: Callable[[bytes], None]) -> None:
    """Do a job's steps in order, and reply to each with one line."""
    asked = json.loads(job)
    reseed(asked["seed"])
    kernel = Kernel()
    signal.signal(signal.SIGALRM, _time_up)
    for step in asked["steps"]:
        told = _limited(step, kernel)
        if step["do"] == "import":
            reseed(asked["seed"])  # what was imported has generators of its own
        try:
            line = json.dumps(told).encode()
        except BaseException:
            line = b'{"error": "its result could not be sent"}'
        reply(line + b"\n")


def _limited(step: dict, kernel: Kernel) -> dict:
    began = time.process_time()
    signal.setitimer(signal.ITIMER_REAL, step["seconds"])
    try:
        return _DO[step["do"]](step, kernel)
    except TimeUp:
        return {"timeout": True, "busy": (time.process_time() - began) / step["seconds"]}
    except NotImplementedError as error:
        return {"error": _said(error), "blank": _is_blanks(error)}
    except BaseException as error:
        return {"error": _said(error)}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _is_blanks(error: BaseException) -> bool:
    """Whether it is the error of an answer that isn't written yet."""
    return type(error) is NotImplementedError and (not error.args or "write your lines here" in str(error))


def _time_up(*_: Any) -> None:
    raise TimeUp


def _said(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {' '.join(str(error).split())}"[:MOST_SAID]
    except BaseException:
        return "an error"


def reseed(seed: int) -> None:
    """Every generator anew: forked workers would otherwise all draw the same numbers."""
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def _import(step: dict, kernel: Kernel) -> dict:
    import_ahead(step["sources"])
    return {"done": True}


def _run(step: dict, kernel: Kernel) -> dict:
    kernel.run(step["source"], f"<cell {step.get('cell', '')}>")
    return {"done": True}


def _bound(step: dict, kernel: Kernel) -> tuple[Any, dict | None]:
    """What a name is bound to, and the reply where that is nothing, or what was handed out."""
    if step["name"] not in kernel.names:
        return None, {"error": f"NameError: {step['name']} is nowhere bound", "unbound": True}
    value = kernel.names[step["name"]]
    return value, {"blank": True} if value is ... else None


def _read(step: dict, kernel: Kernel) -> dict:
    value, nothing = _bound(step, kernel)
    return nothing or {"value": encode(value, functions=step.get("functions") is True)}


def _call(step: dict, kernel: Kernel) -> dict:
    """The results of a function for a list of argument tuples: those sent, or those that the name in `with` binds.

    An error of one call stands in its result's place; one of all calls is the reply.
    """
    function, nothing = _bound(step, kernel)
    if nothing:
        return nothing
    inputs = kernel.names[step["with"]] if "with" in step else decode(step["inputs"], native=True)
    kernel.out.printed = False
    results: list[Any] = []
    errors: list[Exception] = []
    for arguments in inputs:
        try:
            results.append(function(*arguments))
        except Exception as error:
            errors.append(error)
            results.append(Raised([kind.__name__ for kind in type(error).__mro__]))
    if errors and len(errors) == len(results) and (not step.get("raises") or all(map(_is_blanks, errors))):
        raise errors[0]
    if results and all(one is ... or one is None for one in results):
        return {"blank": True, "none": None in results, "printed": kernel.out.printed}
    return {"value": encode(results)} | ({"error": _said(errors[0])} if errors else {})


def _scores(step: dict, kernel: Kernel) -> dict:
    """A network's scores, (N, classes), for the rows of `inputs`; a function or another dtype serves as well."""
    import torch

    value, nothing = _bound(step, kernel)
    if nothing:
        return nothing
    network = getattr(value, "model", value)
    if not callable(network) or isinstance(network, type):
        return {"value": encode(network)}
    inputs = decode(step["inputs"], native=True)
    if isinstance(network, torch.nn.Module):
        network.eval()
        dtype = next((one.dtype for one in network.parameters() if one.is_floating_point()), inputs.dtype)
        inputs = inputs.to(dtype) if inputs.is_floating_point() else inputs
    with torch.no_grad():
        given = [network(part) for part in inputs.split(100)]
    try:
        parts = [torch.as_tensor(part) for part in given]
    except (TypeError, ValueError, RuntimeError):
        raise NoValue("the network gave no tensor") from None
    return {"value": encode(torch.cat([part.float() for part in parts]))}


_DO = {"import": _import, "run": _run, "read": _read, "call": _call, "scores": _scores}
