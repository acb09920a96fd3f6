"""The dials of the drawn vehicles: what the whole set of images has in common, to be turned one at a time."""

from dataclasses import dataclass
from numbers import Real

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
class Knobs:
    """How the images of one set look; the defaults are a plain day.

    style: "painted" (shaded fillings), "flat" (one colour a part) or "sketch" (pencil outlines on tinted paper)
    night: 0 day to 1 night, when only lamps, lit windows and the moon stay bright
    blur: radius in pixels over which light spreads, 0 to 4
    noise: standard deviation in grey levels, 0 to 60
    occlusion: the share of the image's width that something in the foreground hides on average, 0 to 0.6
    scale: size of the subject against its usual size, 0.5 to 1.4
    tilt: the camera's roll in degrees, -20 to 20
    turn: how far the subject is turned from the pure side view, -0.5 to 0.5
    direction: "left", "right" or "both" (by chance)

    One seed with other knobs is the same scene seen otherwise. Raises CourseError outside these ranges.
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
        for name, allowed in (("style", STYLES), ("direction", DIRECTIONS)):
            if getattr(self, name) not in allowed:
                raise CourseError(f"Knob {name} is {getattr(self, name)!r}; choose one of: {', '.join(allowed)}.")
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real) or not low <= value <= high:
                raise CourseError(f"Knob {name} is {value!r}; give a number from {low:g} to {high:g}.")
