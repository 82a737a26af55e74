"""The arrays of a part: cut from what the user gave, made up where only shapes were given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hwio.ops.canonical import w_view, x_view
from hwio.show.explain.cells import sources

if TYPE_CHECKING:
    from hwio.explorer.part import Part
    from hwio.show.case import Case
    from hwio.types import Array, Pads


@dataclass(frozen=True, slots=True)
class Held:
    """The arrays that a page holds.

    Attributes
    ----------
    x : array, shape (n, *in, c)
        Not padded, unless the padding repeats cells that the part leaves out.
    w : array, shape (*kernel, i, o)
        Not turned round.
    b : array, shape (o,), or None
    padding : tuple of pairs of int
    start : tuple of int
        Where x begins in the whole x, for each spatial axis.
    """

    x: Array
    w: Array
    b: Array | None
    padding: Pads
    start: tuple[int, ...]


def hold(case: Case, part: Part) -> Held:
    """Cut x, w and b to a part; make small whole numbers where only shapes were given."""
    geo = case.geo
    channels = part.channels
    seen = channels if geo.groups == 1 else range(geo.group_channels)
    made = np.random.default_rng(5)
    if case.x is None:
        size = (len(part.images), *map(len, part.cells), len(channels))
        x = made.integers(0, 6, size)
        padding, start = part.padding, tuple(r.start for r in part.cells)
    else:
        x, padding, start = _cut_x(case, part)
    if case.w is None:
        w = made.integers(-2, 3, (*geo.kernel, len(seen), len(part.filters)))
    else:
        w = w_view(case.problem, case.w)
        if case.problem.flip:  # stored order: the page turns it itself
            w = w[(slice(None, None, -1),) * geo.ndim]
        w = w[..., seen.start : seen.stop, part.filters.start : part.filters.stop]
    b = None
    if case.b_shape is not None:
        b = made.integers(-2, 3, geo.out_channels) if case.b is None else case.b.reshape(-1)
        b = b[part.filters.start : part.filters.stop]
    return Held(x, w, b, padding, start)


def _cut_x(case: Case, part: Part) -> tuple[Array, Pads, tuple[int, ...]]:
    """Return the part of x, the padding around it, and where it starts."""
    geo, mode = case.geo, case.problem.padding_mode
    x = x_view(case.problem, case.x)  # type: ignore[arg-type]
    x = x[part.images.start : part.images.stop]
    padding, start = [], []
    pairs = zip(part.cells, part.padding, geo.in_size, strict=True)
    for axis, (cells, (low, high), size) in enumerate(pairs, 1):
        if mode == "zeros" or len(cells) == size:
            x = x[(slice(None),) * axis + (slice(cells.start, cells.stop),)]
            padding.append((low, high))
            start.append(cells.start)
        else:  # the padding repeats cells that are not in the part, so it is held as cells
            held = range(cells.start - low, cells.stop + high)
            x = np.take(x, sources(held, size, mode), axis)
            padding.append((0, 0))
            start.append(held.start)
    return x[..., part.channels.start : part.channels.stop], tuple(padding), tuple(start)
