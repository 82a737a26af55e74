"""Which windows have a given tap on x: for each tap one box of y and the cells of x it meets.

Output cell o meets input cell o·s - low + t·d with tap t. On one axis the cells o for which that
lies in 0 … n - 1 are a range, so a tap meets a box, and padding never has to exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry

Box = tuple[slice, ...]


def boxes(geo: Geometry) -> Iterator[tuple[Box, Box]]:
    """Yield (cells of y, cells of x) for each tap that meets x, in row-major order of the taps.

    Both are indices of (n, *space, c) arrays and select arrays of the same shape.

    Examples
    --------
    >>> from hwio.shapes.pool_layout import read_pool_layout
    >>> from hwio.shapes.pool_sizes import pool_geometry
    >>> sizes = (1, 4, 1), (3,), (1,), (1,), ((1, 1),)
    >>> geo = pool_geometry(read_pool_layout("NWC", sizes[0]), *sizes, ceil_mode=False)
    >>> for (_, out), (_, cells) in boxes(geo):
    ...     print(out, cells)
    slice(1, 4, None) slice(0, 3, 1)
    slice(0, 4, None) slice(0, 4, 1)
    slice(0, 3, None) slice(1, 4, 1)
    """
    lows = [low for low, _ in geo.padding]
    axes = zip(geo.in_size, geo.kernel, geo.stride, geo.dilation, lows, geo.out_size, strict=True)
    everything = slice(None)
    for taps in product(*(list(axis_boxes(*axis)) for axis in axes)):
        outs, cells = zip(*taps, strict=True)
        yield (everything, *outs), (everything, *cells)


def axis_boxes(n: int, k: int, s: int, d: int, low: int, out: int) -> Iterator[tuple[slice, slice]]:
    """Yield (cells of y, cells of x) of one axis for each tap that meets x."""
    first = max(0, -(-(low - (out - 1) * s) // d))  # taps before it never reach x,
    behind = min(k, (n - 1 + low) // d + 1)  # nor do these and later ones
    for tap in range(first, behind):
        shift = tap * d - low  # window 0 meets this cell
        start, stop = max(0, -(shift // s)), min(out, (n - 1 - shift) // s + 1)
        if start < stop:
            cell = start * s + shift
            yield slice(start, stop), slice(cell, cell + (stop - start - 1) * s + 1, s)
