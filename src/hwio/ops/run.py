"""Run a checked problem: arrays into canonical order, one way, bias and activation, y's order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.errors import ArgumentTypeError, DTypeError, OptionError, ShapeError, kind, show, word
from hwio.methods import METHODS
from hwio.methods.apply import apply_method
from hwio.ops.canonical import canonical_arrays
from hwio.ops.compiled import run_compiled
from hwio.ops.finish import finish, integer_dtype
from hwio.ops.memory import stored_shape
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
    lay = problem.layout
    if out is not None:
        _check_out(out, problem)
    y = None if problem.plan.kernel is None else run_compiled(problem, x, w, b, packs)
    if y is None:
        y = _run_method(problem, x, w, b)
    if not lay.batched:
        y = y[0]
    y = as_view(y, lay.y_axes)
    if out is None:
        return y
    out[...] = y
    return out


def _run_method(problem: Problem, x: Array, w: Array, b: Array | None) -> Array:
    """Convolve by the plan's readable way; return y (n, *out, o)."""
    x, w = canonical_arrays(problem, x, w)
    compute = problem.compute
    if compute is None:
        compute = integer_dtype(problem, x, w, b)
    if x.dtype != compute:
        x = x.astype(compute)
    if w.dtype != compute:
        w = w.astype(compute)
    y = apply_method(METHODS[problem.plan.method], x, w, problem.geometry)
    return finish(y, b, problem)


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
