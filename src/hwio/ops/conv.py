"""``conv``: the one call, from plain arrays to a plain array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.errors import (
    ArgumentTypeError,
    DTypeError,
    OptionError,
    RangeError,
    ShapeError,
    kind,
    show,
    word,
)
from hwio.methods import METHODS
from hwio.methods.apply import apply_method
from hwio.ops.arrays import aligned, as_array, float_compute
from hwio.ops.check import Problem, check_problem
from hwio.ops.integers import clip_exact, compute_dtype, largest, narrow, range_message
from hwio.ops.memory import stored_shape
from hwio.shapes.counts import LARGEST
from hwio.shapes.layout import as_view
from hwio.shapes.padding import PADDING_MODES

if TYPE_CHECKING:
    from hwio.planner.plan import Plan
    from hwio.shapes.geometry import Geometry
    from hwio.types import Activation, Array, Padding, PaddingMode

# Checked problems by shapes, dtypes and options: a repeated call checks nothing again.
_KNOWN: dict[Any, Problem] = {}
_KNOWN_MOST = 4096


def conv(
    x: Any,
    w: Any,
    b: Any = None,
    *,
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
) -> Array:
    """Convolve arrays: every filter of w over every window of x.

    ``y[n, i, j, k] = b[k] + Σ x[n, i·s + p·d - low, j·s + q·d - low, c] · w[p, q, c, k]``, summed
    over taps p, q and channels c. As in every neural-network library this is a correlation: the
    kernel is not turned round unless ``flip=True``.

    Parameters
    ----------
    x : array, shape (N, H, W, C)
        Images; (N, W, C) in 1-D, (N, D, H, W, C) in 3-D, any order with ``layout``.
        float16, float32, float64, complex64, complex128 or integers.
    w : array, shape (H, W, I, O)
        O filters of (H, W, I); filter k is ``w[:, :, :, k]``.
    b : array, shape (O,) or (1, 1, 1, O), optional
        One number per filter, added to its channel of y.
    stride : int or one int per axis
        Input cells between neighbouring windows.
    padding : str, int or (low, high) pairs
        "valid" (none), "same" = "same_upper" (TensorFlow), "same_lower", "half" (k//2 on both
        sides, PyTorch's habit), "full", "causal" (1-D), a number of cells for every side, or one
        (low, high) pair per axis.
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
        Applied to y; None leaves an end open.
    method : str
        "auto", or a way by name: "loop", "broadcast", "einsum", "tensordot", "im2col", "taps",
        "fft", "winograd", "winograd4".
    precision : {"highest", "high", "medium"}
        What "auto" may choose: only direct sums, or FFT and Winograd too.
    padding_mode : {"zeros", "edge", "reflect", "symmetric", "wrap"}
        What stands in the padding; the names are those of ``np.pad`` (zeros: "constant").
    out : array, optional
        Receives y and is returned; it may overlap x or w.
    out_dtype : dtype, optional
        Of y. By default NumPy's promotion of x, w and b for floats; for integers int32 where x and
        w have 8 bits, else int64 (uint64 where both are unsigned).
    memory_limit : int, optional
        Bytes that y and the workspace may take; by default the machine's memory.

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
    key = None
    if type(x) is type(w) is np.ndarray and (b is None or type(b) is np.ndarray):
        key = (
            x.shape, x.dtype, w.shape, w.dtype, None if b is None else (b.shape, b.dtype),
            stride if type(stride) is int else _apart(stride),
            padding if type(padding) is str else _apart(padding),
            dilation if type(dilation) is int else _apart(dilation),
            groups if type(groups) is int else _apart(groups),
            activation if activation is None else _apart(activation),
            layout, flip, type(flip), method, precision, padding_mode, out_dtype,
            memory_limit, type(memory_limit),
        )  # fmt: skip
        try:
            problem = _KNOWN.get(key)
        except TypeError:  # an option that does not hash
            key = problem = None
        if problem is not None and x.flags.aligned and w.flags.aligned:
            return _run(problem, x, w, b, out)
    x, w = as_array(x, "x"), as_array(w, "w")
    b = None if b is None else as_array(b, "b")
    problem = check_problem(
        x.shape, w.shape, x.dtype, w.dtype, None if b is None else (b.shape, b.dtype),
        stride=stride, padding=padding, dilation=dilation, groups=groups, layout=layout, flip=flip,
        activation=activation, method=method, precision=precision, padding_mode=padding_mode,
        out_dtype=out_dtype, memory_limit=memory_limit,
    )  # fmt: skip
    x, w = aligned(x), aligned(w)
    if key is not None:
        if len(_KNOWN) >= _KNOWN_MOST:
            _KNOWN.clear()
        _KNOWN[key] = problem
    return _run(problem, x, w, b, out)


def _apart(option: Any) -> Any:
    """Return a key for an option that tells 1 from True and from 1.0, however nested."""
    if isinstance(option, tuple | list):
        return (type(option), *map(_apart, option))
    return type(option), option


def plan(x: Any, w: Any, **options: Any) -> Plan:
    """Say what ``conv`` would run for these arrays or shapes, and why.

    Parameters
    ----------
    x, w : array or tuple of int
        Arrays as in ``conv``, or their shapes (then float32 is assumed).
    **options
        Keywords of ``conv``.

    Returns
    -------
    Plan
        ``.method``, ``.reason``, ``.rejected`` and the sizes; prints itself.

    Examples
    --------
    >>> import hwio
    >>> hwio.plan((1, 56, 56, 64), (3, 3, 1, 64), groups=64).method
    'taps'
    """
    return problem_of(x, w, **options).plan


def problem_of(x: Any, w: Any, b: Any = None, **options: Any) -> Problem:
    """Check a call on arrays or shapes without running it; shapes count as float32.

    Parameters
    ----------
    x, w, b : array or tuple of int
    **options
        Keywords of ``conv``, without out.

    Returns
    -------
    Problem
    """
    sides: list[Any] = []
    for name, value in (("x", x), ("w", w), ("b", b)):
        if value is None and name == "b":
            sides.append(None)
        elif is_shape(value):
            sides.append((_sizes(value, name), np.dtype(np.float32)))
        else:
            array = as_array(value, name)
            sides.append((array.shape, array.dtype))
    (x_shape, x_dtype), (w_shape, w_dtype), bias = sides
    return check_problem(x_shape, w_shape, x_dtype, w_dtype, bias, **options)


def _sizes(shape: tuple[int, ...], name: str) -> tuple[int, ...]:
    """Return a shape given instead of an array, if there can be such an array."""
    if any(n < 0 or n >= LARGEST for n in shape):
        rule = f"{name}={show(shape)} is no shape: no axis has less than 0 or 2^63 cells"
        meant = tuple(abs(int(n)) % LARGEST for n in shape)
        raise ShapeError(word(rule, [], f"{name}={meant}"))
    return tuple(int(n) for n in shape)


def is_shape(value: Any) -> bool:
    """Tell a shape, a tuple of integers, from an array."""
    return isinstance(value, tuple) and all(
        isinstance(n, int | np.integer) and not isinstance(n, bool) for n in value
    )


def _run(problem: Problem, x: Array, w: Array, b: Array | None, out: Array | None) -> Array:
    """Convolve arrays that were checked."""
    lay = problem.layout
    if out is not None:
        _check_out(out, problem)
    x, w = canonical_arrays(problem, x, w)
    compute = problem.compute
    if compute is None:
        compute = _integer_dtype(problem, x, w, b)
    if x.dtype != compute:
        x = x.astype(compute)
    if w.dtype != compute:
        w = w.astype(compute)
    y = apply_method(METHODS[problem.plan.method], x, w, problem.geometry)
    y = _finish(y, b, problem)
    if not lay.batched:
        y = y[0]
    y = as_view(y, lay.y_axes)
    if out is None:
        return y
    out[...] = y
    return out


def canonical_arrays(problem: Problem, x: Array, w: Array) -> tuple[Array, Array]:
    """Return x as (n, *in, c) with its padding and w as (*kernel, i, o), turned if asked.

    Everything but the padding is a view.
    """
    lay, geo = problem.layout, problem.geometry
    x = as_view(x, lay.x_axes)
    if not lay.batched:
        x = x[None]
    w = as_view(w, lay.w_axes)
    if lay.depthwise:
        w = w.reshape(geo.w_shape)  # (*kernel, C, M) -> (*kernel, 1, C·M)
    if problem.flip:
        w = w[(slice(None, None, -1),) * geo.ndim]
    return (pad(x, geo, problem.padding_mode) if geo.padded else x), w


def pad(x: Array, geo: Geometry, mode: str) -> Array:
    """Surround x (n, *in, c) with its padding."""
    if mode != "zeros":
        widths = ((0, 0), *geo.padding, (0, 0))
        grown: Array = np.pad(x, widths, PADDING_MODES[mode])  # type: ignore[call-overload]
        return grown
    grown = np.zeros((x.shape[0], *geo.padded_size, x.shape[-1]), x.dtype)
    pairs = zip(geo.padding, geo.in_size, strict=True)
    grown[(slice(None), *(slice(low, low + size) for (low, _), size in pairs))] = x
    return grown


def _integer_dtype(problem: Problem, x: Array, w: Array, b: Array | None) -> np.dtype[Any]:
    """Choose a dtype in which the sums of integers are exact."""
    k, out = problem.geometry.depth, problem.result
    mx, mw = largest(x), largest(w)
    bound = k * mx * mw + (0 if b is None else largest(b))
    low, high = problem.clip or (None, None)
    bound = max(bound, int(low or 0), -int(high or 0)) if out.kind != "f" else bound
    method = problem.plan.method
    unsigned = all(a.dtype.kind == "u" for a in (x, w, b) if a is not None)
    transforms = METHODS[method].transforms
    dtype = compute_dtype(bound, out, transforms=transforms, unsigned=unsigned)
    if dtype is None and METHODS[method].transforms:
        rule = f"method={method!r} is exact for integers only while sums stay below 2^44"
        facts = [f"K·max|x|·max|w| = {k}·{mx}·{mw} = {k * mx * mw}"]
        raise OptionError(word(rule, facts, "method='auto'"))
    if dtype is None:
        parts = f"K·max|x|·max|w| = {k}·{mx}·{mw} = {k * mx * mw}"
        raise RangeError(range_message(bound, parts, out))
    return dtype


def _finish(y: Array, b: Array | None, problem: Problem) -> Array:
    """Add the bias, apply the activation, round to the result's dtype."""
    integers = problem.compute is None
    if integers and y.dtype.kind == "f" and METHODS[problem.plan.method].transforms:
        y = np.rint(y)
    if b is not None:
        y += b.reshape(-1).astype(y.dtype, copy=False)
    exact = integers and problem.result.kind != "f"
    if integers and not exact:  # before clipping: the bounds may be fractions
        y = _rounded(y, float_compute(problem.result))
    if problem.clip is not None and exact:
        clip_exact(y, *problem.clip)
    elif problem.clip is not None:
        low, high = problem.clip
        if low is not None:
            np.maximum(y, low, out=y)
        if high is not None:
            np.minimum(y, high, out=y)
    if y.dtype == problem.result:
        return y
    return narrow(y, problem.result) if exact else _rounded(y, problem.result)


def _rounded(y: Array, dtype: np.dtype[Any]) -> Array:
    """Round to a float dtype; float16 overflows to Inf, as float32 does."""
    with np.errstate(over="ignore"):
        return y.astype(dtype, copy=False)


def _check_out(out: Any, problem: Problem) -> None:
    """Check that out can receive y."""
    lay, result = problem.layout, problem.result
    shape = stored_shape(problem.geometry, lay)
    fits = f"out = np.empty({shape}, np.{result.name})"
    if not isinstance(out, np.ndarray):
        rule = f"out={show(out)} is {kind(out)}, not a NumPy array"
        raise ArgumentTypeError(
            word(rule, [f"y has shape {shape}, {lay.y}, and dtype {result}"], fits)
        )
    if out.shape != shape:
        rule = f"out has shape {out.shape}, but y has {shape}"
        raise ShapeError(word(rule, [f"y is written as {lay.y}"], fits))
    if out.dtype != result:
        rule = f"out has dtype {out.dtype}, but y has {result}"
        facts = ["x, w and b decide the dtype of y, or out_dtype does"]
        raise DTypeError(word(rule, facts, fits))
    if not out.flags.writeable:
        raise OptionError(word("out is read-only", ["y is written into it"], "out = out.copy()"))
