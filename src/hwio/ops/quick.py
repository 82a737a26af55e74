"""Repeated calls on small contiguous arrays: straight into an unrolled function."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from hwio.engine import give_up
from hwio.ops.compiled import kernel_is_small

if TYPE_CHECKING:
    from hwio.ops.check import Problem
    from hwio.types import Array

Quick = Callable[["Array", "Array", "Array | None"], "Array"]


def quick_call(problem: Problem, x: Array, w: Array, b: Array | None) -> Quick | None:
    """Return a function of arrays with just these shapes, strides and dtypes, or None.

    It skips whatever a plain call does not need: no layout to change, no padding, no conversion.
    """
    lay, geo, dtype = problem.layout, problem.geometry, problem.compute
    arrays = [x, w] if b is None else [x, w, b]
    plain = all(a.dtype == dtype and a.flags.c_contiguous for a in arrays)
    straight = all(axes == tuple(range(len(axes))) for axes in (lay.x_axes, lay.w_axes, lay.y_axes))
    if not (kernel_is_small(problem) and plain and straight and problem.result == dtype):
        return None
    if geo.padded or problem.flip or dtype is None or not lay.batched:
        return None
    from hwio.engine.tiny import entry_of

    try:
        entry = entry_of(geo, dtype.str[1:], b is not None, problem.clip)
    except Exception as error:  # noqa: BLE001  as in run_compiled
        give_up(error)
        return None
    if entry is None:
        return None
    shape, empty = geo.y_shape, np.empty

    def call(x: Array, w: Array, b: Array | None) -> Array:
        y: Array = entry(x, w, b, empty(shape, dtype))
        return y

    return call
