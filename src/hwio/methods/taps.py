"""One product for each tap: shift x, multiply by that tap's weights, add up.

    y = Σ_{p, q}  x[:, p·d :: s, q·d :: s, :] @ w[p, q]

w[p, q] is the (in-channels, filters) matrix of one tap: the other way to read HWIO. No patch matrix
is built, only an output-sized product, so this is the way for depthwise filters, where a tap is one
number per channel. (Vasudevan, Anderson, Gregg 2017, "Parallel Multi Channel Convolution using
General Matrix Multiplication", call the dense form kn2row.)
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array


def conv_taps(x: Array, w: Array, geo: Geometry) -> Array:
    """Convolve by adding one shifted product per tap.

    Parameters
    ----------
    x : array, shape (n, *in, c)
    w : array, shape (*kernel, c / groups, o)
    geo : Geometry

    Returns
    -------
    array, shape (n, *out, o)
    """
    y = np.zeros((x.shape[0], *geo.out_size, w.shape[-1]), x.dtype)
    for image, total in zip(x, y, strict=True):  # (*in, c), (*out, o)
        # one stretch of memory: the same bits whatever the strides of x
        _add_taps(total, np.ascontiguousarray(image), w, geo)
    return y


def _add_taps(total: Array, image: Array, w: Array, geo: Geometry) -> None:
    """Add every tap's product for one image."""
    for tap in product(*map(range, geo.kernel)):
        shifted = image[shift(tap, geo)]  # (*out, c)
        if geo.group_channels == 1:
            _add_depthwise(total, shifted, w[tap][0], geo.groups)
        else:
            _add_dense(total, shifted, w[tap], geo)


def shift(tap: tuple[int, ...], geo: Geometry) -> tuple[slice, ...]:
    """Slice the cells that meet one tap, one per output cell."""
    return tuple(
        slice(t * d, t * d + (out - 1) * s + 1, s)
        for t, d, s, out in zip(tap, geo.dilation, geo.stride, geo.out_size, strict=True)
    )


def _add_depthwise(total: Array, shifted: Array, weights: Array, groups: int) -> None:
    """Add x[..., c] · w[c, m]: each channel meets its own filters."""
    split = (*total.shape[:-1], groups, -1 if total.size else 0)  # (*out, c, m)
    total.reshape(split)[...] += shifted[..., None] * weights.reshape(groups, -1)


def _add_dense(total: Array, shifted: Array, weights: Array, geo: Geometry) -> None:
    """Add a matrix product over the channels of each group."""
    c, o = geo.group_channels, geo.group_filters
    for g in range(geo.groups):
        channels, filters = slice(g * c, (g + 1) * c), slice(g * o, (g + 1) * o)
        # (*out, c) @ (c, o) -> (*out, o)
        total[..., filters] += shifted[..., channels] @ np.ascontiguousarray(weights[:, filters])


def taps_unit(geo: Geometry, itemsize: int) -> tuple[int, ...]:
    """Let every output cell be in a block of its own."""
    del itemsize
    return (1,) * geo.ndim


def taps_bytes(geo: Geometry, itemsize: int) -> int:
    """Count one image of output-sized products, and one of x, which padding has copied already."""
    image = 0 if geo.padded else prod(geo.x_shape[1:])
    return (geo.pixels * geo.out_channels + image) * itemsize
