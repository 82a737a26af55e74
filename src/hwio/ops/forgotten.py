"""A dy of another shape than y: with which option y would have had it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Any

from hwio.errors import HwioError, show

Shape = tuple[int, ...]
_STEPS = (2, 3, 4, 1, 5, 6, 7, 8)
_PADDINGS = ("same", 1, 2, 3, "valid", "full", "same_lower", "half", "causal")
MOST = 2  # fixes in one message


def conv_changes() -> Iterator[dict[str, Any]]:
    """Yield the options of a convolution that are forgotten most, often before seldom."""
    yield from ({"padding": each} for each in _PADDINGS)
    yield from ({"stride": each} for each in _STEPS)
    yield from ({"stride": s, "padding": p} for s, p in product(_STEPS, _PADDINGS))
    yield from ({"dilation": each} for each in (2, 3, 4, 1))
    yield from ({"padding": p, "dilation": d} for p, d in product(_PADDINGS, (2, 3, 4)))


def pool_changes() -> Iterator[dict[str, Any]]:
    """Yield the options of a pooling that are forgotten most."""
    yield from ({"layout": each} for each in ("NCHW", "HWC", "NCW", "CHW", "NCDHW"))
    yield from ({"stride": each} for each in (2, 1, 3, 4))
    yield from ({"padding": each} for each in _PADDINGS)
    yield {"ceil_mode": True}
    yield from ({"dilation": each} for each in (2, 3))
    yield from ({"window": each} for each in (2, 3, 4, 5, 6, 7, 8))
    yield from ({"stride": s, "padding": p} for s, p in product((2, 1, 3, 4), _PADDINGS))
    yield from ({"stride": s, "ceil_mode": True} for s in (2, 1, 3))


def forgotten(
    shape: Shape,
    options: dict[str, Any],
    changes: Iterable[dict[str, Any]],
    y_of: Callable[[dict[str, Any]], tuple[Shape, Any]],
) -> list[str]:
    """Return the options with which y has this shape, the fewest that will do.

    Parameters
    ----------
    shape : tuple of int
        Of dy.
    options : dict
        As they were given.
    changes : iterable of dict
        Options to try, few before many.
    y_of : callable
        Takes options; returns the shape of y, and what is equal for options that mean the same.
    """
    texts: dict[Any, str] = {}
    first: dict[str, Any] = {}
    for change in changes:
        if len(texts) == MOST or (first and _is_farther(change, first)):
            break
        if all(show(options.get(name)) == show(value) for name, value in change.items()):
            continue
        try:
            found, means = y_of(options | change)
        except HwioError:
            continue
        if found == shape and means not in texts:
            texts[means] = ", ".join(f"{name}={value!r}" for name, value in change.items())
            first = first or change
    return list(texts.values())


def _is_farther(change: dict[str, Any], found: dict[str, Any]) -> bool:
    """Tell a change of more options, or of two with another stride, from one as near as what was found."""
    both = len(change) == 2 and change.get("stride") != found.get("stride")
    return len(change) > len(found) or both


def told(texts: list[str]) -> list[str]:
    """Word the facts beside such fixes."""
    if not texts:
        return []
    many = ["several options give that shape; only you know which made y"] * (len(texts) > 1)
    return [f"with {texts[0]} y has dy's shape: the options that made y belong here too", *many]
