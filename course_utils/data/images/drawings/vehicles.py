"""Car, truck and bus seen from the side, put together from the same wheels, windows, lamps and paints."""

from typing import Any

import numpy as np

from course_utils.data.images.drawings.raster import Scene
from course_utils.data.images.drawings.rng import BatchRng
from course_utils.data.images.drawings.street import SHADOW, jitter, table

PAINTS = {
    "red": (186, 44, 40),
    "blue": (44, 84, 156),
    "white": (228, 228, 224),
    "black": (42, 42, 46),
    "silver": (168, 172, 176),
    "green": (52, 112, 72),
    "yellow": (222, 180, 54),
    "orange": (214, 112, 44),
    "brown": (112, 78, 60),
    "teal": (58, 136, 140),
}
# Outlines from the rear sill over the roof to the front sill, across -0.5 to 0.5 and up 0 to 1. Corners 3 to 6 of a
# car are the foot of its rear window, the two ends of its roof and the foot of its windscreen.
CARS = {
    "saloon": (
        (-0.5, -0.5, -0.47, -0.34, -0.2, 0.08, 0.24, 0.45, 0.5, 0.5),
        (0.14, 0.48, 0.57, 0.6, 1, 1, 0.6, 0.48, 0.38, 0.14),
    ),
    "hatchback": (
        (-0.5, -0.5, -0.49, -0.47, -0.36, 0.06, 0.24, 0.44, 0.5, 0.5),
        (0.14, 0.4, 0.5, 0.6, 1, 1, 0.6, 0.5, 0.38, 0.14),
    ),
    "estate": (
        (-0.5, -0.5, -0.5, -0.49, -0.44, 0.08, 0.24, 0.45, 0.5, 0.5),
        (0.14, 0.4, 0.5, 0.6, 1, 1, 0.6, 0.48, 0.38, 0.14),
    ),
    "coupe": (
        (-0.5, -0.5, -0.48, -0.4, -0.12, 0.04, 0.22, 0.44, 0.5, 0.5),
        (0.16, 0.42, 0.56, 0.62, 1, 1, 0.62, 0.5, 0.38, 0.16),
    ),
    "off-roader": (
        (-0.5, -0.5, -0.5, -0.49, -0.46, 0.1, 0.2, 0.46, 0.49, 0.5),
        (0.2, 0.45, 0.55, 0.62, 1, 1, 0.64, 0.6, 0.5, 0.2),
    ),
    "beetle": (
        (-0.5, -0.49, -0.45, -0.36, -0.2, 0.04, 0.18, 0.36, 0.47, 0.5),
        (0.16, 0.38, 0.5, 0.66, 1, 0.98, 0.64, 0.56, 0.42, 0.16),
    ),
    "van": (
        (-0.5, -0.5, -0.5, -0.5, -0.47, 0.22, 0.38, 0.46, 0.5, 0.5),
        (0.12, 0.35, 0.48, 0.56, 1, 1, 0.58, 0.46, 0.36, 0.12),
    ),
}
CAR_HEIGHTS = dict(zip(CARS, (0.35, 0.41, 0.37, 0.32, 0.45, 0.42, 0.5), strict=True))
# A truck's cab, across 0 to 1 and up 0 to 1: seven corners of the body, then four of its window.
CABS = {
    "cab-over": (
        (0, 0, 0.8, 0.96, 1, 1, 1, 0.2, 0.2, 0.74, 0.86),
        (0, 1, 1, 0.55, 0.45, 0.3, 0, 0.52, 0.9, 0.9, 0.52),
    ),
    "bonnet": (
        (0, 0, 0.45, 0.58, 0.94, 1, 1, 0.12, 0.12, 0.42, 0.53),
        (0, 1, 1, 0.58, 0.52, 0.42, 0, 0.58, 0.92, 0.92, 0.58),
    ),
    "sleeper": (
        (0, 0.06, 0.72, 0.9, 1, 1, 1, 0.4, 0.4, 0.72, 0.86),
        (0, 1, 1, 0.66, 0.5, 0.3, 0, 0.5, 0.84, 0.84, 0.5),
    ),
}
# What a truck carries, across 0 to 1 of its bed and up 0 to 1.
LOADS = {
    "box": ((0, 0, 0, 0.02, 0.98, 1, 1, 1), (0, 0.5, 0.97, 1, 1, 0.97, 0.5, 0)),
    "curtain": ((0, 0, 0.01, 0.06, 0.94, 0.99, 1, 1), (0, 0.5, 0.9, 1, 1, 0.9, 0.5, 0)),
    "tipper": ((0.05, 0.02, -0.02, 0.2, 0.6, 1, 0.98, 0.96), (0, 0.5, 0.85, 1, 0.95, 0.8, 0.4, 0)),
    "tank": ((0.06, 0, 0, 0.08, 0.92, 1, 1, 0.94), (0, 0.25, 0.75, 1, 1, 0.75, 0.25, 0)),
    "logs": ((0.04, 0, 0.03, 0.14, 0.8, 0.93, 0.97, 0.95), (0, 0.3, 0.66, 1, 0.95, 0.66, 0.3, 0)),
    "crates": ((0.08, 0.08, 0.08, 0.3, 0.3, 0.8, 0.8, 0.8), (0, 0.4, 0.7, 0.7, 1, 1, 0.5, 0)),
    "empty bed": ((0, 0, 0, 0.04, 0.96, 1, 1, 1), (0, 0.5, 1, 1, 1, 1, 0.5, 0)),
}
LOAD_HEIGHTS = dict(zip(LOADS, (1, 0.9, 0.66, 0.74, 0.6, 0.6, 0.2), strict=True))
BUSES = {
    "city bus": ((-0.5, -0.5, -0.49, 0.47, 0.49, 0.5, 0.5, 0.5), (0.12, 0.9, 1, 1, 0.95, 0.5, 0.4, 0.12)),
    "coach": ((-0.5, -0.5, -0.47, 0.4, 0.46, 0.49, 0.5, 0.5), (0.12, 0.8, 1, 1, 0.9, 0.5, 0.35, 0.12)),
    "double-decker": ((-0.5, -0.5, -0.49, 0.47, 0.49, 0.5, 0.5, 0.5), (0.1, 0.9, 1, 1, 0.95, 0.5, 0.4, 0.1)),
    "school bus": ((-0.5, -0.5, -0.48, 0.3, 0.36, 0.48, 0.5, 0.5), (0.12, 0.8, 1, 1, 0.6, 0.54, 0.4, 0.12)),
    "minibus": ((-0.5, -0.5, -0.47, 0.26, 0.4, 0.46, 0.5, 0.5), (0.1, 0.8, 1, 1, 0.6, 0.5, 0.4, 0.1)),
}
BUS_HEIGHTS = dict(zip(BUSES, (0.36, 0.36, 0.5, 0.38, 0.42), strict=True))


class Parts:
    """Paints what every vehicle is made of; the origin lies on the ground below its middle, its front to the right."""

    def __init__(self, scene: Scene, rng: BatchRng) -> None:
        self.scene, self.rng = scene, rng
        self.length = rng.between(34.0, 50.0, "length")
        self.radius = self.length * rng.between(0.072, 0.1)
        self.rubber = scene.paint(jitter(rng, np.full((scene.n, 3), 34.0), 10))
        self.dark = scene.paint((24, 24, 28))
        self.rim = scene.paint(np.full(3, 150.0) + rng.between(-70, 60)[:, None])
        lit = rng.chance(0.3, "lit_inside")
        glass = np.where(lit[:, None], (206.0, 190.0, 140.0), np.asarray((96.0, 118.0, 134.0)))
        glass = glass + rng.between(-50, 40)[:, None]
        self.glass, self.shine = scene.paint(glass, glow=lit * 0.7), scene.paint(glass + 40, glow=lit * 0.7)
        lamps = rng.chance(0.4, "lamps_on")
        self.head = scene.paint(np.where(lamps[:, None], (255, 246, 200), (204, 204, 192)), glow=lamps * 1.0)
        self.tail = scene.paint((196, 40, 34), glow=lamps * 0.9)
        self.body_paint, self.body_shade, self.body_light = self.coat("body_colour")
        scene.disc(0, 0, self.length * 0.54, 1.4, scene.paint(SHADOW))

    def coat(self, name: str = "") -> tuple[int, int, int]:
        """Mix the paints of one colour: in plain light, in shade and where light is reflected."""
        colour = jitter(self.rng, table(PAINTS, self.rng.pick(tuple(PAINTS), name)), 14)
        return self.scene.paint(colour), self.scene.paint(colour * 0.7), self.scene.paint(colour * 0.75 + 58)

    def wheel(self, x: Any, show: Any = True) -> None:
        """Paint a wheel that stands at x."""
        for share, paint in ((1.25, self.dark), (1.0, self.rubber), (0.6, self.rim), (0.2, self.rubber)):
            self.scene.disc(x, self.radius, self.radius * share, self.radius * share, paint, show)

    def lamps(self, front: Any, rear: Any, y: Any) -> None:
        """Paint the headlamp and the tail lamp at height y."""
        size = self.length * 0.026
        self.scene.disc(front - size * 0.5, y, size * 0.8, size, self.head)
        self.scene.box(rear, y - size, rear + size, y + size, self.tail)


def paint_car(scene: Scene, rng: BatchRng) -> None:
    """Paint a car: one body that holds engine, people and luggage, three windows at the most."""
    parts, body = Parts(scene, rng), rng.pick(tuple(CARS), "body")
    length = parts.length
    high = rng.keep("height", length * table(CAR_HEIGHTS, body) * rng.between(0.9, 1.12))
    xs = [length * x for x in table(CARS, body)[:, 0].T]
    ys = [high * y for y in table(CARS, body)[:, 1].T]
    rack = rng.chance(0.15)
    wide = rng.between(0.1, 0.2) * length
    scene.box(xs[4] * 0.6, high, xs[4] * 0.6 + wide, high + rng.between(1, 4), parts.coat()[1], rack)
    scene.polygon(xs, ys, parts.body_paint)
    scene.box(-0.49 * length, high * 0.14, 0.49 * length, high * 0.24, parts.body_shade)
    scene.box(-0.48 * length, high * 0.48, 0.44 * length, high * 0.52, parts.body_light)

    middle, foot, top = (xs[3] + xs[4] + xs[5] + xs[6]) / 4, high * 0.63, high * 0.92
    rear, roof_rear, roof_front, front = (middle + (x - middle) * 0.86 for x in xs[3:7])
    scene.polygon((rear, roof_rear, roof_front, front), (foot, top, top, foot), parts.glass)
    scene.polygon((roof_front - 3, roof_front - 1.4, front - 1.4, front - 3), (top, top, foot, foot), parts.shine)
    four_doors, panel = rng.chance(0.6), rng.chance(0.4) & (body >= 6)
    rng.keep("windows", np.where(panel, 1, np.where(four_doors, 3, 2)))
    split = middle + rng.between(-0.04, 0.05) * length
    scene.box(split - 0.7, high * 0.5, split + 0.7, top, parts.body_paint)
    second = rear * 0.72 + split * 0.28
    scene.box(second - 0.6, high * 0.5, second + 0.6, top, parts.body_paint, four_doors)
    scene.box(rear - 1, foot - 0.5, split, top + 0.5, parts.body_paint, panel)
    scene.box(split - 0.3, high * 0.2, split + 0.3, high * 0.6, parts.body_shade)
    scene.box(second - 0.3, high * 0.24, second + 0.3, high * 0.6, parts.body_shade, four_doors)
    scene.box(split + 1.2, high * 0.53, split + 2.8, high * 0.57, parts.dark)
    parts.lamps(0.49 * length, -0.5 * length, high * 0.42)
    for end in (-0.51, 0.45):
        scene.box(end * length, high * 0.16, (end + 0.06) * length, high * 0.25, parts.dark)
    base = rng.keep("wheelbase", length * rng.between(0.54, 0.64))
    lean = rng.between(-0.02, 0.03) * length
    parts.wheel(lean - base / 2)
    parts.wheel(lean + base / 2)
    rng.keep("wheels", np.full(scene.n, 2))


def paint_truck(scene: Scene, rng: BatchRng) -> None:
    """Paint a truck: a cab with one window, a frame, and a load behind it on two to four axles."""
    parts, cab, load = Parts(scene, rng), rng.pick(tuple(CABS)), rng.pick(tuple(LOADS), "body")
    length, radius = parts.length, parts.radius
    high = rng.keep("height", length * rng.between(0.36, 0.56))
    floor, end = radius * 1.75, -0.5 * length
    cab_long, cab_high = length * rng.between(0.22, 0.34), high * rng.between(0.72, 0.98)
    start = 0.5 * length - cab_long
    bed = start - end - rng.between(0.3, 2.0)
    scene.box(end, radius * 1.1, 0.48 * length, floor, parts.dark)
    scene.box(start - bed * 0.45, radius * 0.6, start - bed * 0.3, radius * 1.4, parts.rim, rng.chance(0.5))

    paint, shade, light = parts.coat("load_colour")
    outline = table(LOADS, load)
    tall = (high - floor) * table(LOAD_HEIGHTS, load) * rng.between(0.88, 1.0)
    scene.polygon([end + bed * x for x in outline[:, 0].T], [floor + tall * y for y in outline[:, 1].T], paint)
    scene.box(end, floor - 0.2, end + bed, floor + 1.0, shade)
    ribbed = rng.chance(0.5) & np.isin(load, (0, 1, 2, 4))
    for rib in range(1, 5):
        x = end + bed * rib / 5
        scene.box(x - 0.3, floor + 1, x + 0.3, floor + tall * 0.78, shade, ribbed)
    banner, band = rng.chance(0.45) & np.isin(load, (0, 1, 3)), tall * rng.between(0.1, 0.5)
    scene.box(end + bed * 0.1, floor + band, end + bed * rng.between(0.5, 0.92), floor + tall * 0.7, light, banner)

    outline = table(CABS, cab)
    xs = [start + cab_long * x for x in outline[:, 0].T]
    bottom = radius * 1.0
    ys = [bottom + (cab_high - bottom) * y for y in outline[:, 1].T]
    scene.polygon(xs[:7], ys[:7], parts.body_paint)
    scene.box(start, bottom, 0.5 * length, bottom + 1.4, parts.body_shade)
    scene.polygon(xs[7:], ys[7:], parts.glass)
    scene.polygon((xs[9] - 1.6, xs[9] - 0.4, xs[10] - 0.4, xs[10] - 1.6), (ys[9], ys[9], ys[10], ys[10]), parts.shine)
    scene.box(start + cab_long * 0.16, bottom + 1.4, start + cab_long * 0.16 + 0.6, ys[7], parts.body_shade)
    scene.box(start - 0.7, cab_high * 0.6, start, high * 1.04, parts.rim, rng.chance(0.3))
    parts.lamps(0.5 * length, end, bottom + (cab_high - bottom) * 0.22)

    axles = rng.keep("wheels", 2 + rng.number((0, 0, 1, 1, 1, 2)))
    front = start + cab_long * rng.between(0.4, 0.6)
    last = end + length * rng.between(0.1, 0.18)
    rng.keep("wheelbase", front - last)
    parts.wheel(front)
    parts.wheel(last)
    parts.wheel(last + radius * 2.3, axles > 2)
    parts.wheel(front - radius * 2.4, axles > 3)
    rng.keep("windows", np.full(scene.n, 1))


def paint_bus(scene: Scene, rng: BatchRng) -> None:
    """Paint a bus: one body as a car's, nearly as high as a truck's, with a row of windows."""
    parts, body = Parts(scene, rng), rng.pick(tuple(BUSES), "body")
    length = parts.length
    high = rng.keep("height", length * table(BUS_HEIGHTS, body) * rng.between(0.9, 1.12))
    xs = [length * x for x in table(BUSES, body)[:, 0].T]
    scene.polygon(xs, [high * y for y in table(BUSES, body)[:, 1].T], parts.body_paint)
    scene.box(-0.49 * length, high * 0.12, 0.49 * length, high * 0.2, parts.body_shade)
    _, _, band = parts.coat()
    scene.box(-0.5 * length, high * 0.36, 0.49 * length, high * rng.between(0.4, 0.5), band, rng.chance(0.6))

    count = rng.keep("windows", 4 + rng.number((0, 1, 2, 3)))
    double, short = body == 2, np.where(body >= 3, 0.2, 0.03)
    rear, front = -0.46 * length, (0.48 - short) * length
    foot, top = high * np.where(double, 0.62, 0.56), high * np.where(double, 0.76, 0.88)
    step = (front - rear) / count
    for window in range(7):
        left, shown = rear + step * window, window < count
        scene.box(left, foot, left + step * 0.82, top, parts.glass, shown)
        scene.box(left + step * 0.5, foot, left + step * 0.7, top, parts.shine, shown)
        scene.box(left, high * 0.4, left + step * 0.82, high * 0.56, parts.glass, shown & double)
        scene.box(left, high * 0.82, left + step * 0.82, high * 0.94, parts.glass, shown & double)
    door = front - step
    scene.box(door, high * 0.16, door + step * 0.8, top, parts.body_shade)
    scene.box(door + 0.5, high * 0.26, door + step * 0.8 - 0.5, top - 0.5, parts.glass)
    parts.lamps(0.5 * length, -0.5 * length, high * 0.28)
    base = rng.keep("wheelbase", length * rng.between(0.52, 0.64))
    parts.wheel(-base / 2)
    parts.wheel(base / 2)
    axles = rng.keep("wheels", 2 + rng.number((0, 0, 1)))
    parts.wheel(-base / 2 + parts.radius * 2.3, axles > 2)
