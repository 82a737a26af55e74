"""Strides, dilations and paddings that lead from n cells to the cells of y, axis by axis.

One axis of y says which input cell meets each tap: ``o·s - low + t·d``. So a reading of an axis is
(s, d, low); what lies behind the last window, ``high``, follows from the number of cells. The names of
paddings come later: two names for the same cells are the same reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hwio.types import Array

DILATIONS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 18, 24)
MOST_STRIDES = 64
FEW, MANY = (
    40,
    120,
)  # readings of an axis that are combined: at first, and where none of them made y
MOST = 15000


@dataclass(frozen=True, slots=True)
class Fits:
    """Readings of all spatial axes together, one per row, likeliest first.

    Attributes
    ----------
    stride, dilation, low, high : int array, shape (rows, axes)
        ``high`` reaches the last window: below 0 where cells are left over.
    cost : float array, shape (rows,)
        How far from habit.
    left_out : int
        Rows that fit and were not kept.
    """

    stride: Array
    dilation: Array
    low: Array
    high: Array
    cost: Array
    left_out: int = 0

    def take(self, rows: Array) -> Fits:
        """Keep some rows."""
        return Fits(
            self.stride[rows],
            self.dilation[rows],
            self.low[rows],
            self.high[rows],
            self.cost[rows],
            self.left_out,
        )

    def __len__(self) -> int:
        return len(self.cost)


@lru_cache(maxsize=2048)
def axis_fits(n: int, k: int, out: int, crop: bool) -> tuple[tuple[int, ...], ...]:
    """List (stride, dilation, low, high, cost) for one axis, likeliest first.

    Parameters
    ----------
    n, k, out : int
        Cells of x, taps, cells of y.
    crop : bool
        Whether y may lack up to two rows at either end.

    Examples
    --------
    >>> axis_fits(6, 3, 3, False)[0]  # SAME, stride 2: the odd cell on the high side
    (2, 1, 0, 1, 2)
    """
    found = []
    for d in DILATIONS if k > 1 else (1,):
        ke = (k - 1) * d + 1
        if d > 1 and ke > n + 2 * k:
            break
        for s in _strides(n, ke, out, crop):
            # total is low + high where the last window ends at the last cell
            total = (out - 1) * s + ke - n
            spare = s - 1 if out > 1 else n
            spare += 2 * s if crop else 0
            far = max(ke + (d == 1), 4)  # a window wholly outside x is rare
            first = max(-2 * s if crop else 0, total - far)
            for low in range(first, min(far, total + spare) + 1):
                high = total - low
                step = max(s, 1 - high) if out == 1 else s
                found.append((step, d, low, high, _cost(n, k, out, step, d, low, high)))
    return tuple(sorted(found, key=lambda fit: fit[4])[:MANY])


def _strides(n: int, ke: int, out: int, crop: bool) -> range:
    """Return the strides that can lead to this many cells with at most ke + 1 of padding a side."""
    if out < 2:
        return range(1, 2)  # no window is a step from another
    first = max(1, -(-(n - ke + 1) // (out + 2 * crop)))
    last = (n + ke + 2) // (out - 1)
    return range(first, min(last, first + MOST_STRIDES) + 1)


def _cost(n: int, k: int, out: int, s: int, d: int, low: int, high: int) -> int:
    """Count what is unusual about one axis."""
    ke = (k - 1) * d + 1
    added = max(high, 0)
    total = max((-(-n // s) - 1) * s + ke - n, 0)
    same = out == -(-n // s) and low in (total // 2, total - total // 2)
    if low == 0 and high <= 0:
        pad = 0
    elif same or (low == ke // 2 and added <= low):
        pad = 1
    elif low == ke - 1 and (added in (0, ke - 1) or high <= low):
        pad = 2
    else:
        pad = 4 if low == added or high <= low <= added + s else 7
    crop = 3 * (low < 0) + 3 * (out > 1 and high + s - 1 < 0)
    return (s - 1 if s < 3 or s == k else s) + 2 * (d - 1) + pad + crop


@lru_cache(maxsize=512)
def all_fits(
    in_size: tuple[int, ...],
    kernel: tuple[int, ...],
    out_size: tuple[int, ...],
    crop: bool = False,
    even: bool = False,
    each: int = FEW,
) -> Fits:
    """Combine the axes.

    Parameters
    ----------
    in_size, kernel, out_size : tuple of int
    crop : bool
    even : bool
        Whether all axes must have one stride and one dilation.
    each : int
        Readings of each axis to combine.
    """
    every = [
        np.array(axis_fits(n, k, out, crop), np.int64).reshape(-1, 5)
        for n, k, out in zip(in_size, kernel, out_size, strict=True)
    ]
    axes, left_out = [axis[:each] for axis in every], 0
    if not even:
        left_out = prod(len(axis) for axis in every) - prod(len(axis) for axis in axes)
    rows = axes[0][:, None, :]  # (rows, axes, 5)
    for i, axis in enumerate(axes[1:], 1):
        left = np.repeat(rows, len(axis), axis=0)
        right = np.tile(axis, (len(rows), 1))[:, None, :]
        rows = np.concatenate([left, right], axis=1)
        if even:
            rows = rows[_unevenness(rows, kernel[: i + 1], out_size[: i + 1]) == 0]
        order = np.argsort(_total(rows, kernel[: i + 1], out_size[: i + 1]), kind="stable")
        rows, left_out = rows[order[:MOST]], left_out + max(len(order) - MOST, 0)
    cost = _total(rows, kernel, out_size)
    order = np.argsort(cost, kind="stable")
    rows = rows[order]
    stride, dilation, low, high = (rows[..., i] for i in range(4))
    return Fits(stride, dilation, low, high, cost[order], left_out)


def _unevenness(rows: Array, kernel: tuple[int, ...], out_size: tuple[int, ...]) -> Array:
    """Count whether strides or dilations differ among the axes where they count."""
    uneven = np.zeros(len(rows), np.int64)
    for part, counts in ((0, [o > 1 for o in out_size]), (1, [k > 1 for k in kernel])):
        values = rows[:, np.array(counts), part]
        if values.shape[1] > 1:
            uneven += (values != values[:, :1]).any(axis=1)
    return uneven


def _total(rows: Array, kernel: tuple[int, ...], out_size: tuple[int, ...]) -> Array:
    """Add the costs of the axes, and what is odd about them together."""
    lows = rows[..., 2]
    mixed = (lows != lows[:, :1]).any(axis=1)
    total: Array = rows[..., 4].sum(axis=1) + 6.0 * _unevenness(rows, kernel, out_size) + mixed
    return total
