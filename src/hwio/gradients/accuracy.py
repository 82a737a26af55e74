"""Published error bounds of gradients: T1 of ``hwio.methods.accuracy``, each with its own K and A.

K counts the products in one number and A sums their sizes, so A is the same gradient of |dy| with |w|
or |x|.
"""

from __future__ import annotations

from math import prod, sqrt
from typing import TYPE_CHECKING

import numpy as np

from hwio.gradients.fold import copies, fold
from hwio.gradients.taps import dw_taps, dx_taps

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array


def dx_bound(dy: Array, w: Array, geo: Geometry, u: float, mode: str = "zeros") -> Array:
    """T1 for dx: 4·√K·u·dx(|dy|, |w|), K = taps · O / groups, times the copies of a cell in padding.

    Parameters
    ----------
    dy : array, shape (n, *out, o)
    w : array, shape (*kernel, c / groups, o)
    geo : Geometry
    u : float
        Unit roundoff.
    mode : str
        Padding mode.

    Returns
    -------
    float64 array, shape (n, *in, c)
    """
    k = prod(geo.kernel) * geo.group_filters * copies(geo, mode) * _parts(dy, w)
    return _t1(k, u, fold(dx_taps(_sizes(dy), _sizes(w), geo), geo, mode))


def dw_bound(x: Array, dy: Array, geo: Geometry, u: float) -> Array:
    """T1 for dw: 4·√K·u·dw(|x|, |dy|), K = images · output cells.

    Parameters
    ----------
    x : array, shape (n, *padded, c)
    dy : array, shape (n, *out, o)
    geo : Geometry
    u : float

    Returns
    -------
    float64 array, shape (*kernel, c / groups, o)
    """
    k = geo.n * geo.pixels * _parts(x, dy)
    return _t1(k, u, dw_taps(_sizes(x), _sizes(dy), geo))


def db_bound(dy: Array, geo: Geometry, u: float) -> Array:
    """T1 for db: 4·√K·u·Σ|dy|, K = images · output cells.

    Parameters
    ----------
    dy : array, shape (n, *out, o)
    geo : Geometry
    u : float

    Returns
    -------
    float64 array, shape (o,)
    """
    return _t1(geo.n * geo.pixels, u, _sizes(dy).reshape(-1, dy.shape[-1]).sum(0))


def _sizes(array: Array) -> Array:
    """Return |a| in float64."""
    sizes: Array = np.abs(array).astype(np.float64)
    return sizes


def _parts(*arrays: Array) -> int:
    """Count the real products in one product."""
    return 4 if any(map(np.iscomplexobj, arrays)) else 1


def _t1(k: int, u: float, sizes: Array) -> Array:
    """Return 4·√K·u·A + K·η."""
    tiny = 2.0**-149 if u > 2.0**-40 else 5e-324
    bound: Array = 4 * sqrt(k) * u * sizes + k * tiny
    return bound
