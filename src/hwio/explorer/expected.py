"""Python's own y of the part that a page holds: what the page's numbers are compared with."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.ops.conv import conv
from hwio.shapes.padding import PADDING_MODES

if TYPE_CHECKING:
    from hwio.explorer.held import Held
    from hwio.explorer.part import Part
    from hwio.ops.check import Problem
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array


def part_y(held: Held, part: Part, geo: Geometry, problem: Problem, kind: str) -> Array:
    """Return y of the part in float64, complex128 or exact integers, shape (n, *out, o)."""
    if kind == "big":
        return _exact_y(held, part, geo, problem)
    work = np.complex128 if kind == "complex" else np.float64
    space = geo.letters
    b = None if held.b is None else held.b.astype(work)
    mode: Any = problem.padding_mode
    with np.errstate(all="ignore"):
        y = conv(
            held.x.astype(work), held.w.astype(work), b,
            stride=geo.stride, dilation=geo.dilation, padding=held.padding, groups=part.groups,
            layout=f"N{space}C,{space}IO", flip=problem.flip, method="taps",
            padding_mode=mode if any(map(any, held.padding)) else "zeros",
            activation=problem.clip,
        )  # fmt: skip
    return np.rint(y).astype(np.int64) if kind == "int" else y


def _exact_y(held: Held, part: Part, geo: Geometry, problem: Problem) -> Array:
    """Sum Python's integers, tap by tap."""
    mode: Any = PADDING_MODES[problem.padding_mode]
    x = np.pad(held.x.astype(object), [(0, 0), *held.padding, (0, 0)], mode)
    w = held.w.astype(object)
    if problem.flip:
        w = w[(slice(None, None, -1),) * geo.ndim]
    out = tuple(map(len, part.out))
    y = np.zeros((x.shape[0], *out, w.shape[-1]), object)
    channels, filters = w.shape[-2], w.shape[-1] // part.groups
    for group, tap in product(range(part.groups), np.ndindex(*geo.kernel)):
        axes = zip(tap, geo.dilation, geo.stride, out, strict=True)
        cells = tuple(slice(t * d, t * d + s * (n - 1) + 1, s) for t, d, s, n in axes)
        seen = x[(slice(None), *cells, slice(group * channels, (group + 1) * channels))]
        to = slice(group * filters, (group + 1) * filters)
        y[..., to] += seen @ w[(*tap, slice(None), to)]
    y += 0 if held.b is None else held.b.astype(object)
    for end, bound in zip((np.maximum, np.minimum), problem.clip or (), strict=False):
        y = y if bound is None else end(y, int(bound))
    return y
