"""Launch the pooling kernels: sizes become fields, rows of outputs are shared out."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from hwio.engine.cpu import processor
from hwio.engine.fields import POOLING_AT as AT
from hwio.engine.fields import POOLING_FIELDS as FIELDS
from hwio.engine.jit import address_of, is_ready
from hwio.engine.launch.held import run_held
from hwio.engine.launch.sizes import axes, geometry_fields, three
from hwio.engine.pack import address, aligned
from hwio.engine.threads import pool
from hwio.engine.tiles import POOLING_KINDS, POOLING_PIXELS, pooling_symbol

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

FAR = 1 << 31  # sizes above it might overflow on the way
TASK = 8192  # vectors of x that one task reads at least: some microseconds
WINDOW = 16  # vectors that are read in the time of one window's own steps
LONG = 1024  # bytes of channels that a task takes at least, where tasks share channels
LITTLE = 1 << 14  # numbers of x that a pooling reads: below it no call waits for a compiler


@dataclass(frozen=True, slots=True)
class PoolingLaunch:
    """One pooling, ready to run.

    Attributes
    ----------
    fields : array
        All but x and y.
    tasks : int
    by : array
        What the sums are divided by; the fields hold its address.
    held : callable or None
        What runs it right here, if it is small.
    """

    fields: Array
    tasks: int
    by: Array
    held: Callable[..., Array] | None


def refusal_of(task: str, geo: Geometry, kind: str) -> str | None:
    """Return why the kernel can't serve, or why it should not, or None."""
    if kind not in POOLING_KINDS[task]:
        return f"there is no kernel for {kind}"
    why = nothing_for(geo)
    if why is not None:
        return why
    if geo.n * geo.pixels * geo.in_channels * prod(geo.kernel) < LITTLE and not is_ready(
        pooling_symbol(task, kind, processor().vector_bytes)
    ):
        return "it is done before a kernel would be compiled"
    return None


def nothing_for(geo: Geometry) -> str | None:
    """Return why no kernel of pooling can serve sizes, or None."""
    if 0 in (*geo.x_shape, *geo.y_shape):
        return "there is nothing to pool"
    sizes = (*geo.x_shape, *geo.y_shape, *geo.kernel, *geo.step, *geo.tap_step)
    if max(*sizes, *(low for low, _ in geo.padding)) >= FAR:
        return "its sizes are beyond what the kernel can add up"
    return None


def launch_of(task: str, geo: Geometry, kind: str, by: Array, threads: int) -> PoolingLaunch:
    """Work out the fields of a launch.

    Parameters
    ----------
    task : {"max", "mean"}
    geo : Geometry
    kind : str
        Number type, such as "f4".
    by : array, shape (*out, 1) or (1,)
        Of that type; means divide by it.
    threads : int
    """
    vector, size = processor().vector_bytes, int(kind[1])
    reads = reads_of(geo, size, vector)
    wide = geo.out_size[-1]
    rows = geo.n * geo.pixels // wide
    most = max(1, min(8 * threads, reads // TASK)) if threads > 1 else 1
    pieces = min(wide, -(-most // rows))
    piece = -(-wide // pieces)
    pieces = -(-wide // piece)
    part, parts = channel_parts(geo.in_channels, LONG // size, -(-most // (rows * pieces)))
    units = rows * pieces * parts
    tiles = -(-units // most)
    lanes = vector // size
    parameters = (task, kind, lanes, POOLING_PIXELS[vector])
    address = address_of("pooling", pooling_symbol(task, kind, vector), *parameters)
    fields = {
        **size_fields(geo, size),
        "pixels": geo.n * geo.pixels,
        "divisors": by.ctypes.data,
        "divisor_step": 0 if by.size == 1 else size,
        "piece": piece,
        "pieces": pieces,
        "part": part,
        "parts": parts,
        "tiles": tiles,
        "kernel": address,
    }
    words = np.array([fields.get(name, 0) for name in FIELDS], np.int64)
    held = run_held() if reads < 2 * TASK else None
    return PoolingLaunch(words, -(-units // tiles), by, held)


def reads_of(geo: Geometry, size: int, vector: int) -> int:
    """Count the vectors of x that a pooling reads, and add what a window takes beside them."""
    vectors = -(-geo.in_channels * size // vector)
    return geo.n * geo.pixels * (prod(geo.kernel) * vectors + WINDOW)


def channel_parts(channels: int, least: int, wanted: int) -> tuple[int, int]:
    """Cut channels into at most ``wanted`` parts of a multiple of ``least``; (channels of one, parts).

    Examples
    --------
    >>> channel_parts(2048, 256, 3), channel_parts(300, 256, 2), channel_parts(8, 256, 9)
    ((768, 3), (512, 1), (256, 1))
    """
    parts = max(1, min(wanted, channels // least))
    part = -(-channels // parts // least) * least
    return part, -(-channels // part)


def size_fields(geo: Geometry, size: int) -> dict[str, int]:
    """Return the fields that name sizes, x's steps in numbers of ``size`` bytes."""
    low, stride, last = geo.padding[-1][0], geo.step[-1], (geo.kernel[-1] - 1) * geo.tap_step[-1]
    inner = min(-(-low // stride), geo.out_size[-1])
    outer = min((geo.in_size[-1] - 1 + low - last) // stride + 1, geo.out_size[-1])
    return {
        **geometry_fields(geo, size),
        **axes("stride", three(geo.step, 1)),  # the rest may be beyond 64 bits, and is never taken
        **axes("dilation", three(geo.tap_step, 1)),
        "y_step": geo.in_channels * size,
        "channels": geo.in_channels,
        "inner": inner,
        "outer": max(inner, outer),
    }


_X, _Y, _KERNEL = (AT[name] // 8 for name in ("x", "y", "kernel"))


def run(launch: PoolingLaunch, x: Array, shape: tuple[int, ...]) -> Array:
    """Pool x (n, *in, c), contiguous; return y (n, *out, c)."""
    if launch.held is not None:
        return launch.held(launch.fields, x, np.empty(shape, x.dtype))
    y: Array = aligned(shape, x.dtype)
    workers, fields = pool(), launch.fields.copy()
    fields[_X], fields[_Y] = address(x), address(y)
    workers.run(workers.state, int(fields[_KERNEL]), address(fields), launch.tasks)
    return y
