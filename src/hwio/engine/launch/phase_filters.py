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
from typing import TYPE_CHECKING

import numpy as np

from hwio.engine.launch import spatial

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

MOST = 32  # filters of all phases


def together(geo: Geometry) -> bool:
    """Tell whether all phases go together."""
    phases = prod(geo.stride)
    if phases == 1 or phases * geo.in_channels > MOST or geo.groups > 1 or max(geo.dilation) > 1:
        return False
    # a window that sees nothing but padding would ask for less padding than none
    return all(max(pair) < k for pair, k in zip(geo.padding, geo.kernel, strict=True))


def run_together(dy: Array, w: Array, geo: Geometry) -> Array | None:
    """Compute dx (n, *in, c); None where it is not finite: a zero may have made a NaN of Inf."""
    one, taps = _plan(geo)
    flat = np.concatenate([w.reshape(-1, *w.shape[-2:]), np.zeros((1, *w.shape[-2:]), w.dtype)])
    filters = np.moveaxis(flat[taps], -1, 1)  # (taps, o, phases, c)
    filters = np.ascontiguousarray(filters).reshape(one.w_shape)
    block = spatial.block_of("direct", one, dy.dtype.str[1:])
    packed = spatial.pack("direct", block, filters, None, one, w.dtype)
    y = spatial.room(one.y_shape, dy.dtype)  # (n, *steps, phases·c)
    spatial.run(packed, dy, one, None, y)
    y = y.reshape(geo.n, *one.out_size, *geo.stride, geo.in_channels)
    order = [axis + part * geo.ndim for axis in range(1, geo.ndim + 1) for part in (0, 1)]
    whole = tuple(out * s for out, s in zip(one.out_size, geo.stride, strict=True))
    dx = y.transpose(0, *order, -1).reshape(geo.n, *whole, geo.in_channels)
    dx = np.ascontiguousarray(dx[(slice(None), *map(slice, geo.in_size))])
    return dx if np.isfinite(dx).all() else None


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
