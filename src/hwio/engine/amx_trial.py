"""The trial of AMX, run in a process of its own that may die of it.

It convolves numbers whose sums are exact in float32, on shapes with ragged channels, filters and
rows, and compares each output with NumPy's. Then it bounds the error on
ordinary numbers. It prints "right", or what is wrong.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from hwio.engine import amx
from hwio.shapes.geometry import Geometry, out_sizes

if TYPE_CHECKING:
    from hwio.types import Array

Pair = tuple[int, int]
# in, channels, kernel, filters, stride, padding
SHAPES: tuple[tuple[Pair, int, Pair, int, int, int], ...] = (
    ((9, 8), 64, (3, 3), 64, 1, 1),
    ((5, 23), 33, (1, 1), 17, 1, 0),
    ((11, 10), 7, (3, 2), 40, 2, 1),
    ((1, 150), 96, (1, 3), 16, 1, 1),
    ((3, 3), 300, (3, 3), 33, 1, 1),
)
ERRORS = {1: 2.0**-6, 2: 2.0**-14, 3: 2.0**-19}  # of sums of sizes: far above the bounds


def geometry(line: tuple[Pair, int, Pair, int, int, int]) -> Geometry:
    """Return the geometry of one line of the table, for three images."""
    in_size, channels, kernel, filters, stride, padding = line
    pads, strides = ((padding, padding),) * 2, (stride,) * 2
    out = out_sizes(in_size, kernel, strides, (1, 1), pads)
    return Geometry(3, in_size, channels, kernel, filters, out, strides, (1, 1), pads)


def expected(x: Array, w: Array, geo: Geometry) -> Array:
    """Return the convolution in float64, tap by tap."""
    grown = np.pad(x.astype(np.float64), ((0, 0), *geo.padding, (0, 0)))
    y = np.zeros(geo.y_shape)
    (out_h, out_w), (s, t) = geo.out_size, geo.stride
    for i in range(geo.kernel[0]):
        for j in range(geo.kernel[1]):
            rows = grown[:, i : i + s * (out_h - 1) + 1 : s, j : j + t * (out_w - 1) + 1 : t]
            y += rows @ w[i, j].astype(np.float64)
    return y


def trial(kind: str, parts: int) -> str:
    """Return "right", or what is wrong with products of numbers of some parts on tiles."""
    from hwio.engine.launch import split

    if kind == "amx":
        refused = amx.permission()
        if refused:
            return refused
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        geo = geometry(shape)
        whole = (rng.integers(-4, 5, s).astype(np.float32) for s in (geo.x_shape, geo.w_shape))
        plain = (rng.standard_normal(s).astype(np.float32) for s in (geo.x_shape, geo.w_shape))
        for (x, w), exact in ((whole, True), (plain, False)):
            r, sizes = expected(x, w, geo), expected(np.abs(x), np.abs(w), geo)
            y, left = split.run(split.pack(parts, w, None, geo), x, geo, None, kind)
            allowed = 0 if exact else ERRORS[parts] * sizes
            if left is not None or not (np.abs(y - r) <= allowed).all():
                return f"wrong numbers from {parts} parts of {geo.x_shape} and {geo.w_shape}"
    return "right"


def main(kind: str, parts: str) -> None:
    """Print the outcome."""
    sys.stdout.write(trial(kind, int(parts)) + "\n")
