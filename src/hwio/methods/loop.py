"""The definition: one output number at a time.

    y[n, i, j, k] = Σ_p Σ_q Σ_c  x[n, i·s + p·d, j·s + q·d, c] · w[p, q, c, k]

A slice of x as large as a filter meets filter k = w[..., k]; multiply, sum, next.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array


def conv_loop(x: Array, w: Array, geo: Geometry) -> Array:
    """Convolve with one loop over images, cells and filters.

    Parameters
    ----------
    x : array, shape (n, *in, c)
    w : array, shape (*kernel, c, o)
    geo : Geometry

    Returns
    -------
    array, shape (n, *out, o)
    """
    y = np.zeros((x.shape[0], *geo.out_size, w.shape[-1]), x.dtype)
    for image, k in product(range(x.shape[0]), range(w.shape[-1])):
        for cell in product(*map(range, geo.out_size)):
            corner = (i * s for i, s in zip(cell, geo.stride, strict=True))
            window: tuple[Any, ...] = tuple(
                slice(at, at + reach, d)
                for at, reach, d in zip(corner, geo.reach, geo.dilation, strict=True)
            )
            piece = x[(image, *window)]  # (*kernel, c)
            y[(image, *cell, k)] = np.sum(piece * w[..., k])  # one number
    return y


def loop_bytes(geo: Geometry, itemsize: int) -> int:
    """Count one slice times one filter."""
    return geo.depth * itemsize
