"""The tour's last step: a real photograph through a bank of filters, in one call."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from hwio.cli.chapter import Chapter, time_text
from hwio.cli.filters import filter_bank
from hwio.cli.terminal import own_command
from hwio.ops.conv import conv
from hwio.show.compare.timing import measure

if TYPE_CHECKING:
    from pathlib import Path

    from hwio.types import Array

NEEDED = {"skimage": "scikit-image", "matplotlib": "matplotlib", "PIL": "pillow"}
SPOT = (171, 198, 4)  # row, column and filter of the number that is done by hand: a sharp edge


def missing_parts() -> list[str]:
    """Return the packages that the photograph needs and this machine lacks."""
    return [package for module, package in NEEDED.items() if find_spec(module) is None]


def filter_photo(folder: Path) -> Chapter:
    """Convolve scikit-image's astronaut with twelve filters and draw what they answer.

    Parameters
    ----------
    folder : Path
        Where filters.png goes.
    """
    missing = missing_parts()
    if missing:
        lines = [
            f"This step needs {', '.join(missing)}, not installed here; all other steps are done.",
            f'To see it:  pip install "hwio[tour]"   and again:  {own_command()} tour',
        ]
        return Chapter(lines, {"missing": missing})
    from hwio.cli.picture import draw

    x = _half(_astronaut())  # (1, 256, 256, 3)
    bank = filter_bank()
    y = conv(x, bank.w, bank.b, padding="same", padding_mode="symmetric")  # (1, 256, 256, 12)
    seconds = measure(
        [lambda: conv(x, bank.w, bank.b, padding="same", padding_mode="symmetric")],
        runs=3,
        seconds=0.01,
    )[0].median
    path = folder / "filters.png"
    draw(x[0], bank, y[0], path)
    i, j, k = SPOT
    window = x[0, i - 4 : i + 5, j - 4 : j + 5]  # (9, 9, 3)
    by_hand = float(np.sum(window * bank.w[:, :, :, k]) + bank.b[k])
    products = y.size * bank.w[..., 0].size
    lines = [
        "Now the same call on something to look at: Eileen Collins, astronaut, photographed by NASA",
        "(public domain; scikit-image brings the file). First the photo is shrunk by half, which is",
        "a convolution too: a 2 × 2 mean, stride 2, each colour on its own (groups=3).",
        "",
        "    x = hwio.conv(photo, np.full((2, 2, 1, 3), 0.25), stride=2, groups=3)",
        '    y = hwio.conv(x, w, b, padding="same", padding_mode="symmetric")',
        "",
        f"    x  {x.shape!s:<18}  NHWC   one photo, red, green and blue",
        f"    w  {bank.w.shape!s:<18}  HWIO   twelve filters of 9 × 9 taps on 3 colours",
        f"    y  {y.shape!s:<18}  NHWC   twelve answers, one channel per filter",
        "",
        f"{products / 1e6:.0f} million products in {time_text(seconds)}. Nothing here was trained: blur, edges, spots,",
        "stripes and colours are written down as numbers in w, and filter k is w[:, :, :, k].",
        f"One number by hand, y[0, {i}, {j}, {k}] on the rim of the helmet, where white lies under black:",
        f"    np.sum(x[0, {i - 4}:{i + 5}, {j - 4}:{j + 5}] * w[..., {k}]) + b[{k}]  =  {by_hand:.4f}",
        f"hwio.conv says {y[0, i, j, k]:.4f}, close to 1, the most that edge filter can give.",
        "",
        f"The photo, the filters and their answers are drawn in {path}",
    ]
    facts = {"x": x.shape, "w": bank.w.shape, "y": y.shape, "seconds": seconds, "names": bank.names}
    return Chapter(lines, {**facts, "by_hand": by_hand, "value": y[0, i, j, k]}, (path,))


def _astronaut() -> Array:
    """Return the photograph, float32 (1, 512, 512, 3), 0 to 1."""
    from skimage import data

    pixels: Array = data.astronaut()  # (512, 512, 3), 8 bits
    return (pixels.astype(np.float32) / 255)[None]


def _half(photo: Array) -> Array:
    """Shrink by half: the mean of 2 × 2 pixels, each colour on its own."""
    mean = np.full((2, 2, 1, photo.shape[-1]), 0.25, np.float32)
    return conv(photo, mean, stride=2, groups=photo.shape[-1])
