"""Few channels: the taps of a row lie side by side in memory and can be taken as one.

With NHWC and dilation 1 along W, the C channels of kw neighbouring cells are kw·C numbers in a row,
as are their weights. One tap of kw·C channels makes longer loops than kw taps of C; it needs x's
margins along W to be real, so x is copied block by block where there is padding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry

FEW = 16  # in-channels below which the taps of a row are taken as one


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
