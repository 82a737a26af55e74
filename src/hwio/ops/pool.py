"""``max_pool``, ``avg_pool``, ``lp_pool`` and ``argmax_pool``: one number for each window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Never

import numpy as np

from hwio.ops.arrays import float_compute
from hwio.ops.elsewhere import answer_as
from hwio.ops.finish import rounded
from hwio.ops.integers import compute_dtype, largest
from hwio.ops.missing import LEFT_OUT, refuse_missing
from hwio.ops.places import refuse_places
from hwio.ops.pool_check import (
    NO_MAXIMUM,
    NO_MEAN,
    PoolProblem,
    check_flag,
    check_pool,
    check_pool_out,
    native,
    pool_array,
    refuse_complex,
)
from hwio.ops.pool_keywords import OPTIONS, check_pool_keywords, readable
from hwio.ops.pool_quick import again, key_of, remember
from hwio.ops.pool_ways import (
    average_windows,
    canonical_x,
    find_places,
    reduce_windows,
    stored_y,
)
from hwio.pooling import MAX, SUM
from hwio.pooling.divisor import divisor
from hwio.shapes.counts import check_int

if TYPE_CHECKING:
    from hwio.types import Array, Padding

PAD_COUNTS = "the cells of the padding count, as in PyTorch"
Sizes = int | tuple[int, ...]


@readable
def max_pool(
    x: Any = LEFT_OUT,
    window: Sizes | None = None,
    *more: Never,
    stride: Sizes | None = None,
    padding: Padding = "valid",
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    layout: str | None = None,
    method: str = "auto",
    out: Array | None = None,
    like: Any = None,
    **unknown: Never,
) -> Array:
    """Take the maximum of every window, channel by channel.

    ``y[n, i, j, c] = max x[n, i·s + p·d - low, j·s + q·d - low, c]`` over the taps p, q of a window.

    Parameters
    ----------
    x : array, shape (N, H, W, C)
        Images; (N, W, C) in 1-D, so one photograph (H, W, C) takes ``layout="HWC"``;
        (N, D, H, W, C) in 3-D, any order with ``layout``. Floats or
        integers.
    window : int or one int per axis
        Cells of a window.
    stride : int or one int per axis, optional
        Cells of x between neighbouring windows; by default the window, so that none overlap.
    padding : str, int or (low, high) pairs
        As in ``hwio.conv``, with the window as kernel: "valid", "same", "same_lower", "half",
        "full", "causal", a number of cells for every side, or one (low, high) pair per axis.
        Padding never is the maximum, not even of negative numbers.
    dilation : int or one int per axis
        Cells of x between neighbouring taps of a window.
    ceil_mode : bool
        Whether a last window that the padded input cuts off counts too. It does if it starts on x
        or in the padding before it (PyTorch, ONNX).
    layout : str, optional
        Axis letters of x, or ``"x->y"``; by default channels last. ``"NCHW"`` for PyTorch's
        order, ``"HWC"`` for one image without N, ``"NCHW->NHWC"`` to reorder on the way.
    method : str
        "auto", or a way by name: "taps", "windows", "loop". All give the same numbers.
    out : array, optional
        Receives y and is returned; it may be x.
    like : array, optional
        As in ``hwio.conv``: y comes as an array of its kind.

    Returns
    -------
    array, shape (N, H', W', C)
        In x's dtype. H' = floor((H + low + high - d·(kh - 1) - 1) / s) + 1, likewise W'; with
        ``ceil_mode`` it rounds up.

    Raises
    ------
    LayoutError, ShapeError, OptionError, DTypeError, ArgumentTypeError
        If arguments clash, or a window would hold padding alone; with a fix.
    LimitError
        If memory would not suffice; nothing was allocated.

    Notes
    -----
    A window that holds a NaN has no maximum: its y is NaN. ``hwio.argmax_pool`` tells where the
    maxima are, ``hwio.max_pool_grad`` sends gradients there.

    Examples
    --------
    >>> import numpy as np, hwio
    >>> x = np.array([3, 1, 4, 1, 5, 9, 2]).reshape(1, 7, 1)  # one signal, one channel
    >>> hwio.max_pool(x, 2)[0, :, 0]
    array([3, 4, 9])
    >>> hwio.max_pool(x, 3, stride=1, padding="same")[0, :, 0]
    array([3, 4, 4, 5, 9, 9, 9])
    >>> hwio.max_pool(np.ones((2, 5, 7, 4)), (2, 3), ceil_mode=True).shape
    (2, 3, 3, 4)
    """
    if more:
        refuse_places(max_pool, locals())
    if unknown:
        check_pool_keywords("max_pool", unknown, (*OPTIONS, "out", "like"))
    if x is LEFT_OUT:
        refuse_missing(max_pool, locals())
    options = window, stride, padding, dilation, ceil_mode, layout, method
    key = key_of("max_pool", (x,), options) if out is None and like is None else None
    y = again(key, x)
    if y is not None:
        return y
    answer = answer_as(like)
    x = pool_array(x)
    refuse_complex(x.dtype, "x")
    problem = check_pool(
        x.shape, window, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode,
        layout=layout, method=method, itemsize=x.itemsize, why=NO_MAXIMUM,
    )  # fmt: skip
    if out is not None:
        check_pool_out(out, problem.y_shape, problem.layout.y, x.dtype.newbyteorder("="))
    y = reduce_windows(problem, canonical_x(problem, native(x)), MAX)
    remember(key, problem, ("max", x.dtype.char, None), "pooling")
    return answer(stored_y(problem, y, out))  # type: ignore[no-any-return]


@readable
def argmax_pool(
    x: Any = LEFT_OUT,
    window: Sizes | None = None,
    *more: Never,
    stride: Sizes | None = None,
    padding: Padding = "valid",
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    layout: str | None = None,
    method: str = "auto",
    **unknown: Never,
) -> Array:
    """Find where the maximum of every window is.

    Parameters
    ----------
    x, window, stride, padding, dilation, ceil_mode, layout, method
        As in ``hwio.max_pool``.

    Returns
    -------
    int64 array, of the shape of ``hwio.max_pool``'s y
        The place within the image's channel, counted row by row: i·W + j, in 3-D (k·H + i)·W + j.
        Of equal maxima it is the first one's; where there are NaNs, the first NaN's.

    Examples
    --------
    >>> import numpy as np, hwio
    >>> x = np.array([[1, 7, 2, 2], [0, 3, 2, 1]])[None, ..., None]  # 2 × 4, one channel
    >>> hwio.argmax_pool(x, 2)[0, ..., 0]
    array([[1, 2]])
    >>> np.unravel_index(2, (2, 4))
    (np.int64(0), np.int64(2))
    """
    if more:
        refuse_places(argmax_pool, locals())
    if unknown:
        check_pool_keywords("argmax_pool", unknown, OPTIONS)
    if x is LEFT_OUT:
        refuse_missing(argmax_pool, locals())
    x = pool_array(x)
    refuse_complex(x.dtype, "x")
    problem = check_pool(
        x.shape, window, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode,
        layout=layout, method=method, why=NO_MAXIMUM,
    )  # fmt: skip
    return stored_y(problem, find_places(problem, canonical_x(problem, native(x))))


@readable
def avg_pool(
    x: Any = LEFT_OUT,
    window: Sizes | None = None,
    *more: Never,
    stride: Sizes | None = None,
    padding: Padding = "valid",
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = False,
    layout: str | None = None,
    method: str = "auto",
    out: Array | None = None,
    like: Any = None,
    **unknown: Never,
) -> Array:
    """Take the mean of every window, channel by channel.

    Parameters
    ----------
    x : array, shape (N, H, W, C)
        As in ``hwio.max_pool``; complex too.
    window, stride, padding, dilation, ceil_mode, layout, method, out
        As in ``hwio.max_pool``.
    count_include_pad : bool
        Whether cells of the padding count as zeros. By default a window is divided by the number of
        its cells that are x's (TensorFlow, Keras, ONNX); PyTorch's and Flax's default is True.
        Cells that only ``ceil_mode`` adds never count.
    like : array, optional
        As in ``hwio.conv``: y comes as an array of its kind.

    Returns
    -------
    array, shape (N, H', W', C)
        In x's dtype; float64 where x has integers, as ``np.mean`` has it.

    Notes
    -----
    The sum is divided once. float16 sums in float32; integers sum exactly while that is possible.

    Examples
    --------
    >>> import numpy as np, hwio
    >>> x = np.array([3, 1, 4, 1, 5, 9, 2]).reshape(1, 7, 1)
    >>> hwio.avg_pool(x, 2)[0, :, 0]
    array([2. , 2.5, 7. ])
    >>> for counts in (False, True):  # the first window is [padding, 3, 1]
    ...     print(hwio.avg_pool(x, 3, padding=1, count_include_pad=counts)[0, 0, 0])
    2.0
    1.3333333333333333
    """
    if more:
        refuse_places(avg_pool, locals())
    if unknown:
        check_pool_keywords("avg_pool", unknown, (*OPTIONS, "count_include_pad", "out", "like"))
    if x is LEFT_OUT:
        refuse_missing(avg_pool, locals())
    options = window, stride, padding, dilation, ceil_mode, layout, method
    key = (
        key_of(
            "avg_pool",
            (x,),
            (
                *options,
                count_include_pad,
            ),
        )
        if out is None and like is None
        else None
    )
    y = again(key, x)
    if y is not None:
        return y
    answer = answer_as(like)
    x = pool_array(x)
    counts = check_flag(count_include_pad, "count_include_pad", PAD_COUNTS)
    result = mean_dtype(x.dtype)
    problem = check_pool(
        x.shape, window, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode,
        layout=layout, method=method, itemsize=float_compute(result).itemsize,
        why=None if counts else NO_MEAN, way_out="count_include_pad=True",
    )  # fmt: skip
    if out is not None:
        check_pool_out(out, problem.y_shape, problem.layout.y, result)
    y = _means(problem, canonical_x(problem, native(x)), result, counts)
    remember(key, problem, ("sum", x.dtype.char, counts), "pooling")
    return answer(stored_y(problem, rounded(y, result), out))  # type: ignore[no-any-return]


@readable
def lp_pool(
    x: Any = LEFT_OUT,
    window: Sizes | None = None,
    p: int = 2,
    *more: Never,
    stride: Sizes | None = None,
    padding: Padding = "valid",
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    layout: str | None = None,
    method: str = "auto",
    out: Array | None = None,
    like: Any = None,
    **unknown: Never,
) -> Array:
    """Take the p-norm of every window, channel by channel: (Σ |x|^p)^(1/p).

    Parameters
    ----------
    x : array, shape (N, H, W, C)
        As in ``hwio.max_pool``; complex too.
    window : int or one int per axis
    p : int
        At least 1; 2 is the length of the window as a vector, 1 the sum of sizes.
    stride, padding, dilation, ceil_mode, layout, method, out
        As in ``hwio.max_pool``; padding adds nothing.
    like : array, optional
        As in ``hwio.conv``: y comes as an array of its kind.

    Returns
    -------
    array, shape (N, H', W', C)
        In x's dtype; float64 where x has integers, real where it is complex.

    Examples
    --------
    >>> import numpy as np, hwio
    >>> x = np.array([3.0, -4.0, 5.0, 12.0]).reshape(1, 4, 1)
    >>> hwio.lp_pool(x, 2)[0, :, 0]
    array([ 5., 13.])
    >>> hwio.lp_pool(x, 2, p=1)[0, :, 0]
    array([ 7., 17.])
    """
    if more:
        refuse_places(lp_pool, locals())
    if unknown:
        check_pool_keywords("lp_pool", unknown, ("window", "p", *OPTIONS[1:], "out", "like"))
    if x is LEFT_OUT:
        refuse_missing(lp_pool, locals())
    answer = answer_as(like)
    x = pool_array(x)
    p = check_int(p, "p", 1)
    result = mean_dtype(np.abs(np.zeros(0, x.dtype)).dtype)
    compute = float_compute(result)
    problem = check_pool(
        x.shape, window, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode,
        layout=layout, method=method, itemsize=compute.itemsize,
    )  # fmt: skip
    if out is not None:
        check_pool_out(out, problem.y_shape, problem.layout.y, result)
    x = canonical_x(problem, native(x))
    if x.dtype.kind in "iu":  # before taking sizes: the most negative one has no positive twin
        x = x.astype(compute)
    with np.errstate(over="ignore", under="ignore"):
        powers = np.abs(x).astype(compute, copy=False) ** p
        y = _root(reduce_windows(problem, powers, SUM), p)
    return answer(stored_y(problem, rounded(y, result), out))  # type: ignore[no-any-return]


def mean_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of a mean: that of floats, float64 for integers."""
    return np.dtype(np.float64) if dtype.kind in "iu" else dtype.newbyteorder("=")


def _means(problem: PoolProblem, x: Array, result: np.dtype[Any], counts: bool) -> Array:
    """Return the mean of every window of x (n, *in, c), in the dtype to compute in."""
    compute = float_compute(result)
    if x.dtype.kind not in "iu":
        return average_windows(problem, x.astype(compute, copy=False), counts)
    bound, unsigned = problem.geometry.depth * largest(x), x.dtype.kind == "u"
    exact = compute_dtype(bound, result, transforms=False, unsigned=unsigned) or result
    y = reduce_windows(problem, x.astype(exact), SUM).astype(compute, copy=False)
    y /= divisor(problem.geometry, problem.padding, counts)
    return y


def _root(sums: Array, p: int) -> Array:
    """Take the p-th root."""
    if p == 1:
        return sums
    roots = {2: np.sqrt, 3: np.cbrt}
    y: Array = roots[p](sums) if p in roots else sums ** (1 / p)
    return y
