"""Blocks: a part of the output at a time, so that no copy of x or y grows with them.

Blocks are driven by the output. Cells [a, b) of an axis of x's size n, with stride s, dilation d,
kernel k and low padding lo, read the padded cells from a·s - lo on, (b - 1 - a)·s + (k - 1)·d + 1 of
them; whatever lies below 0 or from n on is padding. Every padding mode says where its cells come from
in all of x, so a block meets the same numbers as the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry

BLOCK = (
    4 << 20
)  # bytes that the copies of one block may take, or one output cell's if they are more


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells that a block reads along one axis; those below 0 or behind the end are padding.

    Cell ``first + q·step + t·tap_step`` has place ``q·taps + t``, for q < count and t < taps.
    """

    first: int
    step: int
    count: int
    taps: int = 1
    tap_step: int = 1

    @property
    def total(self) -> int:
        """How many there are."""
        return self.count * self.taps


@dataclass(frozen=True, slots=True)
class Block:
    """A part of y: its first image and cells, and how many.

    Attributes
    ----------
    start, size : tuple of int, (n, *out)
    """

    start: tuple[int, ...]
    size: tuple[int, ...]

    @property
    def place(self) -> tuple[slice, ...]:
        """Index of y (n, *out, o)."""
        return tuple(slice(a, a + n) for a, n in zip(self.start, self.size, strict=True))

    def copied(self, geo: Geometry) -> tuple[tuple[Cells, ...], Geometry]:
        """Return what to copy of each axis, padding included, and the geometry on that copy."""
        axes, strides, dilations = [], [], []
        for axis, (start, size) in enumerate(zip(self.start[1:], self.size[1:], strict=True)):
            k, d, s = geo.kernel[axis], geo.dilation[axis], geo.stride[axis]
            first = start * s - geo.padding[axis][0]
            span = (size - 1) * s + (k - 1) * d + 1
            if size * k < span:  # windows with room between: only what they see
                axes.append(Cells(first, s, size, k, d))
                strides.append(k)
                dilations.append(1)
            else:
                axes.append(Cells(first, 1, span))
                strides.append(s)
                dilations.append(d)
        part = replace(
            geo,
            n=self.size[0],
            in_size=tuple(cells.total for cells in axes),
            out_size=self.size[1:],
            stride=tuple(strides),
            dilation=tuple(dilations),
            padding=((0, 0),) * geo.ndim,
        )
        return tuple(axes), part

    def viewed(self, geo: Geometry) -> tuple[tuple[slice, ...], Geometry]:
        """Return an index of x (n, *in, c), and the geometry on that view: the rest is padding."""
        place, pads, sizes = [slice(self.start[0], self.start[0] + self.size[0])], [], []
        for axis, (start, size) in enumerate(zip(self.start[1:], self.size[1:], strict=True)):
            k, d, s = geo.kernel[axis], geo.dilation[axis], geo.stride[axis]
            first = start * s - geo.padding[axis][0]
            span = (size - 1) * s + (k - 1) * d + 1
            low = min(span, max(0, -first))
            stop = min(first + span, geo.in_size[axis])
            inside = max(0, stop - max(first, 0))
            place.append(slice(max(first, 0), max(first, 0) + inside))
            pads.append((low, span - low - inside))
            sizes.append(inside)
        part = replace(
            geo,
            n=self.size[0],
            in_size=tuple(sizes),
            out_size=self.size[1:],
            padding=tuple(pads),
        )
        return tuple(place), part


def cut(
    geo: Geometry, needs: Callable[[Geometry], int], unit: tuple[int, ...] | None = None
) -> tuple[int, ...]:
    """Choose how many images and output cells a block has, (n, *out).

    Parameters
    ----------
    geo : Geometry
    needs : callable
        Bytes that a block takes, of its geometry once copied.
    unit : tuple of int, optional
        Output cells along each axis that stay together; 1 by default.

    Returns
    -------
    tuple of int
        So many that ``BLOCK`` bytes hold them; whether an image is cut never depends on how many
        there are.

    Examples
    --------
    >>> from hwio.ops.check import geometry_of
    >>> geo = geometry_of((8, 1026, 1026, 3), (3, 3, 3, 4))
    >>> cut(geo, lambda block: 4 * block.n * (3 * block.in_size[0] * block.in_size[1]))
    (1, 512, 512)
    """
    unit = unit or (1,) * geo.ndim

    def size(lengths: tuple[int, ...]) -> int:
        return needs(Block((0,) * len(lengths), lengths).copied(geo)[1])

    one = (1, *geo.out_size)
    each = size(one)
    if each <= BLOCK:
        return (max(1, min(geo.n, BLOCK // max(1, each))), *geo.out_size)
    while each > BLOCK:
        halves = [
            (*one[: axis + 1], _half(one[axis + 1], unit[axis]), *one[axis + 2 :])
            for axis in range(geo.ndim)
            if one[axis + 1] > unit[axis]
        ]
        if not halves:
            break
        # the cut after which most of what is copied serves one block alone
        each, _, one = min((size(half), place, half) for place, half in enumerate(halves))
    return one


def _half(size: int, unit: int) -> int:
    """Halve a number of cells, in whole units."""
    return -(-size // (2 * unit)) * unit


def blocks(geo: Geometry, lengths: tuple[int, ...]) -> Iterator[Block]:
    """Yield blocks of these lengths; the last along an axis may be shorter.

    Examples
    --------
    >>> from hwio.ops.check import geometry_of
    >>> [block.size for block in blocks(geometry_of((2, 5, 7, 4), (3, 3, 4, 8)), (2, 2, 5))]
    [(2, 2, 5), (2, 1, 5)]
    """
    whole = (geo.n, *geo.out_size)
    ranges = (range(0, size, step) for size, step in zip(whole, lengths, strict=True))
    for start in product(*ranges):
        ends = zip(start, lengths, whole, strict=True)
        yield Block(start, tuple(min(length, size - at) for at, length, size in ends))


def least(geo: Geometry, lengths: tuple[int, ...]) -> Block:
    """Return a block as small along every axis as the smallest."""
    whole = (geo.n, *geo.out_size)
    sizes = (size % length or length for size, length in zip(whole, lengths, strict=True))
    return Block((0,) * len(whole), tuple(sizes))


def sources(cells: Cells, size: int, mode: str) -> Iterator[tuple[slice, slice | None]]:
    """Say where a block's cells along one axis come from.

    Parameters
    ----------
    cells : Cells
    size : int
        Cells of x.
    mode : str
        Padding mode.

    Yields
    ------
    tuple of slice
        Places in the block and cells of x, one of them where it is repeated; None for zeros.

    Examples
    --------
    >>> list(sources(Cells(-2, 1, 5), 3, "edge"))
    [(slice(0, 2, 1), slice(0, 1, 1)), (slice(2, 5, 1), slice(0, 3, 1))]
    """
    for tap in range(cells.taps):
        done = 0
        while done < cells.count:
            cell = cells.first + tap * cells.tap_step + done * cells.step
            source, direction, left = _piece(cell, size, mode)
            most = cells.count - done
            count = most if left is None else min(most, -(-left // cells.step))
            start = done * cells.taps + tap
            place = slice(start, start + (count - 1) * cells.taps + 1, cells.taps)
            if source is None:
                yield place, None
            elif direction == 0:
                yield place, slice(source, source + 1, 1)
            else:
                step = direction * cells.step
                stop = source + (count - 1) * step + direction
                yield place, slice(source, stop if stop >= 0 else None, step)
            done += count


def _piece(cell: int, size: int, mode: str) -> tuple[int | None, int, int | None]:
    """Return a padded cell's source, the direction in which sources follow, for how many cells.

    The source is None for zeros, the direction 0 where one cell is repeated, the number None where
    it has no end.
    """
    if 0 <= cell < size:
        return cell, 1, size - cell
    if mode == "zeros":
        return None, 0, -cell if cell < 0 else None
    if mode == "edge" or size == 1:
        return (0, 0, -cell) if cell < 0 else (size - 1, 0, None)
    if mode == "wrap":
        return cell % size, 1, size - cell % size
    period = 2 * size if mode == "symmetric" else 2 * size - 2
    at = cell % period
    if at < size:
        return at, 1, size - at
    return (2 * size - 1 if mode == "symmetric" else period) - at, -1, period - at
