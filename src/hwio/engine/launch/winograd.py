"""Launch Winograd's kernels: transform the filters, share out tiles and panels, name bad images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine.cpu import processor
from hwio.engine.fields import AT, FIELDS
from hwio.engine.jit import address_of
from hwio.engine.launch.spatial import NO_ENDS, ends_of
from hwio.engine.launch.task import Launch, Task, tell_strides
from hwio.engine.pack import address, aligned, pack_bias
from hwio.engine.threads import pool
from hwio.engine.tiles import Block, winograd_block

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

OUTPUTS = {"winograd_f2": 2, "winograd_f4": 4}  # kernel -> outputs of a tile along each axis
NEAR = 5 << 18  # bytes of V and M that one task may hold: most of an L2 cache
ALL = 6 << 20  # bytes of V and M of all threads
# how much the transforms can make of max|x|·max|w|·channels, from the row sums of Bᵀ, G and Aᵀ
GROWTH = {2: (2 * 1.5 * 3) ** 2, 4: (10 * 1 * 19) ** 2}
# cycles that a tile takes in transforms: per vector of channels, per vector of filters
TILE_CYCLES = {2: (60, 40), 4: (170, 130)}
WEIGHT_BYTES = 12  # bytes of transformed filters that arrive in a cycle


@dataclass(frozen=True, slots=True)
class PackedTiles:
    """Transformed filters.

    Attributes
    ----------
    kernel : str
        "winograd_f2" or "winograd_f4".
    block : Block
    u : array, shape (panels, (m + 2)², i, nr)
    bias : array, shape (1, panels·nr)
    limit : array, shape (1,)
        Sums of squares of cells up to which nothing can overflow on the way.
    """

    kernel: str
    block: Block
    u: Array
    bias: Array
    limit: Array


def block_of(kernel: str, geo: Geometry, kind: str) -> Block:
    """Choose the register block for a geometry and a number type."""
    m = OUTPUTS[kernel]
    return winograd_block(kind, processor().vector_bytes, tiles_of(geo, m), geo.out_channels, m)


def tiles_of(geo: Geometry, m: int) -> int:
    """Count the tiles of all images."""
    return geo.n * -(-geo.out_size[0] // m) * -(-geo.out_size[1] // m)


def pack(
    kernel: str, block: Block, w: Array, b: Array | None, geo: Geometry, dtype: np.dtype[Any]
) -> PackedTiles:
    """Transform w (3, 3, i, o) as dtype for a register block."""
    m, nr = OUTPUTS[kernel], block.nr
    w = np.ascontiguousarray(w, dtype)
    c, filters = w.shape[2:]
    panels = -(-filters // nr)
    u: Array = aligned((panels, (m + 2) ** 2, c, nr), dtype)
    fields = np.array(
        [w.ctypes.data, u.ctypes.data, c, filters * dtype.itemsize, filters], np.int64
    )
    transform = address_of("winograd", block.symbol("winograd_filters"), *block.parameters)
    workers = pool()
    workers.run(workers.state, transform, fields.ctypes.data, panels)
    largest = max(float(w.max()), -float(w.min()))  # NaN where w has one
    most = float(np.finfo(dtype).max) / 4
    with np.errstate(all="ignore"):
        reach = np.float64(most) / (c * GROWTH[m] * np.float64(largest))
        limit = np.minimum(reach * reach, most) if reach < 1e100 else np.float64(most)
    if not largest < most / 16:  # the filters themselves may overflow: every image is a bad one
        limit = np.float64(-1)
    bias = pack_bias(b, 1, filters, panels, nr, dtype)
    return PackedTiles(kernel, block, u, bias, np.array([limit], dtype))


@lru_cache(maxsize=1024)
def launch_of(geo: Geometry, kernel: str, block: Block, threads: int) -> Launch:
    """Work out the fields of a launch."""
    m, size, c = OUTPUTS[kernel], int(block.kind[1]), geo.in_channels
    spots, vector = (m + 2) ** 2, block.lanes * size
    panels, all_tiles = -(-geo.out_channels // block.nr), tiles_of(geo, m)
    tiles, panel_group = share(geo, block, m, threads)
    row = -(-c * size // vector) * vector + vector
    scratch = spots * (tiles * row + vector + (tiles + block.mr) * (block.nr * size + 8) + vector)
    scratch += spots * 8 + block.nr * size + 64
    fields = {
        "scratch_step": -(-scratch // 64) * 64,
        "out_h": geo.out_size[0],
        "out_w": geo.out_size[1],
        "in_h": geo.in_size[0],
        "in_w": geo.in_size[1],
        "low_h": geo.padding[0][0],
        "low_w": geo.padding[1][0],
        "x_n": geo.in_size[0] * geo.in_size[1] * c * size,
        "x_h": geo.in_size[1] * c * size,
        "x_w": c * size,
        "channels": c,
        "filters": geo.out_channels,
        "y_step": geo.out_channels * size,
        "panels": panels,
        "panel_group": panel_group,
        "tiles": tiles,
        "blocks": -(-all_tiles // tiles),
        "all_tiles": all_tiles,
    }
    return Launch(
        address_of("winograd", block.symbol("winograd"), *block.parameters),
        np.array([fields.get(name, 0) for name in FIELDS], np.int64),
        fields["blocks"] * -(-panels // panel_group),
        fields["scratch_step"] // 8,
    )


def share(geo: Geometry, block: Block, m: int, threads: int) -> tuple[int, int]:
    """Choose how many tiles and how many panels a task takes, by an estimate of its cycles.

    More tiles use each filter more often; more panels transform each tile less often; more tasks end
    at the same time.
    """
    size, c, spots = int(block.kind[1]), geo.in_channels, (m + 2) ** 2
    panels, all_tiles = -(-geo.out_channels // block.nr), tiles_of(geo, m)
    into, out = TILE_CYCLES[m]
    into *= -(-c // block.lanes)
    out *= block.nrv
    room = min(NEAR, ALL // threads) // (spots * (c + block.nr) * size)
    most = max(block.mr, min(room, all_tiles + block.mr - 1) // block.mr * block.mr)
    found: list[tuple[float, int, int]] = []
    for tiles in range(block.mr, most + 1, block.mr):
        count = min(tiles, all_tiles)
        blocks, groups = -(-all_tiles // tiles), -(-count // block.mr)
        products = groups * block.mr * spots * c * block.nrv / 2
        panel = max(products, spots * c * block.nr * size / WEIGHT_BYTES) + count * out
        for parts in {1, min(panels, threads), min(panels, 2 * threads)}:
            group = -(-panels // parts)
            rounds = -(-blocks * -(-panels // group) // threads)
            found.append((rounds * (count * into + group * panel), -tiles, -group))
    _, tiles, group = min(found)
    return -tiles, -group


_W, _BIAS, _ZEROS, _ENDS, _FLAGS, _LIMIT, _NOTHING = (
    AT[name] // 8 for name in ("w", "bias", "zeros", "ends", "flags", "limit", "nothing")
)


def run(
    packed: PackedTiles, x: Array, geo: Geometry, clip: tuple[Any, Any] | None, y: Array
) -> Array | None:
    """Convolve x (n, h, w, c), without its padding, into y (n, oh, ow, o).

    Both lie as ``spatial.reads`` and ``spatial.writes`` ask.

    Returns
    -------
    array of int or None
        Images in which a transform may have overflowed or spread a NaN: to be done another way.
    """
    return ready(packed, x, geo, clip, y)(x, y)


def ready(
    packed: PackedTiles, x: Array, geo: Geometry, clip: tuple[Any, Any] | None, y: Array
) -> Callable[[Array, Array], Array | None]:
    """Return a function of any x and y that lie in memory as these do; it returns as ``run``."""
    zeros = np.zeros(geo.in_channels + packed.block.lanes, x.dtype)
    nothing = np.array([0] * packed.block.nr + list(NO_ENDS), x.dtype)
    ends, tiles = ends_of(clip, x.dtype), tiles_of(geo, OUTPUTS[packed.kernel])

    def launch(threads: int) -> Launch:
        return launch_of(geo, packed.kernel, packed.block, threads)

    strides = tell_strides(x, y)

    def tell(fields: Array) -> None:
        strides(fields)
        fields[_W], fields[_BIAS] = address(packed.u), address(packed.bias)
        fields[_ZEROS], fields[_ENDS] = address(zeros), address(ends)
        fields[_LIMIT], fields[_NOTHING] = address(packed.limit), address(nothing)

    task = _Tiles(launch, tell, (packed, zeros, nothing, ends))
    task.flags, task.images = tiles, geo.n
    return task


class _Tiles(Task):
    """A launch whose kernel sets a flag for each tile that may have overflowed."""

    images = 1

    def __call__(
        self, x: Array, y: Array, more: tuple[tuple[int, Array], ...] = ()
    ) -> Array | None:
        """Run it; return the images with such tiles, or None."""
        flags = np.empty(self.flags, np.int64)
        super().__call__(x, y, (*more, (_FLAGS, flags)))
        if not flags.any():
            return None
        return np.flatnonzero(flags.reshape(self.images, -1).any(axis=1))
