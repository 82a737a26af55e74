"""Turn the arguments of a call into one checked problem.

Everything here works on shapes and dtypes; no array is read and nothing is allocated.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.errors import ArgumentTypeError, DTypeError, OptionError, ShapeError, nearest, word
from hwio.methods import METHODS
from hwio.ops.arrays import as_dtype, float_compute, integer_result
from hwio.ops.memory import check_memory, size
from hwio.planner.choose import PRECISIONS, choose
from hwio.shapes.channels import check_channels
from hwio.shapes.geometry import Geometry, out_sizes
from hwio.shapes.layout import describe, read_layout
from hwio.shapes.padding import check_int, check_padding_mode, per_axis, resolve_padding

if TYPE_CHECKING:
    from hwio.planner.plan import Plan
    from hwio.shapes.layout import Layout

Shape = tuple[int, ...]
_ACTIVATIONS: dict[str, tuple[float | None, float | None]] = {"relu": (0, None), "relu6": (0, 6)}


@dataclass(frozen=True, slots=True)
class Problem:
    """One convolution, checked: how to read the arrays, and what to do with them.

    Attributes
    ----------
    layout : Layout
    geometry : Geometry
    padding_mode : str
    flip : bool
        Whether the kernel is turned round first (true convolution).
    clip : pair or None
        Activation as (low, high), None for an open end.
    plan : Plan
    compute, result : dtype
        Of the computation (None: integers, chosen from the values) and of y.
    """

    layout: Layout
    geometry: Geometry
    padding_mode: str
    flip: bool
    clip: tuple[float | None, float | None] | None
    plan: Plan
    compute: np.dtype[Any] | None
    result: np.dtype[Any]


def geometry_of(
    x_shape: Shape,
    w_shape: Shape,
    *,
    stride: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
    groups: Any = 1,
    layout: str | None = None,
) -> Geometry:
    """Work out every size of one convolution from shapes.

    Parameters
    ----------
    x_shape, w_shape : tuple of int
        As stored.
    stride, padding, dilation, groups, layout
        As in ``hwio.conv``.

    Returns
    -------
    Geometry

    Examples
    --------
    >>> geometry_of((2, 5, 7, 4), (3, 3, 4, 8)).y_shape
    (2, 3, 5, 8)
    """
    lay = read_layout(layout, len(x_shape), len(w_shape))
    letters = lay.spatial
    strides = per_axis(stride, "stride", letters)
    dilations = per_axis(dilation, "dilation", letters)
    groups = check_channels(lay, x_shape, w_shape, check_int(groups, "groups", 1))
    x_sizes = dict(zip(lay.x, x_shape, strict=True))
    w_sizes = dict(zip(lay.w, w_shape, strict=True))
    in_size = tuple(x_sizes[axis] for axis in letters)
    kernel = tuple(w_sizes[axis] for axis in letters)
    pads = resolve_padding(padding, in_size, kernel, strides, dilations, letters)
    return Geometry(
        n=x_sizes.get("N", 1),
        in_size=in_size,
        in_channels=x_sizes["C"],
        kernel=kernel,
        out_channels=w_sizes["C"] * w_sizes["M"] if lay.depthwise else w_sizes["O"],
        out_size=out_sizes(in_size, kernel, strides, dilations, pads),
        stride=strides,
        dilation=dilations,
        padding=pads,
        groups=groups,
    )


def check_problem(
    x_shape: Shape,
    w_shape: Shape,
    x_dtype: np.dtype[Any],
    w_dtype: np.dtype[Any],
    b: tuple[Shape, np.dtype[Any]] | None = None,
    *,
    stride: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
    groups: Any = 1,
    layout: str | None = None,
    flip: Any = False,
    activation: Any = None,
    method: Any = "auto",
    precision: Any = "highest",
    padding_mode: Any = "zeros",
    out_dtype: Any = None,
    memory_limit: Any = None,
) -> Problem:
    """Check every argument of ``conv`` from shapes and dtypes.

    Parameters
    ----------
    x_shape, w_shape : tuple of int
        As stored.
    x_dtype, w_dtype : dtype
    b : pair of shape and dtype, or None
    stride, padding, dilation, groups, layout, flip, activation, method, precision, padding_mode, \
out_dtype, memory_limit
        As in ``hwio.conv``.

    Returns
    -------
    Problem

    Raises
    ------
    HwioError
        Whichever names the first thing that is wrong.
    """
    geo = geometry_of(
        x_shape,
        w_shape,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        layout=layout,
    )
    lay = read_layout(layout, len(x_shape), len(w_shape))
    mode = check_padding_mode(padding_mode, geo.padding, geo.in_size, geo.letters)
    if not isinstance(flip, bool | np.bool_):
        raise ArgumentTypeError(word(f"flip={flip!r} is not True or False", [], "flip=True"))
    dtypes = [x_dtype, w_dtype]
    if b is not None:
        _check_bias(b[0], geo.out_channels, lay.w)
        dtypes.append(b[1])
    compute, result = _dtypes(dtypes, out_dtype)
    clip = _clip_of(activation, result)
    _check_method(method, precision, geo)
    item = (compute or np.dtype(np.float64)).itemsize
    plan = choose(geo, item, precision, method)
    _check_size(geo, plan, item, lay, memory_limit)
    return Problem(lay, geo, mode, bool(flip), clip, plan, compute, result)


def _check_bias(shape: Shape, filters: int, w_letters: str) -> None:
    """Accept (O,) and the course's (1, 1, 1, O)."""
    if shape not in ((filters,), (1,) * (len(w_letters) - 1) + (filters,)):
        rule = f"b has shape {shape} but w has {filters} filters"
        ones = (1,) * (len(w_letters) - 1) + (filters,)
        facts = [f"b holds one number per filter: shape ({filters},) or {ones}"]
        fix = f"b.reshape({filters})" if prod(shape) == filters else None
        if shape == ():
            fix = f"np.full({filters}, b)"
        raise ShapeError(word(rule, facts, fix))


def _dtypes(dtypes: list[Any], out_dtype: Any) -> tuple[np.dtype[Any] | None, np.dtype[Any]]:
    """Return the dtype to compute in (None for integers) and that of the result."""
    asked = None if out_dtype is None else as_dtype(out_dtype, "out_dtype")
    if all(d.kind in "iu" for d in dtypes):
        result = integer_result(dtypes[0], dtypes[1])
        if len(dtypes) == 3 and not np.can_cast(dtypes[2], result):
            result = np.dtype(np.int64) if result.itemsize < 8 else result
        if asked is not None and asked.kind == "c":
            raise DTypeError(word(f"out_dtype={asked} for integer arrays", [], "x.astype(complex)"))
        return None, asked or result
    common = np.result_type(*dtypes)
    if asked is None:
        return float_compute(common), common
    if asked.kind in "iu" or (asked.kind == "f" and common.kind == "c"):
        rule = f"out_dtype={asked} would lose part of a {common} result"
        raise DTypeError(word(rule, [], "convolve first, then round: np.rint(y).astype(...)"))
    return float_compute(np.result_type(common, asked)), asked


def _clip_of(activation: Any, result: np.dtype[Any]) -> tuple[float | None, float | None] | None:
    """Return an activation as (low, high)."""
    if activation is None:
        return None
    if isinstance(activation, str):
        if activation not in _ACTIVATIONS:
            near = nearest(activation, _ACTIVATIONS)
            rule = f"activation={activation!r} is not an activation"
            facts = ["activations: relu, relu6, or (low, high) with None for an open end"]
            raise OptionError(word(rule, facts, near and f"did you mean activation={near!r}?"))
        clip = _ACTIVATIONS[activation]
    else:
        clip = _bounds(activation)
    if result.kind == "c":
        rule = f"activation={activation!r} needs an order, and {result} numbers have none"
        raise DTypeError(word(rule, [], "activate the real part, or abs(y)"))
    return clip


def _bounds(activation: Any) -> tuple[float | None, float | None]:
    """Read (low, high)."""
    bounds = tuple(activation) if isinstance(activation, tuple | list) else ()
    real = all(
        v is None or (isinstance(v, int | float | np.integer | np.floating) and v == v)
        for v in bounds
    )
    if len(bounds) != 2 or not real:
        rule = f"activation={activation!r} is not an activation"
        facts = ["activations: relu, relu6, or (low, high) with None for an open end"]
        fix = "y = activation(hwio.conv(x, w))" if callable(activation) else "activation=(0, 6)"
        raise OptionError(word(rule, facts, fix))
    low, high = bounds
    if low is not None and high is not None and low > high:
        rule = f"activation=({low}, {high}) has low above high"
        raise OptionError(word(rule, [], f"activation=({high}, {low})"))
    return low, high


def _check_method(method: Any, precision: Any, geo: Geometry) -> None:
    """Check the method and precision words, and that the method serves the geometry."""
    known = ("auto", *sorted(METHODS))
    if method not in known:
        near = nearest(method, known)
        rule = f"method={method!r} is not a method"
        fix = near and f"did you mean method={near!r}?"
        raise OptionError(word(rule, [f"methods: {', '.join(known)}"], fix))
    if precision not in PRECISIONS:
        near = nearest(precision, PRECISIONS)
        rule = f"precision={precision!r} is not a precision"
        facts = [f"{name}: {what}" for name, what in PRECISIONS.items()]
        raise OptionError(word(rule, facts, near and f"did you mean precision={near!r}?"))
    why = None if method == "auto" else METHODS[method].refuses(geo)
    if why:
        can = [name for name, m in METHODS.items() if m.refuses(geo) is None]
        rule = f"method={method!r} can't serve this convolution: {why}"
        raise OptionError(word(rule, [f"methods that can: {', '.join(can)}"], 'method="auto"'))


def _check_size(geo: Geometry, plan: Plan, itemsize: int, lay: Layout, limit: Any) -> None:
    """Refuse what can't fit before anything is allocated."""
    if limit is not None:
        limit = check_int(limit, "memory_limit", 0)
    output = prod(geo.y_shape) * itemsize
    parts = [
        f"y          {describe(_stored(geo, lay), lay.y)}  ->  {size(output)}",
        f"workspace  method {plan.method}  ->  {size(plan.workspace)}",
    ]
    lean = plan.method in ("im2col", "taps", "einsum", "loop")
    fix = "fewer images at a time, or less padding" if lean else 'method="auto"'
    check_memory(output + plan.workspace, limit, parts, fix)


def _stored(geo: Geometry, lay: Layout) -> Shape:
    """Return the shape of y as stored."""
    front = geo.y_shape if lay.batched else geo.y_shape[1:]
    return tuple(front[axis] for axis in lay.y_axes)
