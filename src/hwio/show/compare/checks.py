"""Check what ``compare`` was given."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine.registry import KERNELS
from hwio.errors import OptionError, nearest, word
from hwio.methods import METHODS
from hwio.ops.keywords import OPTIONS, check_keywords
from hwio.ops.memory import check_memory, size
from hwio.planner.ways import ways
from hwio.show.case import read_case
from hwio.show.compare.contenders import Call

if TYPE_CHECKING:
    from hwio.ops.check import Problem

# Keywords of conv that compare does not pass on, and what to write instead.
_NOT_HERE = {"method": "methods=[...]", "out": "nothing: each way returns its own y"}
_OWN = ("methods", "x_layouts", "w_layouts", "runs", "seconds", "loops", "raw", "limit", "progress")


def checked_call(x: Any, w: Any, b: Any, options: dict[str, Any]) -> Call:
    """Check arguments as ``conv`` does; fill shapes with random numbers."""
    for name in options:
        if name in _NOT_HERE:
            fix = _NOT_HERE[name]
            if name == "method" and isinstance(options[name], str):
                fix = f"methods={[options[name]]}"
            raise OptionError(word(f"compare takes no {name}=", [], fix))
    known = [name for name in OPTIONS if name not in _NOT_HERE]
    check_keywords("compare", options, [*known, *_OWN], x, w)
    case = read_case(x, w, b, options, function="compare")
    _check_room(case.problem)
    made = np.random.default_rng(0).standard_normal
    pairs = ((case.x, x), (case.w, w), (case.b, b))
    # a shape, which has no array, is filled
    arrays: list[Any] = [
        made(given, np.float32) if array is None and given is not None else array
        for array, given in pairs
    ]
    return Call(case.problem, arrays[0], arrays[1], arrays[2], options)


def _check_room(problem: Problem) -> None:
    """Raise LimitError if the arrays and the reference would not fit, before any is made."""
    geo = problem.geometry
    x, w, y = (prod(shape) for shape in (geo.x_shape, geo.w_shape, geo.y_shape))
    padded = geo.n * prod(geo.padded_size) * geo.in_channels
    arrays, reference = 16 * (x + w), 16 * (2 * padded + 2 * w + 4 * y)
    parts = [f"x and w    up to {size(arrays)}", f"reference  up to {size(reference)}"]
    check_memory(arrays + reference, None, parts, "compare on fewer images")


def known_methods(methods: Iterable[str] | str | None) -> list[str]:
    """Return the names of methods asked for, each checked."""
    names = listed(methods, "methods")
    if names is None:
        return list(ways())
    known = [*METHODS, *KERNELS]
    for name in names:
        if name not in known:
            near = nearest(name, known)
            rule = f"methods: {name!r} is not a method"
            fix = f"did you mean {near!r}?" if near else "methods=None   # all of them"
            raise OptionError(word(rule, [f"methods: {', '.join(known)}"], fix))
    return names


def listed(value: Iterable[str] | str | None, name: str) -> list[str] | None:
    """Return one word or several as a list without repeats, None for None."""
    if value is None:
        return None
    words = list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    if not words or not all(isinstance(each, str) for each in words):
        rule = f"{name}={value!r} does not name any"
        raise OptionError(word(rule, [f"{name} is a list of words"], f"leave {name} out for all"))
    return list(dict.fromkeys(each.replace(" ", "") for each in words))
