"""The ends of x's rows, copied with the padding beside them, for taps that are taken as one."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from hwio.engine.jit import address_of
from hwio.engine.pack import First

if TYPE_CHECKING:
    from typing import Any

    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

SHARE = 256  # rows of one task


def edge_cells(geo: Geometry) -> tuple[int, int, int]:
    """Count the cells of a row's two edges, and those of x before the second.

    Any window that overhangs a row, padding beside it, lies in one of them.
    """
    (low, high), reach = geo.padding[-1], geo.kernel[-1] - 1
    start = max(geo.in_size[-1] - reach, 0)
    return low + reach, geo.in_size[-1] - start + high, start


def edges_of(x: Array, geo: Geometry) -> Array:
    """Copy the ends of every row of x, with zeros for padding beside them: (n, *rows, cells, c)."""
    left, right, start = edge_cells(geo)
    low, reach = geo.padding[-1][0], geo.kernel[-1] - 1
    edges: Array = np.zeros((*x.shape[:-2], left + right, x.shape[-1]), x.dtype)
    first, last = x[..., :reach, :], x[..., start:, :]
    edges[..., low : low + first.shape[-2], :] = first
    edges[..., left : left + last.shape[-2], :] = last
    return edges


def edges_first(geo: Geometry, dtype: np.dtype[Any]) -> First:
    """Return how a kernel does the same for contiguous x, into memory that it is given."""
    left, right, start = edge_cells(geo)
    low, reach = geo.padding[-1][0], geo.kernel[-1] - 1
    rows, width = geo.n * prod(geo.in_size[:-1]), geo.in_size[-1]
    cell = geo.in_channels * dtype.itemsize
    fields = np.array(
        [
            0, 0, width * cell, (left + right) * cell, rows, SHARE,
            min(reach, width) * cell, low * cell, start * cell, (width - start) * cell, left * cell,
        ],
        np.int64,
    )  # fmt: skip
    return First(
        address_of("edges", "edges"), -(-rows // SHARE), fields, rows * (left + right) * cell
    )
