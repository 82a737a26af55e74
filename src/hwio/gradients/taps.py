"""One matrix product for each tap, and no matrix of windows: the way behind "auto".

    dx[n, p·d :: s, q·d :: s, :] += dy[n] @ w[p, q].T      (pixels, o) (o, c) -> (pixels, c)
    dw[p, q]                     += x[n, p·d :: s, q·d :: s, :].T @ dy[n]

These are the two transposes of ``methods/taps.py``. Images are taken a few at a time, as many as fit
``PIECE``: what is held meanwhile is bounded. Each image's dx is a product of its own, so it has the
same bits in any batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from hwio.methods.im2col import PIECE
from hwio.methods.taps import shift

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array


def dx_taps(dy: Array, w: Array, geo: Geometry) -> Array:
    """Add one product per tap to the cells that the tap looked at.

    Parameters
    ----------
    dy : array, shape (n, *out, o)
    w : array, shape (*kernel, c / groups, o)
    geo : Geometry

    Returns
    -------
    array, shape (n, *padded, c)
    """
    dx = np.zeros((dy.shape[0], *geo.padded_size, geo.in_channels), dy.dtype)
    for images in _pieces(geo, dy.itemsize):
        total, rows = dx[images], np.ascontiguousarray(dy[images])
        rows = rows.reshape(len(rows), geo.pixels, geo.out_channels)
        for tap in product(*map(range, geo.kernel)):
            spots = total[(slice(None), *shift(tap, geo))]  # (n, *out, c)
            if geo.group_channels == 1 < geo.groups:
                spots += _depthwise_shares(rows, w[tap], geo).reshape(spots.shape)
                continue
            for channels, filters in _groups(geo):
                weights = np.ascontiguousarray(w[tap][:, filters].T)  # (o, c)
                share = rows[..., filters] @ weights  # (n, pixels, c)
                spots[..., channels] += share.reshape(*spots.shape[:-1], geo.group_channels)
    return dx


def dw_taps(x: Array, dy: Array, geo: Geometry) -> Array:
    """Compute each tap's gradient by one product per image.

    Parameters
    ----------
    x : array, shape (n, *padded, c)
    dy : array, shape (n, *out, o)
    geo : Geometry

    Returns
    -------
    array, shape (*kernel, c / groups, o)
    """
    dw = np.zeros((*geo.kernel, geo.group_channels, geo.out_channels), dy.dtype)
    for images in _pieces(geo, dy.itemsize):
        rows = np.ascontiguousarray(dy[images])
        cells = len(rows) * geo.pixels
        rows = rows.reshape(cells, geo.out_channels)
        for tap in product(*map(range, geo.kernel)):
            seen = np.ascontiguousarray(x[(images, *shift(tap, geo))])  # (n, *out, c)
            seen = seen.reshape(cells, geo.in_channels)
            if geo.group_channels == 1 < geo.groups:
                split = rows.reshape(cells, geo.groups, geo.group_filters)
                dw[tap][0] += np.einsum("pg,pgm->gm", seen, split).reshape(-1)
                continue
            for channels, filters in _groups(geo):
                dw[tap][:, filters] += seen[:, channels].T @ rows[:, filters]  # (c, o)
    return dw


def _pieces(geo: Geometry, itemsize: int) -> Iterator[slice]:
    """Cut the images into runs whose rows fit ``PIECE``, or of one image."""
    step = _piece(geo, itemsize)
    for start in range(0, geo.n, step):
        yield slice(start, min(start + step, geo.n))


def _piece(geo: Geometry, itemsize: int) -> int:
    """Return the images of one run; the size of one image alone decides."""
    row = max(geo.in_channels, geo.out_channels, 1) * itemsize
    return max(1, PIECE // (geo.pixels * row))


def _depthwise_shares(rows: Array, weights: Array, geo: Geometry) -> Array:
    """Return what one tap sends to each channel from the filters of its own: (n, pixels, c)."""
    if geo.group_filters == 1:
        return rows * weights
    split = rows.reshape(*rows.shape[:2], geo.groups, geo.group_filters)
    shares: Array = (split * weights.reshape(split.shape[2:])).sum(-1)
    return shares


def _groups(geo: Geometry) -> Iterator[tuple[slice, slice]]:
    """Yield each group's channels and filters."""
    c, o = geo.group_channels, geo.group_filters
    for g in range(geo.groups):
        yield slice(g * c, (g + 1) * c), slice(g * o, (g + 1) * o)


def dx_taps_bytes(geo: Geometry, itemsize: int) -> int:
    """Count one piece of dy, its products, and one tap's weights."""
    one = geo.out_channels * (2 if geo.group_channels == 1 else 1) + geo.in_channels
    images = min(geo.n, _piece(geo, itemsize))
    return (images * geo.pixels * one + prod(geo.w_shape[-2:])) * itemsize


def dw_taps_bytes(geo: Geometry, itemsize: int) -> int:
    """Count one piece of dy, one of shifted cells, and one product."""
    images = min(geo.n, _piece(geo, itemsize))
    one = geo.out_channels + geo.in_channels
    return (images * geo.pixels * one + prod(geo.w_shape[-2:])) * itemsize
