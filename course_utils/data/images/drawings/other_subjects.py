"""House, tree, boat and the empty road: what stands where a vehicle could, in the same streets and colours."""

import numpy as np

from course_utils.data.images.drawings.raster import Scene
from course_utils.data.images.drawings.rng import BatchRng
from course_utils.data.images.drawings.street import SHADOW, jitter, table
from course_utils.data.images.drawings.vehicles import PAINTS

WALLS = {
    "plaster": (214, 200, 176),
    "brick": (164, 92, 72),
    "timber": (128, 100, 76),
    "stone": (150, 148, 142),
} | PAINTS
ROOFS = {
    "gable": ((-0.56, -0.06, 0.06, 0.56), (0, 0.5, 0.5, 0)),
    "hip": ((-0.56, -0.34, 0.34, 0.56), (0, 0.34, 0.34, 0)),
    "flat": ((-0.52, -0.52, 0.52, 0.52), (0, 0.1, 0.1, 0)),
    "shed": ((-0.55, -0.55, 0.5, 0.56), (0, 0.42, 0.1, 0)),
}
CROWNS = ("round", "oak", "spruce", "poplar")
HULLS = {
    "sailing boat": ((-0.46, -0.5, 0.5, 0.36), (0, 1, 1.15, 0)),
    "motor boat": ((-0.48, -0.5, 0.5, 0.3), (0, 0.9, 1.25, 0)),
    "fishing boat": ((-0.4, -0.5, 0.5, 0.4), (0, 1.05, 1.4, 0)),
    "barge": ((-0.44, -0.5, 0.5, 0.44), (0, 1, 1, 0)),
}


def paint_house(scene: Scene, rng: BatchRng) -> None:
    """Paint a house: walls, roof, door, windows, and a chimney or a garage."""
    wide = rng.keep("length", rng.between(24.0, 46.0))
    high = rng.keep("height", rng.between(11.0, 20.0))
    roof = rng.pick(tuple(ROOFS), "body")
    colour = jitter(rng, table(WALLS, rng.pick(tuple(WALLS), "body_colour")), 14)
    wall, dim = scene.paint(colour), scene.paint(colour * 0.72)
    tiles = scene.paint(jitter(rng, table(PAINTS, rng.pick(("red", "brown", "black", "silver", "teal"))), 14) * 0.9)
    lit = rng.chance(0.4, "lit_inside")
    pane = np.where(lit[:, None], (226.0, 204.0, 140.0), np.asarray((92.0, 112.0, 128.0)))
    glass = scene.paint(pane + rng.between(-40, 30)[:, None], glow=lit * 0.9)
    frame = scene.paint(jitter(rng, np.full((scene.n, 3), 220.0), 24))
    scene.disc(0, 0, wide * 0.54, 1.4, scene.paint(SHADOW))
    stack = wide * rng.between(-0.3, 0.3)
    outline = table(ROOFS, roof)
    scene.box(stack - 1.6, high, stack + 1.6, high + wide * 0.42, dim, rng.chance(0.5) & (roof < 2))
    scene.box(-wide / 2, 0, wide / 2, high, wall)
    scene.box(-wide / 2, 0, wide / 2, 1.4, dim)
    scene.polygon([wide * x for x in outline[:, 0].T], [high + wide * y * 0.8 for y in outline[:, 1].T], tiles)

    count = 2 + rng.number((0, 1, 2, 3))
    rng.keep("windows", count - 1)
    door, size = rng.number((0, 1, 2, 3, 4, 5)) % count, rng.between(2.0, 3.2)
    foot, top = high * rng.between(0.36, 0.48), high * rng.between(0.76, 0.9)
    oak = scene.paint(jitter(rng, table(PAINTS, rng.pick(tuple(PAINTS))), 14) * 0.8)
    for window in range(5):
        x, shown = wide * (-0.5 + (window + 0.5) / count), window < count
        half = np.minimum(size, wide / count * 0.36)
        scene.box(x - half - 0.6, foot - 0.6, x + half + 0.6, top + 0.6, frame, shown & (window != door))
        scene.box(x - half, foot, x + half, top, glass, shown & (window != door))
        scene.box(x - 0.3, foot, x + 0.3, top, frame, shown & (window != door))
        scene.box(x - half, 0, x + half, top, oak, shown & (window == door))
    garage = rng.chance(0.3)
    scene.box(wide * 0.5, 0, wide * 0.5 + 12, high * 0.7, wall, garage)
    scene.box(wide * 0.5 + 1.5, 0, wide * 0.5 + 10.5, high * 0.55, frame, garage)


def paint_tree(scene: Scene, rng: BatchRng) -> None:
    """Paint one to three trees of one sort."""
    sort = rng.pick(CROWNS, "body")
    count = 1 + rng.number((0, 0, 1, 1, 2))
    high = rng.keep("height", rng.between(20.0, 36.0))
    wide = rng.keep("length", high * rng.between(0.5, 0.9) * np.asarray((1.0, 1.2, 0.8, 0.45))[sort])
    leaves = {"green": (64, 108, 56), "olive": (112, 122, 62), "autumn": (188, 118, 48), "red": (150, 66, 50)}
    colour = jitter(rng, table(leaves, rng.pick(tuple(leaves), "body_colour")), 18)
    leaf, dim, light = scene.paint(colour), scene.paint(colour * 0.72), scene.paint(colour * 0.85 + 34)
    bark = scene.paint(jitter(rng, np.full((scene.n, 3), (96.0, 74.0, 56.0)), 18))
    shadow = scene.paint(SHADOW)
    needles = sort == 2
    for tree in range(3):
        shown, x = tree < count, (tree + 1) // 2 * (1 - 2 * (tree % 2)) * rng.between(11, 18)
        tall = high * rng.between(0.7, 1.0)
        half, stem = wide / 2 * rng.between(0.8, 1.0), tall * rng.between(0.2, 0.36)
        scene.disc(x, 0, half, 1.2, shadow, shown)
        scene.box(x - tall * 0.045, 0, x + tall * 0.045, stem + tall * 0.2, bark, shown)
        broad = shown & ~needles
        rise = (tall - stem) / 2
        scene.disc(x, stem + rise, half * 0.8, rise, dim, broad)
        for part in range(4):
            dx, dy = rng.between(-0.5, 0.5) * half, rng.between(-0.5, 0.6) * rise
            paint = (leaf, leaf, dim, light)[part]
            scene.disc(x + dx, stem + rise + dy, half * (0.6 - 0.08 * part), rise * (0.5 - 0.06 * part), paint, broad)
        for tier in range(3):
            foot = stem * 0.6 + (tall - stem * 0.6) * tier * 0.26
            span = half * (1 - 0.25 * tier)
            scene.polygon(
                (x - span, x, x + span), (foot, foot + tall * 0.48, foot), (dim, leaf, light)[tier], shown & needles
            )


def paint_boat(scene: Scene, rng: BatchRng) -> None:
    """Paint a boat, on its own strip of water or ashore on two stands."""
    long = rng.keep("length", rng.between(34.0, 50.0))
    hull = rng.pick(tuple(HULLS), "body")
    deck = rng.keep("height", long * rng.between(0.13, 0.2))
    afloat = rng.chance(0.5, "afloat")
    colour = jitter(rng, table(PAINTS, rng.pick(tuple(PAINTS), "body_colour")), 14)
    paint, dim = scene.paint(colour), scene.paint(colour * 0.7)
    white = scene.paint(jitter(rng, np.full((scene.n, 3), 218.0), 24))
    glass, rope = scene.paint(jitter(rng, np.full((scene.n, 3), 106.0), 40)), scene.paint((70, 62, 56))
    water = jitter(rng, np.full((scene.n, 3), (70.0, 116.0, 144.0)), 16)
    lift = np.where(afloat, 0.0, rng.between(1.5, 4.0))
    sailing = hull == 0
    scene.disc(0, 0, long * 0.5, 1.2, scene.paint(SHADOW), ~afloat)
    for stand in (-0.26, 0.18):
        scene.box(long * stand, 0, long * (stand + 0.06), lift + 1, rope, ~afloat)
    mast, boom = lift + deck + long * rng.between(0.5, 0.7), lift + deck * 1.5
    scene.box(-0.5, lift + deck, 0.5, mast, rope, sailing | rng.chance(0.3))
    sail = scene.paint(jitter(rng, table(PAINTS, rng.pick(tuple(PAINTS))), 14) * 0.4 + 140)
    hoisted = sailing & rng.chance(0.75)
    scene.polygon((-0.9, -0.9, -long * 0.42), (boom, mast - 1, boom), sail, hoisted)
    scene.polygon((0.9, 0.9, long * 0.4), (boom, mast - 3, boom), white, hoisted)
    room, back = rng.between(0.2, 0.5) * long, rng.between(-0.36, -0.06) * long
    roof = lift + deck + long * rng.between(0.1, 0.2)
    housed = ~sailing
    scene.polygon((back, back, back + room * 0.8, back + room), (lift + deck, roof, roof, lift + deck), white, housed)
    windows = 2 + rng.number((0, 1, 2))
    for window in range(4):
        left = back + room * (0.08 + 0.84 * window / windows)
        sill = lift + deck + (roof - lift - deck) * 0.4
        scene.box(left, sill, left + room * 0.5 / windows, roof - 1, glass, housed & (window < windows))
    outline = table(HULLS, hull)
    xs, ys = [long * x for x in outline[:, 0].T], [lift + deck * y for y in outline[:, 1].T]
    scene.polygon(xs, ys, paint)
    scene.polygon((xs[0], xs[0] - 0.4, xs[3] + 0.8, xs[3]), (lift, lift + deck * 0.3, lift + deck * 0.3, lift), dim)
    scene.box(xs[1] + 1, lift + deck * 0.74, long * 0.42, lift + deck * 0.86, white)
    rng.keep("windows", np.where(housed, windows, 0))
    sea, foam = scene.paint(water), scene.paint(water + 40)
    scene.box(-80, 1.2, 80, -4, sea, afloat)
    scene.box(-long * 0.5, 1.0, long * 0.45, 1.8, foam, afloat)
    scene.box(rng.between(-30, 0), -1.8, rng.between(2, 30), -2.4, foam, afloat)


def paint_road(scene: Scene, rng: BatchRng) -> None:
    """Paint the road's empty stretch: at the most a cone or a patch of new tar."""
    cone, x = rng.chance(0.3), rng.between(-26, 26)
    patch = rng.chance(0.4)
    scene.box(x - 14, -1.2, x + rng.between(-8, 10), -3, scene.paint((74, 74, 78)), patch)
    orange = scene.paint((214, 104, 40))
    scene.polygon((-x - 1.8, -x - 0.3, -x + 0.3, -x + 1.8), (0, 5, 5, 0), orange, cone)
    scene.box(-x - 1.1, 2, -x + 1.1, 3.2, scene.paint((230, 226, 220)), cone)
