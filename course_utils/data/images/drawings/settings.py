"""The settings of the drawn vehicles: what all images of a set have in common, to be changed one at a time."""

from dataclasses import dataclass

import numpy as np

from course_utils.errors import CourseError

STYLES = ("painted", "flat", "sketch")
DIRECTIONS = ("both", "left", "right")
RANGES = {
    "night": (0.0, 1.0),
    "blur": (0.0, 4.0),
    "noise": (0.0, 60.0),
    "occlusion": (0.0, 0.6),
    "scale": (0.5, 1.4),
    "tilt": (-20.0, 20.0),
    "turn": (-0.5, 0.5),
}


@dataclass(frozen=True)
class SceneSettings:
    """How the images of one set look; the defaults are a plain day.

    One seed gives the same scene under all settings, seen differently.

    Parameters
    ----------
    style : str
        "painted" (shaded surfaces), "flat" (one colour for each surface) or "sketch" (pencil outlines on tinted paper).
    night : float
        From 0, day, to 1, night, when only lamps, lit windows and the moon stay bright.
    blur : float
        Radius in pixels over which light spreads, 0 to 4.
    noise : float
        Standard deviation in grey levels, 0 to 60.
    occlusion : float
        Share of the image's width that something in the foreground hides on average, 0 to 0.6.
    scale : float
        Size of the subject relative to its usual size, 0.5 to 1.4.
    tilt : float
        The camera's roll in degrees, -20 to 20.
    turn : float
        How far the subject is turned from the pure side view, -0.5 to 0.5.
    direction : str
        "left", "right" or "both" (chosen at random).

    Raises
    ------
    CourseError
        `data.bad-setting` for a value outside its range.
    """

    style: str = "painted"
    night: float = 0.0
    blur: float = 0.0
    noise: float = 6.0
    occlusion: float = 0.08
    scale: float = 1.0
    tilt: float = 0.0
    turn: float = 0.0
    direction: str = "both"

    def __post_init__(self) -> None:
        """Check every value."""
        for name, allowed in (("style", STYLES), ("direction", DIRECTIONS)):
            if getattr(self, name) not in allowed:
                raise CourseError(
                    f"The setting {name} is {getattr(self, name)!r}: choose one of {', '.join(allowed)}.",
                    code="data.bad-setting",
                )
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not low <= value <= high:
                raise CourseError(
                    f"The setting {name} is {value!r}: give a number from {low:g} to {high:g}.",
                    code="data.bad-setting",
                )
