"""Memory: what each way allocates beside x, w and y, and into which blocks it is cut for that."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

from hwio.engine.margins import row_entries, table_bytes
from hwio.engine.registry import PARTS
from hwio.engine.slabs import PANEL, slabs_of
from hwio.engine.small import is_small
from hwio.engine.threads import get_num_threads
from hwio.methods import METHODS
from hwio.shapes.blocks import BLOCK, Block, cut

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry

SMALL = 1 << 20  # bytes of a kernel's other arrays, or a little less
TILES = {"winograd_f2": 2, "winograd_f4": 4}  # output cells that share a transform
TILES_ROOM = 7 << 20  # bytes of transformed tiles of all threads, or a little less
LINES = 1 << 20  # bytes of a thread's rows, beside what their taps reach
FINISH = 3  # copies of a block of sums at most, until it has y's number type


@lru_cache(maxsize=1024)
def method_lengths(name: str, geo: Geometry, itemsize: int) -> tuple[int, ...] | None:
    """Choose the blocks (n, *out) that a readable way gets, None for one call on whole arrays.

    Where a way can't take groups, blocks are of one group. Strides and byte order don't enter, so
    arrays of the same sizes and number types have the same bits.
    """
    method = METHODS[name]
    if method.unit is None or 0 in geo.y_shape:
        return None
    if method_needs(name, geo, itemsize) <= BLOCK:
        return None
    one = group_of(name, geo)
    return cut(one, lambda block: method_needs(name, block, itemsize), method.unit(one, itemsize))


def method_needs(name: str, geo: Geometry, itemsize: int) -> int:
    """Count copies of x and y, and a readable way's own temporaries."""
    copies = prod((geo.n, *geo.padded_size, geo.in_channels)) + FINISH * prod(geo.y_shape)
    one = group_of(name, geo)
    if one is not geo:  # a group's x and y, where a method takes one at a time
        copies += prod(one.y_shape) + prod((one.n, *one.padded_size, one.in_channels))
    return copies * itemsize + METHODS[name].workspace(one, itemsize)


def group_of(name: str, geo: Geometry) -> Geometry:
    """Return what a readable way is called on: one group, if it can't take more."""
    if geo.groups == 1 or METHODS[name].grouped:
        return geo
    return replace(geo, in_channels=geo.group_channels, out_channels=geo.group_filters, groups=1)


def method_bytes(name: str, geo: Geometry, itemsize: int, converts: bool) -> int:
    """Count what a readable way allocates at most beside x, w and y.

    ``converts`` tells whether x or y has another number type than the computation.
    """
    method, one = METHODS[name], group_of(name, geo)
    lengths = method_lengths(name, geo, itemsize)
    clean = not (geo.padded or converts)
    if lengths is not None and not (clean and stays_whole(name, geo, lengths)):
        block = Block((0,) * len(lengths), lengths).copied(one)[1]
        return method_needs(name, block, itemsize)
    own = method.workspace(one, itemsize)
    if geo.padded or (converts and method.unit is not None):
        own += prod((geo.n, *geo.padded_size, geo.in_channels)) * itemsize
    if converts and method.unit is not None:
        own += FINISH * prod(geo.y_shape) * itemsize
    if one is not geo:
        part = prod(one.y_shape) + prod((one.n, *one.padded_size, one.in_channels))
        own += part * itemsize
    return own


def stays_whole(name: str, geo: Geometry, lengths: tuple[int, ...]) -> bool:
    """Tell whether arrays that need no copy are taken in one call: it has the bits of blocks."""
    whole = lengths[1:] == geo.out_size or METHODS[name].seamless
    return whole and group_of(name, geo) is geo


def kernel_lengths(geo: Geometry, itemsize: int, kernel: str) -> tuple[int, ...]:
    """Choose the blocks (n, *out) in which x is copied, or y converted, for a kernel."""
    return _kernel_lengths(geo, itemsize, kernel, get_num_threads())


@lru_cache(maxsize=1024)
def _kernel_lengths(geo: Geometry, itemsize: int, kernel: str, threads: int) -> tuple[int, ...]:
    """Choose them for a number of threads, which share the room for pointers."""

    def needs(block: Geometry) -> int:
        fits = table_fits(block, kernel, threads)
        too_long = 0 if fits else BLOCK + row_entries(block)
        return _copies(block, itemsize) + too_long

    return cut(geo, needs, (TILES.get(kernel, 1),) * geo.ndim)


def table_fits(geo: Geometry, kernel: str, threads: int | None = None) -> bool:
    """Tell whether rows of outputs are short enough for the pointers of a row of each thread."""
    return kernel != "depthwise" or 8 * row_entries(geo) <= table_bytes(
        threads or get_num_threads()
    )


def _copies(geo: Geometry, itemsize: int) -> int:
    """Count a block's copies of x and y."""
    return (prod(geo.x_shape) + FINISH * prod(geo.y_shape)) * itemsize


def kernel_bytes(kernel: str, geo: Geometry, itemsize: int) -> int:
    """Count what a kernel allocates at most beside x, w and y.

    These are packed weights, pointer tables and, where x or y can't be used as they lie in memory,
    copies of a block.
    """
    lengths = kernel_lengths(geo, itemsize, kernel)
    copies = _copies(Block((0,) * len(lengths), lengths).copied(geo)[1], itemsize)
    if kernel == "direct" and is_small(replace(geo, n=1)):
        return copies
    threads, packed = get_num_threads(), packed_bytes(geo, itemsize)
    need = packed + copies + threads * table_bytes(threads) + SMALL
    if kernel in TILES:  # beside what direct needs, which does the images that may overflow
        tiles = prod(-(-out // TILES[kernel]) for out in geo.out_size)
        need += packed * (TILES[kernel] + 2) ** 2 // 9 + TILES_ROOM + 8 * geo.n * tiles
    if kernel == "planes":  # each thread's copies of rows
        reach = prod((k - 1) * d + 1 for k, d in zip(geo.kernel, geo.dilation, strict=True))
        need += threads * (LINES + 2 * reach * geo.in_channels * itemsize)
    if kernel in PARTS:  # likewise
        need += _tile_bytes(geo, PARTS[kernel], threads)
    return need


def _tile_bytes(geo: Geometry, parts: int, threads: int) -> int:
    """Count weights packed as parts, and every thread's cells and sums."""
    slabs = slabs_of(geo, parts, threads)
    panels = -(-geo.group_filters // PANEL) * geo.groups
    packed = panels * PANEL * prod(geo.kernel) * slabs.chunks * slabs.cell
    return packed + threads * (slabs.bytes + slabs.tiles * 16 * PANEL * 4)


def packed_bytes(geo: Geometry, itemsize: int) -> int:
    """Count packed weights: whole vectors of filters in each group, 128 at most."""
    filters = -(-geo.group_filters // 128) * 128 * geo.groups
    return filters * geo.depth * itemsize
