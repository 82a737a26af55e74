"""The traced number as text: window × filter = products, channel by channel, then the sums."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwio.show.explain.expression import pad_line
from hwio.show.explain.grid_rows import GridRow, grid_lines
from hwio.show.explain.grids import (
    MOST_SIDE,
    grid_name,
    grids_of,
    shown_channels,
    shown_depths,
)
from hwio.show.explain.trace_words import (
    closing,
    meeting_rows,
    name_of,
    place_in_words,
    sum_rows,
    terms,
    totals,
)
from hwio.show.printing import aligned, numbers, width, wrapped

if TYPE_CHECKING:
    from hwio.show.explain.trace import Trace


def trace_lines(found: Trace) -> list[str]:
    """Lay out where one number comes from, line by line."""
    lines = [*_head(found), ""]
    if found.window is None:
        lines += [f"  {line}" for line in aligned(meeting_rows(found))]
    else:
        full, listed = shown_channels(found)
        lines += _channels(found, full)
        edge = max([len(line) for line in lines if "Σ =" in line[4:]] or [40])
        lines += _tail(found, full, listed, edge)
    return lines + [f"  {line}" for line in closing(found)]


def _tail(found: Trace, full: int, listed: int, edge: int) -> list[str]:
    """Write the sums of the channels not laid out, then the totals, all ending at one edge."""
    rows, totals_of = sum_rows(found, full, listed), totals(found)
    wide = max(8, *(len(value) for _, value in rows + totals_of))
    lines = []
    for name, value in rows:
        right = f"Σ = {value:>{wide}}"
        lines.append(f"  {name:<{max(edge - len(right) - 2, 0)}}{right}")
    return lines + [f"{name} = {value:>{wide}}".rjust(edge) for name, value in totals_of]


def _head(found: Trace) -> list[str]:
    """Write the first line: the number, its expression, its place."""
    line = f"{name_of(found)}  =  Σ  {terms(found)}"
    where = place_in_words(found)
    if len(line) + 8 + len(where) <= width():
        lines = [f"{line}        {where}"]
    else:
        lines = [*wrapped(line), f"  {where}"]
    needed = pad_line(found)
    return lines + ([f"  with  {needed}"] if needed else [])


def _channels(found: Trace, full: int) -> list[str]:
    """Lay out the first channels: window × filter = products."""
    rows = [row for c in range(full) for row in _rows_of(found, c)]
    if not rows:
        return []
    lines = grid_lines(rows)
    hidden = found.spans[0].taps - MOST_SIDE if found.case.geo.ndim == 3 else 0
    return lines + [f"  ... {hidden} more depths of each channel"] * (hidden > 0)


def _rows_of(found: Trace, c: int) -> list[GridRow]:
    """Collect the grids of one channel, one row for each depth of the kernel."""
    depths, sums = shown_depths(found), found.sums
    rows = []
    for d in depths:
        total = "" if sums is None or d != depths[-1] else f"Σ = {numbers(sums, 4)[c]:>8}"
        rows.append(GridRow(grid_name(found, c, d), grids_of(found, c, d), total))
    return rows
