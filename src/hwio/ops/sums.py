"""The dtypes of gradients: what to compute in, what comes out, and integers that never wrap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.errors import RangeError, show, word
from hwio.ops.arrays import float_compute, integer_result
from hwio.ops.finish import rounded
from hwio.ops.integers import compute_dtype, largest

if TYPE_CHECKING:
    from hwio.types import Array


def result_dtype(*dtypes: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of sums of products of the first two, plus a third.

    Examples
    --------
    >>> result_dtype(np.dtype("int8"), np.dtype("int8"))
    dtype('int32')
    >>> result_dtype(np.dtype("float32"), np.dtype("float64"))
    dtype('float64')
    """
    if any(d.kind not in "iu" for d in dtypes):
        return np.dtype(np.result_type(*dtypes).str)
    result = integer_result(dtypes[0], dtypes[1])
    if len(dtypes) == 3 and not np.can_cast(dtypes[2], result):
        result = np.dtype(np.int64) if result.itemsize < 8 else result
    return result


def summing_dtype(
    result: np.dtype[Any], factors: tuple[Array, Array], k: int, name: str, b: Array | None = None
) -> np.dtype[Any]:
    """Return a dtype in which k products in a sum are exact for integers, else the usual one.

    Parameters
    ----------
    result : dtype
    factors : pair of array
    k : int
        Products in one sum at most.
    name : str
        Of the sums, for messages.
    b : array, optional
        Added to them.

    Raises
    ------
    RangeError
        If no accumulator holds such integers exactly.
    """
    if result.kind not in "iu":
        return float_compute(result)
    most = [largest(a) for a in factors]
    bound = k * most[0] * most[1] + (0 if b is None else largest(b))
    unsigned = all(a.dtype.kind == "u" for a in (*factors, *([] if b is None else [b])))
    dtype = compute_dtype(bound, result, transforms=False, unsigned=unsigned)
    if dtype is None:
        rule = f"{name} could reach {show(bound)}, which no exact accumulator holds"
        products = "1 product" if k == 1 else f"{k} products"
        facts = [f"{products} of integers up to {most[0]} and {most[1]}"]
        raise RangeError(word(rule, facts, f"{_first(name)}.astype(float)   # rounded"))
    return dtype


def narrowed(sums: Array, result: np.dtype[Any], name: str) -> Array:
    """Return sums in their final dtype; an integer that does not fit is an error.

    Raises
    ------
    RangeError
        If an integer leaves the dtype.
    """
    if sums.dtype == result:
        return sums
    if result.kind not in "iu":
        return rounded(sums, result)
    info = np.iinfo(result)
    low, high = (int(sums.min()), int(sums.max())) if sums.size else (0, 0)
    if low < info.min or high > info.max:
        rule = f"{name} spans {low} … {high}, but {result} holds {info.min} … {info.max}"
        facts = ["hwio sums integers exactly and never wraps"]
        raise RangeError(word(rule, facts, f"{_first(name)}.astype(np.int64)"))
    return sums.astype(result)


def _first(name: str) -> str:
    """Write the start of a line that converts the operand which decides the dtype."""
    operand = "x" if name == "y" else "dy"
    return f"{operand} = {operand}"
