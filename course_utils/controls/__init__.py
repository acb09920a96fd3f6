"""Controls that answer in the page: classify a picture of one's own, walk through depths, weigh what to freeze and how,
choose a threshold.

They build under ipywidgets 7.7 (Colab) and 8. Where no kernel runs, as on GitHub, their output stands as plain HTML.
"""

from course_utils.controls.classify import ClassifyControl, classify_control
from course_utils.controls.depths import DepthSlider, depth_slider
from course_utils.controls.freezing import FreezeSlider, freeze_slider
from course_utils.controls.strategies import StrategyExplorer, strategy_explorer
from course_utils.controls.threshold import ThresholdSlider, threshold_slider

__all__ = [
    "ClassifyControl",
    "DepthSlider",
    "FreezeSlider",
    "StrategyExplorer",
    "ThresholdSlider",
    "classify_control",
    "depth_slider",
    "freeze_slider",
    "strategy_explorer",
    "threshold_slider",
]
