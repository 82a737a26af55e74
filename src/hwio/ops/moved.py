"""Repeated calls on arrays in another order, number type or padding: one copy, then the quick way.

The long way copies x block by block, as kernels want it, and words each step anew. Where all of x is
one block, what is copied from where is known after the first call.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine import refusal
from hwio.engine.registry import KERNELS
from hwio.ops.canonical import w_view, x_view
from hwio.ops.compiled import kernel_is_small, needs_copy
from hwio.ops.finish import rounded
from hwio.ops.quick import quick_call
from hwio.planner.space import kernel_lengths
from hwio.shapes.blocks import Block, sources
from hwio.shapes.layout import as_view, default_layout, parse_layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwio.ops.check import Problem
    from hwio.ops.compiled import Packs
    from hwio.ops.quick import Quick
    from hwio.shapes.blocks import Cells
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

MOST_MOVED = 256 << 10  # bytes of w, and of an x that a kernel can read: more stay where they lie


def short_call(
    problem: Problem, x: Array, w: Array, b: Array | None, packs: Packs | None = None
) -> Quick | None:
    """Return a function of arrays with just these shapes, strides and dtypes, or None.

    Packed weights are kept in ``packs``; without it, w and b are taken anew at each call.
    """
    quick = quick_call(problem, x, w, b, packs)
    return quick or _moved_call(problem, x, w, b, packs)


def _moved_call(
    problem: Problem, x: Array, w: Array, b: Array | None, packs: Packs | None
) -> Quick | None:
    """Return a function that copies what has to be copied, or None where the long way is better."""
    compute, kernel = problem.compute, problem.plan.kernel
    if kernel is None or compute is None or 0 in problem.geometry.x_shape or refusal():
        return None
    way = _way_of_x(problem, x, kernel, compute)
    weights, bias = w_view(problem, w), None if b is None else plainly(b.reshape(-1), compute)
    if way is None or (packs is None and weights.size * compute.itemsize > MOST_MOVED):
        return None
    put, part = way
    plain = replace(
        problem,
        layout=parse_layout(default_layout(part.ndim + 2)),
        geometry=part,
        padding_mode="zeros",
        flip=False,
        result=compute,
    )
    if packs is None or kernel_is_small(plain):
        weights = plainly(weights, compute)
    quick = quick_call(plain, np.empty(part.x_shape, compute), weights, bias, packs)
    if quick is None:
        return None
    return MovedCall(problem, put, quick, None if packs is None else (weights, bias))


def _way_of_x(
    problem: Problem, x: Array, kernel: str, compute: np.dtype[Any]
) -> tuple[Callable[[Array], Array], Geometry] | None:
    """Return what puts x (n, *in, c) as kernels read it, and the geometry then.

    None where x is more than one block, or where reading it from where it lies costs less than a copy.
    """
    geo, mode, view = problem.geometry, problem.padding_mode, x_view(problem, x)
    whole = (geo.n, *geo.out_size)
    read = not needs_copy(problem, view)
    straight = read and plainly(view, compute) is view
    if straight and problem.result == compute:
        return partial(plainly, dtype=compute), geo
    if kernel_lengths(geo, problem.itemsize, kernel) != whole:
        return None
    if straight:
        return partial(plainly, dtype=compute), geo
    axes, part = Block((0,) * len(whole), whole).copied(geo)
    near = prod(part.x_shape) * compute.itemsize <= MOST_MOVED
    if KERNELS[kernel].refuses(part) or (read and not near):
        return None
    return Copy(axes, geo, part, mode, compute), part


def plainly(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return an array as machine code reads it: in this dtype, contiguous and aligned."""
    flags = array.flags
    if array.dtype == dtype and flags.c_contiguous and flags.aligned:
        return array
    return array.astype(dtype, order="C")


class Copy:
    """x (n, *in, c) with its padding, in another number type: what is copied from where."""

    def __init__(
        self,
        axes: tuple[Cells, ...],
        geo: Geometry,
        part: Geometry,
        mode: str,
        dtype: np.dtype[Any],
    ) -> None:
        self._shape, self._dtype = part.x_shape, dtype
        steps = (
            list(sources(cells, size, mode)) for cells, size in zip(axes, geo.in_size, strict=True)
        )
        every = [tuple(zip(*parts, strict=True)) for parts in product(*steps)]
        self._steps = [
            ((slice(None), *place), (slice(None), *came))
            for place, came in every
            if None not in came
        ]
        self._room = np.empty if len(self._steps) == len(every) else np.zeros

    def __call__(self, x: Array) -> Array:
        """Return the copy."""
        room: Array = self._room(self._shape, self._dtype)
        for place, came in self._steps:
            room[place] = x[came]
        return room


class MovedCall:
    """A quick call on x as kernels read it; y is put back into the caller's order and dtype."""

    def __init__(
        self,
        problem: Problem,
        put: Callable[[Array], Array],
        quick: Quick,
        own: tuple[Array, Array | None] | None,
    ) -> None:
        self._problem, self._put, self._quick, self._own = problem, put, quick, own

    def __call__(self, x: Array, w: Array, b: Array | None) -> Array:
        """Return y."""
        problem, compute = self._problem, self._problem.compute
        lay = problem.layout
        if self._own is not None:
            w, b = self._own
        elif compute is not None:
            w = plainly(w_view(problem, w), compute)
            b = None if b is None else plainly(b.reshape(-1), compute)
        y = self._quick(self._put(x_view(problem, x)), w, b)  # (n, *out, o)
        if problem.result != compute:
            y = rounded(y, problem.result)
        return as_view(y if lay.batched else y[0], lay.y_axes)
