"""``conv``: the one call, from plain arrays to a plain array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Never

import numpy as np

from hwio.ops.arrays import aligned, as_array
from hwio.ops.check import Problem, check_problem
from hwio.ops.elsewhere import answer_as
from hwio.ops.keys import apart, is_fixed
from hwio.ops.keywords import OPTIONS, check_keywords, hide_refused
from hwio.ops.lazy import lazy_bridge
from hwio.ops.missing import LEFT_OUT, refuse_missing
from hwio.ops.moved import short_call
from hwio.ops.places import refuse_places
from hwio.ops.run import run
from hwio.ops.stray import misplaced
from hwio.ops.wording import worded_for

if TYPE_CHECKING:
    from hwio.ops.quick import Quick
    from hwio.types import Activation, Array, Padding, PaddingMode

# Checked problems by shapes, strides, dtypes and options: a repeated call checks nothing again.
_KNOWN: dict[Any, tuple[Quick | None, Problem]] = {}
_KNOWN_MOST = 4096


def conv(
    x: Any = LEFT_OUT,
    w: Any = LEFT_OUT,
    b: Any = None,
    *more: Never,
    stride: int | tuple[int, ...] = 1,
    padding: Padding = "valid",
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
    layout: str | None = None,
    flip: bool = False,
    activation: Activation = None,
    method: str = "auto",
    precision: str = "highest",
    padding_mode: PaddingMode = "zeros",
    out: Array | None = None,
    out_dtype: Any = None,
    memory_limit: int | None = None,
    like: Any = None,
    **unknown: Never,
) -> Array:
    """Convolve arrays: every filter of w over every window of x.

    ``y[n, i, j, k] = b[k] + Σ x[n, i·s + p·d - low, j·s + q·d - low, c] · w[p, q, c, k]``, summed
    over taps p, q and channels c. As in every neural-network library this is a correlation: the
    kernel is not turned round unless ``flip=True``.

    Parameters
    ----------
    x : array, shape (N, H, W, C)
        Images; (N, W, C) in 1-D, (N, D, H, W, C) in 3-D, any order with ``layout``.
        float16, float32, float64, complex64, complex128 or integers. Of a dask array, y is one too
        (``hwio.interop.dask``).
    w : array, shape (H, W, I, O)
        O filters of (H, W, I); filter k is ``w[:, :, :, k]``.
    b : array, shape (O,) or (1, 1, 1, O), optional
        One number per filter, added to its channel of y.
    stride : int or one int per axis
        Input cells between neighbouring windows.
    padding : str, int or (low, high) pairs
        "valid" (none), "same" = "same_upper" (TensorFlow), "same_lower", "half" (k//2 on both
        sides, PyTorch's habit), "full", "causal" (1-D), a number of cells for every side, or one
        (low, high) pair per axis. Words may be written in any case.
    dilation : int or one int per axis
        Input cells between neighbouring taps of a filter.
    groups : int
        Channels and filters are split into that many groups that don't see each other;
        ``groups=C`` is depthwise.
    layout : str, optional
        Axis letters, ``"NHWC,HWIO->NHWC"`` by default; ``"NCHW,OIHW"`` for PyTorch's order,
        ``"HWC,HWIO"`` for one image without N, ``"NHWC,HWCM"`` for TensorFlow's depthwise weights.
    flip : bool
        Turn the kernel round: convolution in the sense of mathematics and ``scipy.signal``.
    activation : {"relu", "relu6"} or (low, high), optional
        Applied to y, words in any case; None leaves an end open.
    method : str
        "auto", or a way by name: "loop", "broadcast", "einsum", "tensordot", "im2col", "taps",
        "fft", "winograd", "winograd4"; with the engine also the kernels "direct", "depthwise",
        "planes", "winograd_f2", "winograd_f4", and where AMX is "bf16", "bf16x3", "bf16x6".
    precision : {"highest", "high", "medium"}
        What "auto" may choose: only direct sums; FFT and Winograd too; also x and w rounded to
        bfloat16, where the processor multiplies it.
    padding_mode : {"zeros", "edge", "reflect", "symmetric", "wrap"}
        What stands in the padding; the names are those of ``np.pad`` (zeros: "constant").
    out : array, optional
        Receives y and is returned; it may overlap x or w.
    out_dtype : dtype, optional
        Of y. By default NumPy's promotion of x, w and b for floats; for integers int32 where x and
        w have 8 bits, else int64 (uint64 where both are unsigned).
    memory_limit : int, optional
        Bytes that y and the workspace may take; by default the machine's memory.
    like : array, optional
        y comes as an array of its kind: a torch tensor, a JAX array or another of the array API, a
        list. None: a NumPy array.

    Returns
    -------
    array, shape (N, H', W', O)
        H' = floor((H + low + high - d·(kh - 1) - 1) / s) + 1, likewise W'.

    Raises
    ------
    LayoutError, ShapeError, OptionError, DTypeError, ArgumentTypeError
        If arguments clash; the message says how they were read, the clash and a fix.
    RangeError
        If an exact integer result leaves its dtype.
    LimitError
        If memory would not suffice; nothing was allocated.

    Notes
    -----
    float16 sums in float32 and rounds once; integers are exact. Sizes follow Dumoulin and Visin
    2016, arXiv 1603.07285. For each way's error bound see ``hwio.methods.accuracy``.

    Examples
    --------
    >>> import numpy as np, hwio
    >>> x = np.arange(5.0).reshape(1, 5, 1)  # one signal, one channel
    >>> w = np.array([1.0, 0.0, -1.0]).reshape(3, 1, 1)
    >>> hwio.conv(x, w)[0, :, 0]
    array([-2., -2., -2.])
    >>> hwio.conv(np.ones((2, 5, 7, 4)), np.ones((3, 3, 4, 8))).shape
    (2, 3, 5, 8)
    """
    if more:
        refuse_places(conv, locals())
    if unknown:
        check_keywords("conv", unknown, (*OPTIONS, "like"), x, w)
    if like is not None:
        answer = answer_as(like, lazy_bridge(x, w, b) is not None)
        return answer(  # type: ignore[no-any-return]
            conv(
                x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups,
                layout=layout, flip=flip, activation=activation, method=method, out=out,
                precision=precision, padding_mode=padding_mode, out_dtype=out_dtype,
                memory_limit=memory_limit,
            )
        )  # fmt: skip
    key = None
    if type(x) is type(w) is np.ndarray and (b is None or type(b) is np.ndarray):
        try:
            key = (
                x.shape, x.strides, x.dtype, w.shape, w.strides, w.dtype,
                None if b is None else (b.shape, b.strides, b.dtype),
                stride if type(stride) is int else apart(stride),
                padding if type(padding) is str else apart(padding),
                dilation if type(dilation) is int else apart(dilation),
                groups if type(groups) is int else apart(groups),
                activation if activation is None else apart(activation),
                layout, flip, type(flip), method, precision, padding_mode, out_dtype,
                memory_limit, type(memory_limit),
            )  # fmt: skip
            found = _KNOWN.get(key)
        except (TypeError, RecursionError):  # an option that does not hash, or holds itself
            key = found = None
        if found is not None:
            quick, problem = found
            if quick is not None and out is None:
                return quick(x, w, b)
            return run(problem, x, aligned(w), b, out)
    bridge = lazy_bridge(x, w, b)
    if bridge is not None:
        return bridge.conv(  # type: ignore[no-any-return]
            x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups,
            layout=layout, flip=flip, activation=activation, method=method, precision=precision,
            padding_mode=padding_mode, out=out, out_dtype=out_dtype, memory_limit=memory_limit,
        )  # fmt: skip
    if x is LEFT_OUT or w is LEFT_OUT:
        refuse_missing(conv, locals())
    given = x, w
    with misplaced(conv, locals()):
        x, w = as_array(x, "x", bfloat16=True), as_array(w, "w", bfloat16=True)
        b = None if b is None else as_array(b, "b", bfloat16=True)
        with worded_for("conv", *given):
            problem = check_problem(
                x.shape, w.shape, x.dtype, w.dtype, None if b is None else (b.shape, b.dtype),
                stride=stride, padding=padding, dilation=dilation, groups=groups, layout=layout,
                flip=flip, activation=activation, method=method, precision=precision,
                padding_mode=padding_mode, out_dtype=out_dtype, memory_limit=memory_limit,
            )  # fmt: skip
    w = aligned(w)  # of one that is not, a copy, which lies otherwise and so is not remembered
    options = (
        stride, padding, dilation, groups, activation, layout, flip, method, precision,
        padding_mode, out_dtype, memory_limit,
    )  # fmt: skip
    if key is not None and w is given[1] and all(map(is_fixed, options)):
        if len(_KNOWN) >= _KNOWN_MOST:
            _KNOWN.clear()
        _KNOWN[key] = short_call(problem, x, w, b), problem
    return run(problem, x, w, b, out)


hide_refused(conv, "x", "w")
