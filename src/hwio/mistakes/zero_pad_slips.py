"""Mistakes in zero_pad."""

from __future__ import annotations

import numpy as np

from hwio.mistakes.layer import grow
from hwio.mistakes.mistake import Mistake

_SIDES = (
    "Print one image and one channel of the result, X_pad[0, :, :, 0]: on which sides are zeros?"
)
_AXES = "Compare both shapes axis by axis. Which axes of (m, n_H, n_W, n_C) are those of a picture?"
_VALUE = "Print one channel of the result, X_pad[0, :, :, 0]. What stands around the picture?"
_PAGE = "reference/padding.md"

ZERO_PAD = (
    Mistake(
        key="pad-every-axis",
        function="zero_pad",
        name="all four axes are padded, the images and the channels too",
        hint=_AXES,
        page=_PAGE,
        slip=lambda c: np.pad(c.x, c.pad),
    ),
    Mistake(
        key="pad-images-and-rows",
        function="zero_pad",
        name="the first two axes are padded, images and rows, not rows and columns",
        hint=_AXES,
        page=_PAGE,
        slip=lambda c: np.pad(c.x, [(c.pad, c.pad)] * 2 + [(0, 0)] * 2),
    ),
    Mistake(
        key="pad-columns-and-channels",
        function="zero_pad",
        name="the last two axes are padded, columns and channels, not rows and columns",
        hint=_AXES,
        page=_PAGE,
        slip=lambda c: np.pad(c.x, [(0, 0)] * 2 + [(c.pad, c.pad)] * 2),
    ),
    Mistake(
        key="pad-rows-only",
        function="zero_pad",
        name="rows are padded, columns are not",
        hint=_SIDES,
        page=_PAGE,
        slip=lambda c: grow(c, (c.pad, c.pad), (0, 0)),
    ),
    Mistake(
        key="pad-columns-only",
        function="zero_pad",
        name="columns are padded, rows are not",
        hint=_SIDES,
        page=_PAGE,
        slip=lambda c: grow(c, (0, 0), (c.pad, c.pad)),
    ),
    Mistake(
        key="pad-before-only",
        function="zero_pad",
        name="zeros stand above and on the left only",
        hint=_SIDES,
        page=_PAGE,
        slip=lambda c: grow(c, (c.pad, 0), (c.pad, 0)),
    ),
    Mistake(
        key="pad-after-only",
        function="zero_pad",
        name="zeros stand below and on the right only",
        hint=_SIDES,
        page=_PAGE,
        slip=lambda c: grow(c, (0, c.pad), (0, c.pad)),
    ),
    Mistake(
        key="pad-all-before",
        function="zero_pad",
        name="all zeros stand above and on the left, twice as many as should",
        hint=_SIDES,
        page=_PAGE,
        slip=lambda c: grow(c, (2 * c.pad, 0), (2 * c.pad, 0)),
    ),
    Mistake(
        key="pad-all-after",
        function="zero_pad",
        name="all zeros stand below and on the right, twice as many as should",
        hint=_SIDES,
        page=_PAGE,
        slip=lambda c: grow(c, (0, 2 * c.pad), (0, 2 * c.pad)),
    ),
    Mistake(
        key="pad-doubled",
        function="zero_pad",
        name="each side has twice as many zeros as it should",
        hint="Count the rows of zeros above the picture, for pad = 1.",
        page=_PAGE,
        slip=lambda c: grow(c, (2 * c.pad, 2 * c.pad), (2 * c.pad, 2 * c.pad)),
    ),
    Mistake(
        key="pad-always-one",
        function="zero_pad",
        name="there is always one row and column of zeros, whatever pad says",
        hint="Try pad = 0 and pad = 2. What in your function depends on pad?",
        page=_PAGE,
        slip=lambda c: grow(c, (1, 1), (1, 1)),
    ),
    Mistake(
        key="pad-with-ones",
        function="zero_pad",
        name="ones stand around the picture, not zeros",
        hint=_VALUE,
        page=_PAGE,
        slip=lambda c: grow(c, *c.padding, value=1.0),
    ),
    Mistake(
        key="pad-with-edge",
        function="zero_pad",
        name="the border is repeated around the picture, there are no zeros",
        hint=_VALUE,
        page="reference/padding.md#what-stands-in-the-padding",
        slip=lambda c: np.pad(c.x, ((0, 0), *c.padding, (0, 0)), mode="edge"),
    ),
    Mistake(
        key="pad-mirrored",
        function="zero_pad",
        name="the picture is mirrored around itself, there are no zeros",
        hint=_VALUE,
        page="reference/padding.md#what-stands-in-the-padding",
        slip=lambda c: np.pad(c.x, ((0, 0), *c.padding, (0, 0)), mode="reflect"),
    ),
    Mistake(
        key="pad-over-picture",
        function="zero_pad",
        name="the zeros overwrite the border of the picture instead of standing around it",
        hint="Compare both shapes: by how much should the picture grow?",
        page=_PAGE,
        slip=lambda c: _overwritten(c.x, c.pad),
    ),
    Mistake(
        key="pad-nothing",
        function="zero_pad",
        name="the picture comes back as it was",
        hint="Compare both shapes. Is the array that you return the one you padded?",
        page=_PAGE,
        slip=lambda c: c.x,
    ),
)


def _overwritten(x: np.ndarray, pad: int) -> np.ndarray:
    """Keep the inside alone."""
    result = np.zeros_like(x)
    inside = slice(pad, -pad or None), slice(pad, -pad or None)
    result[:, *inside] = x[:, *inside]
    return result
