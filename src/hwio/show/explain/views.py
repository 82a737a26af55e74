"""Which cells of a traced number a picture draws, and how much room its three panels take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwio.show.drawing import View, view
from hwio.show.explain.grids import MOST_CHANNELS

if TYPE_CHECKING:
    from hwio.show.explain.trace import Span, Trace

SHIFT = 10  # a plane behind another lies that much to the right and up
GAP, BELOW = 14, 32.0  # between the grids of w, and for the words under each
MOST_X, MOST_W, MOST_Y = 10, 7, 6  # cells of a grid before it is cropped


@dataclass(frozen=True, slots=True)
class Panel:
    """One of the three parts: the cells drawn, the side of a cell, the room for all."""

    rows: View
    columns: View
    side: float
    wide: float
    high: float


def planes(found: Trace) -> list[tuple[int, int | None]]:
    """Return (channel within the filter's, depth tap) of the grids drawn, at most four."""
    if len(found.spans) < 3:
        return [(c, None) for c in range(min(len(found.channels), MOST_CHANNELS))]
    inside = found.spans[0].inside
    depths = sorted(range(found.spans[0].taps), key=lambda d: d not in inside)  # x itself in front
    return [(0, d) for d in depths[:MOST_CHANNELS]]


def axes(found: Trace) -> tuple[Span | None, Span]:
    """Return the spans drawn down and across; 1-D has only the second."""
    return (found.spans[-2] if len(found.spans) > 1 else None), found.spans[-1]


def grids_beside(found: Trace) -> int:
    """Return how many of the filter's grids stand beside each other."""
    return 1 if found.case.geo.ndim == 1 or len(planes(found)) == 1 else 2


def planes_behind(found: Trace) -> int:
    """Return how many of y's other channels are hinted at."""
    return min(found.case.geo.out_channels - 1, 2)


def panel_of_x(found: Trace) -> Panel:
    """Choose the cells of x to draw, padding included, as planes behind each other."""
    pads = dict(zip(found.case.geo.letters, found.case.geo.padding, strict=True))

    def chosen(span: Span) -> View:
        low, high = pads[span.letter]
        return view(-low, span.size + high, (span.start, span.cells[-1] + 1), MOST_X)

    back = (len(planes(found)) - 1) * SHIFT
    return _stack(_views(found, chosen), (262 - back, 262), back)


def panel_of_y(found: Trace) -> Panel:
    """Choose the cells of y to draw."""
    sizes = dict(zip(found.case.geo.letters, found.case.geo.out_size, strict=True))

    def chosen(span: Span) -> View:
        at = found.place[span.letter]
        return view(0, sizes[span.letter], (at, at + 1), MOST_Y)

    least = 160.0 if len(found.spans) > 2 else 120.0  # for the words below
    return _stack(_views(found, chosen), (158, 230), planes_behind(found) * SHIFT, least)


def panel_of_w(found: Trace) -> Panel:
    """Choose the taps to draw: one grid for each channel, two beside each other."""
    rows, columns = _views(found, lambda span: view(0, span.taps, (0, 0), MOST_W))
    across = grids_beside(found)
    down = -(-len(planes(found)) // across)
    side = _side(rows, columns, (188 - GAP * (across - 1)) / across, 240 / down - 30)
    wide = max(across * len(columns) * side + (across - 1) * GAP, 82.0 * across)
    return Panel(rows, columns, side, wide, down * (len(rows) * side + BELOW) - 10)


def _views(found: Trace, chosen: Callable[[Span], View]) -> tuple[View, View]:
    """Choose rows and columns; 1-D has one row."""
    down, across = axes(found)
    return (View(0, 1, 0, 1) if down is None else chosen(down)), chosen(across)


def _stack(
    views: tuple[View, View], room: tuple[float, float], back: int, least: float = 0
) -> Panel:
    """Size a stack of planes that reaches so far back."""
    rows, columns = views
    side = _side(rows, columns, *room)
    wide, high = len(columns) * side + back, len(rows) * side + back + 22
    return Panel(rows, columns, side, max(wide, least), high)


def _side(rows: View, columns: View, wide: float, high: float) -> float:
    """Return the side of a cell that fits the room."""
    return min(31.0, wide / max(len(columns), 1), high / max(len(rows), 1))
