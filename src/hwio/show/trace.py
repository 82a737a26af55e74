"""One number of y, traced to the cells of x and the weights whose products it sums."""

from __future__ import annotations

import re
from dataclasses import dataclass
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.errors import ArgumentTypeError, ShapeError, show, word
from hwio.shapes.counts import LARGEST, entries_of, nearest_int
from hwio.shapes.layout import as_view, describe
from hwio.shapes.padding import PADDING_MODES

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    """Trace one number of y.

    Parameters
    ----------
    case : Case
    at : sequence of int
        Its place, in y's axis order.

    Returns
    -------
    Trace

    Raises
    ------
    ShapeError, ArgumentTypeError
        If y has no such number, or the place is not made of integers.
    """
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
        weights = _weights(case, place["C"])
        bias = None if case.b is None else _exact(case.b.reshape(-1)[place["C"]])[()]
    return Trace(case, checked, place, spans, channels, window, weights, bias)


def check_at(at: Any, shape: tuple[int, ...], letters: str) -> tuple[int, ...]:
    """Return a place in y as a tuple of ints in range.

    Examples
    --------
    >>> check_at([0, 1, 2, 5], (2, 3, 5, 8), "NHWC")
    (0, 1, 2, 5)
    """
    facts = [f"y  {shape}  read as {letters}:  {describe(shape, letters)}"]
    try:
        if isinstance(at, str):
            raise TypeError
        place = tuple(index(i) for i in at)
    except TypeError:
        rule = f"at={show(at)} is not one integer per axis of y"
        typed = re.findall(r"-?\d{1,9}", at) if isinstance(at, str) else entries_of(at) or [at]
        numbers = [nearest_int(n, -LARGEST) for n in typed if _is_number(n)]
        fix = f"at={_completed(numbers, shape)}"
        raise ArgumentTypeError(word(rule, facts, fix)) from None
    if len(place) != len(shape):
        axes = "axis" if len(place) == 1 else "axes"
        rule = f"at={place} names {len(place)} {axes} but y has {len(shape)}"
        raise ShapeError(word(rule, facts, f"at={_completed(place, shape)}"))
    if 0 in shape:
        rule = f"at={place}: y {shape} holds no number"
        raise ShapeError(word(rule, facts))
    for letter, i, size in zip(letters, place, shape, strict=True):
        if not 0 <= i < size:
            rule = f"at={place}: {letter} = {i} lies outside y"
            ranges = "   ".join(
                f"{name} 0 … {most - 1}" for name, most in zip(letters, shape, strict=True)
            )
            facts.append(f"legal:  {ranges}" + ("      counted from 0, no negatives" * (i < 0)))
            legal = tuple(_nearest(i, size) for i, size in zip(place, shape, strict=True))
            raise ShapeError(word(rule, facts, f"at={legal}"))
    return place


def _is_number(entry: Any) -> bool:
    """Tell a number, or its digits."""
    return isinstance(entry, int | float | np.number | str)


def _completed(numbers: Sequence[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return what was typed, with zeros for what was not."""
    padded = [*numbers, *(0,) * len(shape)]
    return tuple(_nearest(i, size) if size else 0 for i, size in zip(padded, shape, strict=False))


def _nearest(i: int, size: int) -> int:
    """Return the legal index that was most likely meant."""
    return i + size if -size <= i < 0 else min(max(i, 0), size - 1)


def sources(cells: Sequence[int], size: int, mode: str) -> list[int]:
    """Return the cell of x that each cell of padded x repeats; -1 for the number 0.

    Examples
    --------
    >>> sources(range(-2, 5), 3, "reflect")
    [2, 1, 0, 1, 2, 1, 0]
    >>> sources(range(-2, 5), 3, "zeros")
    [-1, -1, 0, 1, 2, -1, -1]
    """
    if mode == "edge":
        return [min(max(p, 0), size - 1) for p in cells]
    if mode == "wrap":
        return [p % size for p in cells]
    if mode == "reflect":
        period = max(2 * (size - 1), 1)
        return [min(p % period, period - p % period) if size > 1 else 0 for p in cells]
    if mode == "symmetric":
        return [min(p % (2 * size), 2 * size - 1 - p % (2 * size)) for p in cells]
    return [p if 0 <= p < size else -1 for p in cells]


def cells_of(case: Case, image: int, channels: range, cells: Sequence[Sequence[int]]) -> Array:
    """Read cells of padded x, shape (*len of each axis, len(channels)); x is not padded for it."""
    if case.x is None:
        message = "cells_of needs the array"
        raise ValueError(message)
    x = as_view(case.x, case.layout.x_axes)
    x = (x[image] if case.layout.batched else x)[..., channels.start : channels.stop]
    pairs = zip(cells, case.geo.in_size, strict=True)
    found = [np.array(sources(c, n, case.problem.padding_mode), int) for c, n in pairs]
    result = np.zeros([len(f) for f in found] + [len(channels)], _exact(x[..., :0]).dtype)
    real = [np.flatnonzero(f >= 0) for f in found]
    if all(len(r) for r in real):
        chosen = [f[r] for f, r in zip(found, real, strict=True)]
        result[np.ix_(*real)] = _exact(x[np.ix_(*chosen)])
    return result


def _weights(case: Case, k: int) -> Array:
    """Read filter k as it meets the window, shape (*kernel, i)."""
    if case.w is None:
        message = "_weights needs the array"
        raise ValueError(message)
    w = as_view(case.w, case.layout.w_axes)
    if case.layout.depthwise:
        multiplier = w.shape[-1]
        w = w[..., k // multiplier, k % multiplier, None]
    else:
        w = w[..., k]
    if case.problem.flip:
        w = w[(slice(None, None, -1),) * case.geo.ndim]
    return _exact(w)


def _exact(values: Any) -> Array:
    """Return values in a type whose products don't wrap: Python integers, float64, complex128."""
    kind = values.dtype.kind
    wide = {"i": object, "u": object, "c": np.complex128}.get(kind, np.float64)
    return np.asarray(values).astype(wide)


def pads_of(case: Case) -> tuple[tuple[int, int], ...]:
    """Return ``np.pad``'s widths in x's axis order."""
    pairs = dict(zip(case.geo.letters, case.geo.padding, strict=True))
    return tuple(pairs.get(letter, (0, 0)) for letter in case.layout.x)


def pad_line(found: Trace) -> str | None:
    """Return the line that makes ``xp``, where the expression needs it.

    Zeros add nothing to a sum, so a window over zero padding is written with shorter slices; any
    other padding has values of its own.
    """
    mode = found.case.problem.padding_mode
    if found.whole or mode == "zeros":
        return None
    return f'xp = np.pad(x, {pads_of(found.case)}, mode="{PADDING_MODES[mode]}")'
