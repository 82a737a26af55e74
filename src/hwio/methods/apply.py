"""Run one method on canonical arrays: groups split, spread infinities mended."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from hwio.methods.im2col import conv_im2col

if TYPE_CHECKING:
    from hwio.methods.method import Method
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array


def apply_method(method: Method, x: Array, w: Array, geo: Geometry) -> Array:
    """Convolve canonical arrays with one method.

    Parameters
    ----------
    method : Method
    x : array, shape (n, *in, c)
        Padded already.
    w : array, shape (*kernel, c / groups, o)
        Of x's dtype.
    geo : Geometry

    Returns
    -------
    array, shape (n, *out, o)
    """
    if geo.groups == 1 or method.grouped:
        if not method.transforms:
            return method.function(x, w, geo)
        if not (x.size and w.size):  # nothing to transform
            return np.zeros((x.shape[0], *geo.out_size, w.shape[-1]), x.dtype)
        return _mend(method.function(x, w, geo), x, w, geo)
    one = replace(geo, in_channels=geo.group_channels, out_channels=geo.group_filters, groups=1)
    y = np.empty((x.shape[0], *geo.out_size, w.shape[-1]), x.dtype)
    for g in range(geo.groups):
        channels = slice(g * one.in_channels, (g + 1) * one.in_channels)
        filters = slice(g * one.out_channels, (g + 1) * one.out_channels)
        y[..., filters] = apply_method(method, x[..., channels], w[..., filters], one)
    return y


def _mend(y: Array, x: Array, w: Array, geo: Geometry) -> Array:
    """Redo by direct sums each image in which a transform made, or may have hidden, an Inf or NaN.

    A direct sum may overflow on its way to a finite value; a transform would not show it.
    """
    axes = tuple(range(1, x.ndim))
    with np.errstate(over="ignore", invalid="ignore"):
        largest = np.abs(x).max(axis=axes).astype(np.float64) * float(np.abs(w).max())
        reach = largest * prod(w.shape[:-1])
    bad = ~(np.isfinite(y).reshape(len(y), -1).all(axis=1) & (reach < np.finfo(y.dtype).max))
    if bad.any():
        y[bad] = conv_im2col(np.ascontiguousarray(x[bad]), w, geo)
    return y
