"""Give dy back to windows by a compiled kernel, where there is one: the same numbers as NumPy's ways."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine import refusal, tried
from hwio.ops.integers import largest
from hwio.ops.pool_compiled import MUCH, laid_as, worth_ordering
from hwio.pooling.divisor import divisor

if TYPE_CHECKING:
    from hwio.ops.pool_check import PoolProblem
    from hwio.types import Array

# x's number type -> the one that its maximum is looked for in, which keeps every number and its order
_FLOATS: dict[str, Any] = {"f4": np.float32, "f8": np.float64, "i4": np.float64, "u4": np.float64}
_FLOATS |= dict.fromkeys(("f2", "i1", "u1", "i2", "u2"), np.float32)
_WHOLE = 2**53  # float64 has all whole numbers up to it


def compiled_peaks(problem: PoolProblem, x: Array, dy: Array, all_ties: bool) -> Array | None:
    """Add each dy to the maximum of its window; None where NumPy has to serve.

    Parameters
    ----------
    problem : PoolProblem
    x : array, shape (n, *in, c)
        Large arrays in another order in memory are NumPy's, which keeps it; smaller ones are copied.
    dy : array, shape (n, *out, c)
    all_ties : bool

    Returns
    -------
    array, shape (n, *in, c), or None
    """
    if (
        problem.method != "auto"
        or refusal() is not None
        or not (_in_order(x) or worth_ordering(x, MUCH))
    ):
        return None
    kind = _FLOATS.get(x.dtype.str[1:])
    if kind is None and x.dtype.kind in "iu" and largest(x) <= _WHOLE:
        kind = np.float64
    if kind is None:
        return None
    lies = x
    x = np.ascontiguousarray(x, kind if dy.dtype == np.float32 else np.float64)
    dx = _given(problem, "all" if all_ties else "first", x, np.ascontiguousarray(dy))
    return dx if dx is None or _in_order(lies) else laid_as(lies, dx)


def compiled_means(problem: PoolProblem, dy: Array, counts: bool) -> Array | None:
    """Give each window's cells the same share of its dy; None where NumPy has to serve.

    Parameters
    ----------
    problem : PoolProblem
    dy : array, shape (n, *out, c)
    counts : bool
        Whether cells of the padding count.

    Returns
    -------
    array, shape (n, *in, c), or None
    """
    if (
        problem.method != "auto"
        or refusal() is not None
        or not (_in_order(dy) or worth_ordering(dy, prod(problem.geometry.kernel)))
    ):
        return None
    lies = dy
    dy = np.ascontiguousarray(dy)
    dx = _given(problem, "mean", dy, dy, counts)
    return dx if dx is None or _in_order(lies) else laid_as(lies, dx)


def _in_order(array: Array) -> bool:
    """Tell whether an array's axes lie in memory in the order that they have."""
    if array.flags.c_contiguous:
        return True
    steps = [step for step, size in zip(array.strides, array.shape, strict=True) if size > 1]
    return all(one >= other >= 0 for one, other in pairwise(steps))


def _given(
    problem: PoolProblem, task: str, x: Array, dy: Array, counts: bool | None = None
) -> Array | None:
    """Run a kernel."""
    # here and not above: it loads llvmlite, which `import hwio` must not
    from hwio.engine.launch import pooling_grad

    def run() -> Array | None:
        launch = _launch(pooling_grad, problem, task, (x.dtype, dy.dtype), counts)
        shape = problem.geometry.x_shape
        return None if launch is None else pooling_grad.run(launch, x, dy, shape)

    return tried(run)


def _launch(
    pooling_grad: Any,
    problem: PoolProblem,
    task: str,
    dtypes: tuple[np.dtype[Any], np.dtype[Any]],
    counts: bool | None,
) -> Any:
    """Return the launch that the problem has kept, or a new one; None where there is no kernel."""
    from hwio.engine.threads import get_num_threads

    threads = get_num_threads()
    key = (task, dtypes[0].char, dtypes[1].char, counts, threads)
    if key in problem.kept:
        return problem.kept[key]
    geo, kinds = problem.geometry, (dtypes[0].str[1:], dtypes[1].str[1:])
    launch = None
    if pooling_grad.refusal_of(task, geo, kinds) is None:
        by = np.ones(1) if counts is None else divisor(geo, problem.padding, counts)
        launch = pooling_grad.launch_of(task, geo, kinds, by.astype(dtypes[1]), threads)
    problem.kept[key] = launch
    return launch
