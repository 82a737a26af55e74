"""Give dy back to windows by a compiled kernel, where there is one: the same numbers as NumPy's ways."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine import give_up, refusal
from hwio.pooling.divisor import divisor

if TYPE_CHECKING:
    from hwio.ops.pool_check import PoolProblem
    from hwio.types import Array

# x's number type -> one that holds all its numbers, and that a kernel has
_WIDER: dict[str, Any] = {"f2": np.float32, "i4": np.float64, "u4": np.float64}
_WIDER |= dict.fromkeys(("i1", "u1", "i2", "u2"), np.float32)


def compiled_peaks(problem: PoolProblem, x: Array, dy: Array, all_ties: bool) -> Array | None:
    """Add each dy to the maximum of its window; None where NumPy has to serve.

    Parameters
    ----------
    problem : PoolProblem
    x : array, shape (n, *in, c)
        Other orders in memory are NumPy's, which keeps them.
    dy : array, shape (n, *out, c)
    all_ties : bool

    Returns
    -------
    array, shape (n, *in, c), or None
    """
    if problem.method != "auto" or refusal() is not None or not _in_order(x):
        return None
    wide = _WIDER.get(x.dtype.str[1:])
    x = np.ascontiguousarray(x, wide)
    return _given(problem, "max", x, np.ascontiguousarray(dy), all_ties)


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
    if problem.method != "auto" or refusal() is not None or not _in_order(dy):
        return None
    dy = np.ascontiguousarray(dy)
    return _given(problem, "mean", dy, dy, counts)


def _in_order(array: Array) -> bool:
    """Tell whether an array's axes lie in memory in the order that they have."""
    if array.flags.c_contiguous:
        return True
    steps = [step for step, size in zip(array.strides, array.shape, strict=True) if size > 1]
    return all(one >= other >= 0 for one, other in pairwise(steps))


def _given(problem: PoolProblem, task: str, x: Array, dy: Array, flag: bool) -> Array | None:
    """Run a kernel; the flag is ``all_ties`` of a maximum, ``counts`` of a mean."""
    # here and not above: it loads llvmlite, which `import hwio` must not
    from hwio.engine.launch import pooling_grad

    try:
        launch = _launch(pooling_grad, problem, task, (x.dtype, dy.dtype), flag)
        shape = problem.geometry.x_shape
        return None if launch is None else pooling_grad.run(launch, x, dy, shape)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  a compiler can fail in any way; NumPy does not
        give_up(error)
        return None


def _launch(
    pooling_grad: Any, problem: PoolProblem, task: str, dtypes: tuple[Any, Any], flag: bool
) -> Any:
    """Return the launch that the problem has kept, or a new one; None where there is no kernel."""
    from hwio.engine.threads import get_num_threads

    threads = get_num_threads()
    key = (task, *dtypes, flag, threads)
    if key in problem.kept:
        return problem.kept[key]
    geo, kinds = problem.geometry, (dtypes[0].str[1:], dtypes[1].str[1:])
    launch = None
    if pooling_grad.refusal_of(task, geo, kinds) is None:
        by = np.ones(1) if task == "max" else divisor(geo, problem.padding, flag)
        all_ties = task == "max" and flag
        launch = pooling_grad.launch_of(
            task, geo, kinds, by.astype(dtypes[1]), all_ties, threads
        )
    problem.kept[key] = launch
    return launch
