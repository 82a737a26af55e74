"""One running maximum or sum for each tap: shift x, combine it with what there is.

    y = maximum(y, x[:, p·d :: s, q·d :: s, :])      for each tap p, q

No window is copied and no padding is made: a tap meets a box of y (see ``boxes``). Backwards the same
boxes are walked again, and what went from x to y goes from dy to dx.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from hwio.pooling.boxes import boxes
from hwio.pooling.reduction import MAX, is_peak

if TYPE_CHECKING:
    from hwio.pooling.reduction import Reduction
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array


def pool_taps(x: Array, geo: Geometry, reduction: Reduction) -> Array:
    """Pool by one running maximum or sum per tap.

    Parameters
    ----------
    x : array, shape (n, *in, c)
    geo : Geometry
    reduction : Reduction

    Returns
    -------
    array, shape (n, *out, c)
        Its axes lie in memory in the order of x's.
    """
    walk = list(boxes(geo))
    y = np.full_like(x, reduction.start(x.dtype), shape=(len(x), *geo.out_size, x.shape[-1]))
    for image in range(len(x)):  # one by one: y stays in the cache from tap to tap
        one, total = x[image : image + 1], y[image : image + 1]
        for outs, cells in walk:
            part = total[outs]
            reduction.ufunc(part, one[cells], out=part)
    return y


def argmax_taps(x: Array, geo: Geometry) -> Array:
    """Find the first maximum of every window; counted through its image, int64 (n, *out, c)."""
    y = pool_taps(x, geo, MAX)
    places = np.full_like(y, -1, np.int64)
    numbers = np.arange(prod(geo.in_size)).reshape(1, *geo.in_size, 1)
    for outs, cells in boxes(geo):
        found = is_peak(x[cells], y[outs]) & (places[outs] < 0)
        np.copyto(places[outs], numbers[cells], where=found)
    return places


def max_grad_taps(x: Array, dy: Array, geo: Geometry, all_ties: bool) -> Array:
    """Send every dy to the maximum of its window, the first or all; shape (n, *in, c)."""
    walk = list(boxes(geo))
    y = pool_taps(x, geo, MAX)
    dx = np.zeros_like(x, dy.dtype)
    finite = dy.dtype.kind in "iu" or bool(np.isfinite(dy).all())
    for image in range(len(x)):
        one, top, given, back = (a[image : image + 1] for a in (x, y, dy, dx))
        waiting = np.ones_like(top, bool)  # windows whose maximum was not met yet
        for outs, cells in walk:
            found = is_peak(one[cells], top[outs])
            if not all_ties:
                found &= waiting[outs]
                waiting[outs] ^= found
            # a product is quicker than a choice, but 0 · Inf is no 0
            share = given[outs] * found if finite else np.where(found, given[outs], 0)
            back[cells] += share  # one tap meets a cell once, so nothing is lost
    return dx


def sum_grad_taps(dy: Array, geo: Geometry) -> Array:
    """Send every dy to each cell of its window; shape (n, *in, c)."""
    dx = np.zeros_like(dy, shape=(len(dy), *geo.in_size, dy.shape[-1]))
    for outs, cells in boxes(geo):
        dx[cells] += dy[outs]
    return dx


def taps_bytes(geo: Geometry, itemsize: int) -> int:
    """Count nothing: y is all there is."""
    del geo, itemsize
    return 0
