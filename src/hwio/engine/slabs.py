"""How split-bf16 lays the cells of x out, so that every tap meets its pixels one after the other.

Along one axis output o meets input o·s - low + t·d with tap t. All cells whose index leaves the same
remainder on division by the stride s lie side by side in one slab, so neighbouring outputs are
neighbouring cells, and a tap is a slab and a place in it:

    stride 2, three taps:   slab 0 = cells 0 2 4 6 …   tap 0 begins at its cell 0, tap 2 at its cell 1
                            slab 1 = cells 1 3 5 7 …   tap 1 begins at its cell 0

Taps far apart (dilation) get a slab each, else the cells between them would be copied too. A block of
outputs is rows × columns; where a row of outputs ends, that of cells goes on for as long as the filter
reaches, so tiles run on across rows and a few of their sums are no output.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry

CHUNK = 32  # channels of one step
PANEL = 32  # filters of one panel
ROWS = 16  # pixels of one tile
CELLS_BYTES = 512 << 10  # of one block's cells: they and some weights fit the second-level cache
MOST_PIXELS = 1024  # of one block, so that its sums stay small too
MOST_BYTES = 4 << 20  # of the smallest block that is still served
NEAR = 64  # a larger dilation gives every tap a slab of its own


@dataclass(frozen=True, slots=True)
class Axis:
    """The slabs of one axis.

    Attributes
    ----------
    starts : tuple of int
        For each slab, the index of x (with padding: 0 is its first cell) that output 0 begins at.
    taps : tuple of pairs of int
        For each tap its slab and the place of its first cell there.
    more : int
        Cells of a slab beyond the outputs of a block.
    """

    starts: tuple[int, ...]
    taps: tuple[tuple[int, int], ...]
    more: int


def axis_of(out: int, kernel: int, step: int, tap_step: int, *, apart: bool = False) -> Axis:
    """Return the slabs of one axis.

    Examples
    --------
    >>> axis_of(8, 3, 2, 1)
    Axis(starts=(0, 1), taps=((0, 0), (1, 0), (0, 1)), more=1)
    """
    reached = [t * tap_step for t in range(kernel)]
    if apart or tap_step > min(out, NEAR):
        return Axis(tuple(reached), tuple((t, 0) for t in range(kernel)), 0)
    starts: dict[int, int] = {}  # remainder -> the first cell that a tap meets
    for cell in reached:
        starts.setdefault(cell % step, cell)
    numbers = {remainder: n for n, remainder in enumerate(starts)}
    taps = tuple((numbers[cell % step], (cell - starts[cell % step]) // step) for cell in reached)
    return Axis(tuple(starts.values()), taps, max((place for _, place in taps), default=0))


@dataclass(frozen=True, slots=True)
class Slabs:
    """The cells of one geometry's blocks.

    Attributes
    ----------
    d, h, w : Axis
    chunks : int
        Steps of 32 channels.
    parts : int
    block_h, block_w : int
        Output rows and columns of one block.
    """

    d: Axis
    h: Axis
    w: Axis
    chunks: int
    parts: int
    block_h: int
    block_w: int

    @property
    def cell(self) -> int:
        """Bytes of 32 channels of one pixel."""
        return self.parts * 2 * CHUNK

    @property
    def rows(self) -> int:
        """Rows of a slab."""
        return self.block_h + self.h.more

    @property
    def columns(self) -> int:
        """Columns of a slab."""
        return self.block_w + self.w.more

    @property
    def count(self) -> int:
        """Number of slabs."""
        return len(self.d.starts) * len(self.h.starts) * len(self.w.starts)

    @property
    def chunk_bytes(self) -> int:
        """Bytes of one chunk of all slabs."""
        return self.count * self.rows * self.columns * self.cell

    @property
    def bytes(self) -> int:
        """Bytes of all cells; a last tile may look at some behind them."""
        return self.chunks * self.chunk_bytes + ROWS * self.cell

    @property
    def tiles(self) -> int:
        """Tiles of pixels of one block."""
        return -(-((self.block_h - 1) * self.columns + self.block_w) // ROWS)

    def offsets(self) -> list[int]:
        """Return where each step's cells begin: taps in their order, each with all its chunks."""
        found = []
        for slab_d, _ in self.d.taps:
            for slab_h, row in self.h.taps:
                for slab_w, column in self.w.taps:
                    slab = (slab_d * len(self.h.starts) + slab_h) * len(self.w.starts) + slab_w
                    first = (slab * self.rows + row) * self.columns + column
                    found += [first * self.cell + c * self.chunk_bytes for c in range(self.chunks)]
        return found


def axes_of(geo: Geometry) -> tuple[Axis, Axis, Axis]:
    """Return the slabs along depth, height and width; missing axes have one cell."""
    axes = []
    for n in range(-3, 0):
        if n < -geo.ndim:
            axes.append(axis_of(1, 1, 1, 1))
        else:
            sizes = (geo.out_size[n], geo.kernel[n], geo.step[n], geo.tap_step[n])
            axes.append(axis_of(*sizes, apart=n == -3))
    d, h, w = axes
    return d, h, w


@lru_cache(maxsize=1024)
def slabs_of(geo: Geometry, parts: int, threads: int = 1) -> Slabs:
    """Cut the outputs of a geometry into blocks whose cells fit the cache."""
    d, h, w = axes_of(geo)
    chunks = max(1, -(-geo.group_channels // CHUNK))
    out_h, out_w = (1, *geo.out_size)[-2:]
    each = chunks * parts * 2 * CHUNK * len(d.starts) * len(h.starts) * len(w.starts)
    cells = CELLS_BYTES // each
    row_cells = (1 + h.more) * (out_w + w.more)
    if row_cells > cells or out_w > MOST_PIXELS:
        widest = min(cells // (1 + h.more) - w.more, MOST_PIXELS) // ROWS * ROWS
        return Slabs(d, h, w, chunks, parts, 1, min(out_w, max(ROWS, widest)))
    columns = out_w + w.more
    block_h = max(1, min(cells // columns - h.more, MOST_PIXELS // columns, out_h))
    planes = geo.n * geo.groups * prod(geo.out_size[:-2])
    if _more_pixels(geo):
        wanted = -(-4 * threads // planes) if threads > 1 else 1  # blocks of a plane
        block_h = max(min(block_h, -(-2 * ROWS // columns)), min(block_h, -(-out_h // wanted)))
    blocks = -(-out_h // block_h)
    return Slabs(d, h, w, chunks, parts, ceil(out_h / blocks), out_w)


def _more_pixels(geo: Geometry) -> bool:
    """Tell whether x is larger than w: then threads share rows of outputs, else filters."""
    return prod(geo.in_size) * geo.in_channels > geo.depth * geo.out_channels


def filling(geo: Geometry) -> float:
    """Return which part of the tiles' products is of real channels, filters and pixels.

    Examples
    --------
    >>> from hwio.ops.check import geometry_of
    >>> filling(geometry_of((1, 14, 14, 256), (3, 3, 256, 256), padding=1))
    0.875
    """
    c, o = geo.group_channels, geo.group_filters
    slabs = slabs_of(geo, 3)
    out_h, out_w = (1, *geo.out_size)[-2:]
    blocks = -(-out_h // slabs.block_h) * -(-out_w // slabs.block_w)
    pixels = out_h * out_w / (blocks * slabs.tiles * ROWS)
    return pixels * c / (slabs.chunks * CHUNK) * o / (-(-o // ROWS) * ROWS)
