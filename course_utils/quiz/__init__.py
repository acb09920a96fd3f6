"""Practice: questions that answer in the page, checks of exercises, guesses beside findings, the learner's progress.

The items stand in quizzes/*.yaml. Nothing here imports torch but the checks of code and models.
"""

from importlib import import_module

__all__ = ["ask", "check", "found", "predict", "progress_table", "review", "summary"]

_MODULES = {"ask": "widgets", "check": "exercises", "found": "exercises", "predict": "widgets"}
_MODULES |= dict.fromkeys(("progress_table", "review", "summary"), "overview")


def __getattr__(name: str):
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
