"""The street that every drawing shares: sky, backdrop, field and road behind the subject, and what stands in front."""

import numpy as np

from course_utils.data.images.drawings.raster import SIDE, SIZE, Scene
from course_utils.data.images.drawings.rng import BatchRng
from course_utils.data.images.drawings.settings import SceneSettings

SKIES = {  # colour at the top, colour at the horizon
    "clear": ((86, 142, 214), (186, 214, 236)),
    "pale": ((150, 182, 210), (222, 228, 226)),
    "overcast": ((142, 148, 154), (196, 198, 196)),
    "evening": ((96, 96, 158), (240, 178, 124)),
    "storm": ((78, 88, 104), (148, 154, 158)),
}
FIELDS = {
    "grass": (104, 142, 74),
    "meadow": (146, 160, 84),
    "sand": (206, 182, 132),
    "snow": (226, 230, 234),
    "soil": (134, 108, 84),
    "sea": (72, 120, 148),
}
SHADOW = (46, 46, 50)  # of whatever stands on the ground
ROADS = {"asphalt": (92, 94, 98), "concrete": (164, 162, 156), "dirt": (150, 124, 96), "tar": (62, 64, 70)}
# Eight corners of one piece of the backdrop, across -1 to 1 and up 0 to 1.
PIECES = {
    "hills": ((-1.9, -1.5, -0.9, -0.3, 0.4, 1.0, 1.6, 1.9), (0, 0.3, 0.55, 0.66, 0.64, 0.5, 0.25, 0)),
    "peaks": ((-1.4, -0.9, -0.4, -0.1, 0.1, 0.3, 0.9, 1.4), (0, 0.45, 0.8, 1.3, 1.25, 1.0, 0.5, 0)),
    "town": ((-0.7, -0.7, -0.7, -0.5, 0.5, 0.7, 0.7, 0.7), (0, 0.5, 1.2, 1.2, 1.2, 1.2, 0.5, 0)),
    "roofs": ((-0.8, -0.8, -0.9, -0.3, 0.3, 0.9, 0.8, 0.8), (0, 0.4, 0.5, 0.9, 0.9, 0.5, 0.4, 0)),
    "wood": ((-0.5, -0.9, -1.0, -0.6, 0.6, 1.0, 0.9, 0.5), (0, 0.2, 0.6, 0.95, 1.0, 0.6, 0.2, 0)),
    "open": ((0,) * 8, (0,) * 8),
}
BACKDROP_COLOURS = {
    "hills": (112, 136, 104),
    "peaks": (128, 136, 152),
    "town": (164, 150, 140),
    "roofs": (172, 128, 108),
    "wood": (76, 106, 70),
    "open": (0, 0, 0),
}
FRONTS = ("post", "bush", "trunk", "fence", "sign")
STRIPS = 12  # bands of sky between its two colours


def table(options: dict, option: np.ndarray) -> np.ndarray:
    """Return row `option` of a dictionary's values for every image: (n, ...)."""
    return np.asarray(list(options.values()), float)[option]


def jitter(rng: BatchRng, colour: np.ndarray, by: float) -> np.ndarray:
    """Make a colour (n, 3) lighter or darker, and move each channel a little."""
    light = rng.between(-by, by)
    return np.stack([colour[:, c] + light + rng.between(-by / 2, by / 2) for c in range(3)], 1)


def paint_street(scene: Scene, rng: BatchRng, settings: SceneSettings) -> np.ndarray:
    """Paint everything behind the subject; return the ground's height (n,) in pixels from the top edge."""
    horizon = rng.between(22.0, 36.0, "horizon")
    ground = rng.between(44.0, 53.0, "ground")
    tilt = settings.tilt + rng.between(-2.0, 2.0)
    rng.keep("tilt", tilt)
    paint_sky(scene, rng, horizon, settings)
    scene.stand(SIZE / 2, horizon, tilt=tilt)
    paint_backdrop(scene, rng)

    field = jitter(rng, table(FIELDS, rng.pick(tuple(FIELDS), "field")), 16)
    near = scene.paint(field)
    scene.box(-64, 0, 64, -80, near)
    stripe = scene.paint(field + rng.between(-24, 24)[:, None])
    for _ in range(3):
        across, down, wide = rng.between(-30, 30), rng.between(1, 12), rng.between(4, 26)
        scene.box(across - wide, -down, across + wide, -down - rng.between(0.5, 1.6), stripe)

    scene.stand(SIZE / 2, ground, tilt=tilt)
    top, bottom = rng.between(1.5, 6.0), -rng.between(4.0, 14.0)
    surface = jitter(rng, table(ROADS, rng.pick(tuple(ROADS), "road")), 12)
    kerb = scene.paint(surface + rng.between(-40, 40)[:, None])
    scene.box(-64, top + 0.8, 64, bottom - 0.8, kerb)
    scene.box(-64, top, 64, bottom, scene.paint(surface))
    marked, line = rng.chance(0.55), scene.paint(jitter(rng, np.full((scene.n, 3), 214.0), 20))
    step, start = rng.between(13, 22), rng.between(-40, -24)
    for dash in range(4):
        scene.box(start + dash * step, bottom + 2.4, start + dash * step + 7, bottom + 1.2, line, marked)
    _paint_lamp(scene, rng, top)
    return ground


def paint_sky(scene: Scene, rng: BatchRng, horizon: np.ndarray, settings: SceneSettings) -> None:
    """Paint the sky, its sun and clouds down to the horizon (n,), in pixels from the top edge."""
    high, low = (np.asarray(pair, float) for pair in zip(*SKIES.values(), strict=True))
    sky = rng.pick(tuple(SKIES), "sky")
    drift = jitter(rng, np.zeros((scene.n, 3)), 12)
    strips = STRIPS if settings.style == "painted" else 1
    for strip in range(strips):
        part = strip / STRIPS
        paint = scene.paint(high[sky] * (1 - part) + low[sky] * part + drift)
        scene.samples[:, strip * SIDE // STRIPS * 2 // 3 :] = paint
    scene.stand(0, horizon)
    sun = scene.paint((250, 240, 200), glow=0.9)
    scene.disc(rng.between(4, 60), rng.between(8, 30), *(rng.between(2, 4),) * 2, sun, rng.chance(0.3, "sun"))
    cloud = scene.paint(low[sky] * 0.5 + 128 + rng.between(-30, 0)[:, None])
    clouds = rng.keep("clouds", rng.number((0, 0, 1, 2)) + rng.number((0, 1)))
    for number in range(2):
        x, y, wide = rng.between(0, 64), rng.between(8, 30), rng.between(4, 10)
        scene.disc(x, y, wide, wide * 0.3, cloud, clouds > number)
        scene.disc(x + wide * rng.between(-0.5, 0.5), y + wide * 0.2, wide * 0.5, wide * 0.4, cloud, clouds > number)


def paint_backdrop(scene: Scene, rng: BatchRng) -> None:
    """Paint hills, houses or a wood on the horizon, where the scene's origin is."""
    backdrop = rng.pick(tuple(PIECES), "backdrop")
    outlines, show = table(PIECES, backdrop), backdrop != list(PIECES).index("open")
    colour = jitter(rng, table(BACKDROP_COLOURS, backdrop), 20)
    paints = [scene.paint(colour), scene.paint(colour + rng.between(-26, 26)[:, None])]
    for piece in range(5):
        middle, wide, high = -26 + 13 * piece + rng.between(-5, 5), rng.between(5, 10), rng.between(5, 16)
        xs = [middle + wide * outlines[:, 0, corner] for corner in range(8)]
        ys = [-1 + high * outlines[:, 1, corner] for corner in range(8)]
        scene.polygon(xs, ys, paints[piece % 2], show)


def _paint_lamp(scene: Scene, rng: BatchRng, top: np.ndarray) -> None:
    show, x, high = rng.chance(0.3, "street_lamp"), rng.between(-28, 28), rng.between(22, 34)
    pole, bulb = scene.paint(jitter(rng, np.full((scene.n, 3), 84.0), 20)), scene.paint((255, 236, 170), glow=1)
    scene.box(x - 0.5, top, x + 0.5, high, pole, show)
    scene.box(x, high, x + 5, high + 0.9, pole, show)
    scene.disc(x + 4.6, high - 0.4, 1.5, 0.9, bulb, show)


def paint_front(scene: Scene, rng: BatchRng, settings: SceneSettings, ground: np.ndarray) -> None:
    """Paint something in front of the subject, as wide as the setting `occlusion` asks for."""
    front = rng.pick(FRONTS, "front")
    wide, x = settings.occlusion * rng.between(0.0, 2.0) * SIZE, rng.between(-14, 14)
    shown = wide >= 0.5
    rng.keep("hidden", np.where(shown, wide / SIZE, 0.0))
    rng.factors["front"] = np.where(shown, rng.factors["front"], "none")
    scene.stand(SIZE / 2 + x, ground + rng.between(2.0, 6.0))

    def is_(name: str) -> np.ndarray:
        return shown & (front == FRONTS.index(name))

    grey = scene.paint(jitter(rng, np.full((scene.n, 3), 110.0), 50))
    scene.box(-wide / 2, -3, wide / 2, 40, grey, is_("post"))
    bark, leaf = jitter(rng, np.full((scene.n, 3), (98.0, 76.0, 58.0)), 16), rng.between(-26, 26)[:, None]
    trunk, green = scene.paint(bark), scene.paint(np.asarray((74.0, 104.0, 62.0)) + leaf)
    scene.polygon((-wide * 0.62, -wide * 0.45, wide * 0.45, wide * 0.62), (-4, 60, 60, -4), trunk, is_("trunk"))
    bush, high = is_("bush"), np.minimum(wide, 16) * 0.55 + 3
    scene.disc(0, high * 0.3, wide * 0.6, high * 0.9, green, bush)
    scene.disc(wide * 0.35, high * 0.2, wide * 0.4, high * 0.7, green, bush)
    scene.disc(-wide * 0.4, 0, wide * 0.35, high * 0.6, green, bush)
    fence, plank = is_("fence"), scene.paint(bark + 60)
    for post in range(4):
        left = wide * (post - 2) * 0.62
        scene.box(left, -4, left + wide * 0.25, 13, plank, fence)
    for rail in (3.0, 8.5):
        scene.box(-wide * 1.3, rail, wide * 1.3, rail + 1.5, plank, fence)
    sign, board = is_("sign"), scene.paint(jitter(rng, np.full((scene.n, 3), (196.0, 168.0, 70.0)), 50))
    scene.box(-0.7, -3, 0.7, 9, grey, sign)
    scene.box(-wide / 2, 7, wide / 2, 7 + np.minimum(wide, 16) * 0.8, board, sign)
