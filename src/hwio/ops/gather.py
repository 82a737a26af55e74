"""Copy what one block reads of x, padding included, whatever x's strides and number type."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from hwio.shapes.blocks import sources

if TYPE_CHECKING:
    from hwio.shapes.blocks import Cells
    from hwio.types import Array


def gather(x: Array, axes: tuple[Cells, ...], mode: str, room: Array) -> Array:
    """Fill room with the cells of x that a block reads.

    Parameters
    ----------
    x : array, shape (n, *in, c)
        The block's images.
    axes : tuple of Cells
    mode : str
        Padding mode.
    room : array, shape (n, *cells, c)
        Of the dtype to compute in.

    Returns
    -------
    array, shape (n, *cells, c)
        Room.
    """
    parts = (
        list(sources(cells, size, mode)) for cells, size in zip(axes, x.shape[1:-1], strict=True)
    )
    for part in product(*parts):
        place = room[(slice(None), *(to for to, _ in part))]
        came = tuple(source for _, source in part if source is not None)
        if len(came) < len(part):
            place.fill(0)
        else:
            place[...] = x[(slice(None), *came)]
    return room
