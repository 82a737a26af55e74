"""Run a checked problem: arrays into canonical order, one way, bias and activation, y's order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.errors import ArgumentTypeError, DTypeError, OptionError, ShapeError, kind, show, word
from hwio.ops.canonical import canonical_y
from hwio.ops.compiled import run_compiled
from hwio.ops.memory import stored_shape
from hwio.ops.readable import run_method
from hwio.shapes.layout import as_view

if TYPE_CHECKING:
    from hwio.ops.check import Problem
    from hwio.types import Array


def run(
    problem: Problem,
    x: Array,
    w: Array,
    b: Array | None,
    out: Array | None,
    packs: dict[Any, Any] | None = None,
) -> Array:
    """Convolve arrays that were checked; ``packs`` keeps packed weights from call to call."""
    lay, room = problem.layout, None
    if out is not None:
        _check_out(out, problem)
        if not any(np.may_share_memory(out, a) for a in (x, w, b) if a is not None):
            room = canonical_y(out, lay)  # y can be written at once
    y = None if problem.plan.kernel is None else run_compiled(problem, x, w, b, packs, room)
    if y is None:
        y = run_method(problem, x, w, b, room)
    if out is not None:
        if room is None:
            canonical_y(out, lay)[...] = y
        return out
    if not lay.batched:
        y = y[0]
    return as_view(y, lay.y_axes)


def _check_out(out: Any, problem: Problem) -> None:
    """Check that out can receive y."""
    lay, result = problem.layout, problem.result
    shape = stored_shape(problem.geometry, lay)
    fits = f"out = np.empty({shape}, np.{result.name})"
    if not isinstance(out, np.ndarray):
        rule = f"out={show(out)} is {kind(out)}, not a NumPy array"
        raise ArgumentTypeError(
            word(rule, [f"y has shape {shape}, {lay.y}, and dtype {result}"], fits)
        )
    if out.shape != shape:
        rule = f"out has shape {out.shape}, but y has {shape}"
        raise ShapeError(word(rule, [f"y is written as {lay.y}"], fits))
    if out.dtype != result:
        rule = f"out has dtype {out.dtype}, but y has {result}"
        facts = ["x, w and b decide the dtype of y, or out_dtype does"]
        raise DTypeError(word(rule, facts, fits))
    if not out.flags.writeable:
        raise OptionError(word("out is read-only", ["y is written into it"], "out = out.copy()"))
