"""Enters what a pre-training gave into the companion distribution: weights, manifest and card."""

import argparse
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from course_utils.backbones.companion import IN_CLONE

Figures = Mapping[str, Any]


def ship(run: Path, name: str, licence: str, figures: Figures, folder: Path = IN_CLONE) -> None:
    """Copy a run's weights into the distribution's folder, and enter them in its manifest with their figures."""
    content = (run / f"{name}.safetensors").read_bytes()
    (folder / f"{name}.safetensors").write_bytes(content)
    entry = {
        "file": f"{name}.safetensors",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "licence": licence,
        "card": f"{name}.md",
    }
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest[name] = entry | dict(figures)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def write_card(
    name: str, licence: str, measure: Callable[[Path], Figures], render: Callable[[Figures], str], about: str | None
) -> None:
    """Read the command line, ship a run if one is given, and write the card."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ship", type=Path, metavar="DIR", help="the --out folder of a finished run")
    given = parser.parse_args()
    if given.ship:
        ship(given.ship, name, licence, measure(given.ship))
    figures = json.loads((IN_CLONE / "manifest.json").read_text())[name]
    (IN_CLONE / figures["card"]).write_text(render(figures))
