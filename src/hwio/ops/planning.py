"""The checked problem of arrays or shapes, without running it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from hwio.errors import ArgumentTypeError, ShapeError, kind, show, word
from hwio.ops.arrays import as_array, is_shape
from hwio.ops.check import Problem, check_problem
from hwio.ops.lazy import bridge_name
from hwio.shapes.counts import LARGEST


def problem_of(x: Any, w: Any, b: Any = None, **options: Any) -> Problem:
    """Check a call on arrays or shapes without running it; shapes count as float32.

    Parameters
    ----------
    x, w, b : array or tuple of int
    **options
        Keywords of ``conv``, without out.

    Returns
    -------
    Problem
    """
    sides: list[Any] = []
    for name, value in (("x", x), ("w", w), ("b", b)):
        if value is None and name == "b":
            sides.append(None)
        elif is_shape(value):
            sides.append((checked_shape(value, name), np.dtype(np.float32)))
        elif bridge_name(value):  # not computed yet
            sides.append((value.shape, value.dtype))
        else:
            check_shape_like(value, name)
            array = as_array(value, name, bfloat16=True)
            sides.append((array.shape, array.dtype))
    (x_shape, x_dtype), (w_shape, w_dtype), bias = sides
    return check_problem(x_shape, w_shape, x_dtype, w_dtype, bias, **options)


def check_shape_like(value: Any, name: str) -> None:
    """Refuse a list of ints or a text that was meant as a shape."""
    meant: tuple[int, ...] | None = None
    if isinstance(value, list) and name != "b" and 2 <= len(value) <= 5 and is_shape(tuple(value)):
        meant = tuple(value)
    elif isinstance(value, str) and re.fullmatch(r"[(\[]?\d{1,18}(\s*,\s*\d{1,18})+[)\]]?", value):
        meant = tuple(int(n) for n in re.findall(r"\d+", value))
    if meant is not None:
        rule = f"{name}={show(value)} is {kind(value)}; a shape is a tuple"
        raise ArgumentTypeError(word(rule, [], f"{name}={meant}"))


def checked_shape(shape: tuple[int, ...], name: str) -> tuple[int, ...]:
    """Return a shape given instead of an array, if there can be such an array."""
    if any(n < 0 or n >= LARGEST for n in shape):
        rule = f"{name}={show(shape)} is no shape: no axis has less than 0 or 2^63 cells"
        meant = tuple(abs(int(n)) % LARGEST for n in shape)
        raise ShapeError(word(rule, [], f"{name}={meant}"))
    return tuple(int(n) for n in shape)
