"""Both gradients are convolutions again, so the forward ways compute them.

For x: cell i was met by tap t from output cell (i - t·d) / s, where that is whole. Put s - 1 zeros
between the numbers of dy and k - 1 taps' room around them, and the sum over t becomes a convolution
whose filters are turned round, with in- and out-channels exchanged:

    dx = conv(dy with s - 1 zeros between, w turned, padding="full", dilation=d)

For w: tap t met cell o·s + t·d of x with dy[o]. So dy slides over x like one large filter whose taps
lie s apart, in steps of d; images are summed, so they take the place of channels:

    dw = conv(x, dy, stride=d, dilation=s)     x as (c, *in, n), dy as (*out, n, o)
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from hwio.gradients.taps import dx_taps
from hwio.methods.im2col import conv_im2col, im2col_bytes

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array


def dx_flip(dy: Array, w: Array, geo: Geometry) -> Array:
    """Convolve dy, widened by zeros, with the turned filters.

    Parameters
    ----------
    dy : array, shape (n, *out, o)
    w : array, shape (*kernel, c, o)
    geo : Geometry

    Returns
    -------
    array, shape (n, *padded, c)
    """
    if not np.isfinite(w).all():  # a zero that was put in would make NaN of Inf
        return dx_taps(dy, w, geo)
    full = _full(geo, dy.shape[0])
    wide = np.zeros((dy.shape[0], *full.in_size, dy.shape[-1]), dy.dtype)
    spots = tuple(
        slice(reach - 1, reach + (out - 1) * s, s)
        for reach, out, s in zip(geo.reach, geo.out_size, geo.stride, strict=True)
    )
    wide[(slice(None), *spots)] = dy
    turned = w[(slice(None, None, -1),) * geo.ndim].swapaxes(-1, -2)  # (*kernel, o, c)
    return conv_im2col(wide, turned, full)


def dw_flip(x: Array, dy: Array, geo: Geometry) -> Array:
    """Slide dy over x like a large filter.

    Parameters
    ----------
    x : array, shape (n, *padded, c)
    dy : array, shape (n, *out, o)
    geo : Geometry

    Returns
    -------
    array, shape (*kernel, c, o)
    """
    over = _over(geo, x.shape[0])
    seen = tuple(slice(size) for size in over.in_size)  # rows left over meet no window
    images = x[(slice(None), *seen)].swapaxes(0, -1)  # (c, *in, n)
    filters = np.moveaxis(dy, 0, -2)  # (*out, n, o)
    y = conv_im2col(np.ascontiguousarray(images), filters, over)  # (c, *kernel, o)
    return np.moveaxis(y, 0, -2)


def _full(geo: Geometry, n: int) -> Geometry:
    """Return the convolution of widened dy that gives dx."""
    return replace(
        geo,
        n=n,
        in_size=tuple(p + r - 1 for p, r in zip(geo.padded_size, geo.reach, strict=True)),
        in_channels=geo.out_channels,
        out_channels=geo.in_channels,
        out_size=geo.padded_size,
        stride=(1,) * geo.ndim,
        padding=((0, 0),) * geo.ndim,
    )


def _over(geo: Geometry, n: int) -> Geometry:
    """Return the convolution of x by dy that gives dw."""
    axes = zip(geo.out_size, geo.stride, geo.reach, strict=True)
    return replace(
        geo,
        n=geo.in_channels,
        in_size=tuple((out - 1) * s + reach for out, s, reach in axes),
        in_channels=n,
        kernel=geo.out_size,
        out_size=geo.kernel,
        stride=geo.dilation,
        dilation=geo.stride,
        padding=((0, 0),) * geo.ndim,
    )


def dx_flip_bytes(geo: Geometry, itemsize: int) -> int:
    """Count widened dy, and what its convolution needs."""
    full = _full(geo, geo.n)
    turned = prod(geo.w_shape)
    return (prod(full.x_shape) + turned) * itemsize + im2col_bytes(full, itemsize)


def dw_flip_bytes(geo: Geometry, itemsize: int) -> int:
    """Count x and dy in their other order, and what the convolution needs."""
    over = _over(geo, geo.n)
    copied = prod(over.x_shape) + prod(geo.y_shape)
    return copied * itemsize + im2col_bytes(over, itemsize)
