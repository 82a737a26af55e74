"""Integers: exact or an error, never a silent wrap.

Every partial sum is at most K·max|x|·max|w|. Where that stays below 2^24 (2^53) every intermediate
is an integer that float32 (float64) holds exactly, so the fast matrix product serves; above that
int64 or uint64 does. Compiled kernels sum 8 and 16 bits in int32, below 2^31. The result is checked against the output dtype before it is narrowed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.errors import RangeError, show, word

if TYPE_CHECKING:
    from hwio.types import Array

# the largest K·max|x|·max|w| for which rounding a transform's result is exact (TRUST E0f, E0w)
TRANSFORM_LIMIT = 2**44


def largest(array: Array) -> int:
    """Return max|a| as a Python int; 0 for an empty array."""
    if array.size == 0:
        return 0
    # along an axis of stride 0 all numbers are one
    array = array[tuple(slice(0, 1) if step == 0 else slice(None) for step in array.strides)]
    return max(int(array.max()), -int(array.min()))


def int32_bound(depth: int, x: Array, w: Array) -> int | None:
    """Return what no sum of products exceeds, None where int32 sums of 8 or 16 bits don't serve.

    Bytes are judged by their dtype, as long as that is enough: then no number is read.

    Parameters
    ----------
    depth : int
        Products of one sum, K.
    x, w : array
        Of integers.
    """
    if max(x.dtype.itemsize, w.dtype.itemsize) > 2:
        return None
    most = depth * _reach(x.dtype) * _reach(w.dtype)
    if most >= 2**31 or max(x.dtype.itemsize, w.dtype.itemsize) == 2:
        mx, mw = largest(x), largest(w)
        most = depth * mx * mw
        if any(m >= 2**15 and a.dtype.kind == "u" for m, a in ((mx, x), (mw, w))):
            return None  # 16 bits with a sign do not hold it
    return most if most < 2**31 else None


def _reach(dtype: np.dtype[Any]) -> int:
    """Return the largest absolute value of an integer dtype."""
    info = np.iinfo(dtype)
    return max(int(info.max), -int(info.min))


def compute_dtype(
    bound: int, out: np.dtype[Any], *, transforms: bool, unsigned: bool = False
) -> np.dtype[Any] | None:
    """Return a dtype in which every partial sum is exact, or None if there is none.

    Parameters
    ----------
    bound : int
        K·max|x|·max|w| plus max|b|.
    out : dtype
        The output's.
    transforms : bool
        Whether the method sums in another space, which leaves fractions.
    unsigned : bool
        Whether no operand can be negative.

    Examples
    --------
    >>> compute_dtype(2**20, np.dtype("int32"), transforms=False)
    dtype('float32')
    """
    if transforms:
        return np.dtype(np.float64) if bound < TRANSFORM_LIMIT else None
    if bound <= 2**24:
        return np.dtype(np.float32)
    if bound <= 2**53:
        return np.dtype(np.float64)
    if bound < 2**63:
        return np.dtype(np.int64)
    if bound < 2**64 and out == np.uint64 and unsigned:
        return np.dtype(np.uint64)
    return np.dtype(np.float64) if out.kind == "f" else None


def range_message(bound: int, parts: str, out: np.dtype[Any]) -> str:
    """Word an accumulator that can't be exact."""
    rule = f"y could reach {show(bound)}, which no exact accumulator for {out} holds"
    return word(rule, [parts], "out_dtype=np.float64   # rounded")


def clip_exact(y: Array, low: float | None, high: float | None) -> None:
    """Clip exact sums in place; a bound that no sum can pass is left out.

    Raises
    ------
    RangeError
        If a bound leaves what the accumulator holds, so that all of y would.
    """
    if y.dtype.kind == "f":
        most = 2**24 if y.dtype.itemsize == 4 else 2**53
        least = -most
    else:
        most, least = int(np.iinfo(y.dtype).max), int(np.iinfo(y.dtype).min)
    if (low is not None and low > most) or (high is not None and high < least):
        rule = f"activation={show((low, high))} would make every y a number outside {y.dtype}"
        raise RangeError(
            word(rule, [f"{y.dtype} holds {least} … {most} exactly"], "activation=None")
        )
    if low is not None and low > least:
        np.maximum(y, low, out=y)
    if high is not None and high < most:
        np.minimum(y, high, out=y)


def narrow(y: Array, out: np.dtype[Any]) -> Array:
    """Return exact sums in the output dtype.

    Raises
    ------
    RangeError
        If a value leaves the output dtype.
    """
    if y.dtype == out:
        return y
    if y.dtype.kind == "f" and out.kind != "f":
        y = np.rint(y)
    if out.kind in "iu" and y.size:
        info = np.iinfo(out)
        low, high = int(y.min()), int(y.max())
        if low < info.min or high > info.max:
            rule = f"y spans {low} … {high}, but {out} holds {info.min} … {info.max}"
            facts = ["hwio sums integers exactly and never wraps"]
            wider = "np.int64" if low < 0 or high < 2**63 else "np.uint64"
            raise RangeError(word(rule, facts, f"out_dtype={wider}"))
    return y.astype(out)
