"""Whole numbers as options: stride, dilation, groups, cells of padding, bytes."""

from __future__ import annotations

from math import prod
from operator import index
from typing import Any

import numpy as np

from hwio.errors import ArgumentTypeError, OptionError, ShapeError, kind, show, word

# more than any axis can have; below it every size that follows is a number one can print
LARGEST = 1 << 63
_MEANING = {
    "stride": "stride counts cells of x from one window to the next",
    "dilation": "dilation counts cells of x from one tap of a filter to the next",
    "window": "window counts the cells of x, on each axis, that make one number of y",
    "groups": "groups is the number of parts into which channels and filters are split",
    "padding": "padding takes a word, an int, or one (low, high) pair per axis",
    "memory_limit": "memory_limit is a number of bytes",
    "channels": "channels is the number C of channels; each has M = O / C filters",
}


def check_int(
    value: Any, name: str, least: int, axis: str = "", given: Any = None, fix: str | None = None
) -> int:
    """Return value as an int of at least ``least``.

    Parameters
    ----------
    value : int
        Or anything with ``__index__``, but no bool.
    name : str
        Of the option, for messages.
    least : int
        The smallest legal value.
    axis, given : str, sequence
        Where value is one entry of a sequence: its axis, and the whole as the user typed it.
    fix : str, optional
        What to type instead; by default the nearest legal number.

    Raises
    ------
    ArgumentTypeError
        If it is no integer.
    ShapeError
        If it is too small, or more cells than an axis can have.
    """
    given = value if given is None else given
    facts = [_MEANING[name]] if name in _MEANING else []
    fix = fix or f"{name}={nearest_int(value, least)}"
    try:
        if isinstance(value, bool) or "bool" in str(getattr(value, "dtype", "")):
            raise TypeError  # NumPy 2.0 and PyTorch give their bools an index
        number = index(value)
    except TypeError:
        what = "" if value is None else f"{kind(value)}, "
        rule = f"{name}={show(given)} is {what}not an int"
        if axis:
            rule = f"{name}={show(given)} has {show(value)} on {axis}, which is {what}not an int"
        raise ArgumentTypeError(word(rule, facts, fix)) from None
    if not least <= number < LARGEST:
        must = f"it must be at least {least}" if number < least else "no axis has 2^63 cells"
        has = f" has {show(value)} on {axis}" if axis else ""
        raise ShapeError(word(f"{name}={show(given)}{has}, but {must}", facts, fix))
    return number


def nearest_int(value: Any, least: int) -> int:
    """Return the legal number that was probably meant.

    Examples
    --------
    >>> nearest_int(2.0, 1), nearest_int("2", 1), nearest_int(-3, 1), nearest_int(None, 0)
    (2, 2, 1, 1)
    """
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = 1
    return number if least <= number < LARGEST else max(least, 1)


def shape_of_any(value: Any) -> tuple[int, ...]:
    """Return the shape of whatever has one, () for anything else, however it answers."""
    try:
        shape = value.shape
    except Exception:  # noqa: BLE001  junk may raise anything
        return ()
    whole = isinstance(shape, tuple) and all(isinstance(n, int) for n in shape)
    return shape if whole else ()


def entries_of(value: Any) -> list[Any] | None:
    """Return the entries of a tuple, list or small array; None for anything else."""
    if isinstance(value, tuple | list):
        return list(value[:100])
    shape = shape_of_any(value)
    if shape and hasattr(value, "tolist") and prod(shape) <= 100:
        entries: list[Any] = value.tolist()
        return entries
    return None


def flat_entries(value: Any) -> list[Any] | None:
    """Return the entries where there is one for each axis; None of an array out of its place, too."""
    return None if len(shape_of_any(value)) > 1 else entries_of(value)


def per_axis(value: Any, name: str, letters: str) -> tuple[int, ...]:
    """Return one int of at least 1 per spatial axis, from an int or a sequence.

    Examples
    --------
    >>> per_axis(2, "stride", "HW")
    (2, 2)
    """
    entries = flat_entries(value)
    if entries is None:
        return (check_int(value, name, 1),) * len(letters)
    if len(entries) != len(letters):
        axes = "1 spatial axis" if len(letters) == 1 else f"{len(letters)} spatial axes"
        one = "entry" if len(entries) == 1 else "entries"
        rule = f"{name}={show(value)} has {len(entries)} {one}, but there are {axes}"
        facts = [f"one int for all axes, or one each for {', '.join(letters)}"]
        raise ShapeError(word(rule, facts, f"{name}={_of_length(entries, len(letters))}"))
    fix = f"{name}={tuple(nearest_int(e, 1) for e in entries)}"
    return tuple(
        check_int(entry, name, 1, axis, value, fix)
        for entry, axis in zip(entries, letters, strict=True)
    )


def _of_length(entries: list[Any], ndim: int) -> int | tuple[int, ...]:
    """Choose the entries that belong to the spatial axes, as far as that can be told."""
    if len(entries) == 1:
        return nearest_int(entries[0], 1)
    ones = [type(e) is int and e == 1 for e in entries]
    steps = [e for e, one in zip(entries, ones, strict=True) if not one]
    if len(entries) == ndim + 2 and ones[0]:  # TensorFlow counts N and C too
        middle = entries[1:-1] if ones[-1] else entries[2:]
    elif len(set(map(show, entries))) == 1:  # one number, too often or not often enough
        middle = entries[:1] * ndim
    else:
        middle = steps if len(steps) == ndim else [1] * ndim
    return tuple(nearest_int(e, 1) for e in middle) if ndim > 1 else nearest_int(middle[0], 1)


def positive(value: Any, name: str, usual: float) -> float:
    """Return value as a float above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise ArgumentTypeError(word(f"{name}={value!r} is not a number", [], f"{name}={usual}"))
    if not value > 0:
        raise OptionError(word(f"{name}={value} must be above 0", [], f"{name}={usual}"))
    return float(value)
