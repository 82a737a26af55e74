"""From sums to y: the dtype of exact sums, the bias, the activation, the last rounding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.errors import OptionError, RangeError, word
from hwio.methods import METHODS
from hwio.ops.arrays import float_compute
from hwio.ops.integers import clip_exact, compute_dtype, largest, narrow, range_message

if TYPE_CHECKING:
    from hwio.ops.check import Problem
    from hwio.types import Array


def integer_dtype(problem: Problem, x: Array, w: Array, b: Array | None) -> np.dtype[Any]:
    """Choose a dtype in which the sums of integers are exact."""
    k, out = problem.geometry.depth, problem.result
    mx, mw = largest(x), largest(w)
    bound = k * mx * mw + (0 if b is None else largest(b))
    low, high = problem.clip or (None, None)
    bound = max(bound, int(low or 0), -int(high or 0)) if out.kind != "f" else bound
    method = problem.plan.method
    unsigned = all(a.dtype.kind == "u" for a in (x, w, b) if a is not None)
    transforms = METHODS[method].transforms
    dtype = compute_dtype(bound, out, transforms=transforms, unsigned=unsigned)
    if dtype is None and METHODS[method].transforms:
        rule = f"method={method!r} is exact for integers only while sums stay below 2^44"
        facts = [f"K·max|x|·max|w| = {k}·{mx}·{mw} = {k * mx * mw}"]
        raise OptionError(word(rule, facts, "method='auto'"))
    if dtype is None:
        parts = f"K·max|x|·max|w| = {k}·{mx}·{mw} = {k * mx * mw}"
        raise RangeError(range_message(bound, parts, out))
    return dtype


def finish(y: Array, b: Array | None, problem: Problem) -> Array:
    """Add the bias, apply the activation, round to the result's dtype."""
    integers = problem.compute is None
    if integers and y.dtype.kind == "f" and METHODS[problem.plan.method].transforms:
        y = np.rint(y)
    if b is not None:
        y += b.reshape(-1).astype(y.dtype, copy=False)
    exact = integers and problem.result.kind != "f"
    if integers and not exact:  # before clipping: the bounds may be fractions
        y = rounded(y, float_compute(problem.result))
    if problem.clip is not None and exact:
        clip_exact(y, *problem.clip)
    elif problem.clip is not None:
        low, high = problem.clip
        if low is not None:
            np.maximum(y, low, out=y)
        if high is not None:
            np.minimum(y, high, out=y)
    if y.dtype == problem.result:
        return y
    return narrow(y, problem.result) if exact else rounded(y, problem.result)


def rounded(y: Array, dtype: np.dtype[Any]) -> Array:
    """Round to a float dtype; float16 overflows to Inf, as float32 does."""
    if y.dtype == dtype:
        return y
    with np.errstate(over="ignore"):
        return y.astype(dtype)
