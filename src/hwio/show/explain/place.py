"""Check the place of one number of y."""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from hwio.errors import ArgumentTypeError, ShapeError, show, word
from hwio.shapes.counts import LARGEST, entries_of, nearest_int
from hwio.shapes.layout import describe


def check_at(
    at: Any, shape: tuple[int, ...], letters: str, of: str = "y", option: str = "at"
) -> tuple[int, ...]:
    """Return a place in y, or in the array that ``of`` names, as a tuple of ints in range.

    Examples
    --------
    >>> check_at([0, 1, 2, 5], (2, 3, 5, 8), "NHWC")
    (0, 1, 2, 5)
    """
    facts = [f"{of}  {shape}  read as {letters}:  {describe(shape, letters)}"]
    try:
        if isinstance(at, str):
            raise TypeError
        place = tuple(index(i) for i in at)
    except TypeError:
        rule = f"{option}={show(at)} is not one integer per axis of {of}"
        typed = re.findall(r"-?\d{1,9}", at) if isinstance(at, str) else entries_of(at) or [at]
        numbers = [nearest_int(n, -LARGEST) for n in typed if _is_number(n)]
        fix = f"{option}={_completed(numbers, shape)}"
        raise ArgumentTypeError(word(rule, facts, fix)) from None
    if len(place) != len(shape):
        axes = "axis" if len(place) == 1 else "axes"
        rule = f"{option}={place} names {len(place)} {axes} but {of} has {len(shape)}"
        raise ShapeError(word(rule, facts, f"{option}={_completed(place, shape)}"))
    if 0 in shape:
        rule = f"{option}={place}: {of} {shape} holds no number"
        raise ShapeError(word(rule, facts))
    for letter, i, size in zip(letters, place, shape, strict=True):
        if not 0 <= i < size:
            rule = f"{option}={place}: {letter} = {i} lies outside {of}"
            ranges = "   ".join(
                f"{name} 0 … {most - 1}" for name, most in zip(letters, shape, strict=True)
            )
            facts.append(f"legal:  {ranges}" + ("      counted from 0, no negatives" * (i < 0)))
            legal = tuple(_nearest(i, size) for i, size in zip(place, shape, strict=True))
            raise ShapeError(word(rule, facts, f"{option}={legal}"))
    return place


def _is_number(entry: Any) -> bool:
    """Tell a number, or its digits."""
    return isinstance(entry, int | float | np.number | str)


def _completed(numbers: Sequence[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return what was typed, with zeros for what was not."""
    padded = [*numbers, *(0,) * len(shape)]
    return tuple(_nearest(i, size) if size else 0 for i, size in zip(padded, shape, strict=False))


def _nearest(i: int, size: int) -> int:
    """Return the legal index that was most likely meant."""
    return i + size if -size <= i < 0 else min(max(i, 0), size - 1)
