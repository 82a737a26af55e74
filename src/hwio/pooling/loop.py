"""The definition: one window at a time.

    y[n, i, j, c] = max of x[n, i·s + p·d - low, j·s + q·d - low, c]    over the taps p, q that meet x

A window is the list of its cells on each axis; ``np.ix_`` crosses the lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.pooling.reduction import MAX, is_peak

if TYPE_CHECKING:
    from hwio.pooling.reduction import Reduction
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array


def pool_loop(x: Array, geo: Geometry, reduction: Reduction) -> Array:
    """Pool with one loop over images and windows.

    Parameters
    ----------
    x : array, shape (n, *in, c)
    geo : Geometry
    reduction : Reduction

    Returns
    -------
    array, shape (n, *out, c)
    """
    y = np.empty((len(x), *geo.out_size, x.shape[-1]), x.dtype)
    for place, window in _windows(geo, len(x)):
        piece = _rows(x[window])  # (cells, c)
        y[place] = reduction.ufunc.reduce(piece, axis=0, initial=reduction.start(x.dtype))
    return y


def argmax_loop(x: Array, geo: Geometry) -> Array:
    """Find the first maximum of every window; counted through its image, int64 (n, *out, c)."""
    places = np.empty((len(x), *geo.out_size, x.shape[-1]), np.int64)
    numbers = np.arange(prod(geo.in_size)).reshape(geo.in_size)
    for place, window in _windows(geo, len(x)):
        piece = _rows(x[window])  # (cells, c)
        places[place] = numbers[window[1:]].reshape(-1)[piece.argmax(axis=0)]
    return places


def max_grad_loop(x: Array, dy: Array, geo: Geometry, all_ties: bool) -> Array:
    """Send every dy to the maximum of its window, the first or all; shape (n, *in, c)."""
    dx = np.zeros(x.shape, dy.dtype)
    for place, window in _windows(geo, len(x)):
        piece = x[window]  # (*cells, c)
        flat = _rows(piece)
        found = is_peak(flat, MAX.ufunc.reduce(flat, axis=0))  # (cells, c)
        if not all_ties:
            found &= np.cumsum(found, axis=0) == 1
        dx[window] += np.where(found, dy[place], 0).reshape(piece.shape).astype(dy.dtype)
    return dx


def sum_grad_loop(dy: Array, geo: Geometry) -> Array:
    """Send every dy to each cell of its window; shape (n, *in, c)."""
    dx = np.zeros((len(dy), *geo.in_size, dy.shape[-1]), dy.dtype)
    for place, window in _windows(geo, len(dy)):
        dx[window] += dy[place]
    return dx


def _windows(geo: Geometry, images: int) -> Iterator[tuple[tuple[int, ...], tuple[Any, ...]]]:
    """Yield the place of each output cell in y, and the index of its window in x."""
    for image, cell in product(range(images), product(*map(range, geo.out_size))):
        axes = zip(cell, geo.in_size, geo.stride, geo.dilation, geo.reach, geo.padding, strict=True)
        lists = [_cells(o * s - low, n, d, reach) for o, n, s, d, reach, (low, _) in axes]
        yield (image, *cell), (image, *np.ix_(*lists))


def _rows(piece: Array) -> Array:
    """Put the cells of a window into one axis; (cells, c)."""
    return piece.reshape(prod(piece.shape[:-1]), piece.shape[-1])


def _cells(start: int, n: int, d: int, reach: int) -> list[int]:
    """List the cells of x that a window meets on one axis."""
    first = start if start >= 0 else start % d  # the first of start, start + d, ... from 0 on
    return list(range(first, min(start + reach, n), d))


def loop_bytes(geo: Geometry, itemsize: int) -> int:
    """Count one window."""
    return geo.depth * geo.in_channels * itemsize
