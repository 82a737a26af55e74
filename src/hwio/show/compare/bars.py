"""A comparison as bars in SVG, for what shows no tables: a printed notebook, a slide."""

from __future__ import annotations

import zlib
from math import log
from typing import TYPE_CHECKING

from hwio.show.colours import VERMILION, colour_of
from hwio.show.compare.sentences import headline
from hwio.show.drawing import WIDE, Drawing, element
from hwio.show.printing import duration, filled, times

if TYPE_CHECKING:
    from hwio.show.compare.findings import Findings, Row

EDGE, ROW, LEFT = 22, 21, 270  # LEFT: where bars begin
ROOM = WIDE - LEFT - 145  # for the longest bar
MOST = 40  # rows; the slowest are left out


def bars(found: Findings) -> str:
    """Draw the medians, fastest first, on a logarithmic scale; w's orders have their colours."""
    rows = list(found.rows[:MOST])
    told = repr([(row.method, row.x_layout, row.w_layout, row.median) for row in rows])
    art = Drawing(f"hwio{zlib.crc32(told.encode()):08x}")
    y = 28.0
    for line in filled(headline(found)):
        art.text(EDGE, y, line, 12.5)
        y += 18
    colours = colour_of([row.w_layout for row in found.rows])
    most = max((row.ratio for row in rows), default=1.0)
    for row in rows:
        y += ROW
        _bar(art, row, colours[row.w_layout], most, y)
    y += 26
    left = len(found.rows) - len(rows)
    words = "logarithmic scale; medians" + (f"; {left} slower ones left out" if left else "")
    art.text(EDGE, y, words, 11, kind="soft")
    fastest = f" The fastest is {rows[0].method}." if rows else ""
    return element(art, y + 18, "hwio compare", f"{headline(found)}.{fastest}")


def _bar(art: Drawing, row: Row, colour: str, most: float, y: float) -> None:
    """Draw one way: its name, w's order, the bar and the time."""
    wide = ROOM * (0.03 + 0.97 * (log(max(row.ratio, 1.0)) / log(most) if most > 1 else 1.0))
    art.text(EDGE, y, row.method, 12, kind="code")
    art.text(LEFT - 12, y, row.w_layout, 11, "end", "soft")
    art.pieces.append(
        f'<rect x="{LEFT}" y="{y - 11:.1f}" width="{wide:.1f}" height="14" rx="2" fill="{colour}"/>'
    )
    if not row.agrees:
        art.frame(LEFT, y - 11, wide, 14, VERMILION)
    wrong = "" if row.agrees else "  WRONG"
    art.text(LEFT + wide + 8, y, f"{duration(row.median)}  · {times(row.ratio)} ×{wrong}", 11)
