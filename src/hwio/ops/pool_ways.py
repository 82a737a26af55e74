"""The one place where a pooling is computed: all four tasks, on canonical arrays.

Every public function of pooling ends here, with x (n, *in, c) in the dtype of the computation. A
compiled kernel is tried first; where there is none, ``_way`` says which readable way to take. The
numbers are the same, so nothing above or below has to know.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from hwio.ops.pool_compiled import compiled_windows
from hwio.ops.pool_grad_compiled import compiled_means, compiled_peaks
from hwio.pooling import FASTEST, POOL_METHODS, SUM
from hwio.pooling.divisor import divisor
from hwio.shapes.layout import as_view

if TYPE_CHECKING:
    from hwio.ops.pool_check import PoolProblem
    from hwio.pooling import PoolMethod, Reduction
    from hwio.types import Array


def reduce_windows(problem: PoolProblem, x: Array, reduction: Reduction) -> Array:
    """Reduce every window of x (n, *in, c) to one number; (n, *out, c)."""
    y = compiled_windows(problem, x, reduction)
    return _way(problem).reduce(x, problem.geometry, reduction) if y is None else y


def average_windows(problem: PoolProblem, x: Array, count_include_pad: bool) -> Array:
    """Return the mean of every window of x (n, *in, c), floats; (n, *out, c)."""
    y = compiled_windows(problem, x, SUM, count_include_pad)
    if y is None:
        with np.errstate(over="ignore", invalid="ignore"):  # Inf and NaN as they come
            y = _way(problem).reduce(x, problem.geometry, SUM)
        by = divisor(problem.geometry, problem.padding, count_include_pad)
        y /= by.astype(y.real.dtype)
    return y


def find_places(problem: PoolProblem, x: Array) -> Array:
    """Find the first maximum of every window; int64 (n, *out, c)."""
    return _way(problem).argmax(x, problem.geometry)


def send_to_peaks(problem: PoolProblem, x: Array, dy: Array, all_ties: bool) -> Array:
    """Add each dy (n, *out, c) to the maximum of its window; (n, *in, c)."""
    dx = compiled_peaks(problem, x, dy, all_ties)
    if dx is None:
        with np.errstate(over="ignore", invalid="ignore"):
            dx = _way(problem).max_grad(x, dy, problem.geometry, all_ties)
    return dx


def send_to_all(problem: PoolProblem, dy: Array, count_include_pad: bool) -> Array:
    """Share each dy (n, *out, c) out to all cells of its window; (n, *in, c)."""
    dx = compiled_means(problem, dy, count_include_pad)
    if dx is None:
        by = divisor(problem.geometry, problem.padding, count_include_pad)
        share = dy / by.astype(dy.real.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            dx = _way(problem).sum_grad(share, problem.geometry)
    return dx


def _way(problem: PoolProblem) -> PoolMethod:
    """Return the way to take."""
    return POOL_METHODS[FASTEST if problem.method == "auto" else problem.method]


def canonical_x(problem: PoolProblem, x: Array) -> Array:
    """View x as (n, *in, c)."""
    x = as_view(x, problem.layout.x_axes)
    return x if problem.layout.batched else x[None]


def canonical_y(problem: PoolProblem, y: Array) -> Array:
    """View y or dy as (n, *out, c)."""
    back = _inverse(problem.layout.y_axes)
    y = as_view(y, back)
    return y if problem.layout.batched else y[None]


def stored_x(problem: PoolProblem, dx: Array) -> Array:
    """View dx (n, *in, c) in x's order."""
    return as_view(dx if problem.layout.batched else dx[0], _inverse(problem.layout.x_axes))


def stored_y(problem: PoolProblem, y: Array, out: Array | None = None) -> Array:
    """View y (n, *out, c) in its order, or write it into out."""
    y = as_view(y if problem.layout.batched else y[0], problem.layout.y_axes)
    if out is None:
        return y
    out[...] = y
    return out


@lru_cache(maxsize=64)
def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the transpose that undoes a transpose."""
    return tuple(axes.index(i) for i in range(len(axes)))
