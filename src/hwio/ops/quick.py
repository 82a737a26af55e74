"""Repeated calls on contiguous arrays: straight into an unrolled function, or into a launch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from hwio.engine import give_up, refusal
from hwio.ops.compiled import kernel_is_small, ready_call
from hwio.ops.run import run

if TYPE_CHECKING:
    from hwio.ops.check import Problem
    from hwio.ops.compiled import Packs
    from hwio.types import Array

Quick = Callable[["Array", "Array", "Array | None"], "Array"]


def quick_call(
    problem: Problem, x: Array, w: Array, b: Array | None, packs: Packs | None = None
) -> Quick | None:
    """Return a function of arrays with just these shapes, strides and dtypes, or None.

    It skips whatever a plain call does not need: no layout to change, no conversion, and for small
    arrays no padding. Packed weights are kept in ``packs``; without it, only small arrays are quick.
    """
    lay, geo, dtype = problem.layout, problem.geometry, problem.compute
    arrays = [x, w] if b is None else [x, w, b]
    plain = all(a.dtype == dtype and a.flags.c_contiguous for a in arrays)
    straight = all(axes == tuple(range(len(axes))) for axes in (lay.x_axes, lay.w_axes, lay.y_axes))
    if not (plain and straight and problem.result == dtype) or problem.plan.kernel is None:
        return None
    if problem.flip or dtype is None or not lay.batched:
        return None
    if not kernel_is_small(problem):
        return None if packs is None else _quick_launch(problem, x, w, b, packs)
    if geo.padded:
        return None
    from hwio.engine.tiny import entry_of

    try:
        entry = entry_of(geo, dtype.str[1:], b is not None, problem.clip)
    except (MemoryError, FloatingPointError):
        raise
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


def _quick_launch(
    problem: Problem, x: Array, w: Array, b: Array | None, packs: Packs
) -> Quick | None:
    """Return a function of x, with weights that don't change."""
    try:
        ready = ready_call(problem, x, w, b, packs)
    except (MemoryError, FloatingPointError):
        raise
    except Exception as error:  # noqa: BLE001  as in run_compiled
        give_up(error)
        return None
    if ready is None:
        return None

    def call(x: Array, w: Array, b: Array | None) -> Array:
        y: Array | None = None if refusal() else ready(x)
        return run(problem, x, w, b, None, packs) if y is None else y

    return call
