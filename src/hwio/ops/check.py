"""Turn the arguments of a call into one checked problem.

Everything here works on shapes and dtypes; no array is read and nothing is allocated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.errors import DTypeError, LayoutError, ShapeError, word
from hwio.methods import METHODS
from hwio.ops.arrays import as_dtype, common_float, float_compute, integer_result
from hwio.ops.memory import check_output, check_workspace, physical_memory
from hwio.ops.options import check_flip, check_method, clip_of
from hwio.planner.choose import choose
from hwio.shapes.channels import check_channels, never_guesses
from hwio.shapes.counts import check_int, per_axis
from hwio.shapes.geometry import Geometry, out_sizes
from hwio.shapes.layout import read_layout
from hwio.shapes.padding import check_padding_mode, resolve_padding
from hwio.shapes.room import check_room, has_room

if TYPE_CHECKING:
    from hwio.planner.plan import Plan
    from hwio.shapes.layout import Layout

Shape = tuple[int, ...]


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
    kind : str
        What kernels are asked to compute in: a number type, or those of two small integers.
    """

    layout: Layout
    geometry: Geometry
    padding_mode: str
    flip: bool
    clip: tuple[float | None, float | None] | None
    plan: Plan
    compute: np.dtype[Any] | None
    result: np.dtype[Any]
    kind: str

    @property
    def itemsize(self) -> int:
        """Bytes of one number in the computation, 8 at most for integers."""
        return 8 if self.compute is None else self.compute.itemsize


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
    room = partial(has_room, x_shape, w_shape, stride, dilation, padding)
    if isinstance(layout, str) and layout in ("auto", "guess", "any"):
        raise LayoutError(never_guesses(layout, x_shape, w_shape, room))
    lay = read_layout(layout, x_shape, w_shape)
    letters = lay.spatial
    strides = per_axis(stride, "stride", letters)
    dilations = per_axis(dilation, "dilation", letters)
    groups = check_int(groups, "groups", 1)
    groups = check_channels(lay, x_shape, w_shape, groups, named=layout is not None, room=room)
    x_sizes = dict(zip(lay.x, x_shape, strict=True))
    w_sizes = dict(zip(lay.w, w_shape, strict=True))
    in_size = tuple(x_sizes[axis] for axis in letters)
    kernel = tuple(w_sizes[axis] for axis in letters)
    pads = resolve_padding(padding, in_size, kernel, strides, dilations, letters, lay.x)
    check_room(lay, x_shape, w_shape, dilations, pads, groups)
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
    lay = read_layout(layout, x_shape, w_shape)
    mode = check_padding_mode(padding_mode, geo.padding, geo.in_size, geo.letters)
    turned = check_flip(flip)
    dtypes = [x_dtype, w_dtype]
    if b is not None:
        check_bias(b[0], geo.out_channels, lay.w)
        dtypes.append(b[1])
    compute, result = _dtypes(dtypes, out_dtype)
    clip = clip_of(activation, result)
    check_method(method, precision, geo)
    computed = compute or np.dtype(np.float64)  # integers: at most 8 bytes
    limit = check_output(geo, lay, computed.itemsize, memory_limit)
    kind = computed.str[1:]
    if compute is None and max(x_dtype.itemsize, w_dtype.itemsize) <= 2:
        kind = x_dtype.str[1:] + w_dtype.str[1:]
    converts = not x_dtype == computed == result
    plan = choose(geo, computed.itemsize, precision, method, kind, converts, compute is None)
    converted = []
    if x_dtype != computed and METHODS[plan.method].unit is None:  # others convert it in blocks
        converted.append(("x", prod((geo.n, *geo.padded_size, geo.in_channels))))
    if w_dtype != computed and not (plan.kernel and compute):  # a kernel packs them converted
        converted.append(("w", prod(w_shape)))
    need = computed.itemsize * (prod(geo.y_shape) + sum(count for _, count in converted))
    if plan.kernel and need + plan.workspace > (physical_memory() if limit is None else limit):
        plan = choose(geo, computed.itemsize, precision, converts=converts)  # NumPy may need less
    check_workspace(geo, lay, plan, computed.itemsize, limit, converted)
    return Problem(lay, geo, mode, turned, clip, plan, compute, result, kind)


def check_bias(shape: Shape, filters: int, w_letters: str) -> None:
    """Accept (O,) and the course's (1, 1, 1, O)."""
    ones = (1,) * (len(w_letters) - 1) + (filters,)
    if shape in ((filters,), ones):
        return
    has = f"b has shape {shape}" if shape else "b is one number"
    rule = f"{has}, but w has {filters} filters"
    facts = [f"b holds one number per filter: shape ({filters},) or {ones}"]
    if shape == ():
        fix = f"b = np.full({filters}, b)"
    elif prod(shape) == filters:
        fix = f"b = b.reshape({filters})"
    else:
        fix = f"b of shape ({filters},)"
    raise ShapeError(word(rule, facts, fix))


def _dtypes(dtypes: list[Any], out_dtype: Any) -> tuple[np.dtype[Any] | None, np.dtype[Any]]:
    """Return the dtype to compute in (None for integers) and that of the result."""
    asked = None if out_dtype is None else as_dtype(out_dtype, "out_dtype")
    if all(d.kind in "iu" for d in dtypes):
        result = integer_result(dtypes[0], dtypes[1])
        if len(dtypes) == 3 and not np.can_cast(dtypes[2], result):
            result = np.dtype(np.int64) if result.itemsize < 8 else result
        if asked is not None and asked.kind == "c":
            rule = f"out_dtype={asked}, but x and w are integers ({dtypes[0]} and {dtypes[1]})"
            raise DTypeError(word(rule, [], f"x = x.astype({_code(asked)})"))
        return None, asked or result
    common = common_float(*dtypes)
    if asked is None:
        return float_compute(common), common
    if asked.kind in "iu" or (asked.kind == "f" and common.kind == "c"):
        rule = f"out_dtype={asked} would lose part of y, which is {common}"
        real = "hwio.conv(x, w)" + (".real" if common.kind == "c" else "")
        rounded = real if asked.kind == "f" else f"np.rint({real})"
        raise DTypeError(word(rule, [], f"{rounded}.astype({_code(asked)})"))
    return float_compute(common_float(common, asked)), asked


def _code(dtype: np.dtype[Any]) -> str:
    """Write a dtype as code."""
    return f"np.{dtype.name}"
