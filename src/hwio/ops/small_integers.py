"""Integers of 8 or 16 bits: summed in int32 by the direct kernel, block by block."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.ops.blockwise import assemble
from hwio.ops.finish import finish, integer_dtype
from hwio.ops.gather import gather
from hwio.ops.integers import int32_bound, largest, narrow
from hwio.planner.space import kernel_lengths
from hwio.shapes.blocks import blocks, least

if TYPE_CHECKING:
    from hwio.engine.launch.whole import Form
    from hwio.ops.blockwise import Parts
    from hwio.ops.check import Problem
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

Packs = dict[Any, Any]


def run_whole(
    problem: Problem, x: Array, w: Array, b: Array | None, packs: Packs | None, room: Array | None
) -> Array | None:
    """Convolve integers of 8 or 16 bits, if their sums fit; None where floats have to serve."""
    most = int32_bound(problem.geometry.depth, x, w)
    if most is None:
        return None
    low, high = (problem.clip if problem.result.kind != "f" else None) or (None, None)
    most = max(most + (0 if b is None else largest(b)), int(low or 0), -int(high or 0))
    fits = most < 2**31  # then the bias is added, and y is clipped, in registers
    wide = None if fits else integer_dtype(problem, x, w, b)
    known: Packs = {} if packs is None else packs
    if fits and problem.result == np.int32 and _is_ready(problem, x, w):
        return _at_once(problem, x, w, b, known, room)
    return assemble(partial(_parts, x=x, w=w, b=b, wide=wide, packs=known), problem, room)


def _at_once(
    problem: Problem, x: Array, w: Array, b: Array | None, packs: Packs, room: Array | None
) -> Array:
    """Convolve x where it lies into int32 y."""
    from hwio.engine.launch import spatial, whole

    geo = problem.geometry
    y = spatial.room(geo.y_shape, np.int32)
    if room is not None and spatial.writes(room, "direct"):
        y = room
    form = whole.form_of(x.dtype, w.dtype, geo)
    whole.run(form, _packed(packs, form, w, b, geo), x, geo, problem.clip, y)
    if room is None or y is room:
        return y
    room[...] = y
    return room


def _is_ready(problem: Problem, x: Array, w: Array) -> bool:
    """Tell whether the kernel reads x where it lies."""
    from hwio.engine.launch import whole

    geo = problem.geometry
    zeros = not geo.padded or problem.padding_mode == "zeros"
    return zeros and whole.reads(whole.form_of(x.dtype, w.dtype, geo), x, geo)


def _parts(
    problem: Problem, x: Array, w: Array, b: Array | None, wide: np.dtype[Any] | None, packs: Packs
) -> Parts:
    """Yield indices of y (n, *out, o) and what belongs there, exactly."""
    from hwio.engine.launch import spatial, whole

    geo, exact = problem.geometry, problem.result.kind != "f"
    lengths = kernel_lengths(geo, problem.itemsize, "direct")
    whole_y = lengths == (geo.n, *geo.out_size)
    smallest = geo if whole_y else least(geo, lengths).copied(geo)[1]
    form = whole.form_of(x.dtype, w.dtype, smallest)
    bias, clip = (b, problem.clip if exact else None) if wide is None else (None, None)
    for block in blocks(geo, lengths):
        axes, part = block.copied(geo)
        space = spatial.room(part.x_shape, x.dtype.newbyteorder("="))
        images = gather(x[block.place[0]], axes, problem.padding_mode, space)
        y = spatial.room(part.y_shape, np.int32)
        whole.run(form, _packed(packs, form, w, bias, part), images, part, clip, y)
        if wide is not None:
            yield block.place, finish(y.astype(wide), b, problem)
        else:
            yield block.place, narrow(y, problem.result) if exact else finish(y, None, problem)


def _packed(packs: Packs, form: Form, w: Array, b: Array | None, geo: Geometry) -> Any:
    """Return the weights in the order of a form, from ``packs`` if they are there."""
    from hwio.engine.launch import whole
    from hwio.engine.margins import merges

    key = (form, b is None, merges(geo, "direct"))
    packed = packs.get(key)
    if packed is None:
        packed = packs[key] = whole.pack(form, w, None if b is None else b.reshape(-1), geo)
    return packed
