"""One matrix product for each tap, and no matrix of windows: the way behind "auto".

    dx[n, p·d :: s, q·d :: s, :] += dy[n] @ w[p, q].T      (pixels, o) (o, c) -> (pixels, c)
    dw[p, q]                     += x[n, p·d :: s, q·d :: s, :].T @ dy[n]

These are the two transposes of ``methods/taps.py``. Where channels are few, a run of taps makes one
product: thin matrices are slow. Images are taken a few at a time, as many as fit
``PIECE``: what is held meanwhile is bounded. Each image's dx is a product of its own, so it has the
same bits in any batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.methods.im2col import PIECE
from hwio.methods.taps import shift
from hwio.shapes.windows import windows

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

COLUMNS = 64  # of a product: fewer channels than that are taken for several taps at once


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
        for lead, run in _runs(geo):
            if geo.group_channels == 1 < geo.groups:
                spots = total[(slice(None), *shift((*lead, run.start), geo))]  # (n, *out, c)
                spots += _depthwise_shares(rows, w[lead][run], geo).reshape(spots.shape)
                continue
            for channels, filters in _groups(geo):
                weights = w[lead][run][..., filters]  # (run, c, o)
                columns = weights.reshape(len(weights) * geo.group_channels, geo.group_filters).T
                shares = rows[..., filters] @ np.ascontiguousarray(columns)  # (n, pixels, run·c)
                shape = (len(rows), *geo.out_size, len(weights), geo.group_channels)
                shares = shares.reshape(shape)
                for at in range(len(weights)):
                    where: Any = (slice(None), *shift((*lead, run.start + at), geo), channels)
                    total[where] += shares[..., at, :]
    return dx


def dw_taps(x: Array, dy: Array, geo: Geometry) -> Array:
    """Compute each tap's gradient by one product for each piece of the images.

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
        views = windows(x[images], geo)  # (n, *out, *kernel, c)
        for lead, run in _runs(geo):
            where: Any = (..., *lead, run, slice(None))
            seen = views[where]  # (n, *out, run, c)
            seen = np.ascontiguousarray(seen).reshape(cells, seen.shape[-2], geo.in_channels)
            if geo.group_channels == 1 < geo.groups:
                split = rows.reshape(cells, geo.groups, geo.group_filters)
                dw[lead][run][0, 0] += np.einsum("pg,pgm->gm", seen[:, 0], split).reshape(-1)
                continue
            for channels, filters in _groups(geo):
                own = seen[..., channels].reshape(cells, seen.shape[1] * geo.group_channels)
                part = own.T @ rows[:, filters]  # (run·c, o)
                shape = (seen.shape[1], geo.group_channels, geo.group_filters)
                dw[lead][run][..., filters] += part.reshape(shape)
    return dw


def _runs(geo: Geometry) -> Iterator[tuple[tuple[int, ...], slice]]:
    """Yield the taps in runs along the last axis: few channels make thin products, run by run."""
    step = max(1, COLUMNS // max(geo.in_channels, 1)) if geo.groups == 1 else 1
    *leading, last = geo.kernel
    for lead in product(*map(range, leading)):
        for start in range(0, last, step):
            yield lead, slice(start, min(start + step, last))


def _pieces(geo: Geometry, itemsize: int) -> Iterator[slice]:
    """Cut the images into runs whose rows fit ``PIECE``, or of one image."""
    step = _piece(geo, itemsize)
    for start in range(0, geo.n, step):
        yield slice(start, min(start + step, geo.n))


def _piece(geo: Geometry, itemsize: int) -> int:
    """Return the images of one run; the size of one image alone decides."""
    row = max(_columns(geo), geo.out_channels, 1) * itemsize
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


def _columns(geo: Geometry) -> int:
    """Return the numbers of x that one run of taps takes for one output cell."""
    if geo.groups > 1:
        return geo.in_channels
    return max(geo.in_channels, min(COLUMNS, geo.kernel[-1] * geo.in_channels))


def dx_taps_bytes(geo: Geometry, itemsize: int) -> int:
    """Count one piece of dy, two runs of products (one goes as the next comes), and weights."""
    one = geo.out_channels * (2 if geo.group_channels == 1 < geo.groups else 1) + 2 * _columns(geo)
    images = min(geo.n, _piece(geo, itemsize))
    return (images * geo.pixels * one + 2 * _columns(geo) * geo.group_filters) * itemsize


def dw_taps_bytes(geo: Geometry, itemsize: int) -> int:
    """Count one piece of dy, two runs of shifted cells (one goes as the next comes), and a product."""
    one = geo.out_channels + 2 * _columns(geo)
    images = min(geo.n, _piece(geo, itemsize))
    return (images * geo.pixels * one + _columns(geo) * geo.group_filters) * itemsize
