"""Winograd's short convolutions: fewer multiplications for kernels of 3 taps.

    Y = Aᵀ [ (G g) ⊙ (Bᵀ d) ]     along each axis: m outputs of a 3-tap filter from m + 2 products

F(2, 3) needs 4 products for 2 outputs instead of 6, hence 16 instead of 36 in two dimensions;
F(4, 3) needs 36 instead of 144. In between, the sum over channels is a matrix product per position
of the tile. (Lavin and Gray 2015, arXiv 1509.09308.) The transforms add inputs before they multiply,
so where magnitudes mix inside a tile the small ones lose digits, F(4, 3) more than F(2, 3).
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

# m -> (Bᵀ, G, Aᵀ); interpolation points 0, 1, -1, ∞ and 0, 1, -1, 2, -2, ∞
TRANSFORMS = {
    2: (
        np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], float),
        np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]) / 2,
        np.array([[1, 1, 1, 0], [0, 1, -1, -1]], float),
    ),
    4: (
        np.array(
            [
                [4, 0, -5, 0, 1, 0],
                [0, -4, -4, 1, 1, 0],
                [0, 4, -4, -1, 1, 0],
                [0, -2, -1, 2, 1, 0],
                [0, 2, -1, -2, 1, 0],
                [0, 4, 0, -5, 0, 1],
            ],
            float,
        ),
        np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24,
        np.array(
            [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
            float,
        ),
    ),
}


def conv_winograd2(x: Array, w: Array, geo: Geometry) -> Array:
    """Convolve by F(2, 3) along each axis.

    Parameters
    ----------
    x : array, shape (n, *in, c)
    w : array, shape (3, ..., c, o)
    geo : Geometry
        Kernel 3, stride 1 and dilation 1 on every axis.

    Returns
    -------
    array, shape (n, *out, o)
    """
    return _conv_tiles(x, w, geo, 2)


def conv_winograd4(x: Array, w: Array, geo: Geometry) -> Array:
    """Convolve by F(4, 3) along each axis; shapes as in ``conv_winograd2``."""
    return _conv_tiles(x, w, geo, 4)


def _conv_tiles(x: Array, w: Array, geo: Geometry, m: int) -> Array:
    """Transform the filters, then convolve image by image."""
    to_filter = TRANSFORMS[m][1].astype(x.dtype)
    u = _along(to_filter, w, range(geo.ndim))  # (t, t, c, o), t = m + 2
    u = u.reshape(-1, *w.shape[-2:])  # (t·t, c, o)
    y = np.empty((x.shape[0], *geo.out_size, w.shape[-1]), x.dtype)
    whole = tuple(slice(out) for out in geo.out_size)
    for image, out in zip(x, y, strict=True):
        out[...] = _conv_image(image, u, geo, m)[whole]
    return y


def _conv_image(image: Array, u: Array, geo: Geometry, m: int) -> Array:
    """Transform tiles of m + 2 cells, multiply per position, transform back.

    Parameters
    ----------
    image : array, shape (*in, c)
    u : array, shape (t·t, c, o)
        Transformed filters.
    geo : Geometry
    m : int
        Outputs of a tile along each axis.

    Returns
    -------
    array, shape (*out rounded up to tiles, o)
    """
    to_tile, _, to_output = (t.astype(image.dtype) for t in TRANSFORMS[m])
    ndim, filters = geo.ndim, u.shape[-1]
    counts = tuple(-(-out // m) for out in geo.out_size)  # tiles on each axis
    spare = [max(0, k * m + 2 - n) for k, n in zip(counts, image.shape, strict=False)]
    grown = np.pad(image, [*((0, more) for more in spare), (0, 0)])
    tiles = sliding_window_view(grown, (m + 2,) * ndim, tuple(range(ndim)))
    tiles = tiles[(slice(None, None, m),) * ndim]
    tiles = tiles[tuple(slice(k) for k in counts)]  # (*tiles, c, t, t)
    inner = range(ndim + 1, 2 * ndim + 1)
    v = np.moveaxis(_along(to_tile, tiles, inner), inner, range(ndim))  # (t, t, *tiles, c)
    v = v.reshape(u.shape[0], prod(counts), image.shape[-1])
    products = (v @ u).reshape(*(m + 2,) * ndim, *counts, filters)
    z = _along(to_output, products, range(ndim))  # (m, m, *tiles, o)
    order = [axis for pair in zip(range(ndim, 2 * ndim), range(ndim), strict=True) for axis in pair]
    z = z.transpose(*order, 2 * ndim)  # (tiles, m, tiles, m, o)
    return z.reshape(*(k * m for k in counts), filters)


def _along(matrix: Array, array: Array, axes: range) -> Array:
    """Multiply every line of the array along each of the axes by the matrix."""
    for axis in axes:
        array = np.moveaxis(np.tensordot(matrix, array, (1, axis)), 0, axis)
    return array


def winograd_refuses(geo: Geometry) -> str | None:
    """Say why a geometry can't be served."""
    if set(geo.kernel) != {3}:
        return f"it is made for 3 taps on each axis, not {'×'.join(map(str, geo.kernel))}"
    if set(geo.stride) != {1}:
        return f"it is made for stride 1, not {geo.stride}"
    if set(geo.dilation) != {1}:
        return f"it is made for dilation 1, not {geo.dilation}"
    return None


def winograd2_bytes(geo: Geometry, itemsize: int) -> int:
    """Count transformed filters, tiles and products of one image and group."""
    return _tile_bytes(geo, itemsize, 2)


def winograd4_bytes(geo: Geometry, itemsize: int) -> int:
    """Count transformed filters, tiles and products of one image and group."""
    return _tile_bytes(geo, itemsize, 4)


def _tile_bytes(geo: Geometry, itemsize: int, m: int) -> int:
    """Count filters, tiles and products; a transform holds its input, a copy of it and its output."""
    spots: int = (m + 2) ** geo.ndim
    counts = [-(-out // m) for out in geo.out_size]  # tiles on each axis
    c, o = geo.group_channels, geo.group_filters
    grown = c * prod(k * m + 2 for k in counts)  # one image, with what the last tiles lack
    return (spots * (2 * c * o + prod(counts) * max(3 * c, c + 3 * o)) + grown) * itemsize
