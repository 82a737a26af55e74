"""The definition, backwards: every output number scatters into its window.

Forward, y[n, i, j, k] sums window · w[..., k]. So a small change of one number of the window changes
y by its weight, and a small change of a weight changes y by the number that it met:

    dx[n, window of i, j, :] += w[..., k] · dy[n, i, j, k]
    dw[..., k]               += x[n, window of i, j, :] · dy[n, i, j, k]
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array


def dx_loop(dy: Array, w: Array, geo: Geometry) -> Array:
    """Scatter every number of dy into its window, weighted.

    Parameters
    ----------
    dy : array, shape (n, *out, o)
    w : array, shape (*kernel, c, o)
    geo : Geometry

    Returns
    -------
    array, shape (n, *padded, c)
    """
    dx = np.zeros((dy.shape[0], *geo.padded_size, w.shape[-2]), dy.dtype)
    for image, k in product(range(dy.shape[0]), range(dy.shape[-1])):
        for cell, window in _windows(geo):
            dx[(image, *window)] += w[..., k] * dy[(image, *cell, k)]  # (*kernel, c)
    return dx


def dw_loop(x: Array, dy: Array, geo: Geometry) -> Array:
    """Add every window to the filter's gradient, weighted by its number of dy.

    Parameters
    ----------
    x : array, shape (n, *padded, c)
    dy : array, shape (n, *out, o)
    geo : Geometry

    Returns
    -------
    array, shape (*kernel, c, o)
    """
    dw = np.zeros((*geo.kernel, x.shape[-1], dy.shape[-1]), dy.dtype)
    for image, k in product(range(dy.shape[0]), range(dy.shape[-1])):
        for cell, window in _windows(geo):
            dw[..., k] += x[(image, *window)] * dy[(image, *cell, k)]  # (*kernel, c)
    return dw


def _windows(geo: Geometry) -> Iterator[tuple[tuple[int, ...], tuple[Any, ...]]]:
    """Yield each output cell with the slice of x that it sees."""
    for cell in product(*map(range, geo.out_size)):
        corner = (i * s for i, s in zip(cell, geo.stride, strict=True))
        yield (
            cell,
            tuple(
                slice(at, at + reach, d)
                for at, reach, d in zip(corner, geo.reach, geo.dilation, strict=True)
            ),
        )


def loop_bytes(geo: Geometry, itemsize: int) -> int:
    """Count one slice times one number."""
    return geo.depth * itemsize
