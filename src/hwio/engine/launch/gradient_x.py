"""Launch the gradient for x: forward kernels on dy, one for each phase of the stride (``phases``)."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine.fields import FIELDS
from hwio.engine.jit import address_of
from hwio.engine.launch import spatial
from hwio.engine.launch.phase_filters import run_together, started_together, together
from hwio.engine.launch.phases import phases_of
from hwio.engine.launch.sizes import axes, three
from hwio.engine.launch.started import in_turn, started
from hwio.engine.launch.task import Launch, Task
from hwio.engine.pack import Packing, Weights, address, aligned, pack_bias
from hwio.engine.threads import pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwio.engine.launch.phases import Phase
    from hwio.engine.tiles import Block
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array


Packs = dict[Any, Any]
SPREAD_BYTES = 128 << 10  # of dx that one task fills


def run(
    kernel: str, dy: Array, w: Array, geo: Geometry, packs: Packs | None = None
) -> Array | None:
    """Compute dx (n, *in, c) of dy (n, *out, o) and w (*kernel, i, o), of one dtype, f4 or f8.

    Parameters
    ----------
    kernel : str
        The forward kernel, "direct" or "depthwise".
    dy : array, shape (n, *out, o)
        Contiguous.
    w : array, shape (*kernel, i, o)
    geo : Geometry
        With padding of zeros.
    packs : dict, optional
        Keeps turned and packed weights for later calls with the same w.

    Returns
    -------
    array or None
        None where a weight is not finite: the zeros around dy would make NaN of it.
    """
    w = np.ascontiguousarray(w)
    packs = {} if packs is None else packs
    if kernel == "direct" and together(geo):
        return run_together(dy, w, geo, packs)
    if in_one(kernel, geo):
        task = task_of(kernel, w, geo, packs)
        if task is None:
            return None
        dx = spatial.room(geo.x_shape, dy.dtype)
        task(dy, dx)
        return dx
    if not phases_of(geo):
        return np.zeros(geo.x_shape, dy.dtype)
    dx = spatial.room(geo.x_shape, dy.dtype)
    for number, phase in enumerate(phases_of(geo)):
        one = phase.geometry
        packed = _kept(w, phase, packs)
        if packed is None:
            return None
        seen = np.ascontiguousarray(dy[(slice(None), *phase.seen)])
        part = spatial.room(one.y_shape, dy.dtype)
        spatial.run(packed, seen, one, None, part)
        spread_task(geo, number, dy.dtype)(part, dx)
    return dx


def started_dx(
    kernel: str, w: Array, geo: Geometry, packs: Packs
) -> Callable[[Array], Array | None] | None:
    """Return a function of contiguous dy that does the same; see ``started``.

    It returns None, and has done nothing, where it can't serve.
    """
    if kernel == "depthwise" or in_one(kernel, geo):
        task = task_of(kernel, w, geo, packs)
        return None if task is None else started(task, geo.y_shape, geo.x_shape, w.dtype)
    if together(geo):
        return started_together(w, geo, packs)
    if len(phases_of(geo)) != 1:
        return None
    one, task = phases_of(geo)[0].geometry, task_of(kernel, w, geo, packs)
    if one.in_size != geo.out_size or task is None:
        return None
    start = started(task, one.x_shape, one.y_shape, w.dtype, kept="part")
    spread = started(spread_task(geo, 0, w.dtype), one.y_shape, geo.x_shape, w.dtype)
    return in_turn(start, spread)


def started_plain_dx(
    kernel: str, geo: Geometry, dtype: np.dtype[Any]
) -> Callable[[Array, Array], Array | None] | None:
    """Return such a function of contiguous dy and w, which it packs at each call."""
    if kernel == "depthwise" or together(geo) or len(phases_of(geo)) != 1:
        return None
    (phase,) = phases_of(geo)
    one = phase.geometry
    if one.in_size != geo.out_size:
        return None
    block = spatial.block_of("direct", one, dtype.str[1:])
    packing, panels = turning_of(block, one, phase.taps), -(-one.group_filters // block.nr)
    bias = pack_bias(None, one.groups, one.group_filters, panels, block.nr, dtype)
    # only how they lie matters: no images, no memory
    dy, dx = (np.empty((0, *shape[1:]), dtype) for shape in (one.x_shape, one.y_shape))
    packed = spatial.Packed("direct", block, np.empty(0, dtype), bias)
    task = spatial.ready(packed, dy, one, None, dx)
    task.flags = packing.notes
    whole = one.out_size == geo.in_size
    weights, kept = Weights(packing, bias, 0), "y" if whole else "part"
    start = started(task, one.x_shape, one.y_shape, dtype, weights, kept=kept)
    if not whole:
        spread = started(spread_task(geo, 0, dtype), one.y_shape, geo.x_shape, dtype)
        start = in_turn(start, spread)
    return start and partial(_without_bias, start)


def _without_bias(start: Callable[..., Array | None], dy: Array, w: Array) -> Array | None:
    return start(dy, w, None)


def spread_task(geo: Geometry, number: int, dtype: np.dtype[Any]) -> Task:
    """Return the launch that puts a phase's cells in their places in dx, the first also zeros."""
    return Task(
        lambda threads: _spread_launch(geo, number, dtype.itemsize), lambda fields: None, None
    )


@lru_cache(maxsize=256)
def _spread_launch(geo: Geometry, number: int, size: int) -> Launch:
    phase = phases_of(geo)[number]
    rows = geo.n * prod(geo.in_size[:-1])
    share = max(1, -(-SPREAD_BYTES // (geo.in_size[-1] * geo.in_channels * size)))
    fields = {
        "pixels": rows,
        "tiles": share,
        "group_bytes": geo.in_channels * size,
        "linear": int(number == 0),
        **axes("in", three(geo.in_size, 1)),
        **axes("out", three(phase.geometry.out_size, 1)),
        **axes("stride", three(tuple(part.step for part in phase.cells), 1)),
        **axes("low", three(tuple(part.start for part in phase.cells), 0)),
    }
    values = np.array([fields.get(name, 0) for name in FIELDS], np.int64)
    return Launch(address_of("spread", "spread"), values, -(-rows // share), 0)


def in_one(kernel: str, geo: Geometry) -> bool:
    """Tell whether one launch reads all of dy and writes all of dx."""
    if kernel == "depthwise":
        return True
    if together(geo) or len(phases_of(geo)) != 1:
        return False
    one = phases_of(geo)[0].geometry
    return one.out_size == geo.in_size and one.in_size == geo.out_size


def task_of(kernel: str, w: Array, geo: Geometry, packs: Packs) -> Task | None:
    """Return the launch of the only phase, of dy and its cells; None where a weight is not finite.

    Parameters
    ----------
    kernel, w, geo
        As above; w is contiguous.
    packs : dict
        Keeps turned and packed weights.
    """
    if kernel == "depthwise":
        return _widened(w, geo, packs)
    (phase,) = phases_of(geo)
    packed = _kept(w, phase, packs)
    if packed is None:
        return None
    one, kind = phase.geometry, w.dtype
    # only how they lie matters: no images, no memory
    dy, dx = (np.empty((0, *shape[1:]), kind) for shape in (one.x_shape, one.y_shape))
    return spatial.ready(packed, dy, one, None, dx)


def _kept(w: Array, phase: Phase, packs: Packs) -> spatial.Packed | None:
    """Return the weights of a phase, packed now or before."""
    block = spatial.block_of("direct", phase.geometry, w.dtype.str[1:])
    key = "dx", block, phase.taps
    packed: spatial.Packed | None = packs.get(key)
    if packed is None:
        packed = _packed(block, w, phase.geometry, phase.taps)
    if packed is not None:
        packs[key] = packed
    return packed


def _widened(w: Array, geo: Geometry, packs: Packs) -> Task | None:
    """Return depthwise dx: one convolution of dy, thought of with zeros between its cells.

    The stride squared as many products, but one launch and no phase to put in its place.
    """
    one = _wide_geometry(geo)
    block = spatial.block_of("depthwise", one, w.dtype.str[1:])
    key = "dx", block
    if key not in packs:
        if not np.isfinite(w).all():
            return None
        turned = w[(slice(None, None, -1),) * geo.ndim]
        packs[key] = spatial.pack("depthwise", block, turned, None, one, w.dtype)
    dy, dx = (np.empty((0, *shape[1:]), w.dtype) for shape in (one.x_shape, one.y_shape))
    zeros, ends = np.zeros(geo.out_channels + 64, w.dtype), spatial.ends_of(None, w.dtype)
    return spatial.starter(packs[key], one, dy, dx, zeros, ends, geo.step)


@lru_cache(maxsize=256)
def _wide_geometry(geo: Geometry) -> Geometry:
    """Return the convolution of widened dy; its padding may be less than none."""
    pairs = zip(geo.reach, geo.padding, strict=True)
    return replace(
        geo,
        in_size=geo.out_size,
        out_size=geo.in_size,
        stride=(1,) * geo.ndim,
        padding=tuple((reach - 1 - low, 0) for reach, (low, _) in pairs),
    )


def _packed(block: Block, w: Array, one: Geometry, taps: tuple[int, ...]) -> spatial.Packed | None:
    """Pack the taps of one phase as filters for dy; None if one of their weights is not finite."""
    how, workers = turning_of(block, one, taps), pool()
    panels = -(-one.group_filters // block.nr)
    shape = (one.groups, panels, len(taps) * one.group_channels, block.nr)
    packed = aligned(shape, w.dtype)
    watch = np.zeros(how.notes, np.int64)
    how.fields[:2] = address(w), address(packed)
    how.fields[how.watch] = address(watch)
    workers.run(workers.state, how.function, address(how.fields), how.tasks)
    if watch.any():  # a NaN, for a product with zero was not zero
        return None
    bias = pack_bias(None, one.groups, one.group_filters, panels, block.nr, w.dtype)
    return spatial.Packed("direct", block, packed, bias)


def turning_of(block: Block, one: Geometry, taps: tuple[int, ...]) -> Packing:
    """Return how the taps of one phase are packed."""
    filters, channels = one.group_channels, one.group_filters  # dy's channels were w's filters
    panels, order = -(-channels // block.nr), np.array(taps, np.int64)
    tasks = one.groups * panels * len(taps)
    row = one.in_channels * block.size
    fields = np.array(
        [0, 0, address(order), len(taps), channels, filters, row, panels, 0], np.int64
    )
    symbol = f"turning_{block.kind}_{block.lanes}_{block.nrv}"
    function = address_of("turning", symbol, block.kind, block.lanes, block.nrv)
    notes = tasks * block.lanes * block.size // 8
    return Packing(
        function, tasks, tasks * filters * block.nr * block.size, fields, 8, notes, order
    )
