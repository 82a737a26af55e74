"""Published error bounds of pooling.

A maximum is exact. An average is a sum of K numbers divided once, and errs as a convolution does
whose K weights are 1 / count: T1 of ``hwio.methods.accuracy``. What comes back through either is a sum
of as many numbers as there are windows over a cell, so the same holds for dx.
"""

from __future__ import annotations

from math import prod, sqrt
from typing import TYPE_CHECKING

import numpy as np

from hwio.pooling.divisor import divisor
from hwio.pooling.reduction import SUM
from hwio.pooling.taps import pool_taps, sum_grad_taps

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array, Pads


def average_bound(
    x: Array, geo: Geometry, padding: Pads, count_include_pad: bool, u: float
) -> Array:
    """P1: 4·√K·u·avg(|x|) + K·η, K the taps of a window.

    Parameters
    ----------
    x : array, shape (n, *in, c)
    geo : Geometry
    padding : tuple of pairs of int
    count_include_pad : bool
    u : float
        Unit roundoff.

    Returns
    -------
    float64 array, shape (n, *out, c)
    """
    k = prod(geo.kernel) * (4 if np.iscomplexobj(x) else 1)
    sizes = pool_taps(np.abs(x).astype(np.float64), geo, SUM)
    bound: Array = 4 * sqrt(k) * u * sizes / divisor(geo, padding, count_include_pad)
    return bound + k * _tiny(u)


def spread_bound(dy: Array, geo: Geometry, u: float) -> Array:
    """P2: 4·√M·u·(sum of |dy| that meets a cell) + M·η, M the most windows over one cell.

    Parameters
    ----------
    dy : array, shape (n, *out, c)
        Divided already, for averages.
    geo : Geometry
    u : float

    Returns
    -------
    float64 array, shape (n, *in, c)
    """
    sizes = sum_grad_taps(np.abs(dy).astype(np.float64), geo)
    axes = zip(geo.kernel, geo.out_size, strict=True)
    m = prod(min(k, out) for k, out in axes) * (4 if np.iscomplexobj(dy) else 1)
    bound: Array = 4 * sqrt(m) * u * sizes
    return bound + m * _tiny(u)


def power_bound(y: Array, geo: Geometry, p: int, u: float) -> Array:
    """P3: (4·√K/p + |ln y| + 6)·u·y, where no |x|^p overflows or falls below the normal numbers.

    Parameters
    ----------
    y : array, shape (n, *out, c)
    geo : Geometry
    p : int
    u : float

    Returns
    -------
    float64 array, shape (n, *out, c)
    """
    size = np.abs(y).astype(np.float64)
    spread = np.abs(np.log(np.where(size > 0, size, 1)))  # = |ln(y^p)| / p
    bound: Array = (4 * sqrt(prod(geo.kernel)) / p + spread + 6) * u * size
    return bound


def _tiny(u: float) -> float:
    """Return the smallest subnormal of the format with this roundoff."""
    return 2.0**-149 if u > 2.0**-40 else 5e-324
