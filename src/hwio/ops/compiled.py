"""Run a checked problem by its compiled kernel.

A kernel reads x and writes y where they lie if its addresses can say how. Else, for another order of
axes, another number type, padding that is not zeros, it gets them block by block.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine import refusal, tried
from hwio.engine.registry import KERNELS, PARTS
from hwio.engine.small import is_small
from hwio.ops.blockwise import assemble
from hwio.ops.canonical import canonical_views
from hwio.ops.finish import finish, integer_dtype
from hwio.ops.gather import gather
from hwio.ops.small_integers import run_whole
from hwio.planner.space import kernel_lengths, table_fits
from hwio.shapes.blocks import blocks, least

if TYPE_CHECKING:
    from hwio.ops.blockwise import Parts
    from hwio.ops.check import Problem
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

Packs = dict[Any, Any]


def run_compiled(
    problem: Problem,
    x: Array,
    w: Array,
    b: Array | None,
    packs: Packs | None,
    room: Array | None = None,
) -> Array | None:
    """Convolve by the plan's kernel; return y (n, *out, o), or None where NumPy has to serve.

    y lies in room if there is one. Bias and activation are part of the kernel for floats, and for
    integers that are summed in int32; for others they follow, exactly.
    """
    if refusal():  # it gave up after this problem was planned
        return None
    if problem.compute is None and KERNELS[problem.plan.kernel or ""].transforms:
        return None  # whole numbers stay whole only in the readable twin
    x, w = canonical_views(problem, x, w)
    compute = problem.compute
    if compute is None and problem.plan.kernel == "direct" and not kernel_is_small(problem):
        y = tried(partial(run_whole, problem, x, w, b, packs, room))
        if y is not None or refusal():
            return y
    if compute is None:
        compute = integer_dtype(problem, x, w, b)
        if compute.kind != "f":
            return None
    return tried(partial(_run_all, Operands(problem, compute, w, b, packs), x, room))


def _run_all(weights: Operands, x: Array, room: Array | None) -> Array:
    """Convolve, and do images again in which a transform may have overflowed."""
    problem, y = weights.problem, _run(weights, x, room)
    if not weights.bad:
        return y
    plan = replace(problem.plan, kernel="direct")
    one = replace(problem, plan=plan, geometry=replace(problem.geometry, n=1))
    for n in sorted(weights.bad):  # direct sums show what overflows, and spread no NaN
        again = replace(weights, problem=one, packed={}, bad=set())
        _run(again, x[n : n + 1], y[n : n + 1])
    return y


@dataclass(slots=True)
class Operands:
    """What every block of a call has in common."""

    problem: Problem
    compute: np.dtype[Any]
    w: Array
    b: Array | None
    packs: Packs | None
    packed: dict[str, Any] = field(default_factory=dict)  # by kernel
    bad: set[int] = field(default_factory=set)  # images to be done again by direct sums

    def launch(self, x: Array, geo: Geometry, smallest: Geometry, y: Array, first: int) -> None:
        """Convolve x (n, *in, c), from image ``first`` on, into y.

        ``smallest`` is the least geometry of the call.
        """
        from hwio.engine import amx
        from hwio.engine.launch import split

        fused = self.problem.compute is not None
        clip = self.problem.clip if fused else None
        small = kernel_is_small(self.problem) and x.flags.c_contiguous and y.flags.c_contiguous
        if small and _unrolled(geo, x, self.w, self._bias(fused), clip, y):
            return
        kernel = self.problem.plan.kernel or ""
        if kernel == "planes" and KERNELS[kernel].refuses(geo):  # a copy without unseen cells
            kernel = "depthwise" if geo.groups > 1 else "direct"  # adds in the same order
        if kernel not in self.packed:
            self.packed[kernel] = self.pack(kernel, smallest, fused)
        packed = self.packed[kernel]
        if kernel in PARTS:
            bad = split.run_into(packed, x, geo, clip, y, amx.form())
        else:
            bad = launcher(kernel).run(packed, x, geo, clip, y)
        if bad is not None:
            self.bad.update(first + int(image) for image in bad)

    def _bias(self, fused: bool) -> Array | None:
        """Return the bias that is part of the kernel."""
        return self.b.reshape(-1).astype(self.compute) if fused and self.b is not None else None

    def pack(self, kernel: str, geo: Geometry, fused: bool) -> Any:
        """Return packed weights, which ``packs`` keeps from call to call."""
        from hwio.engine.launch import spatial, split

        launch, kind = launcher(kernel), self.compute.str[1:]
        key: Any = PARTS.get(kernel) or (kernel, launch.block_of(kernel, geo, kind), fused)
        packed = None if self.packs is None else self.packs.get(key)
        if packed is None:
            bias = self._bias(fused)
            if kernel in PARTS:
                packed = split.pack(key, self.w, bias, geo)
            else:
                given = (kernel, key[1], self.w, bias, geo, self.compute)
                once = self.packs is None and geo.y_shape == self.problem.geometry.y_shape
                packed = spatial.unpacked(*given) if once else None
                packed = packed or launch.pack(*given)
            if self.packs is not None:
                self.packs[key] = packed
        return packed


def _run(weights: Operands, x: Array, room: Array | None) -> Array:
    """Convolve at once where x and y can be used as they lie in memory, else by blocks."""
    # here and not above: the engine loads llvmlite, which `import hwio` must not
    from hwio.engine.launch import spatial

    problem, geo = weights.problem, weights.problem.geometry
    straight = problem.compute is not None and problem.compute == problem.result
    if straight and room is None:
        room = spatial.room(geo.y_shape, weights.compute)
    kernel = problem.plan.kernel or ""
    ready = straight and room is not None and table_fits(geo, kernel) and reads(weights, x)
    if ready and room is not None and spatial.writes(room, kernel):
        weights.launch(x, geo, geo, room, 0)
        return room
    if not straight:
        return assemble(lambda own: _parts(weights, own, x, None), problem, room)
    assert room is not None
    for place, part in _parts(weights, problem, x, room):
        room[place] = part
    return room


def reads(weights: Operands, x: Array) -> bool:
    """Tell whether the kernel can read x (n, *in, c) where it lies."""
    from hwio.engine.launch import spatial

    problem, geo = weights.problem, weights.problem.geometry
    if x.dtype != weights.compute or not x.flags.aligned:
        return False
    if kernel_is_small(problem):
        return x.flags.c_contiguous and not geo.padded
    if geo.padded and problem.padding_mode != "zeros":
        return False
    return spatial.reads(problem.plan.kernel or "", x, geo)


def needs_copy(problem: Problem, x: Array) -> bool:
    """Tell whether a kernel that computes in floats has to copy x (n, *in, c)."""
    assert problem.compute is not None
    return not reads(Operands(problem, problem.compute, x, None, None), x)


def _parts(weights: Operands, problem: Problem, x: Array, room: Array | None) -> Parts:
    """Yield indices of y (n, *out, o) and what belongs there, unless it is written into room."""
    from hwio.engine.launch import spatial

    geo, in_place = problem.geometry, reads(weights, x)
    lengths = kernel_lengths(geo, problem.itemsize, problem.plan.kernel or "")
    whole = lengths == (geo.n, *geo.out_size)
    smallest = geo if whole else least(geo, lengths).copied(geo)[1]
    for block in blocks(geo, lengths):
        if in_place:
            place, part = block.viewed(geo)
            images = x[place]
        else:
            axes, part = block.copied(geo)
            space = spatial.room(part.x_shape, weights.compute)
            images = gather(x[block.place[0]], axes, problem.padding_mode, space)
        if room is not None and spatial.writes(room[block.place], problem.plan.kernel or ""):
            weights.launch(images, part, smallest, room[block.place], block.start[0])
            continue
        y = spatial.room(part.y_shape, weights.compute)
        weights.launch(images, part, smallest, y, block.start[0])
        yield block.place, y if problem.compute is not None else finish(y, weights.b, problem)


def launcher(kernel: str) -> Any:
    """Return the module that launches a kernel: block_of, pack, ready and run are its functions."""
    from hwio.engine.launch import planes, spatial, winograd

    return {"planes": planes, **dict.fromkeys(winograd.OUTPUTS, winograd)}.get(kernel, spatial)


def _unrolled(geo: Geometry, x: Array, w: Array, b: Array | None, clip: Any, y: Array) -> bool:
    """Call the function that is unrolled for this shape; return whether there is one."""
    from hwio.engine import tiny

    entry = tiny.entry_of(geo, x.dtype.str[1:], b is not None, clip)
    if entry is not None:
        entry(x, np.ascontiguousarray(w, x.dtype), b, y)
    return entry is not None


def kernel_is_small(problem: Problem) -> bool:
    """Tell whether the plan's kernel has an unrolled form."""
    return problem.plan.kernel == "direct" and is_small(problem.geometry)
