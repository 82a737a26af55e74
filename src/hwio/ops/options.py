"""The words among the options: flip, activation, method, precision."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine import refusal
from hwio.engine.registry import KERNELS
from hwio.errors import (
    ArgumentTypeError,
    DTypeError,
    OptionError,
    RangeError,
    nearest,
    show,
    word,
)
from hwio.methods import METHODS
from hwio.planner.choose import PRECISIONS

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry

Clip = tuple[float | None, float | None]
_ACTIVATIONS: dict[str, Clip] = {"relu": (0, None), "relu6": (0, 6)}
_FORMS = "activations: relu, relu6, or (low, high) with None for an open end"


def check_flip(flip: Any) -> bool:
    """Return flip if it is a bool: 1 could be meant as an axis."""
    if not isinstance(flip, bool | np.bool_):
        rule = f"flip={show(flip)} is not True or False"
        facts = ["flip=True turns the kernel round, on all spatial axes"]
        raise ArgumentTypeError(word(rule, facts, f"flip={_meant(flip)}"))
    return bool(flip)


def _meant(flip: Any) -> bool:
    """Guess what a flip that is no bool was to say."""
    return isinstance(flip, int | float) and flip != 0


def check_method(method: Any, precision: Any, geo: Geometry) -> None:
    """Check the method and precision words, and that the method serves the geometry.

    Raises
    ------
    OptionError
        If a word is unknown, or the method can't serve the geometry.
    """
    check_ways(method, precision)
    ways = METHODS | KERNELS
    why = None if method == "auto" else ways[method].refuses(geo)
    if why:
        can = [name for name, m in METHODS.items() if m.refuses(geo) is None]
        rule = f"method={method!r} can't serve this convolution: {why}"
        raise OptionError(word(rule, [f"methods that can: {', '.join(can)}"], "method='auto'"))


def check_ways(method: Any, precision: Any) -> None:
    """Check the method and precision words, and that a compiled method can run at all.

    Raises
    ------
    OptionError
        If a word is unknown, or there is no engine.
    """
    known = ("auto", *sorted(METHODS), *sorted(KERNELS))
    if not isinstance(method, str) or method not in known:
        near = nearest(method, known)
        rule = f"method={show(method)} is not a method"
        fix = f"did you mean method={near!r}?" if near else "method='auto'"
        raise OptionError(word(rule, [f"methods: {', '.join(known)}"], fix))
    if not isinstance(precision, str) or precision not in PRECISIONS:
        near = nearest(precision, PRECISIONS)
        rule = f"precision={show(precision)} is not a precision"
        facts = [f"{name}: {what}" for name, what in PRECISIONS.items()]
        fix = f"did you mean precision={near!r}?" if near else "precision='highest'"
        raise OptionError(word(rule, facts, fix))
    if method in KERNELS and refusal():
        rule = f"method={method!r} is compiled, and the engine does not serve here: {refusal()}"
        raise OptionError(word(rule, [], "method='auto'"))


def clip_of(activation: Any, result: np.dtype[Any]) -> Clip | None:
    """Return an activation as (low, high), in numbers that the result's dtype can hold.

    Raises
    ------
    OptionError
        If it is no activation.
    DTypeError
        If the result has no order, or is of integers and a bound is none.
    """
    if activation is None:
        return None
    if isinstance(activation, str) and activation.lower() in _ACTIVATIONS:
        low, high = _ACTIVATIONS[activation.lower()]
    else:
        low, high = _bounds(activation)
    if result.kind == "c":
        rule = f"activation={show(activation)} needs an order, and {result} numbers have none"
        raise DTypeError(word(rule, [_FORMS], "activation=None   # then activate y.real"))
    if result.kind in "iu":
        return _whole(low, -inf, activation, result), _whole(high, inf, activation, result)
    most = float(np.finfo(np.float32 if result.itemsize < 4 else result).max)
    return _within(low, most), _within(high, most)


def _bounds(activation: Any) -> Clip:
    """Read (low, high)."""
    bounds = tuple(activation) if isinstance(activation, tuple | list) else ()
    if len(bounds) != 2 or not all(v is None or _is_real(v) for v in bounds):
        raise OptionError(_unknown_activation(activation))
    low, high = (_plain(v) for v in bounds)
    if low is not None and high is not None and low > high:
        rule = f"activation={show(activation)} has low above high"
        raise OptionError(word(rule, [_FORMS], f"activation={show((high, low))}"))
    return low, high


def _plain(value: Any) -> float | None:
    """Return a number as Python's own."""
    return (
        value
        if value is None
        else int(value)
        if isinstance(value, int | np.integer)
        else float(value) + 0.0  # -0.0 and 0.0 are one bound
    )


def _is_real(value: Any) -> bool:
    """Tell a real number, neither NaN nor bool."""
    kinds = (int, float, np.integer, np.floating)
    return isinstance(value, kinds) and not isinstance(value, bool) and bool(value == value)


def _unknown_activation(given: Any) -> str:
    """Word an activation that is none."""
    rule = f"activation={show(given)} is not an activation"
    near = nearest(given, _ACTIVATIONS)
    if near:
        fix = f"did you mean activation={near!r}?"
    elif callable(given):
        rule = f"activation={getattr(given, '__name__', 'f')} is a function; hwio knows bounds only"
        fix = "activation=None   # then call it on y"
        if isinstance(given, np.ufunc):
            fix = f"np.{given.__name__}(hwio.conv(x, w))"
    elif isinstance(given, str):
        fix = "activation=None   # then apply it to y"
    else:
        fix = "activation=(0, 6)"
    return word(rule, [_FORMS], fix)


def _within(bound: float | None, most: float) -> float | None:
    """Replace a bound that the dtype can't hold by the infinity beyond it."""
    if bound is None or -most <= bound <= most:
        return bound
    return inf if bound > 0 else -inf


def _whole(bound: float | None, end: float, activation: Any, result: np.dtype[Any]) -> int | None:
    """Return a bound of integers as an int, None for the infinity that is an open end."""
    if bound is None or bound == end:
        return None
    if bound in (inf, -inf):
        rule = f"activation={show(activation)} would make every y infinite, but y is {result}"
        raise RangeError(word(rule, ["integers have no infinity"], "out_dtype=np.float64"))
    if bound != int(bound):
        rule = f"activation={show(activation)} has the fraction {bound}, but y is {result}"
        facts = ["integer results are exact, so their bounds are integers"]
        raise DTypeError(word(rule, facts, "out_dtype=np.float64"))
    return int(bound)
