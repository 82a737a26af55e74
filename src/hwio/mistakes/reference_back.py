"""Backwards, written so that each decision can be taken wrongly: one argument, one slip."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from hwio.mistakes.layer import Layer, padded, window_at
from hwio.mistakes.reference import Corner, Pad, strided

if TYPE_CHECKING:
    from hwio.types import Array

Into = Callable[["Array", "Array"], None]
Share = Callable[[Layer, "Array", "Array"], "Array"]


def added(room: Array, part: Array) -> None:
    """Add a part to what is there."""
    room += part


def assigned(room: Array, part: Array) -> None:
    """Put a part in the place of what is there."""
    room[...] = part


def inner(layer: Layer, grown: Array) -> Array:
    """Cut the padding off."""
    (top, _), (left, _) = layer.padding
    return grown[:, top : top + layer.x.shape[1], left : left + layer.x.shape[2]]


def spread(layer: Layer, dy: Array) -> Array:
    """Send one cell of dy back through the filters: (n, o) -> (n, kh, kw, c)."""
    result: Array = (layer.weights * dy[:, None, None, None]).sum(-1)
    return result


def met(layer: Layer, window: Array, dy: Array) -> Array:
    """Multiply a window by its cell of dy: (n, kh, kw, c), (n, o) -> (kh, kw, c, o)."""
    del layer
    result: Array = (window[..., None] * dy[:, None, None, None]).sum(0)
    return result


def dx_of(
    layer: Layer,
    *,
    corner: Corner = strided,
    into: Into = added,
    part: Callable[[Layer, Array], Array] = spread,
    crop: Callable[[Layer, Array], Array] = inner,
) -> Array:
    """Return dx: each cell of dy goes to its window.

    Returns
    -------
    array, shape (n, h, w, c)
    """
    room = np.zeros_like(padded(layer))
    for i, j in np.ndindex(*layer.upper.shape[1:3]):
        window = window_at(room, corner(i, j, layer), layer.kernel, layer.dilation)
        into(window, part(layer, layer.upper[:, i, j]))
    return crop(layer, room)


def dw_of(
    layer: Layer,
    *,
    pad: Pad = padded,
    corner: Corner = strided,
    into: Into = added,
    part: Callable[[Layer, Array, Array], Array] = met,
) -> Array:
    """Return dw: each window meets its cell of dy.

    Returns
    -------
    array, shape (kh, kw, c, o)
    """
    grown, dw = pad(layer), np.zeros_like(layer.weights)
    for i, j in np.ndindex(*layer.upper.shape[1:3]):
        window = window_at(grown, corner(i, j, layer), layer.kernel, layer.dilation)
        into(dw, part(layer, window, layer.upper[:, i, j]))
    return dw


def db_of(layer: Layer) -> Array:
    """Return db, shape (1, 1, 1, o)."""
    result: Array = layer.upper.sum((0, 1, 2), keepdims=True)
    return result


def gradients(
    layer: Layer,
    dx: Array | None = None,
    dw: Array | None = None,
    db: Array | None = None,
) -> tuple[Array, Array, Array]:
    """Return all three; those that are given are taken as they are."""
    return (
        dx_of(layer) if dx is None else dx,
        dw_of(layer) if dw is None else dw,
        db_of(layer) if db is None else db,
    )


def at_corners(layer: Layer, corner: Corner) -> tuple[Array, Array, Array]:
    """Return all three, with windows that begin elsewhere."""
    return gradients(layer, dx_of(layer, corner=corner), dw_of(layer, corner=corner))


def shared(layer: Layer, window: Array, dy: Array) -> Array:
    """Share one cell of dy out over a pooling window: (n, kh, kw, c), (n, 1, 1, c) -> (n, kh, kw, c).

    To every cell that equals the maximum in full, or to all cells the same share.
    """
    if layer.mode == "max":
        share: Array = (window == window.max((1, 2), keepdims=True)) * dy
    else:
        share = np.ones_like(window) * dy / (window.shape[1] * window.shape[2])
    return share


def pool_back(
    layer: Layer, *, corner: Corner = strided, into: Into = added, share: Share = shared
) -> Array:
    """Go back through pooling.

    Returns
    -------
    array, shape (n, h, w, c)
    """
    dx = np.zeros_like(layer.x)
    for i, j in np.ndindex(*layer.upper.shape[1:3]):
        at = corner(i, j, layer)
        window, room = (window_at(a, at, layer.kernel) for a in (layer.x, dx))
        into(room, share(layer, window, layer.upper[:, i, j, None, None]))
    return dx
