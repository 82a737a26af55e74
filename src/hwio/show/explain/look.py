"""What a picture says beside the trace it draws: its words, and y's numbers so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hwio.show.explain.expression import expression
from hwio.show.explain.trace_words import name_of, place_in_words, terms
from hwio.show.explain.views import planes
from hwio.show.printing import number, plural

if TYPE_CHECKING:
    from hwio.show.case import Case
    from hwio.show.explain.trace import Span, Trace

MOST_LETTERS = 84  # of one line of the head


@dataclass(frozen=True, slots=True)
class Look:
    """What a picture says beside its trace.

    Attributes
    ----------
    lines : tuple of str
        The number and its sum.
    place : str
        Where the number stands, in words.
    named : tuple of str
        Shape and letters of x, w and y.
    told : str
        The picture in words, to be read aloud.
    between : tuple of int
        Every how many cells x has a number of its own; more than 1 in a transposed convolution,
        which spreads x out and puts zeros between.
    earlier : dict of tuple of int to number
        Numbers of y that are written already, by their spatial place.
    id : str
        Of the picture; made up from what it shows if empty.
    """

    lines: tuple[str, ...]
    place: str
    named: tuple[str, str, str]
    told: str
    between: tuple[int, ...]
    earlier: Mapping[tuple[int, ...], Any] = field(default_factory=dict)
    id: str = ""


def look_of(found: Trace, rows: int = 1) -> Look:
    """Say what an ordinary convolution's picture says, in at least so many lines."""
    case = found.case
    result = "" if found.value is None else f" = {number(found.value)}"
    summed = f"Σ {' '.join(terms(found).split())}"
    lines: tuple[str, ...] = (f"{name_of(found)} = {summed}{result}",)
    if rows > 1 or len(lines[0]) > MOST_LETTERS:
        lines = (f"{name_of(found)}{result}", f"= {summed}")
    named = (
        f"{case.x_shape} {case.layout.x}",
        f"filter {found.filter} of {case.geo.out_channels} · {case.layout.w}",
        f"{case.y_shape} {case.layout.y}",
    )
    return Look(lines, place_in_words(found), named, _told(found), (1,) * case.geo.ndim)


def _told(found: Trace) -> str:
    """Tell the picture in words."""
    result = "" if found.value is None else f" It is {number(found.value)}."
    shapes = f"x {found.case.x_shape}, w {found.case.w_shape}, y {found.case.y_shape}"
    return f"{name_of(found)} is the sum of {expression(found)}.{result} Shapes: {shapes}."


def is_met(case: Case, axis: int, cell: int) -> bool:
    """Tell whether any window meets a cell of an axis of padded x.

    Examples
    --------
    >>> from hwio.show.case import read_case
    >>> case = read_case((1, 6, 1), (3, 1, 1), None, {"stride": 2})
    >>> [is_met(case, 0, cell) for cell in range(6)]
    [True, True, True, True, True, False]
    """
    geo = case.geo
    stride, dilation, out = geo.stride[axis], geo.dilation[axis], geo.out_size[axis]
    start = cell + geo.padding[axis][0]
    ways = (start - tap * dilation for tap in range(geo.kernel[axis]))
    return any(way % stride == 0 and 0 <= way // stride < out for way in ways)


def legend_words(found: Trace, look: Look, patterns: set[str]) -> list[str]:
    """Say what the signs in a picture mean, those alone that it shows."""
    case = found.case
    made = "makes" if case.geo.depth == 1 else "make"
    words = [f"{plural(case.geo.depth, 'product')} {made} one number of y, framed"]
    words += ["pale: those before it"] if look.earlier else []
    if found.sums is not None:
        words.append("Σ: products of one grid, summed")
    drawn = len({c for c, _ in planes(found)})
    if len(found.channels) > drawn:
        words.append(f"{plural(len(found.channels) - drawn, 'more channel')} not drawn")
    if case.geo.groups > 1:
        first, last = found.channels[0], found.channels[-1]
        seen = f"channel {first}" if first == last else f"channels {first} … {last}"
        words.append(f"{case.geo.groups} groups: this filter sees {seen} alone")
    if "hatch" in patterns:
        mode = case.problem.padding_mode
        words.append("hatched: padding" + (" (0)" if mode == "zeros" else f" ({mode})"))
    if "dots" in patterns:
        words.append("dotted: zeros that the stride puts between the numbers of x")
    if "strike" in patterns:
        words.append("struck through: no window meets it")
    if any(span.step > 1 for span in found.spans):
        words.append("dilation: only tinted cells meet a tap")
    if case.problem.flip:
        words.append("w is drawn turned round (flip)")
    return words


def pattern_of(span: Span | None, cell: int, between: int) -> str:
    """Name the pattern of a cell on one axis: padding, a zero of the stride, or none."""
    if span is None:
        return ""
    if not 0 <= cell < span.size:
        return "hatch"
    return "dots" if cell % between else ""
