"""The words for a pooling's x, dy and window that don't fit: a forgotten option, or another order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hwio.errors import HwioError, show, word
from hwio.fixes import retell
from hwio.ops.arrays import is_shape
from hwio.ops.exchanged import refuse_exchanged
from hwio.ops.forgotten import forgotten, pool_changes, told
from hwio.ops.missing import missing_dy
from hwio.ops.pool_check import NO_MAXIMUM, PoolProblem, check_pool

_PLACES = ("x", "dy", "window")
_OPTIONS = ("window", "stride", "padding", "dilation", "ceil_mode", "layout")


def reread_pool(error: HwioError, function: Callable[..., Any], given: dict[str, Any]) -> None:
    """Put into an error of a pooling's gradient what its arguments seem to be.

    Parameters
    ----------
    error : HwioError
        To be raised again.
    function : callable
        ``max_pool_grad`` or ``avg_pool_grad``.
    given : dict
        Its ``locals()``, with x and dy as they were given.
    """
    x, dy, window = (given[name] for name in _PLACES)
    options = {name: given[name] for name in _OPTIONS}
    if window is None and _is_size(dy) and _shape(x) is not None:
        _tell_missing(error, x, dy, options)
        return
    if window is None and isinstance(dy, np.ndarray) and _shape(x) is not None:
        windows = ({"window": size} for size in (2, 3, 4, 5, 6, 7, 8))
        found = _forgotten(x, dy, options, windows)
        if found:
            error.args = (word("window is missing", told(found), found),)
        return

    def fit(x: Any, dy: Any, window: Any) -> bool:
        if not (_is_size(window) and isinstance(dy, np.ndarray) and _shape(x) is not None):
            return False
        problem = _problem(x, options | {"window": window})
        return bool(problem.y_shape == dy.shape)

    refuse_exchanged(error, function, given, _PLACES, fit)
    if "look exchanged" in str(error):
        return
    arrays = [each for each in (x, dy, window) if _shape(each) is not None]
    sizes = [each for each in (x, dy, window) if _is_size(each)]
    if (
        len(arrays) == 2 and len(sizes) == 1 and sizes[0] is not window
    ):  # a size where dy goes: that alone tells enough
        refuse_exchanged(
            error, function, given, _PLACES,
            lambda x, dy, window: x is arrays[0] and dy is arrays[1],
        )  # fmt: skip
    elif (
        isinstance(dy, np.ndarray)
        and str(error).startswith("dy has shape ")
        and "dy = np.ones(" in str(error)
    ):
        _tell_forgotten(error, x, dy, options)


def _tell_missing(error: HwioError, x: Any, window: Any, options: dict[str, Any]) -> None:
    """Word a window in dy's place."""
    problem = _problem(x, options | {"window": window})
    rule, *facts = missing_dy(problem.y_shape, problem.layout.y).split("\n")
    size = show(window)
    rule = f"{rule}: {size} stands in its place, and is read as window"
    fix = facts.pop().replace("fix: ", "").strip().replace("   #", f", window={size}   #")
    facts = ["x, dy and window go by place, in this order", *(fact.strip() for fact in facts)]
    error.args = (word(rule, facts, fix),)


def _tell_forgotten(error: HwioError, x: Any, dy: Any, options: dict[str, Any]) -> None:
    """Word a dy that would fit with another option."""
    found = _forgotten(x, dy, options, pool_changes())
    if found:
        rule, *lines = retell(str(error), lambda _: None).split("\n")
        facts = [line[2:] for line in lines if not line.startswith("  dy holds")]
        error.args = (word(rule, [*facts, *told(found)], found),)


def _forgotten(x: Any, dy: Any, options: dict[str, Any], changes: Any) -> list[str]:
    """Return the options with which y has dy's shape."""

    def y_of(changed: dict[str, Any]) -> tuple[tuple[int, ...], Any]:
        problem = _problem(x, changed)
        return problem.y_shape, (problem.geometry, problem.padding)

    return forgotten(dy.shape, options, changes, y_of)


def _problem(x: Any, options: dict[str, Any]) -> PoolProblem:
    """Check a pooling of these sizes; a tuple or an array of a size counts as a list."""
    window = options["window"]
    window = window.tolist() if isinstance(window, np.ndarray) else window
    shape = _shape(x)
    assert shape is not None
    return check_pool(shape, **(options | {"window": window}), why=NO_MAXIMUM)


def _shape(value: Any) -> tuple[int, ...] | None:
    """Return the shape of an array with axes, or the shape that stands for one."""
    if is_shape(value):
        return value if len(value) > 2 else None
    return value.shape if isinstance(value, np.ndarray) and value.ndim > 2 else None


def _is_size(value: Any) -> bool:
    """Tell the size of a window from an array, and from a shape that stands for one."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return True
    few = isinstance(value, tuple | list) and 0 < len(value) < 4
    return few and all(isinstance(each, int | np.integer) for each in value)
