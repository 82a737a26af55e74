"""Launch the kernels of the gradient for w."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import inf, prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hwio.engine.cpu import processor
from hwio.engine.fields import AT, FIELDS
from hwio.engine.jit import address_of
from hwio.engine.launch.sizes import axes, geometry_fields, three
from hwio.engine.launch.started import started
from hwio.engine.launch.task import Launch, Task
from hwio.engine.margins import ROW_SEGMENTS, SEGMENTS, SMALL_DW, merges, packed_bytes, table_bytes
from hwio.engine.pack import address, aligned
from hwio.engine.threads import pool
from hwio.engine.tiles import Block, dw_depthwise_block, dw_direct_block

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

CHUNK = 128  # pixels whose x and dy stay near while all strips meet them
LONE_CHUNK = 64  # the same where one tap meets them once: then rows of x far apart crowd the cache
SHARES = 2  # for each thread: what several of them pack, each packs for itself
PACK = 4  # products in the time that laying a number side by side takes
FAR = 2048  # bytes of a cell of x, from which on a strip of it is laid side by side
SEGMENTED = 2048  # pixels that are worth SEGMENTS

_DW, _ZEROS, _COUNTERS = (AT[name] // 8 for name in ("w", "zeros", "flags"))
_STRIPS, _PANELS = AT["strips"] // 8, AT["panels"] // 8


def run(kernel: str, x: Array, dy: Array, geo: Geometry) -> Array:
    """Compute dw (*kernel, i, o) of x (n, *in, c), without its padding, and dy (n, *out, o).

    Both are contiguous, and of one dtype, f4 or f8.
    """
    if kernel == "dw_direct" and merges(geo, "direct"):
        x = _with_margins(x, geo)
    task, rows = _task(kernel, geo, x.dtype)
    dw = aligned(rows, x.dtype)
    task(x, dy, ((_DW, dw),))
    return _finished(kernel, dw, geo)


def started_dw(
    kernel: str, geo: Geometry, dtype: np.dtype[Any]
) -> Callable[[Array, Array], Array | None] | None:
    """Return a function of contiguous x and dy that does the same; see ``started``.

    There is none where margins are laid around x beforehand.

    It returns None, and has done nothing, where it can't serve.
    """
    if kernel == "dw_direct" and merges(geo, "direct"):
        return None
    task, rows = _task(kernel, geo, dtype)
    whole = kernel == "dw_direct" and prod(rows) == prod(geo.w_shape)
    shape = geo.w_shape if whole else rows
    start = started(task, geo.x_shape, shape, dtype, dy_shape=geo.y_shape, kept="dw")
    if start is None or whole:
        return start

    def call(x: Array, dy: Array) -> Array | None:
        dw = start(x, dy)
        return None if dw is None else _finished(kernel, dw, geo)

    return call


def _task(kernel: str, geo: Geometry, dtype: np.dtype[Any]) -> tuple[Task, tuple[int, ...]]:
    """Return the launch, and the shape that it gives dw."""
    kind = dtype.str[1:]
    launch_of = depthwise_launch if kernel == "dw_depthwise" else direct_launch
    launch, rows = launch_of(geo, kind, pool().threads)
    zeros = np.zeros(geo.in_channels * geo.kernel[-1] + 64, dtype)
    most = int(launch.fields[_STRIPS] * launch.fields[_PANELS])  # shares, on any number of threads
    counters = np.zeros(most if segments_of(geo, dtype.itemsize) > 1 else 1, np.int64)

    def tell(fields: Array) -> None:
        fields[_ZEROS], fields[_COUNTERS] = address(zeros), address(counters)

    task = Task(lambda threads: launch_of(geo, kind, threads)[0], tell, (zeros, counters))
    return task, rows


def _finished(kernel: str, dw: Array, geo: Geometry) -> Array:
    """Return dw (*kernel, i, o) of what the kernel wrote."""
    if kernel == "dw_depthwise":
        with np.errstate(over="ignore", invalid="ignore"):  # as a kernel's own sums
            dw = dw.sum(0)[:, : geo.out_channels]  # (taps, c)
    else:
        dw = dw[..., : geo.group_filters]  # (taps·i, groups, o)
    return np.ascontiguousarray(dw).reshape(geo.w_shape)


@lru_cache(maxsize=256)
def direct_launch(geo: Geometry, kind: str, threads: int) -> tuple[Launch, tuple[int, ...]]:
    """Work out the fields of a launch, and the shape of dw with whole panels."""
    size, kernel, channels = int(kind[1]), three(geo.kernel, 1), geo.group_channels
    fields = _sizes(geo, size)
    if merges(geo, "direct"):  # the taps of a row lie side by side: one tap, all their channels
        channels, kernel = channels * kernel[-1], (*kernel[:-1], 1)
        fields = _sizes(_margins(geo), size) | {"kernel_w": 1}
    sizes = channels, geo.group_filters, geo.n * geo.pixels
    block = dw_direct_block(kind, processor().vector_bytes, *sizes)
    panels, blocks = -(-geo.group_filters // block.nr), -(-channels // block.mr)
    chunk, segments = chunk_of(geo, size), segments_of(geo, size)
    strips = prod(kernel) * blocks
    strip_group, panel_group = shares_of(
        Cut(strips, max(1, table_bytes(threads) // 8 // chunk - 1) * blocks, channels),
        Cut(panels, max(1, packed_bytes(threads) // (chunk * block.nr * size)), geo.group_filters),
        -(-SHARES * threads // (geo.groups * segments)),
    )
    table = (-(-strip_group // blocks) + 1) * chunk  # pointers
    packed = -(-(panel_group * block.nr + block.mr) * chunk * size // 8)
    own = -(-(table + packed) // 8) * 8  # words, whole cache lines
    sums = (segments - 1) * prod(kernel) * channels * panels * block.nr * size // 8
    fields |= {
        "channels": channels,
        "panels": panels,
        "panel_group": panel_group,
        "dw_step": geo.groups * panels * block.nr * size,
        "chunk": chunk,
        "strips": strips,
        "strip_group": strip_group,
        "scratch_step": own * 8,
        "packs_x": int(packs_x(geo, size)),
        "segments": segments,
        "segment_pixels": -(-geo.n * geo.pixels // segments),
        "sums_at": threads * own * 8,
    }
    shares = -(-strips // strip_group) * -(-panels // panel_group)
    scratch = own + -(-sums // threads)
    launch = _launch("dw_direct", block, fields, geo.groups * segments * shares, scratch)
    return launch, (geo.depth, geo.groups, panels * block.nr)


class Cut(NamedTuple):
    """Strips or panels: how many there are, how many a share may have, how many numbers they hold."""

    pieces: int
    most: int
    numbers: int


def shares_of(strips: Cut, panels: Cut, wanted: int) -> tuple[int, int]:
    """Return how many strips and panels make a share: about ``wanted`` shares, little packed twice."""
    found, least = (strips.pieces, panels.pieces), inf
    for columns in range(-(-panels.pieces // panels.most), panels.pieces + 1):
        rows = max(-(-strips.pieces // strips.most), min(strips.pieces, -(-wanted // columns)))
        share = -(-strips.pieces // rows), -(-panels.pieces // columns)
        shares = -(-strips.pieces // share[0]) * -(-panels.pieces // share[1])
        uneven = prod(share) * shares / (strips.pieces * panels.pieces)
        # each row of shares packs all of dy, each column all of x
        again = PACK * (rows / strips.numbers + columns / panels.numbers)
        cost = uneven * (1 + again) * max(1, wanted / shares)
        if cost < least:
            found, least = share, cost
    return found


@lru_cache(maxsize=256)
def depthwise_launch(geo: Geometry, kind: str, threads: int) -> tuple[Launch, tuple[int, ...]]:
    """Work out the fields of a launch, and the shape of each segment's dw with whole panels."""
    size, taps = int(kind[1]), (geo.stride[-1], geo.dilation[-1])
    block = dw_depthwise_block(
        kind, processor().vector_bytes, geo.out_channels, geo.kernel[-1], taps
    )
    panels = -(-geo.out_channels // block.nr)
    all_rows = geo.n * geo.pixels // geo.out_size[-1]
    rows = -(-all_rows // ROW_SEGMENTS)
    segments = -(-all_rows // rows)
    parts = min(panels, max(1, -(-4 * threads // segments)))
    group = -(-panels // parts)
    reach = (geo.out_size[-1] - 1) * geo.stride[-1] + (geo.kernel[-1] - 1) * geo.dilation[-1] + 1
    scratch = -(-reach * prod(geo.kernel[:-1]) // 8) * 8  # pointers
    fields = _sizes(geo, size) | {
        "filters": geo.out_channels,
        "panels": panels,
        "panel_group": group,
        "dw_step": panels * block.nr * size,
        "tiles": rows,
        "blocks": segments,
        "scratch_step": scratch * 8,
    }
    launch = _launch("dw_depthwise", block, fields, segments * -(-panels // group), scratch)
    return launch, (segments, prod(geo.kernel), panels * block.nr)


def chunk_of(geo: Geometry, size: int) -> int:
    """Return the pixels of one chunk: the geometry alone decides, so bits do not change."""
    most = CHUNK if prod(geo.kernel) > 1 or packs_x(geo, size) else LONE_CHUNK
    pixels = geo.n * geo.pixels
    return -(-pixels // -(-pixels // most))


def segments_of(geo: Geometry, size: int) -> int:
    """Return in how many segments pixels are summed apart: again by the geometry alone."""
    dw = prod(geo.w_shape) * size
    few = geo.groups > 1 or dw > SMALL_DW or geo.n * geo.pixels < SEGMENTED
    return 1 if few else SEGMENTS


def packs_x(geo: Geometry, size: int) -> bool:
    """Tell whether each strip's channels are laid side by side."""
    return geo.group_channels * size >= FAR


def _launch(name: str, block: Block, fields: dict[str, int], tasks: int, scratch: int) -> Launch:
    function = address_of(name, block.symbol(name), *block.parameters)
    values = np.array([fields.get(field, 0) for field in FIELDS], np.int64)
    return Launch(function, values, tasks, scratch)


def _sizes(geo: Geometry, size: int) -> dict[str, int]:
    """Return the fields that follow from the geometry."""
    return geometry_fields(geo, size) | {
        **axes("widen", (1, 1, 1)),
        "pixels": geo.n * geo.pixels,
        "group_bytes": geo.group_channels * size,
        "filters": geo.group_filters,
        "y_step": geo.out_channels * size,
    }


def _with_margins(x: Array, geo: Geometry) -> Array:
    """Return x with the padding of its last spatial axis in place."""
    low, high = geo.padding[-1]
    if low == high == 0:
        return x
    grown: Array = np.zeros((*x.shape[:-2], low + x.shape[-2] + high, x.shape[-1]), x.dtype)
    grown[..., low : low + x.shape[-2], :] = x
    return grown


def _margins(geo: Geometry) -> Geometry:
    """Return the geometry of x with those margins."""
    width = (*geo.in_size[:-1], geo.padded_size[-1])
    return replace(geo, in_size=width, padding=(*geo.padding[:-1], (0, 0)))
