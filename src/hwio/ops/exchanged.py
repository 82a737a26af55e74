"""Arrays in each other's place: seen where they fit in one other order, and in no second one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np

from hwio.errors import HwioError, show, word
from hwio.ops.arrays import is_shape
from hwio.ops.places import written_call


def refuse_exchanged(
    error: HwioError,
    function: Callable[..., Any],
    given: dict[str, Any],
    places: tuple[str, ...],
    fits: Callable[..., bool],
) -> None:
    """Put into an error, before it is raised again, that arguments look exchanged, if they do.

    Parameters
    ----------
    error : HwioError
        What is wrong with them as they are.
    function : callable
    given : dict
        Its ``locals()``.
    places : tuple of str
        The arguments that could be in each other's place.
    fits : callable
        Takes them in that order and tells whether they fit; where it raises HwioError they do not.
    """
    values = [given[name] for name in places]
    found = [order for order in permutations(range(len(places))) if _fits(fits, values, order)]
    if len(found) != 1:
        return
    order = found[0]
    moved = [i for i, place in enumerate(order) if i != place]
    names = [places[i] for i in moved]
    rule, *_ = str(error).split("\n")
    wide = max(map(len, names))
    tall = max(len(_shown(values[i])) for i in moved)
    facts = [
        f"given as {places[i]:<{wide}}  {_shown(values[i]):<{tall}}  fits as {places[order.index(i)]}"
        for i in moved
    ]
    read = {name: values[place] for name, place in zip(places, order, strict=True)}
    listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    arrays = [name for name in names if name != "window" and _is_array(read[name])]
    shapes = ", ".join(f"{name} {_shown(read[name])}" for name in arrays)
    others = {name: given[name] for name in ("b",) if name in given and name not in read}
    fix = f"{written_call(function, given, read | others)}   # {shapes}"
    error.args = (word(f"{listed} look exchanged: {rule}", facts, fix),)


def _fits(fits: Callable[..., bool], values: list[Any], order: tuple[int, ...]) -> bool:
    """Tell whether the values fit in another order."""
    if order == tuple(range(len(values))):
        return False
    try:
        return fits(*(values[place] for place in order))
    except HwioError:
        return False


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or is_shape(value)


def _shown(value: Any) -> str:
    """Show an array by its shape, and a size as it is."""
    return str(value.shape) if isinstance(value, np.ndarray) else show(value)
