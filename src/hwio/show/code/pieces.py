"""Pieces of code: axis orders, indexes, dtypes, casts, numbers, as a snippet writes them."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.ops.memory import size
from hwio.shapes.layout import transpose_axes

if TYPE_CHECKING:
    from hwio.show.case import Case
    from hwio.show.sizes import Shape

DType = np.dtype[Any]
_MUCH = 64 << 20  # a temporary from here on is worth a word


def order(source: str, target: str) -> str:
    """Write the axes that turn one order of letters into another.

    Examples
    --------
    >>> order("OIHW", "HWIO")
    '(2, 3, 1, 0)'
    """
    return str(transpose_axes(source, target))


def index(entries: Sequence[str]) -> str:
    """Write an index; whole axes at the end need no mention.

    Examples
    --------
    >>> index([":", "::2", ":"])
    '[:, ::2]'
    """
    kept = list(entries)
    while kept and kept[-1] == ":":
        kept.pop()
    return f"[{', '.join(kept)}]" if kept else ""


def every(step: int) -> str:
    """Write a slice that takes each step-th cell."""
    return ":" if step == 1 else f"::{step}"


def plain(sizes: Sequence[int]) -> str:
    """Write one int for one axis, a tuple for more.

    Examples
    --------
    >>> plain((3,)), plain((3, 3))
    ('3', '(3, 3)')
    """
    return str(sizes[0]) if len(sizes) == 1 else str(tuple(sizes))


def dtype_code(dtype: DType) -> str:
    """Write a dtype as an attribute of np."""
    return f"np.{dtype.name}"


def sized(of: Shape, dtype: DType) -> str:
    """Write a shape, with its bytes where they are many."""
    count = prod(of) * dtype.itemsize
    return f"{of}, {size(count)}" if count >= _MUCH else str(of)


def number(value: float) -> str:
    """Write a bound of an activation as code."""
    if isinstance(value, int | np.integer):
        return str(min(max(int(value), -(2**63)), 2**63 - 1))  # no sum lies beyond
    value = float(value)
    if value in (float("inf"), float("-inf")):
        return f'float("{value}")'
    return str(int(value)) if value.is_integer() and abs(value) < 1e6 else repr(value)


def flipped(case: Case, letters: str) -> str:
    """Write the index that turns a kernel round, where flip was asked for."""
    if not case.problem.flip:
        return ""
    return index(["::-1" if letter in case.space else ":" for letter in letters])


def cast_to(dtype: DType, has: DType) -> str:
    """Write a conversion, nothing where it changes nothing."""
    return f".astype({dtype_code(dtype)})" * (has != dtype)


def casts(case: Case, work: DType, *, each: bool = False) -> tuple[str, str]:
    """Write the conversions of x and w after which NumPy computes in ``work``.

    With ``each``, both are to have that dtype, not only their product.
    """
    x, w = case.dtypes[:2]
    if each:
        return cast_to(work, x), cast_to(work, w)
    if np.result_type(x, w) == work:
        return "", ""
    return f".astype({dtype_code(work)})", cast_to(work, np.result_type(work, w))


def fraction(case: Case) -> bool:
    """Tell whether a bound of the activation lies between whole numbers."""
    bounds = [v for v in case.problem.clip or () if v is not None]
    return any(not number(v).lstrip("-").isdigit() for v in bounds)
