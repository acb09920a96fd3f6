"""Controls that answer in the page: classify an image of one's own, walk through depths, weigh what to freeze and how,
choose a threshold.

They build under ipywidgets 7.7 (Colab) and 8. Where no kernel runs, as on GitHub, their output stands as plain HTML.
"""

from importlib import import_module

_MODULES = {
    "ClassifyControl": "classify",
    "DepthSlider": "depths",
    "FreezeSlider": "freezing",
    "StrategyExplorer": "strategies",
    "ThresholdSlider": "threshold",
    "classify_control": "classify",
    "depth_slider": "depths",
    "freeze_slider": "freezing",
    "strategy_explorer": "strategies",
    "threshold_slider": "threshold",
}
__all__ = list(_MODULES)


def __getattr__(name: str):
    if name in _MODULES:  # they bring torch and pandas, which `output`, and a quiz that uses it, don't need
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
