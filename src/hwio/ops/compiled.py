"""Run a checked problem by its compiled kernel."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine import give_up, refusal
from hwio.engine.registry import KERNELS
from hwio.engine.small import is_small
from hwio.ops.canonical import canonical_views, pad
from hwio.ops.finish import finish, integer_dtype, rounded

if TYPE_CHECKING:
    from hwio.ops.check import Problem
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

Packs = dict[Any, Any]


def run_compiled(
    problem: Problem, x: Array, w: Array, b: Array | None, packs: Packs | None
) -> Array | None:
    """Convolve by the plan's kernel; return y (n, *out, o), or None where NumPy has to serve.

    Bias and activation are part of the kernel for floats; for integers they follow, exactly.
    """
    if refusal():  # it gave up after this problem was planned
        return None
    if problem.compute is None and KERNELS[problem.plan.kernel or ""].transforms:
        return None  # whole numbers stay whole only in the readable twin
    geo = problem.geometry
    x, w = canonical_views(problem, x, w)
    compute = problem.compute
    fused = compute is not None
    if compute is None:
        compute = integer_dtype(problem, x, w, b)
        if compute.kind != "f":
            return None
    if geo.padded and (kernel_is_small(problem) or problem.padding_mode != "zeros"):
        x = pad(x, geo, problem.padding_mode)
        geo = replace(geo, in_size=geo.padded_size, padding=((0, 0),) * geo.ndim)
    bias = np.array(b.reshape(-1), compute) if fused and b is not None else None
    x, w = np.ascontiguousarray(x, compute), w.astype(compute, copy=False)
    try:
        y = _unrolled(problem, geo, x, w, bias) if kernel_is_small(problem) else None
        if y is None:
            y = _launched(problem, geo, x, w, bias, packs)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  a compiler can fail in any way; NumPy does not
        give_up(error)
        return None
    return rounded(y, problem.result) if fused else finish(y, b, problem)


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
    if kernel not in winograd.OUTPUTS:
        return spatial.run(_packed(spatial, kernel, geo, w, b, packs), x, geo, clip)
    y: Array = aligned(geo.y_shape, x.dtype)
    bad = winograd.run(_packed(winograd, kernel, geo, w, b, packs), x, y, geo, clip)
    if bad is not None:  # direct sums show what overflows, and spread no NaN
        some = replace(geo, n=len(bad))
        y[bad] = spatial.run(_packed(spatial, "direct", some, w, b, packs), x[bad], some, clip)
    return y


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


def kernel_is_small(problem: Problem) -> bool:
    """Tell whether the plan's kernel has an unrolled form."""
    return problem.plan.kernel == "direct" and is_small(problem.geometry)
