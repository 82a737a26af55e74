"""Run a checked problem: arrays into canonical order, one way, bias and activation, y's order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine import give_up, refusal
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
from hwio.ops.arrays import float_compute
from hwio.ops.integers import clip_exact, compute_dtype, largest, narrow, range_message
from hwio.ops.memory import stored_shape
from hwio.shapes.layout import as_view
from hwio.shapes.padding import PADDING_MODES

if TYPE_CHECKING:
    from hwio.ops.check import Problem
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array


def run(
    problem: Problem,
    x: Array,
    w: Array,
    b: Array | None,
    out: Array | None,
    packs: dict[Any, Any] | None = None,
) -> Array:
    """Convolve arrays that were checked; ``packs`` keeps packed weights from call to call."""
    lay = problem.layout
    if out is not None:
        _check_out(out, problem)
    y = None if problem.plan.kernel is None else run_compiled(problem, x, w, b, packs)
    if y is None:
        y = _run_method(problem, x, w, b)
    if not lay.batched:
        y = y[0]
    y = as_view(y, lay.y_axes)
    if out is None:
        return y
    out[...] = y
    return out


def _run_method(problem: Problem, x: Array, w: Array, b: Array | None) -> Array:
    """Convolve by the plan's readable way; return y (n, *out, o)."""
    x, w = canonical_arrays(problem, x, w)
    compute = problem.compute
    if compute is None:
        compute = integer_dtype(problem, x, w, b)
    if x.dtype != compute:
        x = x.astype(compute)
    if w.dtype != compute:
        w = w.astype(compute)
    y = apply_method(METHODS[problem.plan.method], x, w, problem.geometry)
    return finish(y, b, problem)


def run_compiled(
    problem: Problem, x: Array, w: Array, b: Array | None, packs: dict[Any, Any] | None
) -> Array | None:
    """Convolve by the plan's kernel; return y (n, *out, o), or None if the engine gave up."""
    if refusal():  # it gave up after this problem was planned
        return None
    geo = problem.geometry
    x, w = canonical_views(problem, x, w)
    compute = problem.compute
    if compute is None:
        compute = integer_dtype(problem, x, w, b)
        if compute.kind != "f":
            return None
    if geo.padded and problem.padding_mode != "zeros":
        x = pad(x, geo, problem.padding_mode)
        geo = replace(geo, in_size=geo.padded_size, padding=((0, 0),) * geo.ndim)
    # here and not above: the engine loads llvmlite, which `import hwio` must not
    from hwio.engine.launch import spatial

    kernel = problem.plan.kernel or ""
    fused = problem.compute is not None  # integers get bias and activation exactly, afterwards
    bias = None if b is None or not fused else b.reshape(-1).astype(compute, copy=False)
    x = np.ascontiguousarray(x, compute)
    try:
        block = spatial.block_of(kernel, geo, compute.str[1:])
        packed = None if packs is None else packs.get((kernel, block, fused))
        if packed is None:
            packed = spatial.pack(kernel, block, w.astype(compute, copy=False), bias, geo)
            if packs is not None:
                packs[kernel, block, fused] = packed
        y: Array = spatial.run(packed, x, geo, problem.clip if fused else None)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  a compiler can fail in any way; NumPy does not
        give_up(error)
        return None
    return rounded(y, problem.result) if fused else finish(y, b, problem)


def canonical_arrays(problem: Problem, x: Array, w: Array) -> tuple[Array, Array]:
    """Return x as (n, *in, c) with its padding and w as (*kernel, i, o), turned if asked.

    Everything but the padding is a view.
    """
    geo = problem.geometry
    x, w = canonical_views(problem, x, w)
    return (pad(x, geo, problem.padding_mode) if geo.padded else x), w


def canonical_views(problem: Problem, x: Array, w: Array) -> tuple[Array, Array]:
    """Return x as (n, *in, c) without padding and w as (*kernel, i, o), turned if asked."""
    lay, geo = problem.layout, problem.geometry
    x = as_view(x, lay.x_axes)
    if not lay.batched:
        x = x[None]
    w = as_view(w, lay.w_axes)
    if lay.depthwise:
        w = w.reshape(geo.w_shape)  # (*kernel, C, M) -> (*kernel, 1, C·M)
    if problem.flip:
        w = w[(slice(None, None, -1),) * geo.ndim]
    return x, w


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


def integer_dtype(problem: Problem, x: Array, w: Array, b: Array | None) -> np.dtype[Any]:
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


def finish(y: Array, b: Array | None, problem: Problem) -> Array:
    """Add the bias, apply the activation, round to the result's dtype."""
    integers = problem.compute is None
    if integers and y.dtype.kind == "f" and METHODS[problem.plan.method].transforms:
        y = np.rint(y)
    if b is not None:
        y += b.reshape(-1).astype(y.dtype, copy=False)
    exact = integers and problem.result.kind != "f"
    if integers and not exact:  # before clipping: the bounds may be fractions
        y = rounded(y, float_compute(problem.result))
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
    return narrow(y, problem.result) if exact else rounded(y, problem.result)


def rounded(y: Array, dtype: np.dtype[Any]) -> Array:
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
