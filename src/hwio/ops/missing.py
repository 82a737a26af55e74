"""The words for an argument that was left out."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from hwio.errors import ArgumentTypeError, HwioError, word
from hwio.ops.places import listed, spoken, written_call
from hwio.shapes.layout import default_layout, describe, parse_layout


class _LeftOut:
    """What stands for an argument that was not given; None is given often, by what found nothing."""

    def __repr__(self) -> str:
        return "<left out>"


LEFT_OUT: Any = _LeftOut()
# what can be said of an argument besides its shape, and what may stand for it in a call
_WHAT = {
    "dy": "the gradient for y: one number for each of y, in its shape",
    "y": "what your own code made of x and w",
    "window": "cells of x, on each axis, that make one number of y",
    "fn": "the function to be checked, or the path of a notebook",
    "array": "weights or activations",
    "change": 'the letters that the array has, then those you want: "OIHW->HWIO"',
    "channels": "the number C of channels",
    "source": "where w comes from",
    "target": "where w goes",
}
_AN_ARRAY = object()  # written by the argument's name
_STANDS: dict[str, Any] = {
    "change": "OIHW->HWIO",
    "window": 2,
    "source": "torch",
    "target": "keras",
}
_EXAMPLE = {"N": 2, "D": 6, "H": 5, "W": 7, "C": 4, "I": 4, "O": 8, "M": 2}  # sizes of x and y


def refuse_missing(function: Callable[..., Any], given: dict[str, Any]) -> NoReturn:
    """Raise for arguments that were left out: say what each is, and write the call.

    Parameters
    ----------
    function : callable
        Its signature, as help() shows it, tells which it needs.
    given : dict
        Its ``locals()`` before anything else was done.

    Raises
    ------
    ArgumentTypeError
    """
    seen = inspect.signature(function).parameters.values()
    collected = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    needed = [p.name for p in seen if p.default is p.empty and p.kind not in collected]
    needed = [name for name in needed if name != "self"]
    absent = [name for name in needed if given[name] is LEFT_OUT or given[name] is None]
    say = spoken(function)
    are = "is" if len(absent) == 1 else "are"
    rule = f"{listed(absent)} {are} missing: {say} takes {listed(needed)}"
    wide = max(map(len, absent))
    facts = [f"{name:<{wide}}  {_told(name, say, given)}" for name in absent]
    read = {
        name: given[name] if name not in absent else _STANDS.get(name, _AN_ARRAY) for name in needed
    }
    raise ArgumentTypeError(word(rule, facts, written_call(function, given, read)))


def _told(name: str, say: str, given: dict[str, Any]) -> str:
    """Say what an argument is; of x and w in which letters it is read, and a shape that would fit."""
    if name not in ("x", "w"):
        return _WHAT[name]
    if "move" in say:
        return "weights, in the order of the framework that they come from"
    what = "images" if name == "x" else "weights"
    arrays = [given[each] for each in ("x", "w") if isinstance(given.get(each), np.ndarray)]
    layout = given.get("layout", given.get("options", {}).get("layout"))
    layout = layout if isinstance(layout, str) else None
    try:
        lay = parse_layout(layout or default_layout(arrays[0].ndim if arrays else 4))
    except (HwioError, KeyError):
        return what
    letters = getattr(lay, name)
    if "transpose" in say and not layout and name == "w":
        letters = letters.replace("IO", "OI")
    sizes = dict(_EXAMPLE)
    if arrays and not layout and arrays[0].ndim == len(letters):
        inner = arrays[0].shape[-1] if name == "w" or "transpose" in say else arrays[0].shape[-2]
        sizes |= {"C": inner, "I": inner}
    taps = {"D": 3, "H": 3, "W": 3} if name == "w" else {}
    shape = tuple((sizes | taps)[letter] for letter in letters)
    return f"{what}, read as {letters}, such as np.ones({shape})"


def one_number(shape: tuple[int, ...]) -> str:
    """Word a dy that is one number, as if it were the loss's own gradient."""
    facts = ["it is the gradient for y: one number for each of y"]
    fix = f"dy = np.full({shape}, dy)   # of a loss that is dy times the sum of y"
    return word(f"dy is one number, but y has shape {shape}", facts, fix)


def missing_dy(shape: tuple[int, ...], letters: str) -> str:
    """Word a call without dy, which offers one of y's shape.

    Parameters
    ----------
    shape : tuple of int
        Of y.
    letters : str

    Examples
    --------
    >>> print(missing_dy((1, 3, 1), "NWC"))
    dy is missing
      it is the gradient for y: one number for each of y, in its shape
      y  N=1 W=3 C=1
      fix: dy=np.ones((1, 3, 1))   # of a loss that is the sum of y
    """
    facts = ["it is the gradient for y: one number for each of y, in its shape"]
    facts.append(f"y  {describe(shape, letters)}")
    return word("dy is missing", facts, f"dy=np.ones({shape})   # of a loss that is the sum of y")
