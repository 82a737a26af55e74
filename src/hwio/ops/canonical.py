"""Arrays in canonical order: x (n, *in, c) and w (*kernel, i, o), whatever the layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwio.shapes.layout import as_view
from hwio.shapes.padding import PADDING_MODES

if TYPE_CHECKING:
    from hwio.ops.backward import Backward
    from hwio.ops.check import Problem
    from hwio.shapes.geometry import Geometry
    from hwio.shapes.layout import Layout
    from hwio.types import Array


def canonical_arrays(problem: Problem, x: Array, w: Array) -> tuple[Array, Array]:
    """Return x as (n, *in, c) with its padding and w as (*kernel, i, o), turned if asked.

    Everything but the padding is a view.
    """
    geo = problem.geometry
    x, w = canonical_views(problem, x, w)
    return (pad(x, geo, problem.padding_mode) if geo.padded else x), w


def canonical_views(problem: Problem | Backward, x: Array, w: Array) -> tuple[Array, Array]:
    """Return x as (n, *in, c) without padding and w as (*kernel, i, o), turned if asked."""
    return x_view(problem, x), w_view(problem, w)


def x_view(problem: Problem | Backward, x: Array) -> Array:
    """Return x as (n, *in, c)."""
    x = as_view(x, problem.layout.x_axes)
    return x if problem.layout.batched else x[None]


def w_view(problem: Problem | Backward, w: Array) -> Array:
    """Return w as (*kernel, i, o), turned if asked."""
    lay, geo = problem.layout, problem.geometry
    w = as_view(w, lay.w_axes)
    if lay.depthwise:
        w = w.reshape(geo.w_shape)  # (*kernel, C, M) -> (*kernel, 1, C·M)
    if problem.flip:
        w = w[(slice(None, None, -1),) * geo.ndim]
    return w


def y_view(problem: Problem | Backward, y: Array) -> Array:
    """Return y as (n, *out, o), whatever order it is stored in."""
    y = as_view(y, _inverse(problem.layout.y_axes))
    return y if problem.layout.batched else y[None]


def stored_x(problem: Problem | Backward, x: Array) -> Array:
    """Return (n, *in, c) in the order of x."""
    lay = problem.layout
    return as_view(x if lay.batched else x[0], _inverse(lay.x_axes))


def stored_w(problem: Problem | Backward, w: Array, shape: tuple[int, ...]) -> Array:
    """Return (*kernel, i, o) in the order and shape of w, turned back if it was turned."""
    lay, geo = problem.layout, problem.geometry
    if problem.flip:
        w = w[(slice(None, None, -1),) * geo.ndim]
    if lay.depthwise:
        w = w.reshape(tuple(shape[axis] for axis in lay.w_axes))  # (*kernel, C, M)
    return as_view(w, _inverse(lay.w_axes))


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the transpose that undoes a transpose."""
    return tuple(axes.index(axis) for axis in range(len(axes)))


def canonical_y(out: Array, lay: Layout) -> Array:
    """Return out, in y's order, as (n, *out, o)."""
    axes = lay.y_axes
    out = as_view(out, tuple(map(axes.index, range(len(axes)))))
    return out if lay.batched else out[None]


def pad(x: Array, geo: Geometry, mode: str) -> Array:
    """Surround x (n, *in, c) with its padding."""
    if mode != "zeros":
        widths = ((0, 0), *geo.padding, (0, 0))
        grown: Array = np.pad(x, widths, PADDING_MODES[mode])  # type: ignore[call-overload]
        return grown
    grown = np.zeros((x.shape[0], *geo.padded_size, x.shape[-1]), x.dtype)
    pairs = zip(geo.padding, geo.in_size, strict=True)
    grown[(slice(None), *(slice(low, low + size) for (low, _), size in pairs))] = x
    return grown
