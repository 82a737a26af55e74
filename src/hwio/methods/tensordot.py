"""The PS of the thread: sum over the axes that windows and filters share.

    np.tensordot(windows, w, axes=3)

tensordot copies the windows into one matrix, then makes one matrix product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwio.shapes.windows import windows

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array


def conv_tensordot(x: Array, w: Array, geo: Geometry) -> Array:
    """Convolve by contracting the last axes of the windows with the first of w.

    Parameters
    ----------
    x : array, shape (n, *in, c)
    w : array, shape (*kernel, c, o)
    geo : Geometry

    Returns
    -------
    array, shape (n, *out, o)
    """
    views = windows(x, geo)  # (n, *out, *kernel, c)
    return np.tensordot(views, w, axes=geo.ndim + 1)  # (n, *out, o)


def tensordot_bytes(geo: Geometry, itemsize: int) -> int:
    """Count the whole patch matrix of one group."""
    return geo.n * geo.pixels * geo.depth * itemsize
