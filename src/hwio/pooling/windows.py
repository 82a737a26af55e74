"""All windows at once: a strided view of padded x, reduced over its taps.

    windows(x)  (n, *out, *kernel, c)  ->  max over the taps  (n, *out, c)

The view costs nothing; padding costs a copy of x. Backwards an array of the same view holds where
each cell came from, and ``np.add.at`` adds up what several windows send to one cell. That takes an
index for every tap of every window: a way to read, not to run.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.pooling.reduction import MAX, is_peak
from hwio.shapes.windows import windows

if TYPE_CHECKING:
    from hwio.pooling.reduction import Reduction
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array


def pool_windows(x: Array, geo: Geometry, reduction: Reduction) -> Array:
    """Pool by reducing a view of every window.

    Parameters
    ----------
    x : array, shape (n, *in, c)
    geo : Geometry
    reduction : Reduction

    Returns
    -------
    array, shape (n, *out, c)
    """
    views = windows(_padded(x, geo, reduction.start(x.dtype)), geo)  # (n, *out, *kernel, c)
    y: Array = reduction.ufunc.reduce(views, axis=_taps(geo))
    return y


def argmax_windows(x: Array, geo: Geometry) -> Array:
    """Find the first maximum of every window; counted through its image, int64 (n, *out, c)."""
    found = _flat(_peaks(x, geo, all_ties=False), geo)  # (n, *out, taps, c)
    numbers = np.arange(prod(geo.in_size)).reshape(1, *geo.in_size, 1)
    places = _flat(windows(_padded(numbers, geo, -1), geo), geo)  # (1, *out, taps, 1)
    first = found.argmax(axis=-2, keepdims=True)
    places = np.broadcast_to(places, found.shape)
    return np.take_along_axis(places, first, axis=-2)[..., 0, :]


def max_grad_windows(x: Array, dy: Array, geo: Geometry, all_ties: bool) -> Array:
    """Send every dy to the maximum of its window, the first or all; shape (n, *in, c)."""
    return _scattered(_peaks(x, geo, all_ties), dy, geo)


def sum_grad_windows(dy: Array, geo: Geometry) -> Array:
    """Send every dy to each cell of its window; shape (n, *in, c)."""
    return _scattered(_real(geo, (len(dy), *geo.in_size, dy.shape[-1])) >= 0, dy, geo)


def _peaks(x: Array, geo: Geometry, all_ties: bool) -> Array:
    """Tell which taps hold the maximum of their window; bool (n, *out, *kernel, c)."""
    views = windows(_padded(x, geo, MAX.start(x.dtype)), geo)
    y = MAX.ufunc.reduce(views, axis=_taps(geo), keepdims=True)
    found = is_peak(views, y) & (_real(geo, x.shape) >= 0)  # padding may equal it, and never counts
    if not all_ties:
        flat = _flat(found, geo)
        flat &= np.cumsum(flat, axis=-2) == 1
        found = flat.reshape(found.shape)
    return found


def _scattered(found: Array, dy: Array, geo: Geometry) -> Array:
    """Add every dy to the cells that its window's taps came from, where found."""
    dx = np.zeros((len(dy), *geo.in_size, dy.shape[-1]), dy.dtype)
    spread = dy.reshape(*dy.shape[:-1], *(1,) * geo.ndim, dy.shape[-1])  # (n, *out, 1, 1, c)
    spread = np.broadcast_to(spread, found.shape)
    np.add.at(dx.reshape(-1), _real(geo, dx.shape)[found], spread[found])
    return dx


def _real(geo: Geometry, shape: tuple[int, ...]) -> Array:
    """Return where in x each tap of each window is, -1 in the padding; (n, *out, *kernel, c)."""
    return windows(_padded(np.arange(prod(shape)).reshape(shape), geo, -1), geo)


def _padded(x: Array, geo: Geometry, fill: Any) -> Array:
    """Surround x by padding that holds one number; in one stretch of memory, so that sums keep bits."""
    grown = np.full((len(x), *geo.padded_size, x.shape[-1]), fill, x.dtype)
    pairs = zip(geo.padding, geo.in_size, strict=True)
    grown[(slice(None), *(slice(low, low + size) for (low, _), size in pairs))] = x
    return grown


def _flat(views: Array, geo: Geometry) -> Array:
    """Join the axes of the taps into one; (n, *out, taps, c)."""
    return views.reshape(*views.shape[: geo.ndim + 1], prod(geo.kernel), views.shape[-1])


def _taps(geo: Geometry) -> tuple[int, ...]:
    """Return the axes of the taps."""
    return tuple(range(geo.ndim + 1, 2 * geo.ndim + 1))


def windows_bytes(geo: Geometry, itemsize: int) -> int:
    """Count padded x."""
    return geo.n * prod(geo.padded_size) * geo.in_channels * itemsize
