"""Renders letters of many scripts from the fonts that come with Matplotlib, each time bent and inked in another way."""

from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib import get_data_path
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

SIDE = 56  # pixels of an image
MOST = 24  # letters of a script
AT_ONCE = 1000  # glyphs
VERSIONS = 20  # renderings of a letter, as many as people drew each of Omniglot's
ROOM = 80  # pixels a side of a glyph before it is bent
GLYPH = 56  # of these, the longer side of its ink
ALIKE = 0.9  # the correlation of two glyphs that are taken for one, such as A and the Greek alpha
FONTS = ("DejaVuSans", "DejaVuSerif", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSans-Bold", "DejaVuSerif-Italic")
FRAKTUR = "STIXGeneral"
# Unicode's code points of each script's letters, and of signs that are no letters but as different from each other.
SCRIPTS: dict[str, tuple[int, int]] = {
    "Latin": (0x61, 0x7B),
    "Capitals": (0x41, 0x5B),
    "Greek": (0x3B1, 0x3CA),
    "Cyrillic": (0x430, 0x450),
    "Armenian": (0x561, 0x587),
    "Georgian": (0x10D0, 0x10F1),
    "Hebrew": (0x5D0, 0x5EB),
    "Arabic": (0x621, 0x64B),
    "Lao": (0xE81, 0xEAF),
    "Tifinagh": (0x2D30, 0x2D66),
    "Lisu": (0xA4D0, 0xA4F8),
    "Old Italic": (0x10300, 0x10320),
    "N'Ko": (0x7CA, 0x7EB),
    "Ogham": (0x1681, 0x169B),
    "Syllabics": (0x1401, 0x1450),
    "Fraktur": (0x1D504, 0x1D538),
    "Phonetic": (0x250, 0x2A0),
    "Operators": (0x2200, 0x2300),
    "Arrows": (0x2190, 0x2200),
    "Dingbats": (0x2701, 0x27BF),
}


def render_letters() -> tuple[Tensor, Tensor, Tensor, Tensor, tuple[str, ...]]:
    """Render every letter VERSIONS times, in fonts that have it.

    A letter is left out that looks nearly like one of an earlier script, and so are those of a script beyond MOST.
    The images are the same every time.

    Returns
    -------
    images : (n, 56, 56) uint8 tensor
        Ink is 255.
    scripts, letters, versions : (n,) int tensors
        The number of each image's script, of its letter in the script, and of the rendering, from 1.
    names : tuple of str
        The scripts.
    """
    glyphs: list[tuple[int, str]] = []
    scripts, letters, versions = [], [], []
    for script, name in enumerate(SCRIPTS):
        for letter, code in enumerate(chosen_letters()[name], 1):
            fonts = [font for font in _fonts(name) if code in _has(font)]
            for version in range(VERSIONS):
                glyphs.append((code, fonts[version % len(fonts)]))
                scripts.append(script)
                letters.append(letter)
                versions.append(version + 1)
    starts = range(0, len(glyphs), AT_ONCE)
    groups = (torch.stack([_glyph(*each) for each in glyphs[start : start + AT_ONCE]]) for start in starts)
    images = torch.cat([_written(group, number) for number, group in enumerate(groups)])
    return images, torch.tensor(scripts), torch.tensor(letters), torch.tensor(versions), tuple(SCRIPTS)


@cache
def chosen_letters() -> dict[str, list[int]]:
    """Choose the letters of each script, as code points, no two of which look the same."""
    seen: list[Tensor] = []
    chosen: dict[str, list[int]] = {}
    for name, (start, stop) in SCRIPTS.items():
        chosen[name] = []
        for code in range(start, stop):
            fonts = [font for font in _fonts(name) if code in _has(font)]
            if not fonts or len(chosen[name]) == MOST:
                continue
            look = look_of(code, fonts[0])
            if not seen or float((torch.stack(seen) @ look).max()) < ALIKE:
                seen.append(look)
                chosen[name].append(code)
    return chosen


def look_of(code: int, font: str) -> Tensor:
    """Describe a glyph by a unit vector (400,); the product of two is the correlation of their thumbnails."""
    small = F.avg_pool2d(_glyph(code, font)[None], ROOM // 20).flatten()
    return F.normalize(small - small.mean(), dim=0)


def _fonts(script: str) -> tuple[str, ...]:
    return (FRAKTUR,) if script == "Fraktur" else FONTS


@cache
def _path(font: str) -> str:
    return str(Path(get_data_path()) / "fonts" / "ttf" / f"{font}.ttf")


@cache
def _has(font: str) -> frozenset[int]:
    return frozenset(FT2Font(_path(font)).get_charmap())


@cache
def _opened(font: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_path(font), GLYPH, layout_engine=ImageFont.Layout.BASIC)


@cache
def _glyph(code: int, font: str) -> Tensor:
    """Render one glyph in the middle of (ROOM, ROOM), its longer side GLYPH pixels: from 0, paper, to 1, ink."""
    sheet = Image.new("L", (3 * ROOM, 3 * ROOM))
    ImageDraw.Draw(sheet).text((ROOM, ROOM), chr(code), fill=255, font=_opened(font))
    box = sheet.getbbox()
    ink = sheet.crop(box)
    scale = GLYPH / max(ink.size)
    ink = ink.resize([max(1, round(side * scale)) for side in ink.size], Image.Resampling.BILINEAR)
    room = Image.new("L", (ROOM, ROOM))
    room.paste(ink, ((ROOM - ink.width) // 2, (ROOM - ink.height) // 2))
    return torch.from_numpy(np.asarray(room, np.float32) / 255)


def _written(glyphs: Tensor, seed: int) -> Tensor:
    """Bend glyphs (n, ROOM, ROOM) and ink them anew: (n, SIDE, SIDE) uint8."""
    random = torch.Generator().manual_seed(seed)
    n = len(glyphs)

    def between(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(n, *shape, generator=random)

    turn, shear = between(-0.25, 0.25), between(-0.3, 0.3)
    across, down = between(0.85, 1.3), between(0.85, 1.3)
    rows = [
        torch.stack([turn.cos() * across, (shear - turn.sin()) * across, between(-0.15, 0.15)], 1),
        torch.stack([turn.sin() * down, turn.cos() * down, between(-0.15, 0.15)], 1),
    ]
    grid = F.affine_grid(torch.stack(rows, 1), [n, 1, SIDE, SIDE], align_corners=False)
    waves = F.interpolate(between(-0.2, 0.2, 2, 4, 4), SIDE, mode="bicubic", align_corners=True)
    bent = F.grid_sample(glyphs[:, None], grid + waves.permute(0, 2, 3, 1), align_corners=False)
    # Blurring and sharpening again at another level makes strokes thicker or thinner.
    blurred = F.avg_pool2d(F.avg_pool2d(bent, 3, stride=1, padding=1), 3, stride=1, padding=1)
    inked = torch.sigmoid(12 * (blurred - between(0.25, 0.6, 1, 1, 1)))
    noisy = inked + 0.05 * torch.randn(inked.shape, generator=random)
    return (255 * noisy).round().clamp(0, 255).to(torch.uint8)[:, 0]
