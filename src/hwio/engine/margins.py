"""Few channels: the taps of a row lie side by side in memory and can be taken as one.

With NHWC and dilation 1 along W, the C channels of kw neighbouring cells are kw·C numbers in a row,
as are their weights. One tap of kw·C channels makes longer loops than kw taps of C. Where there is
padding along W, both ends of every row are copied with their margins.

What kernels may take beside their arrays stands here too: the planner counts with it.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry

TABLES = 3 << 20  # bytes of all threads' pointers, where that is enough
PACKED = 4 << 20  # bytes of dy that all threads lay side by side for dw, where that is enough
SMALL_DW = 256 << 10  # bytes of a dw that is summed in SEGMENTS of the pixels, each apart
SEGMENTS = 4
ROW_SEGMENTS = 16  # of output rows, for depthwise dw: as many sums are added at the end
FEW = 16  # in-channels below which the taps of a row are taken as one

EDGES = 4 << 20  # bytes of such copies; past that, taps stay taps


def edge_bytes(geo: Geometry, itemsize: int) -> int:
    """Count the copies of both ends of every row."""
    cells = sum(geo.padding[-1]) + 2 * (geo.kernel[-1] - 1)
    return geo.n * prod(geo.in_size[:-1]) * cells * geo.in_channels * itemsize


def merges(geo: Geometry, kernel: str) -> bool:
    """Tell whether the taps along W can be taken as one, where cells and margins lie in a row."""
    few = geo.in_channels < FEW and geo.kernel[-1] > 1 and geo.dilation[-1] == 1
    return few and geo.groups == 1 and kernel == "direct"


def worth_copying(geo: Geometry) -> bool:
    """Tell whether a copy with margins moves fewer cells than the taps read."""
    cells, reads = 1, 1
    for n, (low, high), out, k in zip(
        geo.in_size, geo.padding, geo.out_size, geo.kernel, strict=True
    ):
        cells *= n + low + high
        reads *= out * k
    return cells <= 4 * reads


def row_entries(geo: Geometry) -> int:
    """Count the cells that a row of outputs of the depthwise kernel meets, pointers of its table."""
    cells = (geo.out_size[-1] - 1) * geo.stride[-1] + (geo.kernel[-1] - 1) * geo.dilation[-1] + 1
    return cells * prod(geo.kernel[:-1])


def table_bytes(threads: int) -> int:
    """Return how large the pointer table of each of so many threads may be."""
    return max(TABLES // threads, 128 << 10)


def packed_bytes(threads: int) -> int:
    """Return how much of dy each of so many threads may lay side by side."""
    return min(384 << 10, max(PACKED // threads, 64 << 10))
