"""Launch the direct and the depthwise kernels: sizes become fields, tasks are shared out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine.cpu import processor
from hwio.engine.fields import AT, FIELDS
from hwio.engine.findings import look_up
from hwio.engine.jit import address_of
from hwio.engine.launch.edges import edge_cells
from hwio.engine.launch.sizes import axes, geometry_fields, three
from hwio.engine.launch.task import Launch, RowTask, Task, cell_step, tell_strides
from hwio.engine.margins import EDGES, edge_bytes, merges, row_entries, table_bytes, worth_copying
from hwio.engine.pack import (
    Weights,
    address,
    aligned,
    pack_bias,
    pack_channels,
    pack_panels,
    packing_of,
)
from hwio.engine.threads import pool
from hwio.engine.tiles import Block, depthwise_block, direct_block

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

TILE_CELLS = 256 << 10  # bytes of x that one block of tiles may touch
NEAR_BYTES = 640 << 10  # of x, or of one panel: together they fit the second-level cache
TABLE_ENTRIES = 4096  # pointers of a block of tiles per pixel of a tile
NO_ENDS = (-np.inf, np.inf)


@dataclass(frozen=True, slots=True)
class Packed:
    """Weights in the order of one register block.

    Attributes
    ----------
    kernel : str
        Module under ``hwio.engine.kernels``: "direct" or "depthwise".
    block : Block
    w : array, shape (groups, panels, taps·i, nr), or (panels, taps, nr) where depthwise
    bias : array, shape (groups, panels·nr)
    """

    kernel: str
    block: Block
    w: Array
    bias: Array


def block_of(kernel: str, geo: Geometry, kind: str) -> Block:
    """Choose the register block for a geometry and a number type: by rule, or as was measured."""
    static = static_block(kernel, geo, kind)
    found = look_up(kernel, geo, static)
    return found.block if found else static


def static_block(kernel: str, geo: Geometry, kind: str) -> Block:
    """Choose the register block by rule."""
    vector = processor().vector_bytes
    if kernel == "depthwise":
        taps = geo.stride[-1], geo.dilation[-1]
        sizes = geo.out_size[-1], geo.out_channels, geo.kernel[-1]
        return depthwise_block(kind, vector, *sizes, taps)
    return direct_block(kind, vector, geo.n * geo.pixels, geo.group_filters, geo.depth)


def pack(
    kernel: str, block: Block, w: Array, b: Array | None, geo: Geometry, dtype: np.dtype[Any]
) -> Packed:
    """Pack w (*kernel, i, o) and b (o,) as dtype for a register block."""
    if kernel == "depthwise":
        packed = pack_channels(w, block.nr, dtype)
        bias = pack_bias(b, 1, geo.out_channels, packed.shape[0], block.nr, dtype)
    else:
        packed = pack_panels(w, geo.groups, block, dtype)
        bias = pack_bias(b, geo.groups, geo.group_filters, packed.shape[1], block.nr, dtype)
    return Packed(kernel, block, packed, bias)


def unpacked(
    kernel: str, block: Block, w: Array, b: Array | None, geo: Geometry, dtype: np.dtype[Any]
) -> Packed | None:
    """Return weights (*kernel, i, o) as they come for a single call, None where packing pays."""
    if not (w.flags.c_contiguous and w.dtype == dtype and _not_worth_packing(kernel, block, geo)):
        return None
    panels = geo.group_filters // block.nr
    bias = pack_bias(b, geo.groups, geo.group_filters, panels, block.nr, dtype)
    return Packed("unpacked", block, w, bias)


def _not_worth_packing(kernel: str, block: Block, geo: Geometry) -> bool:
    """Tell whether a single call of ``direct`` gains nothing by packed weights.

    They pay where many pixels meet each panel, and where rows of weights don't lie as HWIO has them.
    """
    threads, panels = pool().threads, geo.group_filters // block.nr
    if kernel != "direct" or merges(geo, kernel) or panels * geo.groups < 2 * threads:
        return False
    cells = min(prod(geo.padded_size), geo.pixels * prod(geo.kernel))  # that are read
    return (
        geo.group_filters % block.nr == 0
        and geo.n * cells * geo.in_channels * block.size <= NEAR_BYTES
        and geo.depth * block.nr * block.size <= NEAR_BYTES
        and geo.n * geo.pixels * geo.depth // geo.group_channels * 8 <= table_bytes(threads) // 2
    )


def as_it_comes(
    kernel: str, geo: Geometry, dtype: np.dtype[Any], bias: bool
) -> tuple[Packed, Weights] | None:
    """Return how a launch gets contiguous w and b anew at each call, None where it can't.

    What it calls packed weights are none: their place is filled by the call.
    """
    block = block_of(kernel, geo, dtype.str[1:])
    groups, filters, depth = geo.groups, geo.group_filters, geo.depth
    if kernel == "depthwise":
        groups, filters = 1, geo.out_channels
    if bias and groups > 1 and filters % block.nr:
        return None
    room = pack_bias(None, groups, filters, -(-filters // block.nr), block.nr, dtype)
    bias_bytes = geo.out_channels * dtype.itemsize if bias else 0
    nowhere: Array = np.empty(0, dtype)
    if _not_worth_packing(kernel, block, geo):
        return Packed("unpacked", block, nowhere, room), Weights(None, room, bias_bytes)
    packing = packing_of(block, groups, depth, filters)
    return Packed(kernel, block, nowhere, room), Weights(packing, room, bias_bytes)


@lru_cache(maxsize=1024)
def launch_of(
    geo: Geometry,
    kernel: str,
    block: Block,
    threads: int,
    merged: bool,
    widen: tuple[int, ...] = (),
) -> Launch:
    """Work out the fields of a launch on contiguous arrays."""
    size, x_size = block.size, block.x_size
    deep = kernel == "depthwise"
    pixels, taps = geo.n * geo.pixels, geo.depth // geo.group_channels
    groups = 1 if deep else geo.groups
    filters = geo.out_channels if deep else geo.group_filters
    panels = max(1, -(-filters // block.nr))
    if merged:
        taps //= geo.kernel[-1]
    seen = max(1, block.mr * prod(geo.stride) * geo.group_channels * x_size)
    all_tiles = -(-pixels // block.mr)
    entries = min(TABLE_ENTRIES, table_bytes(threads) // (8 * block.mr))
    tiles = max(1, min(all_tiles, TILE_CELLS // seen, entries // taps))
    table = tiles * taps * block.mr
    if deep:  # a tile is a row of outputs
        all_tiles = pixels // geo.out_size[-1]
        row = (
            geo.out_size[-1]
            * geo.stride[-1]
            * geo.in_channels
            * size
            * geo.stride[-2 if geo.ndim > 1 else -1]
        )
        cells = row_entries(geo)
        tiles = max(1, min(all_tiles, TILE_CELLS // row, TABLE_ENTRIES // cells))
    if all_tiles >= 8 * threads:  # enough blocks for every thread to end at the same time
        tiles = min(tiles, all_tiles // (4 * threads))
    blocks = -(-all_tiles // tiles)
    panel_group = panels
    if blocks * groups < 4 * threads:
        panel_group = max(1, panels * blocks * groups // (8 * threads))
    if deep:
        table = cells * tiles
    if kernel == "unpacked":  # a task is a panel, which it packs in front of its table
        tiles, blocks, panel_group = all_tiles, 1, 1
        table = all_tiles * taps * block.mr + geo.depth * block.nr * size // 8
    # the pointers of a block of tiles, and room for one tile of sums
    scratch = -(-(table + -(-block.mr * block.nr * size // 8)) // 8) * 8
    channels = geo.group_channels
    fields = geometry_fields(geo, x_size) | {"span": 1} | axes("widen", three(widen, 1))
    if merged:  # the taps of a row lie side by side: one tap with all their channels
        channels *= geo.kernel[-1]
        left, right, start = edge_cells(geo)
        cell = geo.in_channels * x_size
        fields |= {
            "kernel_w": 1,
            "span": geo.kernel[-1],
            "edge_row": (left + right) * cell,
            "edge_right": (left - start) * cell,
        }
    steps = -(-channels // block.together)
    fields |= {
        "scratch_step": scratch * 8,
        "pixels": pixels,
        "linear": int(geo.kernel == (1,) * geo.ndim == geo.stride and not geo.padded),
        "channels": steps,
        "group_bytes": geo.group_channels * x_size,
        "filters": filters,
        "y_step": geo.out_channels * size,
        "panel_bytes": taps * steps * block.nr * size,
        "panels": panels,
        "panel_group": panel_group,
        "tiles": tiles,
        "blocks": blocks,
        "w_step": geo.out_channels * size,
        "threads": threads,
    }
    return Launch(
        address_of(kernel, block.symbol(kernel), *block.parameters),
        np.array([fields.get(name, 0) for name in FIELDS], np.int64),
        blocks * -(-panels // panel_group) * groups,
        scratch,
    )


_W, _BIAS, _ZEROS, _ENDS = (AT[name] // 8 for name in ("w", "bias", "zeros", "ends"))


def room(shape: tuple[int, ...], dtype: Any) -> Array:
    """Return an array for y, or for a block, that starts on a cache line."""
    made: Array = aligned(shape, dtype)
    return made


def reads(kernel: str, x: Array, geo: Geometry) -> bool:
    """Tell whether a kernel can read x (n, *in, c), without padding, where it lies."""
    if x.shape[-1] > 1 and x.strides[-1] != x.itemsize:
        return False
    near = _in_a_row(x)
    return near if kernel == "planes" else near or not merges(geo, kernel) or not worth_copying(geo)


def writes(y: Array, kernel: str) -> bool:
    """Tell whether a kernel can write y (n, *out, o) where it lies: cells at equal distances."""
    if kernel == "planes":
        return bool(y.flags.aligned and y.flags.c_contiguous)
    if not y.flags.aligned or (y.shape[-1] > 1 and y.strides[-1] != y.itemsize):
        return False
    return bool(cell_step(y) >= y.shape[-1] * y.itemsize)


def _in_a_row(x: Array) -> bool:
    """Tell whether the cells of x along W lie side by side."""
    return bool(x.shape[-2] <= 1 or x.strides[-2] == x.shape[-1] * x.itemsize)


def run(packed: Packed, x: Array, geo: Geometry, clip: tuple[Any, Any] | None, y: Array) -> None:
    """Convolve x (n, *in, c), without its padding, into y (n, *out, o).

    Both are of one dtype and lie so that ``reads`` and ``writes`` hold.
    """
    if y.size:
        ready(packed, x, geo, clip, y)(x, y)


def ready(packed: Packed, x: Array, geo: Geometry, clip: tuple[Any, Any] | None, y: Array) -> Task:
    """Return a function of any x and y that lie in memory as these do."""
    zeros = np.zeros(geo.in_channels * geo.kernel[-1] + 64, x.dtype)
    return starter(packed, geo, x, y, zeros, ends_of(clip, x.dtype))


def ends_of(clip: tuple[Any, Any] | None, dtype: np.dtype[Any]) -> Array:
    """Return both ends of an activation, infinite where it has none."""
    low, high = clip or NO_ENDS
    return np.array([-np.inf if low is None else low, np.inf if high is None else high], dtype)


def starter(
    packed: Packed,
    geo: Geometry,
    x: Array,
    y: Array,
    zeros: Array,
    ends: Array,
    widen: tuple[int, ...] = (),
) -> Task:
    """Return what lets the pool fill y; every array lies as the kernel reads it.

    The depthwise kernel can think of x as ``widen`` times as wide, with zeros between its cells.
    """
    padded = geo.padding[-1] != (0, 0)
    merged = merges(geo, packed.kernel) and _in_a_row(x)
    merged = merged and not (padded and edge_bytes(geo, x.itemsize) > EDGES)

    def launch(threads: int) -> Launch:
        return launch_of(geo, packed.kernel, packed.block, threads, merged, widen)

    strides = tell_strides(x, y)

    def tell(fields: Array) -> None:
        strides(fields)
        fields[_W], fields[_BIAS] = address(packed.w), address(packed.bias)
        fields[_ZEROS], fields[_ENDS] = address(zeros), address(ends)

    task = Task(launch, tell, (packed, zeros, ends))
    return RowTask(launch, tell, (packed, zeros, ends), geo) if merged and padded else task
