"""Published error bounds: how far a result may lie from the exact one.

u is the unit roundoff of the arithmetic (2^-24 for float32, 2^-53 for float64), K the products in
one output number, A = conv(|x|, |w|), η the smallest subnormal. A direct sum of K products errs by
at most K·u/(1 - K·u)·A (Higham 2002, "Accuracy and Stability of Numerical Algorithms", section 3.1);
roundings rarely conspire, so the bound tested here is the sharper 4·√K·u·A.

A fixed tolerance is the wrong tool: outputs near zero beside large products fail it though they are
right, and a wrong kernel can pass a test of means.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from hwio.methods.im2col import conv_im2col

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

# m -> axes -> c_m of T4. Over some 10^7 outputs of normal numbers and of magnitudes from 10^-6 to 10^6
# the worst seen were 5.8, 6.0, 4.2 for F(2, 3) and 35, 185, 309 for F(4, 3).
TILE_FACTORS = {2: {1: 16, 2: 16, 3: 16}, 4: {1: 80, 2: 400, 3: 800}}


def direct_bound(x: Array, w: Array, geo: Geometry, u: float) -> Array:
    """T1: 4·√K·u·conv(|x|, |w|), for every way that sums the products themselves.

    Parameters
    ----------
    x : array, shape (n, *in, c)
        Padded, one group, real or complex.
    w : array, shape (*kernel, c, o)
    geo : Geometry
    u : float
        Unit roundoff.

    Returns
    -------
    float64 array, shape (n, *out, o)
    """
    k = prod(w.shape[:-1]) * (4 if np.iscomplexobj(x) or np.iscomplexobj(w) else 1)
    sizes = conv_im2col(np.abs(x).astype(np.float64), np.abs(w).astype(np.float64), geo)
    bound: Array = 4 * sqrt(k) * u * sizes + k * _tiny(u)
    return bound


def two_part_bound(x: Array, w: Array, geo: Geometry, u: float) -> Array:
    """T2: (512 + 4·√K)·u·conv(|x|, |w|), for float32 numbers split into two bfloat16 parts.

    A number's two parts miss it by 2^-17 of its size at most, and the product of both second parts,
    at most 2^-16, is left out: 2^-15 in all, or 512·u. Over many products the worst seen is a tenth.
    """
    bound: Array = direct_bound(x, w, geo, u) * (1 + 128 / sqrt(prod(w.shape[:-1])))
    return bound


def half_bound(x: Array, w: Array, geo: Geometry, u: float) -> Array:
    """T3: (2^-7 + 2^-16)·conv(|x|, |w|) beside T1: x and w rounded to bfloat16, sums in float32."""
    rounded = (2.0**-7 + 2.0**-16) / (4 * sqrt(prod(w.shape[:-1])) * u)
    bound: Array = direct_bound(x, w, geo, u) * (1 + rounded)
    return bound


def tile_bound(x: Array, w: Array, geo: Geometry, u: float, m: int) -> Array:
    """T4: c_m·u·S·max(1, √(c/64)), S = Σ_c max|x_c| over the tile · Σ|w_c|, for Winograd.

    ``TILE_FACTORS`` holds c_m. Where weights or products are subnormal, a rounding is η instead of u
    times the number, hence two terms more: u·Σ|w_c| grows by η for each spot of the tile, and the
    whole by c·η times the row sums of Aᵀ (3 and 19 on one axis), through which the products go.
    """
    n, c, ndim = x.shape[0], x.shape[-1], geo.ndim
    counts = tuple(-(-out // m) for out in geo.out_size)
    spare = [(0, k * m + 2 - s) for k, s in zip(counts, x.shape[1:-1], strict=True)]
    grown = np.pad(np.abs(x).astype(np.float64), [(0, 0), *spare, (0, 0)])
    tiles = sliding_window_view(grown, (m + 2,) * ndim, tuple(range(1, ndim + 1)))
    tiles = tiles[(slice(None), *(slice(None, None, m),) * ndim)]
    largest = tiles.max(axis=tuple(range(-ndim, 0)))  # (n, *tiles, c)
    norms = u * np.abs(w).astype(np.float64).sum(axis=tuple(range(ndim)))  # (c, o)
    s = largest @ (norms + (m + 2) ** ndim * _tiny(u))  # (n, *tiles, o)
    for axis in range(1, ndim + 1):
        s = np.repeat(s, m, axis)
    s = s[(slice(n), *(slice(out) for out in geo.out_size))]
    subnormal = c * {2: 3, 4: 19}[m] ** ndim * _tiny(u)
    bound: Array = TILE_FACTORS[m][ndim] * s * max(1.0, sqrt(c / 64)) + subnormal
    return bound


def spectrum_bound(x: Array, w: Array, geo: Geometry, u: float) -> Array:
    """T5: 4·u·‖image‖₂·‖filter‖₂, for the FFT; one number per image and filter."""
    images = np.sqrt((np.abs(x).astype(np.float64) ** 2).sum(tuple(range(1, x.ndim))))
    filters = np.sqrt((np.abs(w).astype(np.float64) ** 2).sum(tuple(range(w.ndim - 1))))
    each = 4 * u * images[:, None] * filters + _tiny(u)  # (n, o)
    shape = (x.shape[0], *(1,) * geo.ndim, w.shape[-1])
    return np.broadcast_to(each.reshape(shape), (x.shape[0], *geo.out_size, w.shape[-1]))


def _tiny(u: float) -> float:
    """Return the smallest subnormal of the format with this roundoff."""
    return 2.0**-149 if u > 2.0**-40 else 5e-324


def _f2(x: Array, w: Array, geo: Geometry, u: float) -> Array:
    return tile_bound(x, w, geo, u, 2)


def _f4(x: Array, w: Array, geo: Geometry, u: float) -> Array:
    return tile_bound(x, w, geo, u, 4)


# what a bound measures an error by, in plain words
MEANINGS = {
    "T1": "its own products",
    "T2": "its own products, of 16 bits",
    "T3": "its own products, of 8 bits",
    "T4": "tile",
    "T5": "whole image",
}
BOUNDS_MEAN = (
    "error bounds: T1 measures a number's error by its own products, T4 by the tile around it, T5 "
    "by the whole image (docs/reference/accuracy.md)"
)

BOUNDS: dict[str, Callable[[Array, Array, Geometry, float], Array]] = {
    "T1": direct_bound,
    "T2": two_part_bound,
    "T3": half_bound,
    "T4_2": _f2,
    "T4_4": _f4,
    "T5": spectrum_bound,
}
