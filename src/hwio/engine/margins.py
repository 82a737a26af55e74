"""Few channels: the taps of a row lie side by side in memory and can be taken as one.

With NHWC and dilation 1 along W, the C channels of kw neighbouring cells are kw·C numbers in a row,
as are their weights. One tap of kw·C channels makes longer loops than kw taps of C; it needs x's
margins along W to be real, so x is copied where there is padding.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry

FEW = 16  # in-channels below which the taps of a row are taken as one
MARGINS = 16 << 20  # bytes that a copy of x with margins may take


def merges(geo: Geometry, kernel: str) -> bool:
    """Tell whether the taps along W are taken as one."""
    few = geo.in_channels < FEW and geo.kernel[-1] > 1 and geo.dilation[-1] == 1
    return few and geo.groups == 1 and kernel == "direct" and margin_cells(geo) * 8 <= MARGINS


def margin_cells(geo: Geometry) -> int:
    """Count the numbers of x with the padding of its last spatial axis; 0 if it has none."""
    if geo.padding[-1] == (0, 0):
        return 0
    return prod((geo.n, *geo.in_size[:-1], geo.padded_size[-1], geo.in_channels))
