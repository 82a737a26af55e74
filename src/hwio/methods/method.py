"""What every readable way has in common: its record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array


def _serves_all(geo: Geometry) -> str | None:
    """Refuse nothing."""
    del geo
    return None


def whole_image(geo: Geometry, itemsize: int) -> tuple[int, ...]:
    """Keep every image in one block."""
    del itemsize
    return geo.out_size


@dataclass(frozen=True, slots=True)
class Method:
    """One readable way of convolving.

    Attributes
    ----------
    name : str
        Its key in ``METHODS``.
    function : callable
        ``f(x, w, geo) -> y``: x (n, *in, c) padded already, w (*kernel, i, o), y (n, *out, o).
    idea : str
        A few words for tables.
    formula : str
        One line of NumPy or mathematics.
    workspace : callable
        ``f(geo, itemsize) -> bytes`` that it allocates at most, beside x, w and y.
    bound : str
        Key of the error bound that it keeps, in ``hwio.methods.accuracy.BOUNDS``.
    refuses : callable
        ``f(geo)`` -> the reason why it can't serve a geometry, or None.
    grouped : bool
        Whether it takes groups > 1 itself; else it is called once for each group.
    transforms : bool
        Whether it sums in another space, so that one Inf or NaN spreads to other outputs.
    unit : callable or None
        ``f(geo, itemsize)`` -> output cells along each axis that stay together where a large job is
        cut into blocks; None where it is never cut.
    seamless : bool
        Whether such cuts change no bit.
    """

    name: str
    function: Callable[[Array, Array, Geometry], Array]
    idea: str
    formula: str
    workspace: Callable[[Geometry, int], int]
    bound: str = "T1"
    refuses: Callable[[Geometry], str | None] = _serves_all
    grouped: bool = False
    transforms: bool = False
    unit: Callable[[Geometry, int], tuple[int, ...]] | None = None
    seamless: bool = False
