"""Arrays in canonical order: x (n, *in, c) and w (*kernel, i, o), whatever the layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwio.shapes.layout import as_view
from hwio.shapes.padding import PADDING_MODES

if TYPE_CHECKING:
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


def canonical_views(problem: Problem, x: Array, w: Array) -> tuple[Array, Array]:
    """Return x as (n, *in, c) without padding and w as (*kernel, i, o), turned if asked."""
    lay, geo = problem.layout, problem.geometry
    x = as_view(x, lay.x_axes)
    if not lay.batched:
        x = x[None]
    w = as_view(w, lay.w_axes)
    if lay.depthwise:
        w = w.reshape(geo.w_shape)  # (*kernel, C, M) -> (*kernel, 1, C·M)
    if problem.flip:
        w = w[(slice(None, None, -1),) * geo.ndim]
    return x, w


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
