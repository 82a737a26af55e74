"""Repeated gradients on contiguous arrays: straight into launches where one or two make a gradient."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine import refusal, tried
from hwio.engine.gradient_registry import GRADIENT_KERNELS
from hwio.ops.backward import check_room_for
from hwio.ops.canonical import w_view
from hwio.ops.compiled_grad import chosen
from hwio.ops.grad_each import grad_b, grad_w, grad_x
from hwio.ops.launches import Starts

if TYPE_CHECKING:
    from hwio.ops.backward import Backward
    from hwio.ops.grad_each import Grads, Packs
    from hwio.types import Array


class QuickGrads:
    """dx, dw and db for any x, w and dy of one shape and dtype.

    A gradient that takes more than that, as of many phases of a stride, goes the long way, but without
    checks.

    Parameters
    ----------
    problem : Backward
    w : array
        Where ``packs`` is None, any other of its shape may be given later.
    wanted : str
        Letters of "xwb".
    packs : dict or None
        Keeps what is packed of a w that stays.
    """

    def __init__(self, problem: Backward, w: Array, wanted: str, packs: Packs | None) -> None:
        self._problem, self._wanted, self._packs = problem, wanted, packs
        self._dtype, self._w_shape = w.dtype, w.shape
        self._shapes = problem.geometry.x_shape, problem.geometry.y_shape
        dx = (
            partial(_plain_dx, problem, w.dtype)
            if packs is None
            else partial(_dx, problem, w, packs)
        )
        self._dx = Starts(dx) if "x" in wanted else None
        self._dw = Starts(partial(_dw, problem, w.dtype)) if "w" in wanted else None

    def __call__(self, x: Any, w: Any, dy: Any) -> Grads | None:
        """Return the gradients, or None where these are other arrays."""
        if refusal() or not self.fits(x, w, dy):
            return None
        dw = None if self._dw is None else self._grad_w(self._dw, x, dy)
        dx = None if self._dx is None else self._grad_x(self._dx, w, dy)
        return dx, dw, grad_b(dy) if "b" in self._wanted else None

    def fits(self, x: Any, w: Any, dy: Any) -> bool:
        """Tell whether all are as they were; the shape alone will do of an x without dw."""
        shape = x
        if self._is_alike(x):
            shape = x.shape
        elif self._dw is not None or type(x) is not tuple or {*map(type, x)} != {int}:
            return False
        if self._packs is None and not (self._is_alike(w) and w.shape == self._w_shape):
            return False
        return self._is_alike(dy) and (shape, dy.shape) == self._shapes

    def _is_alike(self, array: Any) -> bool:
        return type(array) is np.ndarray and array.dtype == self._dtype and array.flags.aligned

    def _grad_w(self, starts: Starts, x: Array, dy: Array) -> Array:
        start = tried(starts)
        dw: Array | None = start(x, dy) if start else None
        if dw is None:
            return grad_w(self._problem, x, dy, self._w_shape)
        return dw if dw.shape == self._w_shape else dw.reshape(self._w_shape)

    def _grad_x(self, starts: Starts, w: Array, dy: Array) -> Array:
        start = tried(starts)
        dx: Array | None = None
        if start:
            dx = start(dy) if self._packs is not None else start(dy, w)
        return grad_x(self._problem, dy, w, packs=self._packs) if dx is None else dx


def quick_grads(
    problem: Backward, x: Any, w: Array, dy: Any, wanted: str, packs: Packs | None = None
) -> QuickGrads | None:
    """Return quick gradients where all arrays are as kernels read them, else None.

    Parameters
    ----------
    problem, w, wanted, packs
        As for ``QuickGrads``.
    x, dy : array
        As given; x may be a shape where dw is not wanted.
    """
    lay, geo = problem.layout, problem.geometry
    straight = all(axes == tuple(range(len(axes))) for axes in (lay.x_axes, lay.w_axes, lay.y_axes))
    if not (straight and lay.batched and w.flags.c_contiguous and w.flags.aligned):
        return None
    if w.dtype not in (np.float32, np.float64) or problem.flip or problem.method != "auto":
        return None
    if geo.padded and problem.padding_mode != "zeros":
        return None
    asked = {f"d{letter}": f"d{letter}" for letter in "xw" if letter in wanted}
    problem = check_room_for(problem, w.itemsize, None, **asked)
    quick = QuickGrads(problem, w, wanted, packs) if problem.compiled and asked else None
    return quick if quick and quick.fits(x, w, dy) else None


def _dx(problem: Backward, w: Array, packs: Packs) -> Any:
    """Return dx as a function of dy, or None where launches alone don't make it."""
    from hwio.engine.launch.gradient_x import started_dx

    geo, kernel = problem.geometry, chosen(problem, w.dtype.str[1:], "dx")
    if kernel is None:
        return None
    return started_dx(GRADIENT_KERNELS[kernel].forward, w_view(problem, w), geo, packs)


def _plain_dx(problem: Backward, dtype: np.dtype[Any]) -> Any:
    """Return dx as a function of dy and w, or None."""
    from hwio.engine.launch.gradient_x import started_plain_dx

    geo, kernel = problem.geometry, chosen(problem, dtype.str[1:], "dx")
    return kernel and started_plain_dx(GRADIENT_KERNELS[kernel].forward, geo, dtype)


def _dw(problem: Backward, dtype: np.dtype[Any]) -> Any:
    """Return dw as a function of x and dy, or None."""
    from hwio.engine.launch.gradient_w import started_dw

    kernel = chosen(problem, dtype.str[1:], "dw")
    return None if kernel is None else started_dw(kernel, problem.geometry, dtype)
