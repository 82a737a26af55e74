"""``max_pool_grad`` and ``avg_pool_grad``: from the gradient of y to that of x.

An average is linear in x: y = A x, so dx = Aᵀ dy. Every cell of a window gave 1 / count of itself, so
every cell gets dy / count back. A maximum is a choice: y = x at one place, so dy goes to that place
and nowhere else.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Never

import numpy as np

from hwio.errors import HwioError, OptionError, RangeError, nearest, show, word
from hwio.ops.arrays import float_compute, is_shape
from hwio.ops.finish import rounded
from hwio.ops.integers import largest
from hwio.ops.missing import LEFT_OUT, refuse_missing
from hwio.ops.other_pool_dy import reread_pool
from hwio.ops.places import refuse_places
from hwio.ops.pool import PAD_COUNTS, Sizes, mean_dtype
from hwio.ops.pool_check import (
    NO_MAXIMUM,
    NO_MEAN,
    PoolProblem,
    check_dy,
    check_flag,
    check_pool,
    native,
    pool_array,
    refuse_complex,
)
from hwio.ops.pool_keywords import OPTIONS, check_pool_keywords, readable
from hwio.ops.pool_quick import again, key_of, remember
from hwio.ops.pool_ways import canonical_x, canonical_y, send_to_all, send_to_peaks, stored_x

if TYPE_CHECKING:
    from hwio.types import Array, Padding

TIES = {
    "first": "dy goes to the first maximum, row by row (PyTorch, TensorFlow)",
    "all": "every cell that equals the maximum gets dy in full",
}


@readable
def max_pool_grad(
    x: Any = LEFT_OUT,
    dy: Any = None,
    window: Sizes | None = None,
    *more: Never,
    stride: Sizes | None = None,
    padding: Padding = "valid",
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    ties: str = "first",
    layout: str | None = None,
    method: str = "auto",
    **unknown: Never,
) -> Array:
    """Return the gradient of x from that of ``y = hwio.max_pool(x, window, ...)``.

    Each dy is added to the place where its window had the maximum; all else gets 0.

    Parameters
    ----------
    x : array, shape (N, H, W, C)
        The same as in ``hwio.max_pool``.
    dy : array, shape (N, H', W', C)
        One number for each of y, in y's order.
    window, stride, padding, dilation, ceil_mode, layout, method
        As in ``hwio.max_pool``.
    ties : {"first", "all"}
        Where a window has its maximum several times: dy goes to the first, row by row (PyTorch,
        TensorFlow), or in full to all of them, as a mask ``x == max(x)`` does.

    Returns
    -------
    array, shape (N, H, W, C)
        In x's order and dy's dtype; int64 where dy has integers.

    Raises
    ------
    ShapeError
        If dy has not the shape of y; else as ``hwio.max_pool``.
    RangeError
        If sums of integers could leave int64.

    Notes
    -----
    Where a window has NaNs, dy goes to the first NaN (or all of them).

    Examples
    --------
    >>> import numpy as np, hwio
    >>> x = np.array([3.0, 1.0, 5.0, 5.0]).reshape(1, 4, 1)
    >>> dy = np.array([10.0, 20.0]).reshape(1, 2, 1)
    >>> hwio.max_pool_grad(x, dy, 2)[0, :, 0]
    array([10.,  0., 20.,  0.])
    >>> hwio.max_pool_grad(x, dy, 2, ties="all")[0, :, 0]
    array([10.,  0., 20., 20.])
    """
    if more:
        refuse_places(max_pool_grad, locals())
    if unknown:
        check_pool_keywords("max_pool_grad", unknown, (*OPTIONS, "ties"))
    if x is LEFT_OUT:
        refuse_missing(max_pool_grad, locals())
    options = window, stride, padding, dilation, ceil_mode, layout, method
    key = key_of("max_pool_grad", (x, dy), (*options, ties))
    dx = again(key, x, dy)
    if dx is not None:
        return dx
    raw = {"x": x, "dy": dy}
    try:
        x = pool_array(x)
        dy = None if dy is None else pool_array(dy, "dy")
        refuse_complex(x.dtype, "x")
        all_ties = _check_ties(ties) == "all"
        problem = check_pool(
            x.shape, window, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode,
            layout=layout, method=method, why=NO_MAXIMUM,
        )  # fmt: skip
        check_dy(dy, problem, x.shape)
    except HwioError as error:
        reread_pool(error, max_pool_grad, locals() | raw)
        raise
    dy = native(dy)
    result = dy.dtype if dy.dtype.kind in "fc" else np.dtype(np.int64)
    compute = _exact(dy, problem) if dy.dtype.kind in "iu" else float_compute(dy.dtype)
    given = canonical_y(problem, dy.astype(compute, copy=False))
    dx = send_to_peaks(problem, canonical_x(problem, native(x)), given, all_ties)
    kept = "all" if all_ties else "first", x.dtype.char, dy.dtype.char, None
    remember(key, problem, kept, "pooling_grad")
    return stored_x(problem, rounded(dx, result))


@readable
def avg_pool_grad(
    x: Any = LEFT_OUT,
    dy: Any = None,
    window: Sizes | None = None,
    *more: Never,
    stride: Sizes | None = None,
    padding: Padding = "valid",
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = False,
    layout: str | None = None,
    method: str = "auto",
    **unknown: Never,
) -> Array:
    """Return the gradient of x from that of ``y = hwio.avg_pool(x, window, ...)``.

    Each dy is divided by the number of cells that its window has, and added to all of them.

    Parameters
    ----------
    x : array or tuple of int
        The same as in ``hwio.avg_pool``, or its shape: its numbers don't matter.
    dy : array, shape (N, H', W', C)
        One number for each of y, in y's order.
    window, stride, padding, dilation, ceil_mode, count_include_pad, layout, method
        As in ``hwio.avg_pool``.

    Returns
    -------
    array, shape (N, H, W, C)
        In x's order and dy's dtype; float64 where dy has integers.

    Raises
    ------
    ShapeError
        If dy has not the shape of y; else as ``hwio.avg_pool``.

    Examples
    --------
    >>> import numpy as np, hwio
    >>> dy = np.array([10.0, 20.0]).reshape(1, 2, 1)
    >>> hwio.avg_pool_grad((1, 5, 1), dy, 2)[0, :, 0]
    array([ 5.,  5., 10., 10.,  0.])
    """
    if more:
        refuse_places(avg_pool_grad, locals())
    if unknown:
        check_pool_keywords("avg_pool_grad", unknown, (*OPTIONS, "count_include_pad"))
    if x is LEFT_OUT:
        refuse_missing(avg_pool_grad, locals())
    options = window, stride, padding, dilation, ceil_mode, layout, method
    key = key_of("avg_pool_grad", (x, dy), (*options, count_include_pad))
    dx = again(key, dy, dy)
    if dx is not None:
        return dx
    raw = {"x": x, "dy": dy}
    try:
        x_shape = x if is_shape(x) else pool_array(x).shape
        dy = None if dy is None else pool_array(dy, "dy")
        counts = check_flag(count_include_pad, "count_include_pad", PAD_COUNTS)
        problem = check_pool(
            x_shape, window, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode,
            layout=layout, method=method, why=None if counts else NO_MEAN,
            way_out="count_include_pad=True",
        )  # fmt: skip
        check_dy(dy, problem, x_shape)
    except HwioError as error:
        reread_pool(error, avg_pool_grad, locals() | raw)
        raise
    result = mean_dtype(dy.dtype)
    given = canonical_y(problem, native(dy).astype(float_compute(result), copy=False))
    dx = send_to_all(problem, given, counts)
    kind = dy.dtype.char
    remember(key, problem, ("mean", kind, kind, counts), "pooling_grad")
    return stored_x(problem, rounded(dx, result))


def _check_ties(ties: Any) -> str:
    """Return the rule for equal maxima."""
    if not isinstance(ties, str) or ties not in TIES:
        near = nearest(ties, TIES)
        fix = f"did you mean ties={near!r}?" if near else "ties='first'"
        rule = f"ties={show(ties)} is neither 'first' nor 'all'"
        raise OptionError(word(rule, [f"{name}: {what}" for name, what in TIES.items()], fix))
    return ties


def _exact(dy: Array, problem: PoolProblem) -> np.dtype[Any]:
    """Return float64 or int64, whichever holds every sum of integers."""
    geo = problem.geometry
    axes = zip(geo.kernel, geo.out_size, strict=True)
    most = prod(min(k, out) for k, out in axes)  # windows over one cell
    bound = most * largest(dy)
    if bound >= 2**63:
        rule = f"dx could reach {show(bound)}, which int64 does not hold"
        facts = [f"windows over one cell · max|dy| = {most}·{largest(dy)}"]
        raise RangeError(word(rule, facts, "dy = dy.astype(np.float64)   # rounded"))
    return np.dtype(np.float64 if bound <= 2**53 else np.int64)
