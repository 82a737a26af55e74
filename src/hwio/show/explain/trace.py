"""One number of y, traced to the cells of x and the weights whose products it sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.show.explain.cells import cells_of, exact, filter_of
from hwio.show.explain.place import check_at

if TYPE_CHECKING:
    from hwio.show.case import Case
    from hwio.types import Array


@dataclass(frozen=True, slots=True)
class Span:
    """One spatial axis of a window.

    Attributes
    ----------
    letter : str
    start : int
        Cell of x that tap 0 meets; negative in the padding.
    taps, step : int
        How many, and how far apart.
    size : int
        Cells of x on this axis.
    """

    letter: str
    start: int
    taps: int
    step: int
    size: int

    @property
    def cells(self) -> range:
        """The cell of x that each tap meets; cells outside 0 … size - 1 are padding."""
        return range(self.start, self.start + self.taps * self.step, self.step)

    @property
    def inside(self) -> range:
        """The taps that meet x itself."""
        first = max(-(self.start // self.step), 0)
        after = max(-((self.start - self.size) // self.step), 0)
        return range(min(first, self.taps), max(min(after, self.taps), min(first, self.taps)))

    @property
    def whole(self) -> bool:
        """Whether no tap meets padding."""
        return len(self.inside) == self.taps


@dataclass(frozen=True, slots=True)
class Trace:
    """The origin of one number of y.

    Attributes
    ----------
    case : Case
    at : tuple of int
        The number's place, in y's axis order.
    place : dict of str to int
        The same by letter; C is the filter.
    spans : tuple of Span
    channels : range
        The channels of x that the filter sees.
    window, weights : array, shape (*kernel, c), or None
        What is multiplied: float64, complex128 or exact integers; None for shapes.
    bias : number or None
    """

    case: Case
    at: tuple[int, ...]
    place: dict[str, int]
    spans: tuple[Span, ...]
    channels: range
    window: Array | None
    weights: Array | None
    bias: Any

    @property
    def filter(self) -> int:
        """The filter, which is y's channel."""
        return self.place["C"]

    @property
    def whole(self) -> bool:
        """Whether the window lies inside x."""
        return all(span.whole for span in self.spans)

    @property
    def products(self) -> Array | None:
        """The products, shape (*kernel, c)."""
        if self.window is None or self.weights is None:
            return None
        with np.errstate(all="ignore"):
            result: Array = self.window * self.weights
        return result

    @property
    def sums(self) -> list[Any] | None:
        """The sum of each channel's products."""
        products = self.products
        if products is None:
            return None
        with np.errstate(all="ignore"):
            return [products[..., c].sum() for c in range(products.shape[-1])]

    @property
    def total(self) -> Any:
        """The sum of the channels."""
        sums = self.sums
        with np.errstate(all="ignore"):
            return None if sums is None else sum(sums, start=0)

    @property
    def value(self) -> Any:
        """The number of y: the total, the bias and the activation."""
        if self.total is None:
            return None
        value = self.total if self.bias is None else self.total + self.bias
        for end, bound in zip((max, min), self.case.problem.clip or (), strict=False):
            if bound is not None and value == value:  # NaN stays
                value = end(value, bound if isinstance(value, int) else float(bound))
        return value

    @property
    def outside(self) -> Array:
        """Which taps meet padding, bool, shape kernel."""
        masks = [~np.isin(np.arange(s.taps), np.array(s.inside, int)) for s in self.spans]
        result: Array = np.zeros([s.taps for s in self.spans], bool)
        for axis, mask in enumerate(masks):
            result |= mask.reshape([-1 if a == axis else 1 for a in range(len(masks))])
        return result


def trace(case: Case, at: Any) -> Trace:
    """Trace the number of y at a place, in y's axis order; ``check_at`` refuses what is none."""
    checked = check_at(at, case.y_shape, case.layout.y)
    geo = case.geo
    place = dict(zip(case.layout.y, checked, strict=True))
    spans = tuple(
        Span(letter, place[letter] * s - low, k, d, n)
        for letter, s, (low, _), k, d, n in zip(
            geo.letters, geo.stride, geo.padding, geo.kernel, geo.dilation, geo.in_size, strict=True
        )
    )
    group = place["C"] // geo.group_filters
    channels = range(group * geo.group_channels, (group + 1) * geo.group_channels)
    window = weights = bias = None
    known = case.x is not None and case.w is not None
    if known and (case.b_shape is None or case.b is not None):
        window = cells_of(case, place.get("N", 0), channels, [s.cells for s in spans])
        weights = filter_of(case, place["C"])
        bias = None if case.b is None else exact(case.b.reshape(-1)[place["C"]])[()]
    return Trace(case, checked, place, spans, channels, window, weights, bias)
