"""Put y together from blocks, and say what range integers have where they leave y's dtype."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hwio.errors import RangeError
from hwio.ops.integers import narrow

if TYPE_CHECKING:
    from hwio.ops.check import Problem
    from hwio.types import Array

Parts = Iterator[tuple[tuple[slice, ...], "Array"]]


def assemble(parts: Callable[[Problem], Parts], problem: Problem, room: Array | None) -> Array:
    """Return y (n, *out, o): room, if there is one.

    Parameters
    ----------
    parts : callable
        Of a problem: yields indices of y and what belongs there.
    problem : Problem
    room : array, shape (n, *out, o), or None

    Raises
    ------
    RangeError
        Where integers leave y's dtype, which shows after other blocks were written.
    """
    y = np.empty(problem.geometry.y_shape, problem.result) if room is None else room
    fits = True
    try:
        for place, part in parts(problem):
            with np.errstate(over="ignore"):  # float16 overflows to Inf
                y[place] = part
    except RangeError:
        fits = False
    if not fits:
        _raise_range(parts, problem)
    return y


def _raise_range(parts: Callable[[Problem], Parts], problem: Problem) -> None:
    """Tell the range of all sums, where those of one block left y's dtype already."""
    wide = np.uint64 if problem.result == np.uint64 else np.int64
    ends = []
    for _, part in parts(replace(problem, result=np.dtype(wide))):
        ends += [part.min(), part.max()]
    narrow(np.array([min(ends), max(ends)]), problem.result)
