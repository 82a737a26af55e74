"""Where one number comes from: its window and its filter as grids, or in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwio.mistakes.layer import padded, window_at
from hwio.mistakes.reference import strided
from hwio.show.explain.grid_rows import GridRow, grid_lines
from hwio.show.explain.grids import cropped, grid_cells
from hwio.show.printing import plural

if TYPE_CHECKING:
    from hwio.grading.trials import Cell
    from hwio.mistakes.layer import Layer
    from hwio.types import Array

SHOWN = 2  # channels whose grids are shown
_AXES = {
    "Z": ("image", "row", "column", "filter"),
    "y": ("image", "row", "column", "filter"),
    "A": ("image", "row", "column", "channel"),
    "X_pad": ("image", "row", "column", "channel"),
    "dA_prev": ("image", "row", "column", "channel"),
    "dW": ("row", "column", "in-channel", "filter"),
    "db": ("", "", "", "filter"),
}


def place_of(cell: Cell) -> str:
    """Say which cell it is: "image 0, row 1, column 2, filter 5"."""
    letters = _AXES.get(cell.part, ())
    return ", ".join(f"{name} {i}" for name, i in zip(letters, cell.at, strict=False) if name)


def origin_lines(function: str, layer: Layer, cell: Cell) -> list[str]:
    """Show the window, and the filter, that one number is made of."""
    if function in ("conv_forward", "conv"):
        return _window_and_filter(layer, cell, "A_prev" if function == "conv_forward" else "x")
    if function == "conv_single_step":
        return _single(layer)
    if function == "pool_forward":
        return _pool_window(layer, cell)
    words = {
        "zero_pad": _of_padding,
        "conv_backward": _of_gradient,
        "pool_backward": _of_pooling,
    }
    return [f"  {line}" for line in words[function](layer, cell)]


def _window_and_filter(layer: Layer, cell: Cell, name: str) -> list[str]:
    """Lay window and filter out beside each other, channel by channel."""
    n, i, j, k = cell.at
    corner = strided(i, j, layer)
    window = window_at(padded(layer), corner, layer.kernel, layer.dilation)[n]
    outside = _outside(layer, corner)
    rows = []
    for c in range(min(layer.x.shape[-1], SHOWN)):
        left = (f"window of {name}", grid_cells(_short(window[..., c]), outside))
        right = (f"filter {k}", _grid(layer.weights[..., c, k]))
        rows.append(GridRow(f"c={c}", [left, right], ""))
    lines = [_where(layer, corner, name), *grid_lines(rows)]
    lines += _more(layer.x.shape[-1])
    if layer.b is not None:
        lines.append(f"  bias {k}: {_number(layer.bias[k])}")
    return lines


def _where(layer: Layer, corner: tuple[int, int], name: str) -> str:
    """Say which rows and columns a window covers, counted in x itself."""
    spans = []
    for axis, at, (low, _), k, d in zip(
        ("rows", "columns"), corner, layer.padding, layer.kernel, layer.dilation, strict=True
    ):
        first = at - low
        spans.append(f"{axis} {first} to {first + (k - 1) * d}")
    around = any(low or high for low, high in layer.padding)
    note = " (numbers in brackets are padding)" if around and _outside(layer, corner).any() else ""
    return f"  It is made of {' and '.join(spans)} of {name}{note}:"


def _outside(layer: Layer, corner: tuple[int, int]) -> Array:
    """Mark the cells of a window that lie in the padding."""
    inside = []
    for at, (low, _), k, d, size in zip(
        corner, layer.padding, layer.kernel, layer.dilation, layer.x.shape[1:3], strict=True
    ):
        cells = at - low + d * np.arange(k)
        inside.append((cells >= 0) & (cells < size))
    result: Array = ~(inside[0][:, None] & inside[1])
    return result


def _grid(values: Array) -> list[list[str]]:
    """Write a grid without padding."""
    return grid_cells(_short(values), np.zeros(values.shape, bool))


def _short(values: Array) -> Array:
    """Return whole numbers as such, so that they are written without decimals."""
    whole = values.astype(np.int64)
    return whole if np.array_equal(whole, values) else values


def _more(channels: int) -> list[str]:
    """Say how many channels are not shown."""
    left = channels - SHOWN
    return [f"  … and {plural(left, 'channel')} more"] if left > 0 else []


def _single(layer: Layer) -> list[str]:
    """Lay the window and the filter of a single step out."""
    rows = [
        GridRow(f"c={c}", [("a_slice_prev", _grid(layer.x[..., c])), ("W", _grid(layer.weights[..., c]))], "")
        for c in range(min(layer.x.shape[-1], SHOWN))
    ]  # fmt: skip
    return [*grid_lines(rows), *_more(layer.x.shape[-1]), f"  b: {_number(layer.bias[0])}"]


def _pool_window(layer: Layer, cell: Cell) -> list[str]:
    """Lay the window of a pooling out."""
    n, i, j, c = cell.at
    corner = strided(i, j, layer)
    window = window_at(layer.x, corner, layer.kernel)[n, ..., c]
    cells = cropped(_grid(window), ["⋮"])
    return [_where(layer, corner, "A_prev"), *grid_lines([GridRow("", [("window", cells)], "")])]


def _of_padding(layer: Layer, cell: Cell) -> list[str]:
    """Say whether a cell lies around the picture or in it."""
    n, i, j, c = cell.at
    row, column = i - layer.pad, j - layer.pad
    if 0 <= row < layer.x.shape[1] and 0 <= column < layer.x.shape[2]:
        return [f"It lies in the picture: it is X[{n}, {row}, {column}, {c}]."]
    return ["It lies around the picture."]


def _covering(at: int, low: int, k: int, s: int, out: int) -> list[int]:
    """Return the places on one axis whose windows cover a cell."""
    return [i for i in range(out) if 0 <= at + low - i * s < k]


def _windows_over(layer: Layer, row: int, column: int) -> list[tuple[int, int]]:
    """Return the places whose windows cover a cell of x."""
    (top, _), (left, _) = layer.padding
    rows = _covering(row, top, layer.kernel[0], layer.stride[0], layer.upper.shape[1])
    columns = _covering(column, left, layer.kernel[1], layer.stride[1], layer.upper.shape[2])
    return [(i, j) for i in rows for j in columns]


def _of_gradient(layer: Layer, cell: Cell) -> list[str]:
    """Say what meets in one number of a gradient."""
    filters = layer.upper.shape[-1]
    if cell.part == "dA_prev":
        each = f", once for each of {filters} filters" if filters > 1 else ""
        return [f"It lies in {_places(layer, cell)}{each}."]
    images, rows, columns = layer.upper.shape[:3]
    cells = plural(images * rows * columns, "number")
    k = cell.at[-1]
    if cell.part == "dW":
        return [f"It meets {cells} of A_prev, one for each of dZ in filter {k}."]
    return [f"It was added to {cells} of Z, those of filter {k}."]


def _of_pooling(layer: Layer, cell: Cell) -> list[str]:
    """Say in which windows a cell lies."""
    return [f"It lies in {_places(layer, cell)}."]


def _places(layer: Layer, cell: Cell) -> str:
    """List the windows over a cell of A_prev."""
    found = _windows_over(layer, cell.at[1], cell.at[2])
    few = ", ".join(f"({i}, {j})" for i, j in found[:6]) + (", …" if len(found) > 6 else "")
    return f"{plural(len(found), 'window')}" + (f", at row and column {few}" if found else "")


def _number(value: float) -> str:
    """Write a number as short as it is."""
    return f"{float(value):g}"
