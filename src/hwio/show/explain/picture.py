"""A picture of one number of y: its window in x, its filter, its cell; SVG without scripts."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from hwio.show.colours import GREEN, ORANGE, PINK, SKY, VERMILION
from hwio.show.drawing import WIDE, Drawing, element, ellipses, write_values
from hwio.show.explain.cells import cells_of
from hwio.show.explain.grids import grid_name, plane
from hwio.show.explain.look import Look, is_met, legend_words, pattern_of
from hwio.show.explain.trace_words import name_of
from hwio.show.explain.views import (
    BELOW,
    GAP,
    SHIFT,
    Panel,
    axes,
    grids_beside,
    panel_of_w,
    panel_of_x,
    panel_of_y,
    planes,
    planes_behind,
)
from hwio.show.printing import number

if TYPE_CHECKING:
    from hwio.show.explain.trace import Trace

MARGIN = 22
CHANNELS = (SKY, ORANGE, GREEN, PINK)
RESULT = VERMILION
_STRENGTH = ("", "dots", "hatch")  # a cell of padding is hatched, whatever else it is


def picture(found: Trace, look: Look) -> str:
    """Draw where one number of y comes from: one ``<svg>``, readable in light and dark."""
    art, bottom = draw(found, look)
    return element(art, bottom, f"{name_of(found)}: {look.place}", look.told)


def draw(found: Trace, look: Look) -> tuple[Drawing, float]:
    """Return the pieces of a picture, and its height."""
    told = repr((found.at, look.lines, look.named, found.case.geo))
    mark = look.id or f"hwio{zlib.crc32(told.encode()):08x}"  # apart from other pictures of a page
    art = Drawing(mark)
    top = _header(art, look)
    panels = panel_of_x(found), panel_of_w(found), panel_of_y(found)
    high = max(panel.high for panel in panels)
    gap = (WIDE - 2 * MARGIN - sum(panel.wide for panel in panels)) / 2
    left = float(MARGIN)
    drawers = (_draw_x, _draw_w, _draw_y)
    for i, (panel, draw_panel) in enumerate(zip(panels, drawers, strict=True)):
        art.text(left, top + 4, "xwy"[i], 16)
        art.text(left + 17, top + 4, look.named[i], 11, kind="soft")
        draw_panel(art, found, look, panel, left, top + 28 + (high - panel.high) / 2)
        if i < 2:
            middle = left + panel.wide + gap / 2
            art.text(middle, top + 24 + high / 2, "×="[i], 21, "middle", "soft")
        left += panel.wide + gap
    return art, _legend(art, found, look, top + 28 + high + 28)


def _header(art: Drawing, look: Look) -> float:
    """Write the number, its expression and its place; return where the panels start."""
    y = 30.0
    for line in look.lines:
        size = min(13.5, (WIDE - 2 * MARGIN) / (0.61 * max(len(line), 1)))
        art.text(MARGIN, y, line, size, kind="code")
        y += 20
    art.text(MARGIN, y + 1, look.place, 12, kind="soft")
    return y + 24


def _draw_x(art: Drawing, found: Trace, look: Look, panel: Panel, left: float, top: float) -> None:
    """Draw the channels of x as planes behind each other, the window lit."""
    back = len(planes(found)) - 1
    low = top + back * SHIFT
    for i in range(back, -1, -1):
        _plane_of_x(art, found, look, panel, i, left + i * SHIFT, low - i * SHIFT)
    ellipses(art, (panel.rows, panel.columns), (left, low), panel.side, back * SHIFT)
    words = f"image {found.place['N']}, " if "N" in found.place else ""
    words += f"{_range_of(found.channels)} of {found.case.geo.in_channels}"
    _caption(art, panel, left, low, words)


def _caption(art: Drawing, panel: Panel, left: float, low: float, words: str) -> None:
    """Write what a stack of planes is, below it."""
    below = 27 if panel.rows.after < panel.rows.high else 19
    art.text(left, low + len(panel.rows) * panel.side + below, words, 11, kind="soft")


def _range_of(channels: range) -> str:
    """Name a range of channels."""
    if len(channels) == 1:
        return f"channel {channels.start}"
    return f"channels {channels.start} … {channels[-1]}"


def _plane_of_x(
    art: Drawing, found: Trace, look: Look, panel: Panel, i: int, x: float, y: float
) -> None:
    """Draw one channel of x; the front one bears values."""
    c, d = planes(found)[i]
    rows, columns, side = panel.rows, panel.columns, panel.side
    down, across = axes(found)
    lit_rows = set(range(1)) if down is None else set(down.cells)
    beyond = (
        pattern_of(found.spans[0], found.spans[0].cells[d], look.between[0])
        if d is not None
        else ""
    )
    met_rows = {r for r in rows.cells if down is None or is_met(found.case, -2, r)}
    met_columns = {q for q in columns.cells if is_met(found.case, -1, q)}
    gap = look.between[-2] if down else 1
    spots = []
    for r in rows.cells:
        for q in columns.cells:
            spot = (x + (q - columns.first) * side, y + (r - rows.first) * side)
            lit = r in lit_rows and q in across.cells
            kinds = (beyond, pattern_of(down, r, gap), pattern_of(across, q, look.between[-1]))
            art.cell(*spot, side, CHANNELS[i], 0.5 if lit else 0.1, max(kinds, key=_STRENGTH.index))
            if r not in met_rows or q not in met_columns:
                art.strike(*spot, side)
            spots.append(spot)
    _frame_window(art, found, panel, (x, y), CHANNELS[i])
    if i == 0 and found.window is not None:
        channel = found.channels[c]
        where = [columns.cells] if down is None else [rows.cells, columns.cells]
        if d is not None:
            where = [range(found.spans[0].cells[d], found.spans[0].cells[d] + 1), *where]
        channels = range(channel, channel + 1)
        values = cells_of(found.case, found.place.get("N", 0), channels, where)
        write_values(art, values.ravel().tolist(), spots, side)


def _frame_window(
    art: Drawing, found: Trace, panel: Panel, corner: tuple[float, float], color: str
) -> None:
    """Frame the window, as far as it is drawn."""
    down, across = axes(found)
    edges = []
    for shown, span in ((panel.columns, across), (panel.rows, down)):
        first, after = (0, 1) if span is None else (span.start, span.cells[-1] + 1)
        first, after = max(first, shown.first), min(after, shown.after)
        edges.append((first - shown.first, max(after - first, 0)))
    (x, wide), (y, high) = edges
    side = panel.side
    art.frame(corner[0] + x * side, corner[1] + y * side, wide * side, high * side, color)


def _draw_w(art: Drawing, found: Trace, _: Look, panel: Panel, left: float, top: float) -> None:
    """Draw the filter, one grid for each channel, with the sums of products below."""
    across = grids_beside(found)
    step = (panel.wide + GAP) / across if across > 1 else 0
    for i in range(len(planes(found))):
        x = left + (i % across) * step
        y = top + (i // across) * (len(panel.rows) * panel.side + BELOW)
        _grid_of_w(art, found, panel, i, x, y)
        ellipses(art, (panel.rows, panel.columns), (x, y), panel.side)


def _grid_of_w(art: Drawing, found: Trace, panel: Panel, i: int, x: float, y: float) -> None:
    """Draw one channel of the filter."""
    c, d = planes(found)[i]
    rows, columns, side = panel.rows, panel.columns, panel.side
    spots = [(x + q * side, y + r * side) for r in rows.cells for q in columns.cells]
    for spot in spots:
        art.cell(*spot, side, CHANNELS[i])
    art.frame(x, y, len(columns) * side, len(rows) * side, CHANNELS[i])
    if found.weights is not None:
        grid = plane(found.weights[..., c], d)
        grid = grid[rows.first : rows.after, columns.first : columns.after]
        write_values(art, grid.ravel().tolist(), spots, side)
    low = y + len(rows) * side + 9 * (rows.after < rows.high) + 14  # below the ellipsis
    name = grid_name(found, c, d)
    products = found.products
    if products is None:
        art.text(x, low, name, 10.5, kind="soft")
        return
    with np.errstate(all="ignore"):
        total = f"Σ {number(plane(products[..., c], d).sum(), 3)}"
    right = x + len(columns) * side
    if len(name + total) * 5.9 + 8 <= right - x:  # the sum ends where its grid does
        art.text(x, low, name, 10.5)
        art.text(right, low, total, 10.5, "end")
    else:
        art.text(x, low, f"{name}: {total}", 10.5)


def _draw_y(art: Drawing, found: Trace, look: Look, panel: Panel, left: float, top: float) -> None:
    """Draw y's channel with the number's cell lit, and a hint of the others behind it."""
    rows, columns, side = panel.rows, panel.columns, panel.side
    back = planes_behind(found)
    low = top + back * SHIFT
    for i in range(back, -1, -1):
        x, y = left + i * SHIFT, low - i * SHIFT
        for r in rows.cells:
            for q in columns.cells:
                spot = x + (q - columns.first) * side, y + (r - rows.first) * side
                written = i == 0 and _place(found, r, q) in look.earlier
                art.cell(*spot, side, RESULT if written else "", 0.14)
    ellipses(art, (rows, columns), (left, low), side, back * SHIFT)
    _numbers_of_y(art, found, look, panel, left, low)
    words = f"channel {found.filter} of {found.case.geo.out_channels}"
    if len(found.spans) > 2:
        words += f", depth {found.place['D']} of {found.case.geo.out_size[0]}"
    _caption(art, panel, left, low, words)


def _place(found: Trace, r: int, q: int) -> tuple[int, ...]:
    """Return the spatial place of a cell of the plane of y that is drawn."""
    depth = (found.place["D"],) if len(found.spans) > 2 else ()
    return (*depth, q) if len(found.spans) == 1 else (*depth, r, q)


def _numbers_of_y(
    art: Drawing, found: Trace, look: Look, panel: Panel, left: float, low: float
) -> None:
    """Light the number's cell; write it, and those before it."""
    rows, columns, side = panel.rows, panel.columns, panel.side
    at = tuple(found.place[letter] for letter in found.case.geo.letters)
    values, spots = [], []
    for r in rows.cells:
        for q in columns.cells:
            spot = left + (q - columns.first) * side, low + (r - rows.first) * side
            place = _place(found, r, q)
            if place == at:
                art.cell(*spot, side, RESULT)
                art.frame(*spot, side, side, RESULT)
            value = found.value if place == at else look.earlier.get(place)
            if value is not None:
                values.append(value)
                spots.append(spot)
    write_values(art, values, spots, side)


def _legend(art: Drawing, found: Trace, look: Look, y: float) -> float:
    """Say what the signs mean; return the height of the picture."""
    drawn = "".join(art.pieces)
    patterns = {name for name in ("hatch", "dots") if f"#{art.id}-{name})" in drawn}
    patterns |= {"strike"} if "<path" in drawn else set()
    line = ""
    for text in legend_words(found, look, patterns):
        if line and len(line) + len(text) > 105:
            art.text(MARGIN, y, line, 11, kind="soft")
            line, y = "", y + 17
        line += ("  ·  " if line else "") + text
    art.text(MARGIN, y, line, 11, kind="soft")
    return y + 18
