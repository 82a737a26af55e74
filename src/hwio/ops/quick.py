"""Repeated calls on contiguous arrays: straight into an unrolled function, or into a launch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine import refusal, tried
from hwio.engine.threads import HERE
from hwio.ops.arrays import aligned
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

    It skips whatever a plain call does not need: no layout to change, no conversion. Packed weights
    are kept in ``packs``; without it, they are packed at each call.
    """
    dtype = problem.compute
    if problem.plan.kernel is None or dtype is None or not _straight(problem):
        return None
    small = kernel_is_small(problem)
    # a launch with weights that are kept packs them from however they lie
    own = [x] if packs is not None and not small else [x, w] if b is None else [x, w, b]
    if not all(a.dtype == dtype and a.flags.c_contiguous for a in own):
        return None
    unrolled = _unrolled_call(problem, dtype, b is not None) if small else None
    if unrolled is not None:
        return unrolled
    if packs is None:
        starts = tried(partial(plain_start, problem, x, b is not None))
        return None if starts is None else PlainLaunch(problem, starts)
    ready = tried(partial(ready_call, problem, x, w, b, packs))
    return None if ready is None else QuickLaunch(problem, ready, packs)


def _unrolled_call(problem: Problem, dtype: np.dtype[Any], bias: bool) -> Quick | None:
    """Return a call of the function that is unrolled for this shape, None where there is none."""
    from hwio.engine.tiny import entry_of

    geo, clip = problem.geometry, problem.clip
    if geo.padded and problem.padding_mode != "zeros":
        return None
    grown = replace(geo, in_size=geo.padded_size, padding=((0, 0),) * geo.ndim)
    if geo.padded and prod(grown.x_shape) * dtype.itemsize > PADDED:
        return None
    entry = tried(partial(entry_of, grown, dtype.str[1:], bias, clip))
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


def _straight(problem: Problem) -> bool:
    """Tell whether x, w and y are stored as kernels take them."""
    lay = problem.layout
    moved = any(axes != tuple(range(len(axes))) for axes in (lay.x_axes, lay.w_axes, lay.y_axes))
    return lay.batched and not (moved or problem.flip) and problem.result == problem.compute


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
        return run(self._problem, x, aligned(w), b, None) if y is None else y


class QuickLaunch:
    """A launch for x of one shape; ``start`` is its shortest form."""

    def __init__(self, problem: Problem, ready: Ready, packs: Packs) -> None:
        self._problem, self._ready, self._packs = problem, ready, packs
        self._start: Start = not_started

    def __call__(self, x: Array, w: Array, b: Array | None) -> Array:
        """Return y."""
        y = None
        if not HERE.alone:
            y = self._start(x)
            if y is None:
                y = self.start()(x)
        if y is None and not refusal():
            y = self._ready(x)
        return run(self._problem, x, w, b, None, self._packs) if y is None else y

    def start(self) -> Start:
        """Return a function of x that returns y, or None where this has to be called instead."""
        self._start = _start(self._ready.start)
        return self._start


def _start(starts: Starts) -> Start:
    return (None if refusal() else tried(starts)) or not_started


def not_started(*arrays: Array | None) -> None:
    """Stand where there is no function that starts a launch."""
    del arrays
