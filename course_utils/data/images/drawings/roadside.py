"""People and traffic signs, as a street has them beside its cars and trucks."""

import numpy as np

from course_utils.data.images.drawings.raster import Scene
from course_utils.data.images.drawings.rng import BatchRng
from course_utils.data.images.drawings.street import SHADOW, jitter, table
from course_utils.data.images.drawings.vehicles import PAINTS

SKINS = {"pale": (236, 200, 176), "tan": (204, 158, 122), "brown": (150, 104, 74), "dark": (92, 64, 48)}
HAIRS = {"black": (36, 32, 30), "brown": (94, 66, 44), "fair": (200, 170, 110), "grey": (150, 148, 146)}
# A sign's plate, eight corners across and up -1 to 1, its rim's and its face's colour.
PLATES = {
    "limit": (
        (-0.4, -1, -1, -0.4, 0.4, 1, 1, 0.4),
        (-1, -0.4, 0.4, 1, 1, 0.4, -0.4, -1),
        (196, 36, 34),
        (236, 234, 228),
    ),
    "stop": (
        (-0.4, -1, -1, -0.4, 0.4, 1, 1, 0.4),
        (-1, -0.4, 0.4, 1, 1, 0.4, -0.4, -1),
        (232, 228, 222),
        (190, 34, 32),
    ),
    "warning": (
        (-1, -0.6, -0.3, -0.05, 0.05, 0.3, 0.6, 1),
        (-0.8, 0, 0.5, 1, 1, 0.5, 0, -0.8),
        (196, 36, 34),
        (236, 226, 170),
    ),
    "parking": (
        (-0.8, -0.8, -0.8, -0.8, 0.8, 0.8, 0.8, 0.8),
        (-1, -0.5, 0.5, 1, 1, 0.5, -0.5, -1),
        (226, 228, 232),
        (40, 84, 168),
    ),
}


def paint_person(scene: Scene, rng: BatchRng) -> None:
    """Paint someone who stands or walks, about 19 units tall beside a car of 42; the feet are at the origin."""
    tall = rng.keep("height", rng.between(16.0, 21.0) * np.where(rng.chance(0.2, "child"), 0.66, 1.0))
    skin = scene.paint(jitter(rng, table(SKINS, rng.pick(tuple(SKINS))), 10))
    hair = scene.paint(jitter(rng, table(HAIRS, rng.pick(tuple(HAIRS))), 10))
    coat = jitter(rng, table(PAINTS, rng.pick(tuple(PAINTS), "coat_colour")), 16)
    top, sleeve = scene.paint(coat), scene.paint(coat * 0.76)
    leg = jitter(rng, table(PAINTS, rng.pick(("blue", "black", "brown", "silver"))), 16)
    near, far = scene.paint(leg * 0.85), scene.paint(leg * 0.62)
    wide, hip, shoulder = tall * rng.between(0.13, 0.18), tall * 0.46, tall * 0.82
    step = rng.keep("stride", tall * rng.between(0.02, 0.17))
    scene.disc(0, 0, wide + step * 0.6, 0.8, scene.paint(SHADOW))
    for way, paint in ((-1, far), (1, near)):
        foot, joint = way * step, way * wide * 0.22
        half = tall * 0.055
        scene.polygon((foot - half, joint - half, joint + half, foot + half), (0, hip, hip, 0), paint)
    skirt = rng.chance(0.25)
    scene.polygon((-wide * 0.9, -wide * 0.5, wide * 0.5, wide * 0.9), (hip * 0.62, hip, hip, hip * 0.62), top, skirt)
    scene.polygon((-wide * 0.6, -wide * 0.8, wide * 0.8, wide * 0.6), (hip - 0.4, shoulder, shoulder, hip - 0.4), top)
    for way in (-1, 1):
        hand, arm = way * (wide * 0.8 + step * 0.4), way * wide * 0.75
        half = tall * 0.04
        scene.polygon(
            (hand - half, arm - half, arm + half, hand + half),
            (tall * 0.47, shoulder, shoulder, tall * 0.47),
            sleeve,
        )
    bag = rng.chance(0.3, "bag")
    scene.box(wide * 0.6, tall * 0.34, wide * 1.4, tall * 0.48, hair, bag)
    head = tall * 0.088
    scene.disc(0, tall - head, head, head * 1.1, hair)
    scene.disc(head * 0.25, tall - head * 1.25, head * 0.8, head * 0.85, skin)


def paint_sign(scene: Scene, rng: BatchRng) -> None:
    """Paint a traffic sign on its post, about 24 units tall; it stands at the origin."""
    tall, size = rng.keep("height", rng.between(20.0, 27.0)), rng.between(4.0, 5.4)
    kind = rng.pick(tuple(PLATES), "plate")
    across, up, rims, faces = (np.array(column, float) for column in zip(*PLATES.values(), strict=True))
    post = scene.paint(jitter(rng, np.full((scene.n, 3), 128.0), 30))
    rim = scene.paint(jitter(rng, rims[kind], 14), glow=0.25)  # it throws a headlamp's light back
    face = scene.paint(jitter(rng, faces[kind], 14), glow=0.25)
    mark = scene.paint(np.where((kind == 1)[:, None] | (kind == 3)[:, None], (236, 236, 236), (30, 30, 34)), glow=0.25)
    scene.disc(0, 0, 1.6, 0.6, scene.paint(SHADOW))
    scene.box(-0.55, 0, 0.55, tall - size, post)
    middle = tall - size
    for share, paint in ((1.0, rim), (0.74, face)):
        part = size * share
        scene.polygon([part * x for x in across[kind].T], [middle + part * y for y in up[kind].T], paint)
    wide = size * rng.between(0.1, 0.34)
    scene.box(-wide, middle - size * 0.34, wide, middle + size * 0.34, mark)
