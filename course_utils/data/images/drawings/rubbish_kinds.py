"""Six kinds of rubbish from above: each is several things, and shares shapes and colours with the other kinds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_utils.data.images.drawings.raster import Scene
from course_utils.data.images.drawings.rng import BatchRng
from course_utils.data.images.drawings.street import jitter, table
from course_utils.data.images.drawings.vehicles import PAINTS

CORNERS = ((1.0, 0.0), (0.7, 0.7), (0.0, 1.0), (-0.7, 0.7), (-1.0, 0.0), (-0.7, -0.7), (0.0, -1.0), (0.7, -0.7))
# How bright each strip of a tube is, from one edge to the other.
METAL = (0.55, 0.8, 1.2, 1.35, 0.95, 0.7, 0.9, 0.6)
PLASTIC = (0.86, 1.0, 1.1, 1.04, 1.0, 0.96, 0.92, 0.84)
GLASS = (0.5, 0.9, 1.25, 1.0, 0.96, 1.0, 1.1, 0.55)
TINTS = {"green": (66, 120, 66), "brown": (106, 66, 34), "clear": (186, 200, 196), "dark": (44, 58, 48)}
BROWNS = {"kraft": (178, 138, 96), "pale": (202, 172, 132), "dark": (142, 106, 72), "grey": (170, 160, 148)}
WHITES = {"white": (236, 236, 234), "cream": (234, 224, 200), "grey": (206, 206, 206), "yellow": (236, 226, 140)}


@dataclass
class Table:
    """What a painter works with: the scene, its random numbers, and the colour of the board that all lies on."""

    scene: Scene
    rng: BatchRng
    board: np.ndarray

    def pick_thing(self, names: tuple[str, ...]) -> Callable[[str], np.ndarray]:
        """Choose which thing of its kind each image shows; the answer tells for a name which images show it."""
        thing = self.rng.pick(names, "thing")
        return lambda name: thing == names.index(name)

    def colour(self, colours: dict, by: float = 20, name: str = "") -> np.ndarray:
        """Choose one of the colours, and vary it."""
        return jitter(self.rng, table(colours, self.rng.pick(tuple(colours), name)), by)

    def through(self, tint: np.ndarray, share: Any) -> np.ndarray:
        """Return the board's colour as seen through something of a tint, which takes this share."""
        share = np.broadcast_to(np.asarray(share, float), (self.scene.n,))[:, None]
        return self.board * (1 - share) + tint * share

    def tube(self, x0: Any, x1: Any, half: Any, colour: np.ndarray, profile: tuple[float, ...], show: Any) -> None:
        """Paint a round body that lies along x, in strips of the profile's brightness."""
        for strip, light in enumerate(profile):
            low, high = (half * (2 * edge / len(profile) - 1) for edge in (strip, strip + 1.02))
            self.scene.box(x0, low, x1, high, self.scene.paint(colour * light), show)

    def bottle(self, long: Any, half: Any, neck: Any, colour: np.ndarray, profile: tuple, show: Any) -> None:
        """Paint a bottle that lies along x, its neck to the right."""
        self.tube(-long / 2, long * 0.14, half, colour, profile, show)
        for strip, light in enumerate(profile):
            low, high = (2 * edge / len(profile) - 1 for edge in (strip, strip + 1.02))
            ys = (half * low, half * high, neck * high, neck * low)
            xs = (long * 0.14, long * 0.14, long * 0.34, long * 0.34)
            self.scene.polygon(xs, ys, self.scene.paint(colour * light), show)
        self.tube(long * 0.34, long / 2, neck, colour, profile, show)

    def rings(self, half: Any, colours: list[np.ndarray], show: Any) -> None:
        """Paint a round thing seen from its end: one ring of each colour, from the outside in."""
        squash = self.rng.between(0.75, 1.0)
        for ring, colour in enumerate(colours):
            share = 1 - ring / (len(colours) + 0.5)
            self.scene.disc(0, 0, half * share, half * share * squash, self.scene.paint(colour), show)

    def crumple(self, across: Any, up: Any, colour: np.ndarray, contrast: float, show: Any) -> None:
        """Paint something crumpled: facets of many shades around its middle."""
        reach = [self.rng.between(0.62, 1.08) for _ in CORNERS]
        middle_x, middle_y = across * self.rng.between(-0.3, 0.3), up * self.rng.between(-0.3, 0.3)
        corners = [(across * r * x, up * r * y) for r, (x, y) in zip(reach, CORNERS, strict=True)]
        for number, (x, y) in enumerate(corners):
            next_x, next_y = corners[(number + 1) % len(corners)]
            fold = self.rng.between(0.3, 0.7)
            fold_x, fold_y = middle_x + (x - middle_x) * fold, middle_y + (y - middle_y) * fold
            outer, inner = (colour * self.rng.between(1 - contrast, 1 + contrast)[:, None] for _ in range(2))
            self.scene.polygon((middle_x, x, next_x), (middle_y, y, next_y), self.scene.paint(outer), show)
            self.scene.polygon((middle_x, fold_x, next_x), (middle_y, fold_y, next_y), self.scene.paint(inner), show)

    def print_on(self, x0: Any, y0: Any, x1: Any, y1: Any, show: Any) -> None:
        """Print a label: a coloured field, a block on it, and lines that stand for text."""
        ground, ink = self.colour(PAINTS), self.colour(PAINTS)
        self.scene.box(x0, y0, x1, y1, self.scene.paint(ground), show)
        wide, high = x1 - x0, y1 - y0
        left, low = x0 + wide * self.rng.between(0.05, 0.4), y0 + high * self.rng.between(0.1, 0.5)
        self.scene.box(left, low, left + wide * 0.4, low + high * 0.35, self.scene.paint(ink), show)
        text = self.scene.paint(ground * 0.4 + self.rng.between(0, 150)[:, None])
        for line in (0.72, 0.84):
            self.scene.box(x0 + wide * 0.1, y0 + high * line, x0 + wide * 0.8, y0 + high * (line + 0.05), text, show)


def paint_cardboard(on: Table) -> None:
    """Paint a torn sheet, an opened box, a carton with print, or the corrugated edge from near."""
    scene, rng, is_ = on.scene, on.rng, on.pick_thing(("sheet", "box", "carton", "edge"))
    wide, high = rng.between(22, 40), rng.between(18, 34)
    brown = on.colour(BROWNS, name="colour")
    flat, shade, light = scene.paint(brown), scene.paint(brown * 0.78), scene.paint(brown * 0.9 + 26)
    torn = rng.between(0.1, 0.5)
    sheet = is_("sheet") | is_("carton") | is_("edge")
    scene.polygon(
        (-wide / 2, wide / 2, wide / 2, wide * (0.5 - torn), -wide / 2),
        (-high / 2, -high / 2, high * (0.5 - torn), high / 2, high / 2),
        flat,
        sheet,
    )
    for _ in range(2):
        fold = rng.between(-0.4, 0.4) * wide
        scene.box(fold, -high / 2, fold + 0.9, high * 0.3, shade, sheet & rng.chance(0.7))
    on.print_on(-wide * 0.42, -high * 0.36, wide * 0.2, high * 0.3, is_("carton"))
    for wave in range(12):
        x = wide * (wave / 12 - 0.5)
        scene.box(x, -high * 0.5 - 4, x + wide / 24, -high * 0.5, (shade, light)[wave % 2], is_("edge"))
    scene.box(-wide / 2, -high * 0.5 - 5, wide / 2, -high * 0.5 - 4, flat, is_("edge"))
    box = is_("box")
    scene.box(-wide * 0.3, -high * 0.3, wide * 0.3, high * 0.3, shade, box)
    flap, lean = rng.between(0.12, 0.3), rng.between(-0.15, 0.15) * wide
    for side in (-1, 1):
        paint, shown = (flat, light)[side > 0], box & rng.chance(0.85)
        xs = (-wide * 0.3, wide * 0.3, wide * 0.3 + lean, -wide * 0.3 + lean)
        edge, far = side * high * 0.3, side * high * (0.3 + flap)
        scene.polygon(xs, (edge, edge, far, far), paint, shown)
        edge, far = side * wide * 0.3, side * wide * (0.3 + flap)
        scene.polygon((edge, edge, far, far), (-high * 0.3, high * 0.3, high * 0.28, -high * 0.28), paint, shown)
    scene.box(-wide / 2, -1.3, wide * 0.4, 1.3, scene.paint(brown * 0.8 + 44), rng.chance(0.3) & ~is_("edge"))


def paint_glass(on: Table) -> None:
    """Paint a bottle, a jar, a bottle from its end, or a drinking glass."""
    rng, is_ = on.rng, on.pick_thing(("bottle", "jar", "end", "cup"))
    long, half = rng.between(32, 50), rng.between(5.5, 9)
    tint = on.colour(TINTS, name="colour")
    colour = on.through(tint, rng.between(0.55, 0.9))
    on.bottle(long, half, half * rng.between(0.28, 0.42), colour, GLASS, is_("bottle"))
    on.print_on(-long * 0.36, -half * 0.8, long * 0.02, half * 0.8, is_("bottle") & rng.chance(0.4))
    jar, short = is_("jar") | is_("cup"), long * rng.between(0.5, 0.7)
    on.tube(-short / 2, short / 2, half * 1.4, colour, GLASS, jar)
    rim = on.scene.paint(on.through(tint, 0.95) * 0.8)
    on.scene.box(-short / 2 - 1, -half * 1.4, -short / 2 + 1.5, half * 1.4, rim, jar)
    on.scene.disc(short / 2, 0, half * 0.5, half * 1.4, on.scene.paint(colour * 0.9 + 16), is_("cup"))
    on.scene.disc(short / 2, 0, half * 0.36, half * 1.1, on.scene.paint(on.through(tint, 0.3)), is_("cup"))
    on.print_on(-short * 0.3, -half, short * 0.24, half, is_("jar") & rng.chance(0.5))
    on.rings(half * 1.5, [colour * 0.8, colour * 1.1, colour * 0.45, colour * 0.2], is_("end"))
    shine = on.scene.paint((246, 248, 248))
    on.scene.box(-long * 0.3, half * 0.35, long * rng.between(-0.1, 0.1), half * 0.5, shine, ~is_("end"))


def paint_metal(on: Table) -> None:
    """Paint a drink can, a food tin, a can or a lid from its end, a crushed can or a piece of foil."""
    scene, rng, is_ = on.scene, on.rng, on.pick_thing(("can", "tin", "end", "lid", "crushed", "foil"))
    long, half = rng.between(24, 34), rng.between(8, 12)
    silver = jitter(rng, np.full((scene.n, 3), 176.0), 30)
    coat = on.colour(PAINTS, name="colour")
    side = is_("can") | is_("tin")
    on.tube(-long / 2, long / 2, half, np.where(is_("can")[:, None], coat, silver), METAL, side)
    on.print_on(-long * 0.36, -half, long * 0.36, half * 0.9, is_("tin") & rng.chance(0.7))
    band = coat * 0.5 + on.colour(PAINTS) * 0.5
    on.tube(-long * 0.2, long * rng.between(-0.1, 0.25), half, band, METAL, is_("can"))
    for end in (-1, 1):
        rim = scene.paint(silver * (1.15 if end > 0 else 0.8))
        scene.disc(end * long / 2, 0, half * 0.3, half * 0.96, rim, side)
        scene.disc(end * long / 2, 0, half * 0.2, half * 0.76, scene.paint(silver * 0.62), side & (end > 0))
    on.rings(half * 1.3, [silver * 0.66, silver * 1.2, silver * 0.8, silver * 1.05], is_("end"))
    dark = scene.paint((40, 38, 38))
    scene.disc(half * 0.45, 0, half * 0.32, half * 0.24, dark, is_("end") & rng.chance(0.6))
    scene.box(-half * 0.3, -1.2, half * 0.2, 1.2, scene.paint(silver * 1.3), is_("end"))
    on.rings(half * 1.4, [silver * 0.6, coat * 0.5 + silver * 0.5, silver * 0.9, coat * 0.4 + silver * 0.6], is_("lid"))
    on.crumple(long * 0.5, half, coat * 0.6 + silver * 0.4, 0.5, is_("crushed"))
    scene.disc(long * 0.36, 0, half * 0.3, half * 0.66, scene.paint(silver), is_("crushed"))
    on.crumple(long * 0.4, half * 1.1, silver, 0.45, is_("foil"))


def paint_paper(on: Table) -> None:
    """Paint a written sheet, a newspaper, an advertisement, an envelope or a crumpled ball."""
    scene, rng, is_ = on.scene, on.rng, on.pick_thing(("sheet", "news", "advert", "envelope", "ball"))
    wide, high = rng.between(24, 38), rng.between(20, 34)
    white = on.colour(WHITES, 12, "colour")
    flat = ~is_("ball")
    high = np.where(is_("envelope"), high * 0.6, high)
    slant = rng.between(-2.5, 2.5)
    xs = (-wide / 2, wide / 2, wide / 2 + slant, -wide / 2 + slant)
    scene.polygon(xs, (-high / 2, -high / 2, high / 2, high / 2), scene.paint(white), flat)
    ink = scene.paint(white * rng.between(0.3, 0.8)[:, None])
    written = is_("sheet") | is_("news")
    for line in range(9):
        y, end = high * (line / 10 - 0.42), wide * rng.between(0.1, 0.45)
        scene.box(-wide * 0.44, y, end, y + 0.8, ink, written)
    scene.box(-0.8, -high * 0.46, 0.8, high * 0.46, scene.paint(white), is_("news"))
    for block in range(3):
        x, y = wide * (-0.42 + 0.3 * block), high * rng.between(-0.42, 0.1)
        shown = (is_("news") & rng.chance(0.6)) | is_("advert")
        scene.box(x, y, x + wide * 0.24, y + high * 0.3, scene.paint(on.colour(PAINTS)), shown)
    on.print_on(-wide * 0.46, -high * 0.1, wide * 0.42, high * 0.46, is_("advert"))
    flap = scene.paint(white * 0.88)
    scene.polygon((-wide / 2, 0, wide / 2), (high / 2, -high * 0.1, high / 2), flap, is_("envelope"))
    corner = rng.between(0.1, 0.35)
    bent = (wide * (0.5 - corner), wide * 0.5, wide * (0.5 - corner))
    scene.polygon(bent, (-high / 2, high * (corner - 0.5), high * (corner - 0.5)), flap, flat & rng.chance(0.4))
    on.crumple(wide * 0.36, high * 0.38, white * 0.93, 0.16, is_("ball"))


def paint_plastic(on: Table) -> None:
    """Paint a bottle with a cap, a cup, a tub from above, a cap or a bag."""
    scene, rng, is_ = on.scene, on.rng, on.pick_thing(("bottle", "cup", "tub", "cap", "bag"))
    long, half = rng.between(30, 48), rng.between(6, 9.5)
    hues = PAINTS | {"clear": (206, 216, 222), "milk": (236, 238, 238), "blue": (150, 190, 220)}
    hue = on.colour(hues, name="colour")
    colour, cap = on.through(hue, rng.between(0.35, 0.95)), on.colour(PAINTS)
    neck = half * rng.between(0.3, 0.46)
    on.bottle(long, half, neck, colour, PLASTIC, is_("bottle"))
    on.tube(long * 0.42, long * 0.52, neck * 1.25, cap, PLASTIC, is_("bottle") & rng.chance(0.75))
    ridge = scene.paint(colour * 0.88)
    for number in range(4):
        x = long * (-0.46 + 0.13 * number)
        scene.box(x, -half, x + 1, half, ridge, is_("bottle") & rng.chance(0.6))
    on.print_on(-long * 0.3, -half, long * 0.04, half, is_("bottle") & rng.chance(0.6))
    short, end = long * 0.6, half * rng.between(0.8, 1.1)
    for strip, light in enumerate(PLASTIC):
        low, high = (2 * edge / len(PLASTIC) - 1 for edge in (strip, strip + 1.02))
        ys = (end * low, end * high, half * 1.5 * high, half * 1.5 * low)
        xs = (-short / 2, -short / 2, short / 2, short / 2)
        scene.polygon(xs, ys, scene.paint(colour * light), is_("cup"))
    scene.disc(short / 2, 0, half * 0.4, half * 1.5, scene.paint(colour * 0.8), is_("cup"))
    for share, light in ((1.0, 0.9), (0.9, 1.1), (0.74, 0.82), (0.66, 0.96)):
        edge, flank = half * 1.8 * share, half * 1.4 * share
        scene.box(-edge, -flank, edge, flank, scene.paint(colour * light), is_("tub"))
    on.print_on(-half * 0.9, -half * 0.6, half * 0.9, half * 0.6, is_("tub") & rng.chance(0.4))
    on.rings(half * 1.1, [cap * 0.8, cap * 1.08, cap * 0.9, cap], is_("cap"))
    on.crumple(long * 0.42, half * 1.9, colour, 0.12, is_("bag"))


def paint_trash(on: Table) -> None:
    """Paint a wrapper, a crisp packet, a tissue, a toothbrush, an apple core or a paper cup with a lid."""
    scene, rng = on.scene, on.rng
    is_ = on.pick_thing(("wrapper", "packet", "tissue", "brush", "core", "cup"))
    long, half = rng.between(24, 40), rng.between(6, 11)
    coat = on.colour(PAINTS, name="colour")
    on.crumple(long * 0.42, half * 0.9, coat, 0.3, is_("wrapper"))
    packet = is_("packet")
    scene.box(-long / 2, -half, long / 2, half, scene.paint(coat), packet)
    on.print_on(-long * 0.36, -half * 0.9, long * 0.3, half * 0.8, packet)
    seam = scene.paint(coat * 0.6 + 80)
    for end in (-1, 1):
        scene.box(end * long * 0.5, -half, end * long * 0.44, half, seam, packet)
    glint = scene.paint(coat * 0.5 + 120)
    scene.polygon((-long * 0.4, -long * 0.1, long * 0.3), (half * 0.2, half * 0.9, half * 0.3), glint, packet)
    on.crumple(long * 0.36, half * 1.3, on.colour(WHITES, 10), 0.09, is_("tissue"))
    handle, bristles = scene.paint(coat * 0.6 + 80), scene.paint(on.colour(WHITES))
    scene.box(-long * 0.6, -1.6, long * 0.6, 1.6, handle, is_("brush"))
    scene.box(long * 0.36, -1.6, long * 0.6, 4.5, bristles, is_("brush"))
    flesh, skin = jitter(rng, np.full((scene.n, 3), (216.0, 190.0, 120.0)), 20), coat * 0.4 + (90, 40, 20)
    scene.box(-long * 0.22, -half * 0.32, long * 0.22, half * 0.32, scene.paint(flesh), is_("core"))
    for end in (-1, 1):
        scene.disc(end * long * 0.24, 0, half * 0.4, half * 0.8, scene.paint(skin), is_("core"))
        scene.disc(end * long * 0.2, 0, half * 0.3, half * 0.6, scene.paint(flesh * 0.9), is_("core"))
    cup, paper = is_("cup"), on.colour(WHITES)
    for strip, light in enumerate(PLASTIC):
        low, high = (2 * edge / len(PLASTIC) - 1 for edge in (strip, strip + 1.02))
        ys = (half * 0.8 * low, half * 0.8 * high, half * 1.2 * high, half * 1.2 * low)
        xs = (-long * 0.36, -long * 0.36, long * 0.3, long * 0.3)
        scene.polygon(xs, ys, scene.paint(paper * light), cup)
    on.print_on(-long * 0.2, -half * 0.7, long * 0.16, half * 0.7, cup)
    on.tube(long * 0.3, long * 0.4, half * 1.25, coat * 0.3 + 20, PLASTIC, cup & rng.chance(0.6))


PAINTERS = {
    "cardboard": paint_cardboard,
    "glass": paint_glass,
    "metal": paint_metal,
    "paper": paint_paper,
    "plastic": paint_plastic,
    "trash": paint_trash,
}
