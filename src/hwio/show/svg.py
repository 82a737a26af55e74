"""A picture of one number of y: its window in x, its filter, its cell; SVG without scripts."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hwio.show.drawing import WIDE, Drawing, View, element, ellipses, view, write_values
from hwio.show.expression import expression
from hwio.show.printing import number, plural
from hwio.show.text import MOST_CHANNELS, name_of, place_in_words, terms
from hwio.show.trace import cells_of

if TYPE_CHECKING:
    from hwio.show.trace import Span, Trace

MARGIN = 22
SHIFT = 10  # a plane behind another lies that much to the right and up
MOST_X, MOST_W, MOST_Y = 9, 7, 5  # cells of a grid before it is cropped
# Okabe and Ito's palette, which colour-blind people tell apart: channels, and vermilion for y
CHANNELS = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7")
RESULT = "#D55E00"


@dataclass(frozen=True, slots=True)
class Panel:
    """One of the three parts, placed: left and top edge, cell side, size in all."""

    side: float
    wide: float
    high: float


def _planes(found: Trace) -> list[tuple[int, int | None]]:
    """Return (channel within the filter's, depth tap) of the grids drawn, at most four."""
    if len(found.spans) < 3:
        return [(c, None) for c in range(min(len(found.channels), MOST_CHANNELS))]
    inside = found.spans[0].inside
    depths = sorted(range(found.spans[0].taps), key=lambda d: d not in inside)  # x itself in front
    return [(0, d) for d in depths[:MOST_CHANNELS]]


def _axes(found: Trace) -> tuple[Span | None, Span]:
    """Return the spans drawn down and across; 1-D has only the second."""
    return (found.spans[-2] if len(found.spans) > 1 else None), found.spans[-1]


def _x_views(found: Trace) -> tuple[View, View]:
    """Choose the cells of x to draw, padding included."""
    pads = dict(zip(found.case.geo.letters, found.case.geo.padding, strict=True))
    views = [View(0, 1, 0, 1)]
    for span in filter(None, _axes(found)):
        low, high = pads[span.letter]
        wanted = (span.start, span.cells[-1] + 1)
        views.append(view(-low, span.size + high, wanted, MOST_X))
    return views[-2], views[-1]


def _y_views(found: Trace) -> tuple[View, View]:
    """Choose the cells of y to draw."""
    sizes = dict(zip(found.case.geo.letters, found.case.geo.out_size, strict=True))
    views = [View(0, 1, 0, 1)]
    for span in filter(None, _axes(found)):
        at = found.place[span.letter]
        views.append(view(0, sizes[span.letter], (at, at + 1), MOST_Y))
    return views[-2], views[-1]


def _w_views(found: Trace) -> tuple[View, View]:
    """Choose the taps to draw."""
    down, across = _axes(found)
    rows = View(0, 1, 0, 1) if down is None else view(0, down.taps, (0, 0), MOST_W)
    return rows, view(0, across.taps, (0, 0), MOST_W)


def _side(rows: View, columns: View, wide: float, high: float) -> float:
    """Return the side of a cell that fits the room."""
    return min(31.0, wide / max(len(columns), 1), high / max(len(rows), 1))


def picture(found: Trace) -> str:
    """Draw where one number of y comes from.

    Parameters
    ----------
    found : Trace

    Returns
    -------
    str
        One ``<svg>`` element, ``WIDE`` units wide, readable in light and dark.
    """
    told = repr((found.at, expression(found), found.case.x_shape, found.case.w_shape))
    art = Drawing(f"hwio{zlib.crc32(told.encode()):08x}")  # apart from other pictures of a page
    top = _header(art, found)
    planes = _planes(found)
    panels = _measure(found, len(planes))
    high = max(panel.high for panel in panels)
    gap = (WIDE - 2 * MARGIN - sum(panel.wide for panel in panels)) / 2
    left = float(MARGIN)
    drawers = (_draw_x, _draw_w, _draw_y)
    for i, (panel, draw) in enumerate(zip(panels, drawers, strict=True)):
        _heading(art, found, i, left, top)
        draw(art, found, panel, left, top + 28 + (high - panel.high) / 2)
        if i < 2:
            middle = left + panel.wide + gap / 2
            art.text(middle, top + 24 + high / 2, "×="[i], 21, "middle", "soft")
        left += panel.wide + gap
    bottom = _legend(art, found, top + 28 + high + 28)
    return element(art, bottom, *_told(found))


def _measure(found: Trace, planes: int) -> list[Panel]:
    """Size the three panels."""
    back = (planes - 1) * SHIFT
    rows, columns = _x_views(found)
    side = _side(rows, columns, 262 - back, 262)
    panels = [Panel(side, len(columns) * side + back, len(rows) * side + back + 22)]
    rows, columns = _w_views(found)
    across = _across(found)
    down = -(-planes // across)
    side = _side(rows, columns, (188 - 14 * (across - 1)) / across, 240 / down - 30)
    wide = max(across * len(columns) * side + (across - 1) * 14, 82.0 * across)
    below = 32.0
    panels.append(Panel(side, wide, down * (len(rows) * side + below) - 10))
    rows, columns = _y_views(found)
    side = _side(rows, columns, 158, 230)
    back = min(found.case.geo.out_channels - 1, 2) * SHIFT
    wide = max(len(columns) * side + back, 120.0)
    panels.append(Panel(side, wide, len(rows) * side + back + 22))
    return panels


def _across(found: Trace) -> int:
    """Return how many of the filter's grids stand beside each other."""
    return 1 if found.case.geo.ndim == 1 or len(_planes(found)) == 1 else 2


def _header(art: Drawing, found: Trace) -> float:
    """Write the number, its expression and its place; return where the panels start."""
    value = found.value
    result = "" if value is None else f" = {number(value)}"
    summed = f"Σ {' '.join(terms(found).split())}"
    lines = [f"{name_of(found)} = {summed}{result}"]
    if len(lines[0]) > 84:
        lines = [f"{name_of(found)}{result}", f"= {summed}"]
    y = 30.0
    for line in lines:
        size = min(13.5, (WIDE - 2 * MARGIN) / (0.61 * max(len(line), 1)))
        art.text(MARGIN, y, line, size, kind="code")
        y += 20
    art.text(MARGIN, y + 1, place_in_words(found), 12, kind="soft")
    return y + 24


def _heading(art: Drawing, found: Trace, i: int, left: float, y: float) -> None:
    """Name one panel."""
    case = found.case
    filters = f"filter {found.filter} of {case.geo.out_channels}"
    words = (
        f"{case.x_shape} {case.layout.x}",
        f"{filters} · {case.layout.w}",
        f"{case.y_shape} {case.layout.y}",
    )
    art.text(left, y + 4, "xwy"[i], 16)
    art.text(left + 17, y + 4, words[i], 11, kind="soft")


def _draw_x(art: Drawing, found: Trace, panel: Panel, left: float, top: float) -> None:
    """Draw the channels of x as planes behind each other, the window lit."""
    planes = _planes(found)
    rows, columns = _x_views(found)
    low = top + (len(planes) - 1) * SHIFT
    for i in reversed(range(len(planes))):
        _plane_of_x(art, found, i, panel.side, left + i * SHIFT, low - i * SHIFT)
    ellipses(art, (rows, columns), (left, low), panel.side, (len(planes) - 1) * SHIFT)
    words = f"image {found.place['N']}, " if "N" in found.place else ""
    words += f"{_range_of(found.channels)} of {found.case.geo.in_channels}"
    below = 27 if rows.after < rows.high else 19
    art.text(left, low + len(rows) * panel.side + below, words, 11, kind="soft")


def _range_of(channels: range) -> str:
    """Name a range of channels."""
    if len(channels) == 1:
        return f"channel {channels.start}"
    return f"channels {channels.start} … {channels[-1]}"


def _plane_of_x(art: Drawing, found: Trace, i: int, side: float, x: float, y: float) -> None:
    """Draw one channel of x; the front one bears values."""
    c, d = _planes(found)[i]
    rows, columns = _x_views(found)
    down, across = _axes(found)
    lit_rows = set(range(1)) if down is None else set(down.cells)
    out_rows = range(1) if down is None else range(down.size)
    beyond = d is not None and d not in found.spans[0].inside
    spots = []
    for r in rows.cells:
        for q in columns.cells:
            spot = (x + (q - columns.first) * side, y + (r - rows.first) * side)
            lit = r in lit_rows and q in across.cells
            hatched = beyond or r not in out_rows or not 0 <= q < across.size
            art.cell(*spot, side, CHANNELS[i], 0.5 if lit else 0.1, hatched)
            spots.append(spot)
    _frame_window(art, found, (x, y), side, CHANNELS[i])
    if i == 0 and found.window is not None:
        channel = found.channels[c]
        where = [columns.cells] if down is None else [rows.cells, columns.cells]
        if d is not None:
            where = [range(found.spans[0].cells[d], found.spans[0].cells[d] + 1), *where]
        channels = range(channel, channel + 1)
        values = cells_of(found.case, found.place.get("N", 0), channels, where)
        write_values(art, values.ravel().tolist(), spots, side)


def _frame_window(
    art: Drawing, found: Trace, corner: tuple[float, float], side: float, color: str
) -> None:
    """Frame the window, as far as it is drawn."""
    rows, columns = _x_views(found)
    down, across = _axes(found)
    edges = []
    for shown, span in ((columns, across), (rows, down)):
        first, after = (0, 1) if span is None else (span.start, span.cells[-1] + 1)
        first, after = max(first, shown.first), min(after, shown.after)
        edges.append((first - shown.first, max(after - first, 0)))
    (x, wide), (y, high) = edges
    art.frame(corner[0] + x * side, corner[1] + y * side, wide * side, high * side, color)


def _draw_w(art: Drawing, found: Trace, panel: Panel, left: float, top: float) -> None:
    """Draw the filter, one grid for each channel, with the sums of products below."""
    planes = _planes(found)
    rows, columns = _w_views(found)
    across, below = _across(found), 32.0
    step = (panel.wide + 14) / across if across > 1 else 0
    for i in range(len(planes)):
        x = left + (i % across) * step
        y = top + (i // across) * (len(rows) * panel.side + below)
        _grid_of_w(art, found, i, panel.side, x, y)
        ellipses(art, (rows, columns), (x, y), panel.side)


def _grid_of_w(art: Drawing, found: Trace, i: int, side: float, x: float, y: float) -> None:
    """Draw one channel of the filter."""
    c, d = _planes(found)[i]
    rows, columns = _w_views(found)
    spots = [(x + q * side, y + r * side) for r in rows.cells for q in columns.cells]
    for spot in spots:
        art.cell(*spot, side, CHANNELS[i])
    art.frame(x, y, len(columns) * side, len(rows) * side, CHANNELS[i])
    if found.weights is not None:
        grid = found.weights[..., c] if d is None else found.weights[d][..., c]
        grid = np.atleast_2d(grid)[rows.first : rows.after, columns.first : columns.after]
        write_values(art, grid.ravel().tolist(), spots, side)
    low = y + len(rows) * side + 9 * (rows.after < rows.high)  # below the ellipsis
    name = f"c={found.channels[c]}" + ("" if d is None else f" d={d}")
    products = found.products
    if products is None:
        art.text(x, low + 14, name, 10.5, kind="soft")
        return
    part = products[..., c] if d is None else products[d][..., c]
    with np.errstate(all="ignore"):
        total = f"Σ {number(part.sum(), 3)}"
    right = x + len(columns) * side
    if len(name + total) * 5.9 + 8 <= right - x:  # the sum ends where its grid does
        art.text(x, low + 14, name, 10.5)
        art.text(right, low + 14, total, 10.5, "end")
    else:
        art.text(x, low + 14, f"{name}: {total}", 10.5)


def _draw_y(art: Drawing, found: Trace, panel: Panel, left: float, top: float) -> None:
    """Draw y's channel with the number's cell lit, and a hint of the others behind it."""
    rows, columns = _y_views(found)
    case = found.case
    back = min(case.geo.out_channels - 1, 2)
    low = top + back * SHIFT
    for i in range(back, -1, -1):
        x, y = left + i * SHIFT, low - i * SHIFT
        for r in range(len(rows)):
            for q in range(len(columns)):
                art.cell(x + q * panel.side, y + r * panel.side, panel.side)
    ellipses(art, (rows, columns), (left, low), panel.side, back * SHIFT)
    down, across = _axes(found)
    r = 0 if down is None else found.place[down.letter] - rows.first
    q = found.place[across.letter] - columns.first
    spot = (left + q * panel.side, low + r * panel.side)
    art.cell(*spot, panel.side, RESULT)
    art.frame(*spot, panel.side, panel.side, RESULT)
    if found.value is not None:
        write_values(art, [found.value], [spot], panel.side)
    words = f"channel {found.filter} of {case.geo.out_channels}"
    below = 27 if rows.after < rows.high else 19
    art.text(left, low + len(rows) * panel.side + below, words, 11, kind="soft")


def _legend(art: Drawing, found: Trace, y: float) -> float:
    """Say what the signs mean; return the height of the picture."""
    planes = _planes(found)
    words = [f"{plural(found.case.geo.depth, 'product')} make one number of y"]
    if found.sums is not None:
        words.append("Σ: products of one grid, summed")
    drawn = len({c for c, _ in planes})
    if len(found.channels) > drawn:
        words.append(f"{plural(len(found.channels) - drawn, 'more channel')} not drawn")
    if found.case.geo.padded:
        mode = found.case.problem.padding_mode
        words.append("hatched: padding" + (" (0)" if mode == "zeros" else f" ({mode})"))
    if any(span.step > 1 for span in found.spans):
        words.append("dilation: only tinted cells meet a tap")
    if found.case.problem.flip:
        words.append("w is drawn turned round (flip)")
    line = ""
    for text in words:
        if len(line) + len(text) > 105:
            art.text(MARGIN, y, line, 11, kind="soft")
            line, y = "", y + 17
        line += ("  ·  " if line else "") + text
    art.text(MARGIN, y, line, 11, kind="soft")
    return y + 18


def _told(found: Trace) -> tuple[str, str]:
    """Return title and description in words."""
    result = "" if found.value is None else f" It is {number(found.value)}."
    shapes = f"x {found.case.x_shape}, w {found.case.w_shape}, y {found.case.y_shape}"
    told = f"{name_of(found)} is the sum of {expression(found)}.{result} Shapes: {shapes}."
    return f"{name_of(found)}: {place_in_words(found)}", told
