"""Repeated calls on contiguous arrays: straight into an unrolled function, or into a launch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import prod
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from hwio.engine import give_up, refusal
from hwio.engine.threads import HERE
from hwio.ops.compiled import kernel_is_small
from hwio.ops.launches import plain_start, ready_call
from hwio.ops.run import run

if TYPE_CHECKING:
    from hwio.ops.check import Problem
    from hwio.ops.compiled import Packs
    from hwio.ops.launches import Ready, Start, Starts
    from hwio.types import Array

PADDED = 256 << 10  # bytes of x with its padding; more is gone through block by block
Quick = Callable[["Array", "Array", "Array | None"], "Array"]


def quick_call(
    problem: Problem, x: Array, w: Array, b: Array | None, packs: Packs | None = None
) -> Quick | None:
    """Return a function of arrays with just these shapes, strides and dtypes, or None.

    It skips whatever a plain call does not need: no layout to change, no conversion. Packed weights are kept in ``packs``; without it, only small arrays are quick.
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
        if packs is None:
            starts = tried(partial(plain_start, problem, x, b is not None))
            return None if starts is None else PlainLaunch(problem, starts)
        ready = tried(partial(ready_call, problem, x, w, b, packs))
        return None if ready is None else QuickLaunch(problem, ready, packs)
    if geo.padded and problem.padding_mode != "zeros":
        return None
    from hwio.engine.tiny import entry_of

    grown = replace(geo, in_size=geo.padded_size, padding=((0, 0),) * geo.ndim)
    if geo.padded and prod(grown.x_shape) * dtype.itemsize > PADDED:
        return None
    entry = tried(partial(entry_of, grown, dtype.str[1:], b is not None, problem.clip))
    if entry is None:
        return None
    shape, empty = geo.y_shape, np.empty

    def call(x: Array, w: Array, b: Array | None) -> Array:
        y: Array = entry(x, w, b, empty(shape, dtype))
        return y

    if not geo.padded:
        return call
    ends = zip(geo.padding, geo.in_size, strict=True)
    inside = (slice(None), *(slice(low, low + size) for (low, _), size in ends))
    grown_shape, zeros = grown.x_shape, np.zeros

    def padded_call(x: Array, w: Array, b: Array | None) -> Array:
        room = zeros(grown_shape, dtype)
        room[inside] = x
        y: Array = entry(room, w, b, empty(shape, dtype))
        return y

    return padded_call


Made = TypeVar("Made")


def tried(make: Callable[[], Made | None]) -> Made | None:
    """Return what is made, None where it failed and the engine gave up."""
    try:
        return make()
    except (MemoryError, FloatingPointError):
        raise
    except Exception as error:  # noqa: BLE001  as in run_compiled
        give_up(error)
        return None


class QuickLaunch:
    """A launch for x of one shape; ``start`` is its shortest form."""

    def __init__(self, problem: Problem, ready: Ready, packs: Packs) -> None:
        self._problem, self._ready, self._packs = problem, ready, packs

    def __call__(self, x: Array, w: Array, b: Array | None) -> Array:
        """Return y."""
        y = None if refusal() else self._ready(x)
        return run(self._problem, x, w, b, None, self._packs) if y is None else y

    def start(self) -> Start:
        """Return a function of x that returns y, or None where this has to be called instead."""
        return _start(self._ready.start)


class PlainLaunch:
    """A launch for x, w and b of one shape each, whose weights are packed anew at each call."""

    def __init__(self, problem: Problem, starts: Starts) -> None:
        self._problem, self._starts = problem, starts
        self._start: Start = not_started

    def __call__(self, x: Array, w: Array, b: Array | None) -> Array:
        """Return y."""
        y = None if HERE.alone else self._start(x, w, b)
        if y is None and not HERE.alone:
            self._start = _start(self._starts)
            y = self._start(x, w, b)
        return run(self._problem, x, w, b, None) if y is None else y


def _start(starts: Starts) -> Start:
    return (None if refusal() else tried(starts)) or not_started


def not_started(*arrays: Array | None) -> None:
    """Stand where there is no function that starts a launch."""
    del arrays
