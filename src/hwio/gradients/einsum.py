"""Name the axes, and move the letters.

    forward   np.einsum("nhwpqc,pqck->nhwk", windows, w)
    dw        np.einsum("nhwpqc,nhwk->pqck", windows, dy)
    windows   np.einsum("nhwk,pqck->nhwpqc", dy, w)

The last line is the gradient of every window by itself. A number of x stands in several windows, so
each tap's share is added where that tap looked: the whole matrix of windows is held meanwhile.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from hwio.methods.taps import shift
from hwio.shapes.windows import windows

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

DX_SUBSCRIPTS = {
    1: "nwk,qck->nwqc",
    2: "nhwk,pqck->nhwpqc",
    3: "ndhwk,rpqck->ndhwrpqc",
}
DW_SUBSCRIPTS = {
    1: "nwqc,nwk->qck",
    2: "nhwpqc,nhwk->pqck",
    3: "ndhwrpqc,ndhwk->rpqck",
}


def dx_einsum(dy: Array, w: Array, geo: Geometry) -> Array:
    """Compute every window's gradient by one Einstein sum, then add where windows overlap.

    Parameters
    ----------
    dy : array, shape (n, *out, o)
    w : array, shape (*kernel, c, o)
    geo : Geometry

    Returns
    -------
    array, shape (n, *padded, c)
    """
    each = np.einsum(DX_SUBSCRIPTS[geo.ndim], dy, w)  # (n, *out, *kernel, c)
    dx = np.zeros((dy.shape[0], *geo.padded_size, w.shape[-2]), dy.dtype)
    every = (slice(None),) * (1 + geo.ndim)
    for tap in product(*map(range, geo.kernel)):
        dx[(slice(None), *shift(tap, geo))] += each[(*every, *tap)]  # (n, *out, c)
    return dx


def dw_einsum(x: Array, dy: Array, geo: Geometry) -> Array:
    """Compute the filters' gradient by one Einstein sum over images and output cells.

    Parameters
    ----------
    x : array, shape (n, *padded, c)
    dy : array, shape (n, *out, o)
    geo : Geometry

    Returns
    -------
    array, shape (*kernel, c, o)
    """
    dw: Array = np.einsum(DW_SUBSCRIPTS[geo.ndim], windows(x, geo), dy)  # (*kernel, c, o)
    return dw


def dx_einsum_bytes(geo: Geometry, itemsize: int) -> int:
    """Count the gradient of every window."""
    return geo.n * geo.pixels * geo.depth * itemsize


def dw_einsum_bytes(geo: Geometry, itemsize: int) -> int:
    """Count nothing: there is no temporary beside the result."""
    del geo, itemsize
    return 0
