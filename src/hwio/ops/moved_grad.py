"""Repeated gradients of arrays in another order: moved once, then the quick way, as in ``moved``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.ops.canonical import stored_w, stored_x, w_view, x_view, y_view
from hwio.ops.moved import plainly
from hwio.ops.quick_grad import QuickGrads, quick_grads
from hwio.shapes.layout import default_layout, parse_layout

if TYPE_CHECKING:
    from hwio.ops.backward import Backward
    from hwio.ops.grad_each import Grads, Packs
    from hwio.types import Array


def short_grads(
    problem: Backward, x: Any, w: Any, dy: Any, wanted: str, packs: Packs | None = None
) -> QuickGrads | MovedGrads | None:
    """Return what repeats a gradient without checks, None where nothing does.

    Parameters
    ----------
    problem, x, w, dy, wanted, packs
        As for ``quick_grads``.
    """
    if not _stored(problem, x, dy) or type(w) is not np.ndarray:
        return None
    quick = quick_grads(problem, x, w, dy, wanted, packs)
    return quick or _moved_grads(problem, x, w, dy, wanted, packs)


def _moved_grads(
    problem: Backward, x: Any, w: Array, dy: Array, wanted: str, packs: Packs | None
) -> MovedGrads | None:
    """Return gradients of moved arrays, None where moving them is not all they need."""
    layout = parse_layout(default_layout(problem.geometry.ndim + 2))
    plain = replace(problem, layout=layout, flip=False)
    weights = plainly(w_view(problem, w), w.dtype)
    if packs is not None:  # one copy for all shapes of x
        weights = packs.setdefault("moved", weights)
    moved = _moved(problem, x), weights, plainly(y_view(problem, dy), dy.dtype)
    quick = quick_grads(plain, *moved, wanted, packs)
    if quick is None:
        return None
    return MovedGrads(problem, quick, w.shape, None if packs is None else weights)


def _stored(problem: Backward, x: Any, dy: Any) -> bool:
    """Tell whether x, or a shape that stands for it, and dy have as many axes as the layout."""
    rank = len(problem.layout.x)
    if type(dy) is not np.ndarray or dy.ndim != rank:
        return False
    return x.ndim == rank if type(x) is np.ndarray else type(x) is tuple and len(x) == rank


def _moved(problem: Backward, x: Any) -> Any:
    """Return x (n, *in, c) as kernels read it, or the shape of one that is not looked at."""
    if type(x) is tuple:
        axes = problem.layout.x_axes
        return (*(() if problem.layout.batched else (1,)), *(x[axis] for axis in axes))
    return plainly(x_view(problem, x), x.dtype)


class MovedGrads:
    """dx, dw and db of moved arrays, moved back.

    Parameters
    ----------
    problem : Backward
    quick : QuickGrads
        For the moved arrays.
    w_shape : tuple of int
        As stored.
    w : array, shape (*kernel, i, o), or None
        The moved weights where they stay.
    """

    def __init__(
        self, problem: Backward, quick: QuickGrads, w_shape: tuple[int, ...], w: Array | None
    ) -> None:
        self._problem, self._quick, self._w_shape, self._w = problem, quick, w_shape, w

    def __call__(self, x: Any, w: Any, dy: Any) -> Grads | None:
        """Return the gradients, or None where these are other arrays."""
        problem = self._problem
        if not _stored(problem, x, dy):
            return None
        weights = self._w
        if weights is None:
            if type(w) is not np.ndarray or w.shape != self._w_shape:
                return None
            weights = plainly(w_view(problem, w), w.dtype)
        grads = self._quick(_moved(problem, x), weights, plainly(y_view(problem, dy), dy.dtype))
        if grads is None:
            return None
        dx, dw, db = grads
        dx = None if dx is None else stored_x(problem, dx)
        dw = None if dw is None else stored_w(problem, dw, self._w_shape)
        return dx, dw, db
