"""The explorer, opened on a reading at the first number of y that it does not make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.errors import ShapeError, word
from hwio.explorer.exploration import explore

if TYPE_CHECKING:
    from hwio.diagnosis.findings import Findings
    from hwio.explorer.exploration import Exploration
    from hwio.types import Array


def explorer_of(found: Findings) -> Exploration:
    """Return the explorer of the best reading; under a slip, of what would be right without it.

    Parameters
    ----------
    found : Findings

    Raises
    ------
    ShapeError
        If no reading of these shapes makes a y of this shape.
    """
    x, w, y, b = found.question.arrays
    if found.mistakes and not found.readings:
        right = explore(x, w, b, **found.mistakes[0].options)
        if (
            right.case.y_shape != y.shape
        ):  # the mistake changes y's shape: nothing stands side by side
            return right
        return explore(x, w, b, y=y, **found.mistakes[0].options)
    plain = [r for r in (*found.readings, *found.near) if not r.slip]
    reading = plain[0] if plain else found.nearest
    if reading is None:
        rule = "there is nothing to show: no reading of these shapes makes a y of this shape"
        shapes = [f"{name}  {a.shape}" for name, a in (("x", x), ("w", w), ("y", y))]
        raise ShapeError(word(rule, shapes, "print(hwio.diagnose(x, w, y))"))
    orders = reading.hit.orders
    letters, _, rest = orders.layout.partition(",")
    weights = _with_axes(w, len(orders.w))
    if orders.shared:
        weights = np.repeat(weights, orders.in_channels, axis=orders.w.index("O"))
    result = _with_axes(y, len(rest.partition("->")[2]))
    return explore(_with_axes(x, len(letters)), weights, b, y=result, **reading.options)


def _with_axes(array: Array, rank: int) -> Array:
    """Add the axes that an array lacks, at its end."""
    full: Any = array[(..., *(None,) * (rank - array.ndim))]
    found: Array = full
    return found
