"""A picture for each number of one channel of y, as the window moves over x."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import TYPE_CHECKING, Any

from hwio.show.drawing import Drawing
from hwio.show.explain.look import Look
from hwio.show.explain.picture import draw
from hwio.show.explain.trace import trace

if TYPE_CHECKING:
    from hwio.show.explain.trace import Trace


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of several that follow each other: equal in size and in what it is about."""

    art: Drawing
    high: float
    title: str
    told: str


def frames(first: Trace, said: Callable[[Trace, int], Look], limit: int | None) -> list[Frame]:
    """Draw the numbers of first's channel of y in reading order, each with those before it.

    Parameters
    ----------
    first : Trace
        A number of the channel: its image, its filter.
    said : callable
        What the picture of a trace says, in at least so many lines.
    limit : int or None
        Numbers at most; None for all.
    """
    case = first.case
    places = islice(product(*map(range, case.geo.out_size)), limit)
    founds = [trace(case, _at(first, place)) for place in places]
    rows = max((len(said(found, 1).lines) for found in founds), default=1)
    earlier: dict[tuple[int, ...], Any] = {}
    told = repr((first.at, case.geo, case.layout.text, [found.value for found in founds]))
    mark = f"hwio{zlib.crc32(told.encode()):08x}m"  # apart from others that share a page
    drawn = []
    for found in founds:
        look = replace(said(found, rows), earlier=dict(earlier), id=mark)
        art, high = draw(found, look)
        drawn.append(Frame(art, high, look.lines[0], look.told))
        place = tuple(found.place[letter] for letter in case.geo.letters)
        if found.value is not None:
            earlier[place] = found.value
    most = max((frame.high for frame in drawn), default=0)
    return [replace(frame, high=most) for frame in drawn]


def _at(first: Trace, place: tuple[int, ...]) -> tuple[int, ...]:
    """Return a place of y in its axis order, with first's image and filter."""
    letters = dict(zip(first.case.geo.letters, place, strict=True))
    return tuple((first.place | letters)[letter] for letter in first.case.layout.y)
