"""Honest comparisons: strategies over labels and seeds, as a tidy table, and what freezing costs."""

from importlib import import_module

__all__ = ["Experiment", "freezing_costs", "run_parallel", "tune"]

_MODULES = {"Experiment": "grid", "freezing_costs": "costs", "run_parallel": "parallel", "tune": "tuning"}


def __getattr__(name: str):
    if name in _MODULES:  # they bring torch and fastai, which an interval doesn't need
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
