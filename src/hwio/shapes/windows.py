"""A read-only view of every window of x: shapes and strides only, nothing is copied."""

from __future__ import annotations

from operator import mul
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import as_strided

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array


def windows(x: Array, geo: Geometry) -> Array:
    """View every window of x.

    ``v[n, i, j, p, q, c] = x[n, i·s + p·d, j·s + q·d, c]``: moving to the next output cell adds
    s strides of x, moving to the next tap adds d.

    Parameters
    ----------
    x : array, shape (n, *in, c)
        Padded already.
    geo : Geometry
        Its kernel, stride, dilation and output size are used.

    Returns
    -------
    array, shape (n, *out, *kernel, c)
        A read-only view.

    Examples
    --------
    >>> from hwio.ops.check import geometry_of
    >>> x = np.arange(5.0).reshape(1, 5, 1)
    >>> windows(x, geometry_of(x.shape, (3, 1, 1)))[0, :, :, 0]
    array([[0., 1., 2.],
           [1., 2., 3.],
           [2., 3., 4.]])
    """
    strides = x.strides
    space = strides[1:-1]
    steps, taps = map(mul, space, geo.step), map(mul, space, geo.tap_step)
    shape = (x.shape[0], *geo.out_size, *geo.kernel, x.shape[-1])
    strides = (strides[0], *steps, *taps, strides[-1])
    if x.flags.c_contiguous and x.size:
        # ndarray's own constructor: a third of as_strided's time, but it wants a plain buffer
        view: Array = np.ndarray(shape, x.dtype, x, 0, strides)
        view.flags.writeable = False
        return view
    return as_strided(x, shape, strides, writeable=False)
