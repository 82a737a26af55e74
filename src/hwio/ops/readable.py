"""Run a checked problem by its plan's readable way: at once, or block by block where it is large."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwio.methods import METHODS
from hwio.methods.apply import apply_method
from hwio.ops.arrays import aligned
from hwio.ops.blockwise import assemble
from hwio.ops.canonical import canonical_views, pad
from hwio.ops.finish import finish, integer_dtype
from hwio.ops.gather import gather
from hwio.planner.space import group_of, method_lengths, stays_whole
from hwio.shapes.blocks import blocks

if TYPE_CHECKING:
    from hwio.ops.blockwise import Parts
    from hwio.ops.check import Problem
    from hwio.types import Array


def run_method(
    problem: Problem,
    x: Array,
    w: Array,
    b: Array | None,
    room: Array | None = None,
    lengths: tuple[int, ...] | None = None,
) -> Array:
    """Convolve by the plan's readable way; return y (n, *out, o), in room if there is one.

    ``lengths`` says into which blocks (n, *out) it is cut, where the caller has to know.
    """
    geo, name = problem.geometry, problem.plan.method
    x, w = canonical_views(problem, x, w)
    compute = problem.compute
    if compute is None:
        compute = integer_dtype(problem, x, w, b)
    if (
        0 in geo.y_shape
    ):  # a padded x, or its windows, could be larger than arrays without numbers may
        return np.empty(geo.y_shape, problem.result) if room is None else room
    cut = lengths is not None and METHODS[name].unit is not None
    lengths = lengths if cut else method_lengths(name, geo, problem.itemsize)
    clean = not geo.padded and x.dtype == compute == problem.result and x.flags.aligned
    whole = clean and not cut and lengths is not None and stays_whole(name, geo, lengths)
    if lengths is not None and not whole:
        w = np.ascontiguousarray(w, compute)
        return assemble(lambda own: _parts(own, lengths, x, w, b), problem, room)
    x = pad(x, geo, problem.padding_mode) if geo.padded else aligned(x)
    x, w = x.astype(compute, copy=False), w.astype(compute, copy=False)
    y = finish(apply_method(METHODS[name], x, w, geo), b, problem)
    if room is None:
        return y
    room[...] = y
    return room


def _parts(
    problem: Problem, lengths: tuple[int, ...], x: Array, w: Array, b: Array | None
) -> Parts:
    """Yield indices of y (n, *out, o) and what belongs there, group by group where one is taken."""
    geo, name = problem.geometry, problem.plan.method
    one = group_of(name, geo)
    for g in range(geo.groups // one.groups):
        channels = slice(g * one.in_channels, (g + 1) * one.in_channels)
        filters = slice(g * one.out_channels, (g + 1) * one.out_channels)
        bias = None if b is None else b.reshape(-1)[filters]
        for block in blocks(one, lengths):
            place, part = block.viewed(one)
            images = x[place][..., channels]
            if part.padded or not _is_ready(images, w):
                axes, part = block.copied(one)
                space = np.empty(part.x_shape, w.dtype)
                images = gather(x[place[0]][..., channels], axes, problem.padding_mode, space)
            sums = apply_method(METHODS[name], images, w[..., filters], part)
            yield (*block.place, filters), finish(sums, bias, problem)


def _is_ready(x: Array, w: Array) -> bool:
    """Tell whether a block of x needs no copy."""
    return x.dtype == w.dtype and x.flags.c_contiguous and x.flags.aligned
