"""Window, filter and products as grids of written numbers: the same cells for text and HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.show.explain.expression import pad_line, w_part, x_part
from hwio.show.printing import numbers

if TYPE_CHECKING:
    from hwio.show.explain.trace import Trace
    from hwio.types import Array

MOST_CHANNELS = 4  # up to here every channel's grids are shown
FULL_OF_MANY = 2  # else those of the first two, then a few sums
MOST_SIDE = 9  # rows or columns of a grid


def shown_channels(found: Trace) -> tuple[int, int]:
    """Return how many channels are shown in full, and how many at least as a sum."""
    total = len(found.channels)
    return (total if total <= MOST_CHANNELS else FULL_OF_MANY), min(total, MOST_CHANNELS)


def shown_depths(found: Trace) -> list[int | None]:
    """Return the depth taps that are shown of a channel; None alone where there is no depth."""
    if len(found.spans) < 3:
        return [None]
    return list(range(min(found.spans[0].taps, MOST_SIDE)))


def grid_name(found: Trace, c: int, d: int | None) -> str:
    """Name the grid of a channel, counted within the filter's, and depth: ``c=3 d=0``."""
    return f"c={found.channels[c]}" + ("" if d is None else f" d={d}")


def plane(values: Array, d: int | None) -> Array:
    """Return a grid (h, w) of (*kernel): one row in 1-D, one depth in 3-D."""
    if d is not None:
        values = values[d]
    return values[None] if values.ndim == 1 else values


def grids_of(found: Trace, c: int, d: int | None) -> list[tuple[str, list[list[str]]]]:
    """Return label and cells of window, filter and products, for channel c of the filter's.

    d is one depth tap in 3-D, else None.
    """
    outside = plane(found.outside, d)
    inner = np.zeros_like(outside)
    channel = found.channels[c]
    labels = [x_part(found, channel, d), w_part(found, channel, d), "product"]
    if outside.all() and pad_line(found) is None:
        labels[0] = "all padding"
    parts = [(found.window, outside), (found.weights, inner), (found.products, inner)]
    return [
        (label, grid_cells(plane(values[..., c], d), mask))
        for label, (values, mask) in zip(labels, parts, strict=True)
        if values is not None
    ]


def grid_cells(values: Array, outside: Array) -> list[list[str]]:
    """Write a grid (h, w), numbers in padding in brackets, cropped in the middle if large."""
    flat = numbers(values.ravel())
    marked = [
        f"({'0' if _is_zero(text) else text})" if out else text
        for text, out in zip(flat, outside.ravel(), strict=True)
    ]
    width = outside.shape[1]
    rows = [marked[i : i + width] for i in range(0, len(marked), width)]
    rows = [cropped(row, "…") for row in rows]
    return cropped(rows, ["⋮"] * len(rows[0]))


def _is_zero(text: str) -> bool:
    return not text.strip("-0.")


def cropped(items: list[Any], mark: Any, most: int = MOST_SIDE) -> list[Any]:
    """Keep the ends of a long list."""
    if len(items) <= most:
        return items
    return [*items[: most - 3], mark, *items[-2:]]
