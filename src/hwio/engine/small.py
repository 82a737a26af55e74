"""Which convolutions are small enough to have every product of a row written out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry

MOST_STEPS = 1024  # vector multiply-adds written out: some 30 ms of compiling
MOST_PRODUCTS = 200_000  # of one image: above it a launch is the smaller part
VECTOR = 8  # numbers; the least that a vector holds where this pays


def is_small(geo: Geometry) -> bool:
    """Tell whether one row of outputs can be unrolled.

    The number of images does not enter: an image is computed the same way in any batch.
    """
    if geo.ndim > 2 or geo.groups > 1 or 0 in (geo.depth, geo.out_channels, geo.pixels):
        return False
    steps = geo.out_size[-1] * -(-geo.out_channels // VECTOR) * geo.depth
    return steps <= MOST_STEPS and geo.pixels * geo.out_channels * geo.depth <= MOST_PRODUCTS
