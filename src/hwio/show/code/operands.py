"""x and w as a NumPy snippet has them at hand: names, letters, sizes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hwio.show.sizes import shape, w_sizes, x_sizes

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.show.code.pieces import DType
    from hwio.show.sizes import Shape


@dataclass(frozen=True, slots=True)
class Operands:
    """Names in the code, and what they hold.

    Attributes
    ----------
    x, w : str
        Names in the snippet; x has its padding.
    x_letters, w_letters : str
        Their axes in storage order.
    geo : Geometry
        Of the whole convolution, or of one group inside a loop over groups.
    work : dtype
        Of the sums.
    """

    x: str
    x_letters: str
    w: str
    w_letters: str
    geo: Geometry
    work: DType

    @property
    def space(self) -> str:
        """The spatial letters, W, HW or DHW."""
        return self.geo.letters

    @property
    def lead(self) -> Shape:
        """(n,), or () for one image without N."""
        return (self.geo.n,) if "N" in self.x_letters else ()

    @property
    def first(self) -> int:
        """The first spatial axis of x, where x is in the canonical order."""
        return len(self.lead)

    @property
    def x_shape(self) -> Shape:
        """Shape of x, padded."""
        return shape(self.x_letters, x_sizes(self.geo, padded=True))

    @property
    def w_shape(self) -> Shape:
        """Shape of w."""
        return shape(self.w_letters, w_sizes(self.geo))

    @property
    def y_shape(self) -> Shape:
        """Shape of y in the canonical order."""
        return (*self.lead, *self.geo.out_size, self.geo.out_channels)

    @property
    def y_letters(self) -> str:
        """The canonical order of y."""
        return f"{'N' if self.lead else ''}{self.space}C"

    @property
    def w_in(self) -> str:
        """The letter of w that meets C of x within one group."""
        return "C" if "M" in self.w_letters else "I"

    def of_group(self) -> Operands:
        """Return the operands of one group, named xg and wg."""
        geo = self.geo
        one = replace(geo, in_channels=geo.group_channels, out_channels=geo.group_filters, groups=1)
        return replace(self, x="xg", w="wg", geo=one)
