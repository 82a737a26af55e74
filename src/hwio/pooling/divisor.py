"""By how much an average divides: the cells of each window.

On one axis window o holds the taps t with ``first ≤ o·s - low + t·d < behind``: all of x, or x with
its padding. A box of cells has the product over its axes. Cells that only ceil mode adds never count.
"""

from __future__ import annotations

from functools import lru_cache, reduce
from math import prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array, Pads


def divisor(geo: Geometry, padding: Pads, count_include_pad: bool) -> Array:
    """Count the cells of every window.

    Parameters
    ----------
    geo : Geometry
    padding : tuple of pairs of int
        As the user gave it.
    count_include_pad : bool
        Whether its cells count.

    Returns
    -------
    float64 array, shape (*out, 1); or (1,) where all windows have the same number

    Examples
    --------
    >>> from hwio.shapes.pool_layout import read_pool_layout
    >>> from hwio.shapes.pool_sizes import pool_geometry
    >>> pads = ((1, 1),)
    >>> geo = pool_geometry(
    ...     read_pool_layout("NWC", (1, 4, 1)), (1, 4, 1), (3,), (1,), (1,), pads, False
    ... )
    >>> divisor(geo, pads, False)[:, 0], divisor(geo, pads, True)
    (array([2., 3., 3., 2.]), array([3.]))
    """
    axes = zip(
        geo.in_size, geo.kernel, geo.stride, geo.dilation, padding, geo.out_size, strict=True
    )
    counts = [_cells(*axis, count_include_pad) for axis in axes]
    if all(each == k for each, k in zip(map(set, counts), ({k} for k in geo.kernel), strict=True)):
        return np.array([float(prod(geo.kernel))])
    return reduce(np.multiply.outer, (np.array(c, np.float64) for c in counts))[..., None]


@lru_cache(maxsize=256)
def _cells(
    n: int, k: int, s: int, d: int, pair: tuple[int, int], out: int, include: bool
) -> tuple[int, ...]:
    """Count the cells of each window on one axis."""
    low, high = pair
    first, behind = (-low, n + high) if include else (0, n)
    starts = (o * s - low for o in range(out))
    return tuple(
        max(0, min(k, -(-(behind - start) // d)) - max(0, -(-(first - start) // d)))
        for start in starts
    )
