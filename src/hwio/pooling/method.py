"""What every readable way of pooling has in common: its record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwio.pooling.reduction import Reduction
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array


@dataclass(frozen=True, slots=True)
class PoolMethod:
    """One readable way of pooling, forwards and backwards.

    Attributes
    ----------
    name : str
        Its key in ``POOL_METHODS``.
    reduce : callable
        ``f(x, geo, reduction) -> y``: x (n, *in, c), y (n, *out, c).
    argmax : callable
        ``f(x, geo) -> places``: int64 (n, *out, c), the first maximum of each window, counted
        through the spatial axes of its image.
    max_grad : callable
        ``f(x, dy, geo, all_ties) -> dx``: each dy goes to the maximum of its window.
    sum_grad : callable
        ``f(dy, geo) -> dx``: each dy goes to every cell of its window.
    idea, formula : str
        A few words, and one line of NumPy, for tables.
    workspace : callable
        ``f(geo, itemsize) -> bytes`` that ``reduce`` allocates at most, beside x and y.
    """

    name: str
    reduce: Callable[[Array, Geometry, Reduction], Array]
    argmax: Callable[[Array, Geometry], Array]
    max_grad: Callable[[Array, Array, Geometry, bool], Array]
    sum_grad: Callable[[Array, Geometry], Array]
    idea: str
    formula: str
    workspace: Callable[[Geometry, int], int]
