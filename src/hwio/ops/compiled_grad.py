"""Run a gradient by the engine: arrays as the kernels read them, and NumPy behind every failure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine import tried
from hwio.engine.gradient_registry import GRADIENT_KERNELS
from hwio.errors import OptionError, word
from hwio.gradients.fold import fold
from hwio.ops.canonical import pad
from hwio.planner.gradients import choose_gradient
from hwio.planner.kernels import RATE

if TYPE_CHECKING:
    from hwio.ops.backward import Backward
    from hwio.types import Array


def compiled_dx(
    problem: Backward, dy: Array, w: Array, packs: dict[Any, Any] | None = None
) -> Array | None:
    """Compute dx (n, *in, c) of dy (n, *out, o) and w (*kernel, i, o); None where NumPy serves.

    What it packs of w is kept in ``packs``.
    """
    geo, mode = problem.geometry, problem.padding_mode
    name = chosen(problem, _kind(dy), "dx")
    if name is None:
        return None
    whole = geo
    if geo.padded and mode != "zeros":  # the cells in the padding have gradients, too
        whole = replace(geo, in_size=geo.padded_size, padding=((0, 0),) * geo.ndim)
    forward = GRADIENT_KERNELS[name].forward

    def run() -> Array | None:
        # here and not above: the engine loads llvmlite, which `import hwio` must not
        from hwio.engine.launch import gradient_x

        return gradient_x.run(forward, np.ascontiguousarray(dy), w, whole, packs)

    dx = tried(run)
    if dx is None or whole is geo:
        return dx
    return np.ascontiguousarray(fold(dx, geo, mode))


def compiled_dw(problem: Backward, x: Array, dy: Array) -> Array | None:
    """Compute dw (*kernel, i, o) of x (n, *in, c) and dy (n, *out, o); None where NumPy serves."""
    geo, mode = problem.geometry, problem.padding_mode
    name = chosen(problem, _kind(dy), "dw")
    if name is None:
        return None
    kernel = name
    if geo.padded and mode != "zeros":
        x = pad(x, geo, mode)
        geo = replace(geo, in_size=geo.padded_size, padding=((0, 0),) * geo.ndim)

    def run() -> Array | None:
        from hwio.engine.launch import gradient_w

        return gradient_w.run(kernel, np.ascontiguousarray(x), np.ascontiguousarray(dy), geo)

    return tried(run)


def chosen(problem: Backward, kind: str, of: str) -> str | None:
    """Return the kernel that was asked for by name, or else what the planner takes."""
    geo, named = problem.geometry, problem.kernel(of)
    if named is None:
        return choose_gradient(geo, kind, of).name
    if kind not in RATE:
        rule = f"method={named!r} computes in float32 and float64, and here it would be in {kind}"
        raise OptionError(word(rule, [], "method='auto'"))
    return None if 0 in (*geo.x_shape, *geo.y_shape, *geo.w_shape) else named


def _kind(array: Array) -> str:
    """Return the number type; one in the other byte order has no kernel."""
    return array.dtype.str[1:] if array.dtype.isnative else ""
