"""Launch split-bf16: weights packed as parts for tiles, images scanned, sums shared out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine.cpu import processor
from hwio.engine.fields import SPLIT_FIELDS
from hwio.engine.jit import address_of
from hwio.engine.launch.sizes import three
from hwio.engine.launch.spatial import NO_ENDS
from hwio.engine.launch.task import cell_step
from hwio.engine.pack import aligned, pack_bias
from hwio.engine.slabs import CHUNK, PANEL, Slabs, slabs_of
from hwio.engine.threads import pool

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

# A part below 2^-126 would be flushed; the last bit of a number from 2^-103 on is a normal number.
LEAST = 2.0**-103
# Each of some 18·K steps may flush less than 2^-126. Beside sqrt(K)·2^-24·(sum of sizes of products)
# that is nothing where the smallest product is above sqrt(K) times this (see docs, T1).
LEAST_PRODUCT = 2.0**-97
MOST = 2.0**126  # no sum of sizes beyond it: nothing can overflow on the way
STEPS_BYTES = 96 << 10  # of packed weights that meet all tiles before the next ones do
# palette 1; for each of eight tiles 64 bytes a row (at 16, two bytes each) and 16 rows (at 48)
CONFIG = np.zeros(64, np.uint8)
CONFIG[0], CONFIG[16:32:2], CONFIG[48:56] = 1, 64, 16


@dataclass(frozen=True, slots=True)
class Split:
    """Weights as parts, in the order of tiles.

    Attributes
    ----------
    parts : int
        3 for six products, 2 for three, 1 for one.
    w : uint16 array, shape (groups, panels, taps·chunks, parts, 2, 16, 16, 2)
        The last four: filters' tile, pair of channels, filter, channel of the pair.
    bias : array, shape (groups, panels·32)
    low, high : float
        Sizes of numbers of x between which these weights can serve them.
    """

    parts: int
    w: Array
    bias: Array
    low: float
    high: float


def pack(parts: int, w: Array, b: Array | None, geo: Geometry) -> Split:
    """Split and pack w (*kernel, i, o) and b (o,) as float32."""
    w = np.ascontiguousarray(w, np.float32)
    taps, filters = prod(geo.kernel), geo.group_filters
    panels, chunks = max(1, -(-filters // PANEL)), -(-geo.group_channels // CHUNK)
    shape = (geo.groups, panels, taps * chunks, parts, 2, 16, 16, 2)
    packed = aligned(shape, np.uint16)
    seen = np.empty((geo.groups * panels, 2, 16), np.uint32)
    seen[:, 0], seen[:, 1] = 0x7FFFFFFF, 0
    row = geo.out_channels * w.itemsize
    sizes = [taps, geo.group_channels, row, filters, panels]
    fields = np.array([w.ctypes.data, packed.ctypes.data, seen.ctypes.data, *sizes], np.int64)
    kernel = address_of("split", f"split_packing_{parts}", parts)
    workers = pool()
    workers.run(workers.state, kernel, fields.ctypes.data, geo.groups * panels)
    bias = pack_bias(b, geo.groups, filters, panels, PANEL, np.float32)
    least, most = (_float(bits) for bits in (seen[:, 0].min(), seen[:, 1].max()))
    return Split(parts, packed, bias, *served(least, most, geo.depth))


def served(least: float, most: float, depth: int) -> tuple[float, float]:
    """Return between which sizes x may lie beside weights of sizes from least to most.

    Parameters
    ----------
    least, most : float
        Of the weights that are not 0; NaN and Inf where there are such.
    depth : int
        Products in one output number.

    Returns
    -------
    pair of float
        None lies between them where these weights can't be served.

    Examples
    --------
    >>> low, high = served(0.001, 1.0, 576)
    >>> low < 1e-24, high > 1e30
    (True, True)
    >>> served(1e-40, 1.0, 576)
    (inf, 0.0)
    """
    if most == 0:  # all weights are 0
        return LEAST, MOST
    if not (least >= LEAST and most <= MOST):
        return float("inf"), 0.0
    return max(LEAST, sqrt(depth) * LEAST_PRODUCT / least), min(MOST, MOST / (depth * most))


def _float(bits: Any) -> float:
    """Return the float32 number that bits stand for."""
    return float(np.array(bits, np.uint32).view(np.float32))


def _bits(value: float) -> int:
    """Return the bits of the nearest float32."""
    with np.errstate(over="ignore"):
        return int(np.array(value, np.float32).view(np.uint32))


@dataclass(frozen=True, slots=True)
class Launch:
    """One geometry on one packing: the fields but for addresses, and what they point at."""

    slabs: Slabs
    fields: Array
    starts: Array
    offsets: Array
    tasks: int


@lru_cache(maxsize=1024)
def launch_of(geo: Geometry, parts: int, threads: int) -> Launch:
    """Work out the fields of a launch."""
    slabs = slabs_of(geo, parts, threads)
    out, sizes = three(geo.out_size, 1), three(geo.in_size, 1)
    lows = three(tuple(low for low, _ in geo.padding), 0)
    blocks_h, blocks_w = -(-out[1] // slabs.block_h), -(-out[2] // slabs.block_w)
    panels = max(1, -(-geo.group_filters // PANEL))
    blocks = geo.n * geo.groups * out[0] * blocks_h * blocks_w
    panel_group = panels
    if blocks < 4 * threads and threads > 1:
        panel_group = max(1, panels * blocks // (4 * threads))
    starts = [
        [first - low for first, low in zip(firsts, lows, strict=True)]
        for firsts in (
            (d, h, w) for d in slabs.d.starts for h in slabs.h.starts for w in slabs.w.starts
        )
    ]
    offsets = slabs.offsets()
    row = geo.in_channels * 4
    x_h = row * sizes[2]
    sums_at = -(-slabs.bytes // 64) * 64
    fields = {
        "scratch_step": -(-(sums_at + slabs.tiles * 16 * PANEL * 4) // 64) * 64,
        "sums_at": sums_at,
        "slab_count": slabs.count,
        "steps": len(offsets),
        "steps_at_once": max(1, STEPS_BYTES // (parts * 2048)),
        "images": geo.n,
        **_axes("out", out),
        **_axes("in", sizes),
        **_axes("step", three(geo.step, 1)),
        "x_n": x_h * sizes[1] * sizes[0],
        "x_d": x_h * sizes[1],
        "x_h": x_h,
        "x_w": row,
        "rows": slabs.rows,
        "columns": slabs.columns,
        "more_rows": slabs.h.more,
        "more_columns": slabs.w.more,
        "block_h": slabs.block_h,
        "block_w": slabs.block_w,
        "blocks_h": blocks_h,
        "blocks_w": blocks_w,
        "channels": geo.group_channels,
        "group_bytes": geo.group_channels * 4,
        "chunks": slabs.chunks,
        "chunk_bytes": slabs.chunk_bytes,
        "filters": geo.group_filters,
        "y_step": geo.out_channels * 4,
        "panels": panels,
        "panel_group": panel_group,
    }
    return Launch(
        slabs,
        np.array([fields.get(name, 0) for name in SPLIT_FIELDS], np.int64),
        np.array(starts, np.int64),
        np.array(offsets, np.int64),
        blocks * -(-panels // panel_group),
    )


def _axes(name: str, values: tuple[int, ...]) -> dict[str, int]:
    return {f"{name}_{axis}": value for axis, value in zip("dhw", values, strict=True)}


_AT = {name: n for n, name in enumerate(SPLIT_FIELDS)}


def run(
    packed: Split, x: Array, geo: Geometry, clip: tuple[Any, Any] | None, form: str
) -> tuple[Array, Array | None]:
    """Return y (n, *out, o) and the images left out, as ``run_into``."""
    y: Array = aligned(geo.y_shape, np.float32)
    return y, run_into(packed, x, geo, clip, y, form)


def run_into(
    packed: Split, x: Array, geo: Geometry, clip: tuple[Any, Any] | None, y: Array, form: str
) -> Array | None:
    """Convolve float32 x (n, *in, c), without its padding, into y (n, *out, o).

    Both lie as ``spatial.reads`` and ``spatial.writes`` ask.

    Returns
    -------
    int array or None
        Images that tiles can't serve, for numbers too small or too large; y holds nothing there.
    """
    if y.size == 0:
        return None
    if packed.low > packed.high:
        return np.arange(geo.n)
    workers, parts = pool(), packed.parts
    launch = launch_of(geo, parts, workers.threads)
    fields, flags = launch.fields.copy(), np.zeros(geo.n, np.int64)
    scratch = aligned((workers.threads * int(fields[_AT["scratch_step"]]),), np.uint8)
    low, high = clip or NO_ENDS
    ends = np.array([-np.inf if low is None else low, np.inf if high is None else high], np.float32)
    arrays = {
        "x": x, "w": packed.w, "y": y, "bias": packed.bias, "ends": ends, "flags": flags,
        "config": CONFIG, "scratch": scratch, "slabs": launch.starts, "offsets": launch.offsets,
    }  # fmt: skip
    for name, array in arrays.items():
        fields[_AT[name]] = array.ctypes.data
    fields[_AT["low"]], fields[_AT["high"]] = _bits(packed.low), _bits(packed.high)
    fields[_AT["tiles"]] = tiles_of(form, parts)
    if not x.flags.c_contiguous:
        steps = (x.strides[0], *three(x.strides[1:-1], 0))
        for name, step in zip(("x_n", "x_d", "x_h", "x_w"), steps, strict=True):
            fields[_AT[name]] = step
    fields[_AT["y_step"]] = cell_step(y)
    kernel = address_of("split", f"split_{parts}", parts)
    workers.run(workers.state, kernel, fields.ctypes.data, launch.tasks)
    return np.flatnonzero(flags) if flags.any() else None


def tiles_of(form: str, parts: int) -> int:
    """Return the address of the products of tiles, "amx" or "soft"."""
    features = processor().features
    return address_of("tile_forms", f"tiles_{form}_{parts}", form, parts, features)
