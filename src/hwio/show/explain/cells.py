"""The numbers that meet: cells of padded x, which is not padded for it, and the taps of a filter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.shapes.layout import as_view

if TYPE_CHECKING:
    from hwio.show.case import Case
    from hwio.types import Array


def sources(cells: Sequence[int], size: int, mode: str) -> list[int]:
    """Return the cell of x that each cell of padded x repeats; -1 for the number 0.

    Examples
    --------
    >>> sources(range(-2, 5), 3, "reflect")
    [2, 1, 0, 1, 2, 1, 0]
    >>> sources(range(-2, 5), 3, "zeros")
    [-1, -1, 0, 1, 2, -1, -1]
    """
    if mode == "edge":
        return [min(max(p, 0), size - 1) for p in cells]
    if mode == "wrap":
        return [p % size for p in cells]
    if mode == "reflect":
        period = max(2 * (size - 1), 1)
        return [min(p % period, period - p % period) if size > 1 else 0 for p in cells]
    if mode == "symmetric":
        return [min(p % (2 * size), 2 * size - 1 - p % (2 * size)) for p in cells]
    return [p if 0 <= p < size else -1 for p in cells]


def cells_of(case: Case, image: int, channels: range, cells: Sequence[Sequence[int]]) -> Array:
    """Read cells of padded x, shape (*len of each axis, len(channels)); x is not padded for it."""
    if case.x is None:
        message = "cells_of needs the array"
        raise ValueError(message)
    x = as_view(case.x, case.layout.x_axes)
    x = (x[image] if case.layout.batched else x)[..., channels.start : channels.stop]
    pairs = zip(cells, case.geo.in_size, strict=True)
    found = [np.array(sources(c, n, case.problem.padding_mode), int) for c, n in pairs]
    if case.between:  # x is spread out by being read so: nothing is allocated
        steps = zip(found, case.between, strict=True)
        found = [np.where((f >= 0) & (f % s == 0), f // s, -1) for f, s in steps]
    result = np.zeros([len(f) for f in found] + [len(channels)], exact(x[..., :0]).dtype)
    real = [np.flatnonzero(f >= 0) for f in found]
    if all(len(r) for r in real):
        chosen = [f[r] for f, r in zip(found, real, strict=True)]
        result[np.ix_(*real)] = exact(x[np.ix_(*chosen)])
    return result


def filter_of(case: Case, k: int) -> Array:
    """Read filter k as it meets the window, shape (*kernel, i)."""
    if case.w is None:
        message = "filter_of needs the array"
        raise ValueError(message)
    w = as_view(case.w, case.layout.w_axes)
    if case.layout.depthwise:
        multiplier = w.shape[-1]
        w = w[..., k // multiplier, k % multiplier, None]
    else:
        w = w[..., k]
    if case.problem.flip:
        w = w[(slice(None, None, -1),) * case.geo.ndim]
    return exact(w)


def exact(values: Any) -> Array:
    """Return values in a type whose products don't wrap: Python integers, float64, complex128."""
    kind = values.dtype.kind
    wide = {"i": object, "u": object, "c": np.complex128}.get(kind, np.float64)
    return np.asarray(values).astype(wide)
