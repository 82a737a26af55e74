"""The words for a call with one array, which may well be the weights."""

from __future__ import annotations

from typing import Any

from hwio.errors import word
from hwio.ops.arrays import is_shape

MOST = 11  # cells of a kernel's axis, as kernels are usual


def looks_like_weights(shape: tuple[int, ...]) -> bool:
    """Tell shapes that are usual for w and rare for x: their spatial axes are few and alike.

    Examples
    --------
    >>> looks_like_weights((3, 3, 4, 8)), looks_like_weights((8, 4, 3, 3))
    (True, True)
    >>> looks_like_weights((2, 5, 7, 4)), looks_like_weights((28, 28))
    (False, False)
    """
    ends = shape[:-2], shape[2:]
    return len(shape) in (4, 5) and any(len(set(end)) == 1 and end[0] <= MOST for end in ends)


def one_array(x: Any) -> str:
    """Word a call of ``explain`` without w."""
    shape = x if is_shape(x) else getattr(x, "shape", ())
    if not (isinstance(shape, tuple) and looks_like_weights(shape)):
        return word("w is missing", [], "hwio.explain(x, w)")
    facts = [f"{tuple(shape)} looks like w alone: x comes first, then w"]
    return word("explain takes x and w, but one array is given", facts, "hwio.explain(x, w)")
