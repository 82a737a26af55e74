"""Each gradient by itself: arrays as stored, checked before, to the gradient as stored."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.gradients.fold import copies
from hwio.methods.im2col import PIECE
from hwio.ops.canonical import stored_w, stored_x, w_view, x_view, y_view
from hwio.ops.run_grad import gradient_for_w, gradient_for_x
from hwio.ops.sums import narrowed, result_dtype, summing_dtype

if TYPE_CHECKING:
    from hwio.ops.backward import Backward
    from hwio.types import Array

Grads = tuple["Array | None", "Array | None", "Array | None"]
Packs = dict[Any, Any]


def grad_x(
    problem: Backward,
    dy: Array,
    w: Array,
    b: Array | None = None,
    name: str = "dx",
    packs: Packs | None = None,
) -> Array:
    """Compute dx, plus b where it is y of a transposed convolution, in x's order.

    Parameters
    ----------
    problem : Backward
    dy, w : array
        As stored.
    b : array, optional
        One number per channel of x.
    name : str
        Of the result, for messages.
    packs : dict, optional
        Keeps what is packed of w.
    """
    geo = problem.geometry
    result = result_dtype(dy.dtype, w.dtype, *([] if b is None else [b.dtype]))
    k = prod(geo.kernel) * geo.group_filters * copies(geo, problem.padding_mode)
    dtype = summing_dtype(result, (dy, w), k, name, b)
    upper, weights = y_view(problem, dy), w_view(problem, w)
    dx = gradient_for_x(problem, _as(upper, dtype), _as(weights, dtype), packs)  # (n, *in, c)
    if b is not None:
        dx += b.reshape(-1).astype(dtype, copy=False)
    return stored_x(problem, narrowed(dx, result, name))


def grad_w(problem: Backward, x: Array, dy: Array, shape: tuple[int, ...]) -> Array:
    """Compute dw in w's order and shape."""
    geo = problem.geometry
    result = result_dtype(x.dtype, dy.dtype)
    dtype = summing_dtype(result, (x, dy), geo.n * geo.pixels, "dw")
    lower, upper = x_view(problem, x), y_view(problem, dy)
    dw = gradient_for_w(problem, _as(lower, dtype), _as(upper, dtype))  # (*kernel, i, o)
    return stored_w(problem, narrowed(dw, result, "dw"), shape)


def grad_b(dy: Array) -> Array:
    """Sum dy (n, *out, o) over all but its last axis.

    Integers come out as ``np.sum`` has them: int64, or uint64 where dy is unsigned.
    """
    kinds = {"i": np.dtype(np.int64), "u": np.dtype(np.uint64)}
    result = kinds.get(dy.dtype.kind, np.dtype(dy.dtype.newbyteorder("=").str))
    one = np.ones((), dy.dtype)
    dtype = summing_dtype(result, (dy, one), prod(dy.shape[:-1]), "db")
    db = np.zeros(dy.shape[-1], dtype)
    step = max(1, PIECE // max(dy[:1].nbytes, 1))
    for start in range(0, len(dy) if dy.size else 0, step):
        # one stretch of memory: the same bits whatever the strides of dy
        rows = np.ascontiguousarray(dy[start : start + step]).reshape(-1, len(db))
        db += rows.sum(0, dtype=dtype)
    return narrowed(db, result, "db")


def conjugate(array: Array) -> Array:
    """Return the complex conjugate; a real array itself."""
    return array.conj() if array.dtype.kind == "c" else array


def _as(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return the array in a dtype, itself where it has it."""
    return array.astype(dtype, copy=False)
