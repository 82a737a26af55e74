"""Forwards, written so that each decision can be taken wrongly: one argument, one slip.

A slip replaces one of the decisions: what is around x (``pad``), how many windows there are (``out``),
where a window begins (``corner``), or what becomes of it (``step``). Windows are multiplied cell by cell,
not by a matrix product, so that a window of the wrong shape fails as it does in a learner's loop.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.mistakes.layer import Layer, padded, window_at

if TYPE_CHECKING:
    from hwio.types import Array, Pair

Pad = Callable[[Layer], "Array"]
Out = Callable[[Layer, "Array"], "Pair"]
Corner = Callable[[int, int, Layer], "Pair"]
Step = Callable[[Layer, "Array"], "Array"]


# ------------------------------------------------------------------ where windows begin


def strided(i: int, j: int, layer: Layer) -> Pair:
    """Return the first cell of a window, in padded x."""
    return i * layer.stride[0], j * layer.stride[1]


def one_apart(i: int, j: int, layer: Layer) -> Pair:
    """Begin each window one cell after the last, whatever the stride."""
    del layer
    return i, j


def rows_one_apart(i: int, j: int, layer: Layer) -> Pair:
    """Forget the stride between rows."""
    return i, j * layer.stride[1]


def columns_one_apart(i: int, j: int, layer: Layer) -> Pair:
    """Forget the stride between columns."""
    return i * layer.stride[0], j


def side_by_side(i: int, j: int, layer: Layer) -> Pair:
    """Begin each window where the last one ends."""
    return i * layer.kernel[0], j * layer.kernel[1]


def swapped(i: int, j: int, layer: Layer) -> Pair:
    """Take the row for the column."""
    return j * layer.stride[0], i * layer.stride[1]


# ------------------------------------------------------------------ how many windows there are


def counted(layer: Layer, sizes: Pair, up: bool = False, more: int = 1) -> Pair:
    """Count the windows over so many rows and columns."""
    counts = []
    for size, k, d, s in zip(sizes, layer.kernel, layer.dilation, layer.stride, strict=True):
        steps = (size - (k - 1) * d - 1) / s
        counts.append(max(0, (ceil(steps) if up else int(steps // 1)) + more))
    return counts[0], counts[1]


def size_of(layer: Layer) -> Pair:
    """Return the rows and columns of padded x."""
    rows, columns = (n + sum(p) for n, p in zip(layer.x.shape[1:3], layer.padding, strict=True))
    return rows, columns


def by_formula(layer: Layer, grown: Array) -> Pair:
    """Return the rows and columns of y."""
    del grown
    return counted(layer, size_of(layer))


def by_grown(layer: Layer, grown: Array) -> Pair:
    """Count the windows that what was padded has room for."""
    return counted(layer, grown.shape[1:3])


def rounded_up(layer: Layer, grown: Array) -> Pair:
    """Count a window for cells that are left over, too."""
    del grown
    return counted(layer, size_of(layer), up=True)


def without_one(layer: Layer, grown: Array) -> Pair:
    """Leave out the 1 at the end of the formula."""
    del grown
    return counted(layer, size_of(layer), more=0)


def rows_for_both(layer: Layer, grown: Array) -> Pair:
    """Take the number of rows for that of columns."""
    rows, _ = by_formula(layer, grown)
    return rows, rows


def other_way(layer: Layer, grown: Array) -> Pair:
    """Exchange the number of rows and of columns."""
    rows, columns = by_formula(layer, grown)
    return columns, rows


def padded_once(layer: Layer, grown: Array) -> Pair:
    """Count the padding of one side only."""
    del grown
    (low, _), (left, _) = layer.padding
    return counted(layer, (layer.x.shape[1] + low, layer.x.shape[2] + left))


def one_per_cell(layer: Layer, grown: Array) -> Pair:
    """Count windows as if the stride were 1."""
    sizes = [n - (k - 1) * d for n, k, d in zip(grown.shape[1:3], layer.kernel, layer.dilation, strict=True)]  # fmt: skip
    return sizes[0], sizes[1]


# ------------------------------------------------------------------ what becomes of a window


def products(layer: Layer, window: Array) -> Array:
    """Sum the products of a window with each filter, and add b: (n, kh, kw, c) -> (n, o)."""
    every = window[..., None] * layer.weights  # (n, kh, kw, c, o)
    result: Array = every.sum((1, 2, 3)) + layer.bias
    return result


def taken(layer: Layer, window: Array) -> Array:
    """Take the maximum or the mean of a window: (n, kh, kw, c) -> (n, c)."""
    result: Array = window.max((1, 2)) if layer.mode == "max" else window.mean((1, 2))
    return result


def slide(
    layer: Layer,
    *,
    pad: Pad = padded,
    out: Out = by_formula,
    corner: Corner = strided,
    step: Step = products,
) -> Array:
    """Apply a step to every window.

    Returns
    -------
    array, shape (n, oh, ow, o)

    Examples
    --------
    >>> layer = Layer(np.arange(16.0).reshape(1, 4, 4, 1), np.ones((2, 2, 1, 1)), stride=(2, 2))
    >>> slide(layer)[0, :, :, 0]
    array([[10., 18.],
           [42., 50.]])
    >>> slide(layer, corner=one_apart)[0, :, :, 0]
    array([[10., 14.],
           [26., 30.]])
    """
    grown = pad(layer)
    channels = layer.x.shape[-1] if layer.w is None else layer.w.shape[-1]
    y = np.zeros((len(layer.x), *out(layer, grown), channels))
    for i, j in np.ndindex(*y.shape[1:3]):
        window = window_at(grown, corner(i, j, layer), layer.kernel, layer.dilation)
        y[:, i, j] = step(layer, window)
    return y


def forward(
    layer: Layer,
    *,
    pad: Pad = padded,
    out: Out = by_formula,
    corner: Corner = strided,
    step: Step = products,
) -> Array:
    """Convolve: every filter over every window of every image."""
    return slide(layer, pad=pad, out=out, corner=corner, step=step)


def pool(
    layer: Layer,
    *,
    pad: Pad = padded,
    out: Out = by_formula,
    corner: Corner = strided,
    step: Step = taken,
) -> Array:
    """Take the maximum or the mean of every window, channel by channel."""
    return slide(layer, pad=pad, out=out, corner=corner, step=step)


def kept(array: Array, *index: Any) -> Array:
    """Return the array with zeros everywhere but at an index.

    Examples
    --------
    >>> kept(np.ones((2, 2)), slice(1))
    array([[1., 1.],
           [0., 0.]])
    """
    result = np.zeros_like(array)
    result[index] = array[index]
    return result
