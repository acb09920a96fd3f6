"""One submission's code, run cell by cell in a confined process; what it binds goes back as values.

The job comes as one line of JSON and holds no key. Nothing here is trusted by those who read the replies: the
student's code shares this process and may have rewritten all of it.
"""

import io
import json
import random
import signal
import sys
import types
from collections.abc import Callable
from typing import Any

from course_utils.grading.sandbox.values import NoValue, decode, encode

MOST_SAID = 300  # characters of an error that go back


class TimeUp(BaseException):
    """The step's limit; no `except Exception` swallows it."""


def work(job: bytes, reply: Callable[[bytes], None]) -> None:
    """Do a job's steps in order, and reply to each with one line."""
    asked = json.loads(job)
    reseed(asked["seed"])
    names = _notebook()
    signal.signal(signal.SIGALRM, _time_up)
    sys.stdout = sys.stderr = _Nowhere()
    for step in asked["steps"]:
        told = _limited(step, names)
        try:
            line = json.dumps(told).encode()
        except BaseException:
            line = b'{"error": "its result could not be sent"}'
        reply(line + b"\n")


def _limited(step: dict, names: dict) -> dict:
    signal.setitimer(signal.ITIMER_REAL, step["seconds"])
    try:
        return _DO[step["do"]](step, names)
    except TimeUp:
        return {"timeout": True}
    except NotImplementedError as error:
        return {"error": _said(error), "blank": not error.args or "write your lines here" in str(error)}
    except BaseException as error:
        return {"error": _said(error)}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


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


def _notebook() -> dict[str, Any]:
    """The names that a notebook begins with; `display` and magics do nothing here."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module  # classes and dataclasses look their module up
    names = module.__dict__
    names.update(display=_nothing, get_ipython=_Shell)
    return names


def _nothing(*_: Any, **__: Any) -> None:
    return None


class _Shell:
    """What magics are called on."""

    def __getattr__(self, name: str) -> Callable:
        return _nothing


class _Nowhere(io.TextIOBase):
    """Takes what is printed, and forgets it."""

    def write(self, text: str) -> int:
        return len(text)


def _run(step: dict, names: dict) -> dict:
    exec(compile(python(step["source"]), f"<cell {step.get('cell', '')}>", "exec", dont_inherit=True), names)
    return {"done": True}


def python(source: str) -> str:
    """A cell as Python: magics and shell lines become calls that do nothing."""
    try:
        compile(source, "<cell>", "exec", dont_inherit=True)
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        return TransformerManager().transform_cell(source)
    return source


def _read(step: dict, names: dict) -> dict:
    if step["name"] not in names:
        return {"error": f"NameError: {step['name']} is nowhere bound"}
    value = names[step["name"]]
    return {"blank": True} if value is ... else {"value": encode(value)}


def _call(step: dict, names: dict) -> dict:
    """The results of a function for a list of argument tuples: those sent, or those that the name in `with` binds."""
    if step["name"] not in names:
        return {"error": f"NameError: {step['name']} is nowhere bound"}
    function = names[step["name"]]
    if function is ...:
        return {"blank": True}
    inputs = names[step["with"]] if "with" in step else decode(step["inputs"], tensors=True)
    results = [function(*arguments) for arguments in inputs]
    return (
        {"blank": True} if results and all(one is ... or one is None for one in results) else {"value": encode(results)}
    )


def _scores(step: dict, names: dict) -> dict:
    """A network's scores, (N, classes), for the rows of `inputs`."""
    import torch

    if names.get(step["name"], ...) is ...:
        return {"blank": True}
    network = getattr(names[step["name"]], "model", names[step["name"]])
    if not isinstance(network, torch.nn.Module):
        return {"value": encode(network)}
    network.eval()
    inputs = decode(step["inputs"], tensors=True)
    with torch.no_grad():
        parts = [network(part) for part in inputs.split(100)]
    if not all(isinstance(part, torch.Tensor) for part in parts):
        raise NoValue("the network gave no tensor")
    return {"value": encode(torch.cat([part.float() for part in parts]))}


_DO = {"run": _run, "read": _read, "call": _call, "scores": _scores}
