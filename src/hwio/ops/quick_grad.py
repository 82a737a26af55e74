"""Repeated gradients of one layer on contiguous arrays: each a launch and nothing of Python around it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine import give_up, refusal
from hwio.engine.gradient_registry import GRADIENT_KERNELS
from hwio.ops.backward import check_room_for
from hwio.ops.canonical import w_view
from hwio.ops.compiled_grad import chosen
from hwio.ops.grad import grad_b, grad_w, grad_x
from hwio.ops.launches import Starts

if TYPE_CHECKING:
    from hwio.ops.backward import Backward
    from hwio.ops.grad import Grads, Packs
    from hwio.types import Array


class QuickGrads:
    """dx, dw and db for any x and dy of one shape and dtype.

    A gradient that takes more than one launch goes the long way, but without checks.
    """

    def __init__(self, problem: Backward, w: Array, wanted: str, packs: Packs) -> None:
        self._problem, self._w, self._wanted, self._packs = problem, w, wanted, packs
        self._shapes = problem.geometry.x_shape, problem.geometry.y_shape
        self._dx = Starts(partial(_dx, problem, w, packs)) if "x" in wanted else None
        self._dw = Starts(partial(_dw, problem, w.dtype)) if "w" in wanted else None

    def __call__(self, x: Any, dy: Any) -> Grads | None:
        """Return the gradients, or None where these are other arrays."""
        if refusal() or not self.fits(x, dy):
            return None
        dw = None if self._dw is None else self._grad_w(self._dw, x, dy)
        dx = None if self._dx is None else self._grad_x(self._dx, dy)
        return dx, dw, grad_b(dy) if "b" in self._wanted else None

    def fits(self, x: Any, dy: Any) -> bool:
        """Tell whether x, or its shape where that will do, and dy are as they were."""
        shape, dtype = x, self._w.dtype
        if type(x) is np.ndarray and x.dtype == dtype and x.flags.aligned:
            shape = x.shape
        elif self._dw is not None or type(x) is not tuple:
            return False
        if type(dy) is not np.ndarray or dy.dtype != dtype or not dy.flags.aligned:
            return False
        return (shape, dy.shape) == self._shapes

    def _grad_w(self, starts: Starts, x: Array, dy: Array) -> Array:
        start = _tried(starts)
        dw: Array | None = start(x, dy) if start else None
        if dw is None:
            return grad_w(self._problem, x, dy, self._w.shape)
        return dw if dw.shape == self._w.shape else dw.reshape(self._w.shape)

    def _grad_x(self, starts: Starts, dy: Array) -> Array:
        start = _tried(starts)
        dx: Array | None = start(dy) if start else None
        return grad_x(self._problem, dy, self._w, packs=self._packs) if dx is None else dx


def quick_grads(
    problem: Backward, x: Any, w: Array, dy: Any, wanted: str, packs: Packs
) -> QuickGrads | None:
    """Return quick gradients where all arrays are as kernels read them, else None.

    Parameters
    ----------
    problem : Backward
    x, w, dy : array
        As given; x may be a shape where dw is not wanted.
    wanted : str
        Letters of "xwb".
    packs : dict
        Keeps what is packed of w.
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
    return quick if quick and quick.fits(x, dy) else None


def _dx(problem: Backward, w: Array, packs: Packs) -> Any:
    """Return dx as a function of dy, or None where it takes more than one launch."""
    from hwio.engine.launch.gradient_x import started_dx

    geo, kernel = problem.geometry, chosen(problem, w.dtype.str[1:], "dx")
    if kernel is None:
        return None
    return started_dx(GRADIENT_KERNELS[kernel].forward, w_view(problem, w), geo, packs)


def _dw(problem: Backward, dtype: np.dtype[Any]) -> Any:
    """Return dw as a function of x and dy, or None."""
    from hwio.engine.launch.gradient_w import started_dw

    kernel = chosen(problem, dtype.str[1:], "dw")
    return None if kernel is None else started_dw(kernel, problem.geometry, dtype)


def _tried(starts: Starts) -> Any:
    """Return a start, None where there is none or where making it failed and the engine gave up."""
    try:
        return starts()
    except (MemoryError, FloatingPointError):
        raise
    except Exception as error:  # noqa: BLE001  as in run_compiled
        give_up(error)
        return None
