"""A few numbers of y, computed under many readings at once: most wrong readings die here."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from hwio.diagnosis.orders import Orders, canonical_axes

if TYPE_CHECKING:
    from hwio.diagnosis.fits import Fits
    from hwio.types import Array

MOST_AT_ONCE = 1 << 19  # products held at a time
CELLS = 8


@dataclass(frozen=True, slots=True)
class Field:
    """Three arrays in canonical order, as views, and which numbers of y are looked at.

    Attributes
    ----------
    x : array, shape (n, *in, c)
    w : array, shape (*kernel, i, o)
    y : array, shape (n, *out, o)
    b : array, shape (o,), or None
    groups : int
    """

    x: Array
    w: Array
    y: Array
    b: Array | None
    groups: int


def field_of(orders: Orders, x: Array, w: Array, y: Array, b: Array | None) -> Field:
    """Read three arrays as these orders say."""
    views = []
    for array, letters in ((x, orders.x), (w, orders.w), (y, orders.y)):
        full = array[(..., *(None,) * (len(letters) - array.ndim))]
        views.append(full.transpose(canonical_axes(letters, orders.ndim)))
    images, weights, result = views
    if orders.shared:
        weights = np.repeat(weights, orders.in_channels, axis=-1)
    elif "M" in orders.w:
        weights = weights.reshape(*weights.shape[:-2], 1, orders.out_channels)
    return Field(images, weights, result, b, orders.groups)


def cells_of(field: Field, top: float | None = None) -> list[tuple[int, ...]]:
    """Choose numbers of y to look at: a large one first, the corners, then any.

    Numbers that an activation may have cut are left out where there are others.
    """
    y = field.y
    rng = np.random.default_rng(7)
    count = min(y.size, 512)
    flat = np.arange(y.size) if y.size <= count else rng.choice(y.size, count, replace=False)
    places = np.stack(np.unravel_index(flat, y.shape), axis=-1)
    values = y[tuple(places.T)]
    good = np.isfinite(values)
    kept = good & (values != 0) & (True if top is None else values != top)
    places, values = (a[kept if kept.any() else good] for a in (places, values))
    if not len(values):
        return []
    chosen = [tuple(int(i) for i in places[np.argmax(np.abs(values))])]
    ends = [(0,), *((0, size - 1) for size in y.shape[1:-1]), (y.shape[-1] - 1,)]
    known = {tuple(p) for p in places.tolist()}
    corners = [c for c in product(*ends) if c in known]
    some = [tuple(p) for p in places[rng.permutation(len(places))[: 2 * CELLS]].tolist()]
    half = corners[:: max(1, len(corners) // (CELLS // 2))]
    return list(dict.fromkeys([*chosen, *half, *some]))[:CELLS]


def products(field: Field, fits: Fits, cell: tuple[int, ...], mode: str) -> tuple[Array, Array]:
    """Compute one number of y under many readings, with the kernel as it is and turned round.

    Parameters
    ----------
    field : Field
    fits : Fits
    cell : tuple of int
        Place in y (n, *out, o).
    mode : str
        Padding mode.

    Returns
    -------
    array, shape (rows, 2)
        The sums, bias included.
    float64 array, shape (rows, 2)
        Their size, the root of the sum of squared products: what roundings are measured by.
    """
    n, *at, k = cell
    seen, per_group = field.w.shape[-2], field.w.shape[-1] // field.groups
    g = k // per_group
    image = field.x[n][..., g * seen : (g + 1) * seen]  # (*in, i)
    own = _wide(field.w[..., k])  # (*kernel, i)
    turned = own[(slice(None, None, -1),) * (own.ndim - 1)]
    both = np.stack([own.ravel(), turned.ravel()], axis=-1)  # (depth, 2)
    step = max(1, MOST_AT_ONCE // max(len(both), 1))
    sums, sizes = [], []
    with np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, len(fits), step):
            rows = _windows(image, fits, slice(start, start + step), at, own.shape[:-1], mode)
            sums.append(rows @ both)
            sizes.append(np.sqrt(np.abs(rows) ** 2 @ np.abs(both) ** 2))
    bias = 0 if field.b is None else field.b[k]
    return np.concatenate(sums) + bias, np.concatenate(sizes) + np.abs(bias)


def _windows(
    image: Array, fits: Fits, part: slice, at: list[int], kernel: tuple[int, ...], mode: str
) -> Array:
    """Take one window of an image for every reading, shape (rows, depth)."""
    ndim = len(kernel)
    places, inside = [], []
    for axis, (o, k) in enumerate(zip(at, kernel, strict=True)):
        low, step = fits.low[part, axis, None], fits.dilation[part, axis, None]
        pos = o * fits.stride[part, axis, None] - low + np.arange(k) * step  # (rows, k)
        size = image.shape[axis]
        shape = [len(pos), *(k if a == axis else 1 for a in range(ndim))]
        places.append(source(pos, size, mode).reshape(shape))
        inside.append(((pos >= 0) & (pos < size)).reshape(shape))
    taken = _wide(image[tuple(places)])  # (rows, *kernel, i)
    if mode == "zeros":
        outside = ~inside[0]
        for more in inside[1:]:
            outside = outside | ~more
        if outside.any():
            taken[np.broadcast_to(outside, taken.shape[:-1])] = 0
    return taken.reshape(len(taken), -1)


def source(pos: Array, size: int, mode: str) -> Array:
    """Return the input cell that stands at a place, beyond the border too."""
    if mode == "wrap":
        return pos % size
    if mode in ("reflect", "symmetric"):
        period = max(2 * size - 2 if mode == "reflect" else 2 * size, 1)
        there = pos % period
        mirrored = period - there - (mode == "symmetric")
        return np.where(there < size, there, mirrored)
    return np.clip(pos, 0, size - 1)


def _wide(array: Array) -> Array:
    """Return a copy in the widest number type of its kind."""
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def value_at(field: Field, cell: tuple[int, ...]) -> complex | float:
    """Return one number of y."""
    value = field.y[cell]
    return complex(value) if field.y.dtype.kind == "c" else float(value)


def work(orders: Orders, rows: int) -> int:
    """Count the products that one number of y takes under all readings."""
    return rows * prod(orders.kernel) * orders.in_channels // orders.groups
