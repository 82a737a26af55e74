"""Approach 1 of the thread: give the slice a filter axis, multiply, sum.

    np.sum(windows[..., None] * w, axis=(kernel axes, c))

The clearest vectorised form, and the hungriest: every product exists at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwio.shapes.windows import windows

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array


def conv_broadcast(x: Array, w: Array, geo: Geometry) -> Array:
    """Convolve by one broadcast product and one sum.

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
    products = views[..., None] * w  # (n, *out, *kernel, c, o)
    first = 1 + geo.ndim
    taps_and_channels = tuple(range(first, first + geo.ndim + 1))
    y: Array = products.sum(axis=taps_and_channels)  # (n, *out, o)
    return y


def broadcast_bytes(geo: Geometry, itemsize: int) -> int:
    """Count all products of one group at once."""
    return geo.macs // geo.groups * itemsize
