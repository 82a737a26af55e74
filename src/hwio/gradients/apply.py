"""Run one way of going backwards on canonical arrays: groups split, padding folded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from hwio.gradients.fold import fold

if TYPE_CHECKING:
    from hwio.gradients.gradient import Gradient
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array


def apply_dx(way: Gradient, dy: Array, w: Array, geo: Geometry, mode: str) -> Array:
    """Compute the gradient for x.

    Parameters
    ----------
    way : Gradient
    dy : array, shape (n, *out, o)
    w : array, shape (*kernel, c / groups, o)
        Of dy's dtype.
    geo : Geometry
    mode : str
        What stood in the padding.

    Returns
    -------
    array, shape (n, *in, c)
    """
    if geo.groups == 1 or way.grouped:  # a copy where fold returns the middle of something larger
        return np.ascontiguousarray(fold(way.dx(dy, w, geo), geo, mode))
    dx = np.empty(geo.x_shape, dy.dtype)
    for one, channels, filters in _each_group(geo):
        dx[..., channels] = fold(way.dx(dy[..., filters], w[..., filters], one), one, mode)
    return dx


def apply_dw(way: Gradient, x: Array, dy: Array, geo: Geometry) -> Array:
    """Compute the gradient for w.

    Parameters
    ----------
    way : Gradient
    x : array, shape (n, *padded, c)
        Of dy's dtype.
    dy : array, shape (n, *out, o)
    geo : Geometry

    Returns
    -------
    array, shape (*kernel, c / groups, o)
    """
    if geo.groups == 1 or way.grouped:
        return way.dw(x, dy, geo)
    dw = np.empty(geo.w_shape, dy.dtype)
    for one, channels, filters in _each_group(geo):
        dw[..., filters] = way.dw(x[..., channels], dy[..., filters], one)
    return dw


def dx_bytes(way: Gradient, geo: Geometry, itemsize: int) -> int:
    """Count what the gradient for x allocates at most, itself included."""
    one = _one_group(geo)
    own = way.dx_workspace(geo if way.grouped else one, itemsize)
    split = one is not geo and not way.grouped
    whole = prod(geo.x_shape) * itemsize if geo.padded or split else 0
    channels = one.in_channels if split else geo.in_channels
    padded = prod((geo.n, *geo.padded_size, channels)) * itemsize
    return own + whole + padded


def dw_bytes(way: Gradient, geo: Geometry, itemsize: int) -> int:
    """Count what the gradient for w allocates at most, itself and padded x included."""
    one = _one_group(geo)
    own = way.dw_workspace(geo if way.grouped else one, itemsize)
    padded = prod((geo.n, *geo.padded_size, geo.in_channels)) * itemsize if geo.padded else 0
    part = 0 if one is geo or way.grouped else prod(one.w_shape) * itemsize
    return own + padded + part + prod(geo.w_shape) * itemsize


def _one_group(geo: Geometry) -> Geometry:
    """Return the geometry of one group."""
    if geo.groups == 1:
        return geo
    return replace(geo, in_channels=geo.group_channels, out_channels=geo.group_filters, groups=1)


def _each_group(geo: Geometry) -> Iterator[tuple[Geometry, slice, slice]]:
    """Yield each group as a convolution of its own, with its channels and filters."""
    one = _one_group(geo)
    for g in range(geo.groups):
        c, o = one.in_channels, one.out_channels
        yield one, slice(g * c, (g + 1) * c), slice(g * o, (g + 1) * o)
