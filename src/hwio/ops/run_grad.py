"""The one place where a way is chosen for each gradient.

Both functions take canonical arrays in the dtype of the computation. All that computes a gradient,
and the transposed convolution too, goes through them. A compiled way is asked first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.gradients.apply import apply_dw, apply_dx
from hwio.ops.canonical import pad
from hwio.ops.compiled_grad import compiled_dw, compiled_dx

if TYPE_CHECKING:
    from hwio.ops.backward import Backward
    from hwio.types import Array


def gradient_for_x(
    problem: Backward, dy: Array, w: Array, packs: dict[Any, Any] | None = None
) -> Array:
    """Compute dx = dy · wᵀ, added where windows overlap.

    Parameters
    ----------
    problem : Backward
    dy : array, shape (n, *out, o)
    w : array, shape (*kernel, i, o)
        Of dy's dtype.
    packs : dict, optional
        Keeps what is packed of w for later calls with the same w.

    Returns
    -------
    array, shape (n, *in, c)
    """
    dx = compiled_dx(problem, dy, w, packs) if problem.compiled else None
    if dx is not None:
        return dx
    if not (dy.size and w.size):  # not every padded x without numbers can be made
        return np.zeros(problem.geometry.x_shape, dy.dtype)
    return apply_dx(problem.way, dy, w, problem.geometry, problem.padding_mode)


def gradient_for_w(problem: Backward, x: Array, dy: Array) -> Array:
    """Compute dw = xᵀ · dy.

    Parameters
    ----------
    problem : Backward
    x : array, shape (n, *in, c)
        Without padding.
    dy : array, shape (n, *out, o)
        Of x's dtype.

    Returns
    -------
    array, shape (*kernel, i, o)
    """
    dw = compiled_dw(problem, x, dy) if problem.compiled else None
    if dw is not None:
        return dw
    if not (x.size and dy.size):
        return np.zeros(problem.geometry.w_shape, x.dtype)
    geo = problem.geometry
    x = pad(x, geo, problem.padding_mode) if geo.padded else x
    return apply_dw(problem.way, x, dy, geo)
