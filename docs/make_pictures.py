"""Renew the pictures that programs of the repository draw: those in docs/images that are no SVG.

    python docs/make_pictures.py [name ...]

``make_figures.py`` and ``make_story.py`` draw the SVGs, and the tests draw them again; these take
longer and need more (hwio[tour,faces,digits]). Those of the bench are measured, hence another command.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
# What is run in an empty folder, and the pictures that it leaves there.
MADE_BY: dict[str, tuple[str, ...]] = {
    "-m hwio tour --quick --out .": ("filters.png",),
    f"{ROOT / 'examples' / 'find_faces.py'} --out faces.png": ("faces.png",),
    f"{ROOT / 'examples' / 'learn_digits.py'} --out .": (
        "digits-loss.png",
        "digits-filters.png",
        "digits-misread.png",
    ),
}
MEASURED_BY = {"make bench": ("bench-ratios.png", "bench-roofline.png", "bench-sizes.png")}


def main() -> None:
    """Renew the pictures named, or all."""
    wanted = set(sys.argv[1:]) or {name for names in MADE_BY.values() for name in names}
    for command, names in MADE_BY.items():
        if not wanted.isdisjoint(names):
            with tempfile.TemporaryDirectory() as folder:
                subprocess.run([sys.executable, *command.split()], cwd=folder, check=True)
                for name in wanted.intersection(names):
                    shutil.copy(Path(folder) / name, IMAGES / name)


if __name__ == "__main__":
    main()
