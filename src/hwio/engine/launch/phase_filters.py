"""The gradient for few-channelled x through a stride: all phases in one convolution of dy.

With few channels a phase would fill a small part of a register block. So the s·s cells of x that lie
in one step of the stride are taken as channels: c·s·s filters, whose taps are those of w that a cell
meets, and zeros where it meets none. What comes out is put in order at the end.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine.fields import AT, FIELDS
from hwio.engine.jit import address_of
from hwio.engine.launch import spatial
from hwio.engine.launch.sizes import axes, three
from hwio.engine.launch.started import in_turn, started
from hwio.engine.launch.task import Launch, Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

MOST = 32  # filters of all phases
TASK_BYTES = 64 << 10  # of dx that one task puts in order
_FLAGS = AT["flags"] // 8


def together(geo: Geometry) -> bool:
    """Tell whether all phases go together."""
    phases = prod(geo.stride)
    if phases == 1 or phases * geo.in_channels > MOST or geo.groups > 1 or max(geo.dilation) > 1:
        return False
    # a window that sees nothing but padding would ask for less padding than none
    return all(max(pair) < k for pair, k in zip(geo.padding, geo.kernel, strict=True))


def run_together(dy: Array, w: Array, geo: Geometry, packs: dict[Any, Any]) -> Array | None:
    """Compute dx (n, *in, c); None where it is not finite: a zero may have made a NaN of Inf."""
    first, last = tasks_of(w, geo, packs)
    y, dx = spatial.room(_plan(geo)[0].y_shape, dy.dtype), spatial.room(geo.x_shape, dy.dtype)
    first(dy, y)
    flags = np.empty(last.flags, np.int64)
    last(y, dx, ((_FLAGS, flags),))
    return None if flags.any() else dx


def started_together(
    w: Array, geo: Geometry, packs: dict[Any, Any]
) -> Callable[[Array], Array | None] | None:
    """Return a function of contiguous dy that does the same; see ``started``."""
    one, tasks = _plan(geo)[0], tasks_of(w, geo, packs)
    first = started(tasks[0], one.x_shape, one.y_shape, w.dtype, kept="part")
    last = started(tasks[1], one.y_shape, geo.x_shape, w.dtype)
    return in_turn(first, last)


def tasks_of(w: Array, geo: Geometry, packs: dict[Any, Any]) -> tuple[Task, Task]:
    """Return two launches: of dy (n, *out, o) and y (n, *steps, phases·c), of y and dx (n, *in, c)."""
    one, taps = _plan(geo)
    block = spatial.block_of("direct", one, w.dtype.str[1:])
    key = "together", block, taps.tobytes()
    if key not in packs:
        flat = np.concatenate([w.reshape(-1, *w.shape[-2:]), np.zeros((1, *w.shape[-2:]), w.dtype)])
        filters = np.moveaxis(flat[taps], -1, 1)  # (taps, o, phases, c)
        filters = np.ascontiguousarray(filters).reshape(one.w_shape)
        packs[key] = spatial.pack("direct", block, filters, None, one, w.dtype)
    # only how they lie matters: no images, no memory
    dy, y = (np.empty((0, *shape[1:]), w.dtype) for shape in (one.x_shape, one.y_shape))
    last = Task(lambda threads: _unfolding(geo, w.dtype), lambda fields: None, None)
    last.flags = _unfolding(geo, w.dtype).tasks
    return spatial.ready(packs[key], dy, one, None, y), last


@lru_cache(maxsize=256)
def _unfolding(geo: Geometry, dtype: np.dtype[Any]) -> Launch:
    rows = geo.n * prod(geo.in_size[:-1])
    share = max(1, TASK_BYTES // (geo.in_size[-1] * geo.in_channels * dtype.itemsize))
    fields = {
        "pixels": rows,
        "tiles": share,
        "channels": geo.in_channels,
        **axes("in", three(geo.in_size, 1)),
        **axes("out", three(_plan(geo)[0].out_size, 1)),
        **axes("stride", three(geo.stride, 1)),
    }
    values = np.array([fields.get(name, 0) for name in FIELDS], np.int64)
    kind = dtype.str[1:]
    return Launch(address_of("unfolding", f"unfolding_{kind}", kind), values, -(-rows // share), 0)


@lru_cache(maxsize=256)
def _plan(geo: Geometry) -> tuple[Geometry, Array]:
    """Return the convolution of dy, and the number of w's tap for each of its taps and phases.

    Cell m·s + r of x meets tap t of output cell m + e where e·s = r + low - t; -1 is no tap.
    """
    axes = zip(geo.in_size, geo.kernel, geo.stride, geo.padding, strict=True)
    tables, lows, sizes = [], [], []
    for size, k, s, (low, _) in axes:
        first, last = -((k - 1 - low) // s), (s - 1 + low) // s
        offsets, phases = np.arange(first, last + 1)[:, None], np.arange(s)
        table = phases + low - offsets * s
        tables.append(np.where((table >= 0) & (table < k), table, -1))  # (taps, phases)
        lows.append(-first)
        sizes.append(-(-size // s))
    one = replace(
        geo,
        in_size=geo.out_size,
        in_channels=geo.out_channels,
        kernel=tuple(map(len, tables)),
        out_channels=prod(geo.stride) * geo.in_channels,
        out_size=tuple(sizes),
        stride=(1,) * geo.ndim,
        padding=tuple(
            (low, size + len(table) - 1 - low - out)
            for low, size, table, out in zip(lows, sizes, tables, geo.out_size, strict=True)
        ),
    )
    taps = []
    for tap in product(*map(range, one.kernel)):
        row = []
        for phase in product(*map(range, geo.stride)):
            own = [int(t[i, r]) for t, i, r in zip(tables, tap, phase, strict=True)]
            number = 0
            for t, k in zip(own, geo.kernel, strict=True):
                number = number * k + t
            row.append(-1 if -1 in own else number)
        taps.append(row)
    return one, np.array(taps)
