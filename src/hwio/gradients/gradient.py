"""What every readable way of going backwards has in common: its record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array


@dataclass(frozen=True, slots=True)
class Gradient:
    """One readable way of computing both gradients.

    Attributes
    ----------
    name : str
        Its key in ``GRADIENTS``.
    dx : callable
        ``f(dy, w, geo) -> dx``: dy (n, *out, o), w (*kernel, i, o), dx (n, *padded, c).
    dw : callable
        ``f(x, dy, geo) -> dw``: x (n, *padded, c), dy (n, *out, o), dw (*kernel, i, o).
    idea : str
        A few words for tables.
    dx_formula, dw_formula : str
        One line of NumPy or mathematics each.
    dx_workspace, dw_workspace : callable
        ``f(geo, itemsize) -> bytes`` that it allocates at most, beside its arguments and its result.
    grouped : bool
        Whether it takes groups > 1 itself; else it is called once for each group.
    """

    name: str
    dx: Callable[[Array, Array, Geometry], Array]
    dw: Callable[[Array, Array, Geometry], Array]
    idea: str
    dx_formula: str
    dw_formula: str
    dx_workspace: Callable[[Geometry, int], int]
    dw_workspace: Callable[[Geometry, int], int]
    grouped: bool = False
