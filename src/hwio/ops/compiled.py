"""Run a checked problem by its compiled kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine import give_up, refusal
from hwio.engine.registry import KERNELS, PARTS
from hwio.engine.small import is_small
from hwio.ops.canonical import canonical_views, pad
from hwio.ops.finish import finish, integer_dtype, rounded
from hwio.ops.integers import int32_bound, largest, narrow

if TYPE_CHECKING:
    from hwio.ops.check import Problem
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

Packs = dict[Any, Any]


def run_compiled(
    problem: Problem, x: Array, w: Array, b: Array | None, packs: Packs | None
) -> Array | None:
    """Convolve by the plan's kernel; return y (n, *out, o), or None where NumPy has to serve.

    Bias and activation are part of the kernel for floats, and for integers that are summed in int32;
    for others they follow, exactly.
    """
    if refusal():  # it gave up after this problem was planned
        return None
    if problem.compute is None and KERNELS[problem.plan.kernel or ""].transforms:
        return None  # whole numbers stay whole only in the readable twin
    geo = problem.geometry
    x, w = canonical_views(problem, x, w)
    compute = problem.compute
    fused = compute is not None
    if compute is None and problem.plan.kernel == "direct" and not kernel_is_small(problem):
        y = _summed_in_int32(problem, x, w, b, packs)
        if y is not None or refusal():
            return y
    if compute is None:
        compute = integer_dtype(problem, x, w, b)
        if compute.kind != "f":
            return None
    if geo.padded and (kernel_is_small(problem) or problem.padding_mode != "zeros"):
        x = pad(x, geo, problem.padding_mode)
        geo = replace(geo, in_size=geo.padded_size, padding=((0, 0),) * geo.ndim)
    bias = np.array(b.reshape(-1), compute) if fused and b is not None else None
    x, w = np.ascontiguousarray(x, compute), w.astype(compute, copy=False)
    y = None
    if kernel_is_small(problem):
        y = _tried(partial(_unrolled, problem, geo, x, w, bias))
    if y is None and not refusal():
        y = _tried(partial(_launched, problem, geo, x, w, bias, packs))
    if y is None:
        return None
    return rounded(y, problem.result) if fused else finish(y, b, problem)


def _tried(launch: Callable[[], Array | None]) -> Array | None:
    """Return what a launch returns, None where it failed and the engine gave up."""
    try:
        return launch()
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  a compiler can fail in any way; NumPy does not
        give_up(error)
        return None


def _summed_in_int32(
    problem: Problem, x: Array, w: Array, b: Array | None, packs: Packs | None
) -> Array | None:
    """Convolve integers of 8 or 16 bits, if their sums fit; None where floats have to serve."""
    geo = problem.geometry
    most = int32_bound(geo.depth, x, w)
    if most is None:
        return None
    if geo.padded and problem.padding_mode != "zeros":
        x = pad(x, geo, problem.padding_mode)
        geo = replace(geo, in_size=geo.padded_size, padding=((0, 0),) * geo.ndim)
    exact = problem.result.kind != "f"
    low, high = (problem.clip if exact else None) or (None, None)
    most = max(most + (0 if b is None else largest(b)), int(low or 0), -int(high or 0))
    fits = most < 2**31  # then the bias is added, and y is clipped, in registers
    bias = b.reshape(-1) if fits and b is not None else None
    clip = (low, high) if fits else None
    y = _tried(partial(_launched_whole, geo, x, w, bias, clip, packs))
    if y is None:
        return None
    if not fits:
        return finish(y.astype(integer_dtype(problem, x, w, b)), b, problem)
    return narrow(y, problem.result) if exact else finish(y, None, problem)


def _unrolled(problem: Problem, geo: Geometry, x: Array, w: Array, b: Array | None) -> Array | None:
    """Call the function that is unrolled for this shape, if there is one."""
    # here and not above: the engine loads llvmlite, which `import hwio` must not
    from hwio.engine import tiny

    clip = None if problem.compute is None else problem.clip
    entry = tiny.entry_of(geo, x.dtype.str[1:], b is not None, clip)
    return None if entry is None else tiny.run(entry, x, np.ascontiguousarray(w), b, geo)


def _launched(
    problem: Problem, geo: Geometry, x: Array, w: Array, b: Array | None, packs: Packs | None
) -> Array:
    """Launch the kernel on packed weights, which ``packs`` keeps from call to call."""
    from hwio.engine.launch import spatial, winograd
    from hwio.engine.pack import aligned

    kernel = problem.plan.kernel or ""
    clip = None if problem.compute is None else problem.clip
    if kernel in PARTS:
        y, bad = _split(PARTS[kernel], problem, geo, x, w, b, packs)
    elif kernel in winograd.OUTPUTS:
        y = aligned(geo.y_shape, x.dtype)
        bad = winograd.run(_packed(winograd, kernel, geo, w, b, packs), x, y, geo, clip)
    else:
        return spatial.run(_packed(spatial, kernel, geo, w, b, packs), x, geo, clip)
    if bad is not None:  # direct sums show what overflows, and spread no NaN
        some = replace(geo, n=len(bad))
        y[bad] = spatial.run(_packed(spatial, "direct", some, w, b, packs), x[bad], some, clip)
    return y


def _split(
    parts: int, problem: Problem, geo: Geometry, x: Array, w: Array, b: Array | None,
    packs: Packs | None,
) -> tuple[Array, Any]:  # fmt: skip
    """Launch split-bf16; return y and the images whose numbers it can't serve, or None."""
    from hwio.engine import amx
    from hwio.engine.launch import split

    packed = None if packs is None else packs.get(parts)
    if packed is None:
        packed = split.pack(parts, w, b, geo)
        if packs is not None:
            packs[parts] = packed
    return split.run(packed, x, geo, problem.clip, amx.form())


def _packed(launch: Any, kernel: str, geo: Geometry, w: Array, b: Array | None, packs: Any) -> Any:
    """Return the weights in the order of a kernel's register block, from ``packs`` if they are there."""
    block = launch.block_of(kernel, geo, w.dtype.str[1:])
    key = (kernel, block, b is not None)
    packed = None if packs is None else packs.get(key)
    if packed is None:
        packed = launch.pack(kernel, block, w, b, geo)
        if packs is not None:
            packs[key] = packed
    return packed


def _launched_whole(
    geo: Geometry,
    x: Array,
    w: Array,
    b: Array | None,
    clip: tuple[Any, Any] | None,
    packs: Packs | None,
) -> Array:
    """Launch the direct kernel on integers; return int32 y."""
    from hwio.engine.launch import whole

    form = whole.form_of(x.dtype, w.dtype, geo)
    key = (form, b is None)
    packed = None if packs is None else packs.get(key)
    if packed is None:
        packed = whole.pack(form, w, b, geo)
        if packs is not None:
            packs[key] = packed
    return whole.run(form, packed, x, geo, clip)


def kernel_is_small(problem: Problem) -> bool:
    """Tell whether the plan's kernel has an unrolled form."""
    return problem.plan.kernel == "direct" and is_small(problem.geometry)
