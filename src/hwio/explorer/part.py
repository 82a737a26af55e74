"""What a page holds of large arrays: whole sums always, fewer of them where there are many.

A part is chosen by its outputs, and x is cut to the cells that they meet; what hangs over x becomes
padding of the part. So every number of the part is the number of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from hwio.show.drawing import view

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Pads

MOST_NUMBERS = 150_000  # of x, and of w: a page of some MiB at most
MOST_PRODUCTS = 10_000_000  # that the page sums when it checks itself
MOST_CHANNELS = 64  # of several groups


@dataclass(frozen=True, slots=True)
class Part:
    """Ranges of a convolution's axes.

    Attributes
    ----------
    images, channels, filters : range
    out, cells : tuple of range
        Of y and of x, for each spatial axis.
    padding : tuple of pairs of int
        What the windows of these outputs meet outside x.
    groups : int
        Groups among these channels.
    summed : bool
        Whether every channel that a filter sees is there.
    """

    images: range
    out: tuple[range, ...]
    cells: tuple[range, ...]
    padding: Pads
    channels: range
    filters: range
    groups: int
    summed: bool

    def whole(self, geo: Geometry) -> bool:
        """Tell whether nothing is left out."""
        sizes = (geo.n, *geo.out_size, *geo.in_size, geo.in_channels, geo.out_channels)
        ranges = (self.images, *self.out, *self.cells, self.channels, self.filters)
        return tuple(map(len, ranges)) == sizes


def choose_part(geo: Geometry, at: Sequence[int]) -> Part:
    """Choose the part around one number of y.

    Parameters
    ----------
    geo : Geometry
    at : sequence of int
        Its place: n, the spatial axes, k.

    Examples
    --------
    >>> from hwio.ops.check import geometry_of
    >>> part = choose_part(geometry_of((1, 1000, 1000, 3), (3, 3, 3, 8)), (0, 500, 500, 0))
    >>> part.out, part.cells
    ((range(390, 611), range(390, 611)), (range(390, 613), range(390, 613)))
    """
    image, *place, k = at
    group = _around(geo.groups, k // max(geo.group_filters, 1), _groups(geo))
    channels = range(group.start * geo.group_channels, group.stop * geo.group_channels)
    filters = range(group.start * geo.group_filters, group.stop * geo.group_filters)
    room = max(MOST_NUMBERS // max(prod(geo.reach), 1), 1)  # channels whose one window fits
    summed = len(channels) // len(group) <= room
    if not summed:  # then there is one group, see _groups
        channels = range(channels.start, channels.start + room)
    out, cells, padding = _space(geo, place, len(channels))
    each = prod(geo.kernel) * len(channels) // len(group)  # numbers of one filter
    fits = max(MOST_NUMBERS // max(each, 1), 1)
    fits = min(fits, max(MOST_PRODUCTS // max(each * prod(map(len, out)), 1), 1))
    if len(group) == 1:  # fewer filters of one group; of several, all
        inner = _around(len(filters), k - filters.start, fits)
        filters = range(filters.start + inner.start, filters.start + inner.stop)
    work = prod(map(len, cells)) * len(channels)
    images = min(MOST_NUMBERS // max(work, 1), MOST_PRODUCTS // max(_macs(each, out, filters), 1))
    shown = _around(geo.n, image, max(images, 1))
    return Part(shown, out, cells, padding, channels, filters, len(group), summed)


def _groups(geo: Geometry) -> int:
    """Return how many groups a page has room for."""
    if geo.groups == 1:
        return 1
    weights = max(prod(geo.kernel) * geo.group_channels * geo.group_filters, 1)
    most = min(MOST_CHANNELS // max(geo.group_channels, 1), MOST_NUMBERS // weights)
    return max(min(geo.groups, most, MOST_CHANNELS // max(geo.group_filters, 1)), 1)


def _space(
    geo: Geometry, place: Sequence[int], channels: int
) -> tuple[tuple[range, ...], tuple[range, ...], Pads]:
    """Return the outputs, the cells of x they meet, and the padding they meet."""
    side = _side(geo.in_size, max(MOST_NUMBERS // max(channels, 1), 1))
    out, cells, padding = [], [], []
    axes = zip(geo.in_size, geo.padding, geo.reach, geo.stride, geo.out_size, place, strict=True)
    for size, (low, high), reach, step, outs, o in axes:
        if size <= side:  # the whole axis, leftover cells too
            out.append(range(outs))
            cells.append(range(size))
            padding.append((low, high))
            continue
        kept = _around(outs, o, max((side - reach) // step + 1, 1))
        first, after = kept.start * step - low, (kept.stop - 1) * step - low + reach
        inside = range(min(max(first, 0), size), max(min(after, size), 0))
        out.append(kept)
        cells.append(inside)
        padding.append((max(-first, 0), max(after - size, 0)))
    return tuple(out), tuple(cells), tuple(padding)


def _side(sizes: Sequence[int], most: int) -> int:
    """Return the longest side to which axes are cut so that at most so many cells stay.

    Examples
    --------
    >>> _side((10, 1000), 1000), _side((5, 7), 1000)
    (100, 7)
    """
    low, high = 1, max(*sizes, 1)
    while low < high:
        middle = (low + high + 1) // 2
        if prod(min(size, middle) for size in sizes) <= most:
            low = middle
        else:
            high = middle - 1
    return low


def _macs(each: int, out: Sequence[range], filters: range) -> int:
    """Count the multiply-adds of one image."""
    return each * prod(map(len, out)) * len(filters)


def _around(size: int, at: int, most: int) -> range:
    """Return at most so many neighbours of one index."""
    return view(0, size, (at, at + 1), most).cells
