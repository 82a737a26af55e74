"""Pool by a compiled kernel, where there is one: the same numbers as ``pool_taps``, to the last bit."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine import refusal, tried
from hwio.pooling import MAX
from hwio.pooling.divisor import divisor

if TYPE_CHECKING:
    from hwio.ops.pool_check import PoolProblem
    from hwio.pooling import Reduction
    from hwio.types import Array


# bytes of an array in another order, such as NCHW, that is copied for a kernel, and of one whose cells
# have much work
MOST_MOVED, MOST_WORKED = 512 << 10, 64 << 20
MUCH = 9  # cells of a window


def worth_ordering(array: Array, cells: int) -> bool:
    """Tell whether an array (n, *in, c) lies as kernels read it, or is copied in less time than they save."""
    most = MOST_WORKED if cells >= MUCH else MOST_MOVED
    return bool(array.flags.c_contiguous or array.nbytes <= most)


def laid_as(like: Array, array: Array) -> Array:
    """Return an array whose axes follow each other in memory as those of another one do."""
    order = sorted(range(like.ndim), key=lambda axis: -abs(like.strides[axis]))
    ordered: Array = np.ascontiguousarray(array.transpose(order))
    return ordered.transpose(sorted(range(like.ndim), key=order.__getitem__))


def compiled_windows(
    problem: PoolProblem, x: Array, reduction: Reduction, counts: bool | None = None
) -> Array | None:
    """Reduce every window of x (n, *in, c); None where NumPy has to serve.

    Parameters
    ----------
    problem : PoolProblem
    x : array, shape (n, *in, c)
        Large arrays in another order in memory are NumPy's, which keeps it; smaller ones are copied.
    reduction : Reduction
    counts : bool, optional
        To divide sums: whether cells of the padding count.

    Returns
    -------
    array, shape (n, *out, c), or None
    """
    if problem.method != "auto" or refusal() is not None:
        return None
    if not worth_ordering(x, prod(problem.geometry.kernel)):
        return None
    if not x.flags.c_contiguous:
        y = compiled_windows(problem, np.ascontiguousarray(x), reduction, counts)
        return None if y is None else laid_as(x, y)
    if x.dtype == np.float16 and reduction is MAX:  # NumPy's own maximum of halves is slow
        y = compiled_windows(problem, x.astype(np.float32), reduction)
        return None if y is None else y.astype(np.float16)
    # here and not above: it loads llvmlite, which `import hwio` must not
    from hwio.engine.launch import pooling

    def run() -> Array | None:
        launch = _launch(pooling, problem, x.dtype, reduction, counts)
        return None if launch is None else pooling.run(launch, x, problem.geometry.y_shape)

    return tried(run)


def _launch(
    pooling: Any,
    problem: PoolProblem,
    dtype: np.dtype[Any],
    reduction: Reduction,
    counts: bool | None,
) -> Any:
    """Return the launch that the problem has kept, or a new one; None where there is no kernel."""
    from hwio.engine.threads import get_num_threads

    threads = get_num_threads()
    key = (reduction.name, dtype.char, counts, threads)
    if key in problem.kept:
        return problem.kept[key]
    geo, kind = problem.geometry, dtype.str[1:]
    task = "max" if reduction is MAX else "mean"
    launch = None
    if pooling.refusal_of(task, geo, kind) is None:
        by = np.ones(1) if counts is None else divisor(geo, problem.padding, counts)
        launch = pooling.launch_of(task, geo, kind, by.astype(dtype), threads)
    problem.kept[key] = launch
    return launch
