"""The style of the figures."""

from itertools import combinations

import numpy as np
import pytest


def seen_as(rgb: np.ndarray, kind: str) -> np.ndarray:
    """CIE Lab of linear RGB as seen with full deuteranopia or protanopia (Machado, Oliveira and Fernandes 2009)."""
    sight = {
        "normal": np.eye(3),
        "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
        "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    }[kind]
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.clip(to_xyz @ np.clip(sight @ rgb, 0, 1), 1e-4, None) / to_xyz.sum(axis=1))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("kind", ["normal", "deuteranopia", "protanopia"])
def test_the_palette_can_be_told_apart_without_colour_vision(kind):
    import matplotlib as mpl
    import matplotlib.style

    with mpl.rc_context(), mpl.style.context("course_utils.course"):
        cycle = list(mpl.rcParams["axes.prop_cycle"])
    shades = [np.array(mpl.colors.to_rgb(entry["color"])) ** 2.2 for entry in cycle]
    for a, b in combinations(range(len(cycle)), 2):
        apart = np.linalg.norm(seen_as(shades[a], kind) - seen_as(shades[b], kind))
        assert apart > 10, (cycle[a], cycle[b])
    assert len({entry["linestyle"] for entry in cycle[:4]}) == 4
