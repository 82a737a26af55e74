"""Launches that are ready for any arrays of one shape: what repeated calls keep."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine.registry import PARTS
from hwio.ops.canonical import w_view, x_view
from hwio.ops.compiled import Operands, launcher, reads
from hwio.planner.space import table_fits

if TYPE_CHECKING:
    from hwio.ops.check import Problem
    from hwio.ops.compiled import Packs
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

Start = Callable[..., "Array | None"]


class Starts:
    """A launch's shortest form, made anew with each pool; see ``engine.launch.started``."""

    def __init__(self, make: Callable[[], Start | None]) -> None:
        self._make = make
        self._made: tuple[Any, Start | None] | None = None

    def __call__(self) -> Start | None:
        """Return it, or None where there is none."""
        from hwio.engine.threads import pool

        made, workers = self._made, pool()
        if made is None or made[0] is not workers:
            made = self._made = workers, self._make()
        return made[1]


class Ready:
    """Launches with weights that don't change.

    Attributes
    ----------
    start : Starts
        Of functions of x.
    """

    def __init__(self, ready: Any, geo: Geometry, compute: np.dtype[Any]) -> None:
        self._ready, self._shape, self._compute = ready, geo.y_shape, compute
        self.start = Starts(partial(_started, ready, geo, compute))

    def __call__(self, x: Array) -> Array | None:
        """Return y, or None where an image has to be done again another way."""
        from hwio.engine.launch import spatial

        y: Array = spatial.room(self._shape, self._compute)
        return y if self._ready(x, y) is None else None


def _started(
    ready: Any, geo: Geometry, compute: np.dtype[Any], weights: Any = None
) -> Start | None:
    from hwio.engine.launch.started import started
    from hwio.engine.launch.task import Task

    if not isinstance(ready, Task):
        return None
    return started(ready, geo.x_shape, geo.y_shape, compute, weights)


def ready_call(problem: Problem, x: Array, w: Array, b: Array | None, packs: Packs) -> Ready | None:
    """Return launches for any x like this one, or None where a call needs more than a launch."""
    own = _in_place(problem, x)
    if own is None:
        return None
    kernel, compute, x = own
    geo, w = problem.geometry, w_view(problem, w)
    packed = Operands(problem, compute, w, b, packs).pack(kernel, geo, True)
    y = np.empty((0, *geo.y_shape[1:]), compute)  # as y will lie
    return Ready(launcher(kernel).ready(packed, x, geo, problem.clip, y), geo, compute)


def plain_start(problem: Problem, x: Array, bias: bool) -> Starts | None:
    """Return functions of (x, w, b), all contiguous, or None where a call needs more than a launch."""
    own = _in_place(problem, x)
    if own is None or own[0] not in ("direct", "depthwise"):
        return None
    return Starts(partial(_plain, problem, own[0], own[1], bias))


def _plain(problem: Problem, kernel: str, compute: np.dtype[Any], bias: bool) -> Start | None:
    from hwio.engine.launch import spatial

    geo = problem.geometry
    found = spatial.as_it_comes(kernel, geo, compute, bias)
    if found is None:
        return None
    packed, weights = found
    # only how they lie matters: no images, no memory
    x, y = (np.empty((0, *shape[1:]), compute) for shape in (geo.x_shape, geo.y_shape))
    return _started(spatial.ready(packed, x, geo, problem.clip, y), geo, compute, weights)


def _in_place(problem: Problem, x: Array) -> tuple[str, np.dtype[Any], Array] | None:
    """Return kernel, dtype and x (n, *in, c) where the kernel reads it and writes y as they lie."""
    kernel, compute = problem.plan.kernel or "", problem.compute
    if compute is None or compute != problem.result or kernel in PARTS or 0 in x.shape:
        return None
    x = x_view(problem, x)
    weights = Operands(problem, compute, x, None, None)
    if not (x.flags.c_contiguous and reads(weights, x) and table_fits(problem.geometry, kernel)):
        return None
    return kernel, compute, x
