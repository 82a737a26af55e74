"""Windows as rows of a matrix, filters as columns, one matrix product.

    y.reshape(n, pixels, o) = rows (n, pixels, taps·c) @ w.reshape(taps·c, o)

Row order is the output's, column order is the weights' "HWI", so HWIO weights need no copy. The
rows are copied piece by piece: a piece and its products never take more than ``PIECE`` bytes (or one
row), however large x is. Each image is multiplied on its own and each piece lies side by side in memory, so an
image gets the same bits in any batch and whatever the strides of x.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from hwio.shapes.windows import windows

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

PIECE = 1 << 20  # bytes of rows and their products at a time: the second-level cache holds them


def conv_im2col(x: Array, w: Array, geo: Geometry) -> Array:
    """Convolve by matrix products over bounded pieces of the patch matrix.

    Parameters
    ----------
    x : array, shape (n, *in, c)
    w : array, shape (*kernel, c, o)
    geo : Geometry

    Returns
    -------
    array, shape (n, *out, o)
    """
    n, filters = x.shape[0], w.shape[-1]
    depth = prod(w.shape[:-1])
    views = windows(x, geo)  # (n, *out, *kernel, c)
    matrix = np.ascontiguousarray(w.reshape(depth, filters))  # (taps·c, o)
    pixels = prod(geo.out_size)
    row = (depth + filters) * x.itemsize
    if n * pixels * row <= PIECE:
        rows = np.ascontiguousarray(views.reshape(n, pixels, depth))
        y: Array = (rows @ matrix).reshape(n, *geo.out_size, filters)
        return y
    y = np.empty((n, *geo.out_size, filters), x.dtype)
    for image in range(n):
        for piece in pieces(geo.out_size, row):
            block = y[image][piece]  # (*part of out, o)
            cells = prod(block.shape[:-1])
            np.matmul(  # rows without a name, so that one piece is gone before the next is made
                np.ascontiguousarray(views[image][piece].reshape(cells, depth)),
                matrix,
                out=block.reshape(cells, filters),  # a view: a piece is one stretch of y
            )
    return y


def pieces(out_size: tuple[int, ...], row_bytes: int) -> Iterator[tuple[slice, ...]]:
    """Cut the output cells of one image into blocks of at most ``PIECE`` bytes of rows.

    The cut runs along the first axis whose single step fits; axes before it go one by one. It
    depends on the sizes of one image alone.

    Examples
    --------
    >>> list(pieces((4, 4), row_bytes=1 << 17))  # 8 rows of 128 KiB fit
    [(slice(0, 2, None), slice(0, 4, None)), (slice(2, 4, None), slice(0, 4, None))]
    """
    axis, step = _first_cut(out_size, row_bytes)
    whole = tuple(slice(0, size) for size in out_size[axis + 1 :])
    for lead in product(*(range(size) for size in out_size[:axis])):
        before = tuple(slice(i, i + 1) for i in lead)
        for start in range(0, out_size[axis], step):
            yield (*before, slice(start, min(start + step, out_size[axis])), *whole)


def _first_cut(out_size: tuple[int, ...], row_bytes: int) -> tuple[int, int]:
    """Return the axis along which pieces are cut, and their cells on it."""
    axis = 0
    while axis + 1 < len(out_size) and prod(out_size[axis + 1 :]) * row_bytes > PIECE:
        axis += 1
    return axis, max(1, PIECE // max(1, prod(out_size[axis + 1 :]) * row_bytes))


def im2col_unit(geo: Geometry, itemsize: int) -> tuple[int, ...]:
    """Return the cells of one piece along each axis: blocks of whole pieces have the same bits.

    Examples
    --------
    >>> from hwio.ops.check import geometry_of
    >>> im2col_unit(geometry_of((1, 402, 402, 3), (3, 3, 3, 5)), 4)
    (20, 400)
    """
    axis, step = _first_cut(geo.out_size, (geo.depth + geo.group_filters) * itemsize)
    step = min(step, geo.out_size[axis])
    return (*(1,) * axis, step, *geo.out_size[axis + 1 :])


def im2col_bytes(geo: Geometry, itemsize: int) -> int:
    """Count rows and products of one piece."""
    row = (geo.depth + geo.group_filters) * itemsize
    return row * min(geo.n * geo.pixels, max(1, PIECE // max(1, row)))
