"""The gradient of padding: what a copy did to y is added to the cell that it repeats.

Padding with zeros repeats nothing, so its cells are dropped. The other modes repeat cells of x, each
axis by itself, so the borders are added axis by axis: the transpose of ``np.pad``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwio.shapes.padding import PADDING_MODES

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array, Pair


def fold(padded: Array, geo: Geometry, mode: str) -> Array:
    """Add the padding's cells of dx to the cells of x that they repeat.

    Parameters
    ----------
    padded : array, shape (n, *padded, c)
        Its cells of x may be written to.
    geo : Geometry
    mode : str
        A padding mode.

    Returns
    -------
    array, shape (n, *in, c)
        A view of ``padded``.

    Examples
    --------
    >>> from hwio.ops.check import geometry_of
    >>> geo = geometry_of((1, 4, 1), (3, 1, 1), padding=(2, 1))
    >>> padded = np.array([1, 1, 1, 1, 1, 1, 1.0]).reshape(1, 7, 1)
    >>> fold(padded, geo, "reflect")[0, :, 0]  # 2 1 | 0 1 2 3 | 2
    array([1., 2., 3., 1.])
    """
    for axis, (size, pair) in enumerate(zip(geo.in_size, geo.padding, strict=True), 1):
        low, high = pair
        before, inner, after = np.split(padded, (low, low + size), axis)
        if mode != "zeros" and (low or high):
            sources = cell_sources(size, pair, mode)
            _add_at(inner, before, sources[:low], axis)
            _add_at(inner, after, sources[low + size :], axis)
        padded = inner
    return padded


def cell_sources(size: int, pair: Pair, mode: str) -> Array:
    """Return the cell of x that stands at each place of one padded axis, for modes but zeros.

    Examples
    --------
    >>> cell_sources(4, (2, 1), "wrap")
    array([2, 3, 0, 1, 2, 3, 0])
    """
    sources: Array = np.pad(np.arange(size), pair, PADDING_MODES[mode])  # type: ignore[call-overload]
    return sources


def copies(geo: Geometry, mode: str) -> int:
    """Return how often a cell of x stands in the padded x at most.

    Examples
    --------
    >>> from hwio.ops.check import geometry_of
    >>> geo = geometry_of((1, 4, 1), (3, 1, 1), padding=(2, 1))
    >>> [copies(geo, mode) for mode in ("zeros", "reflect", "edge")]
    [1, 3, 3]
    """
    most = 1
    if mode != "zeros" and 0 not in geo.in_size:
        for size, pair in zip(geo.in_size, geo.padding, strict=True):
            most *= int(np.bincount(cell_sources(size, pair, mode)).max())
    return most


def _add_at(inner: Array, border: Array, sources: Array, axis: int) -> None:
    """Add a border to the cells that it repeats: all the same one (edge), or all different."""
    if not len(sources):
        return
    inner, border = np.moveaxis(inner, axis, 0), np.moveaxis(border, axis, 0)  # views
    if (sources == sources[0]).all():
        inner[sources[0]] += border.sum(0)
    else:
        inner[sources] += border
