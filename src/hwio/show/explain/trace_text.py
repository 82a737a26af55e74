"""The traced number as text: window × filter = products, channel by channel, then the sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwio.show.explain.expression import pad_line
from hwio.show.explain.grids import (
    MOST_SIDE,
    cropped,
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

# gap between columns, and where a channel's sum stands: the first that fits the width is taken
_ARRANGEMENTS = ((2, "beside"), (1, "beside"), (1, "below"), (2, "stacked"))


@dataclass(frozen=True, slots=True)
class _Row:
    """The grids of one channel, or of one depth of it."""

    name: str
    grids: list[tuple[str, list[list[str]]]]
    total: str


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
    indent = max(7, max(len(row.name) for row in rows) + 4)
    lines: list[str] = []
    for gap, where in _ARRANGEMENTS:
        lay = _stacked if where == "stacked" else _beside
        lines = [line for row in rows for line in lay(row, gap, indent, where)]
        if max(map(len, lines)) <= width():
            break
    hidden = found.spans[0].taps - MOST_SIDE if found.case.geo.ndim == 3 else 0
    return lines + [f"  ... {hidden} more depths of each channel"] * (hidden > 0)


def _rows_of(found: Trace, c: int) -> list[_Row]:
    """Collect the grids of one channel, one row for each depth of the kernel."""
    depths, sums = shown_depths(found), found.sums
    rows = []
    for d in depths:
        total = "" if sums is None or d != depths[-1] else f"Σ = {numbers(sums, 4)[c]:>8}"
        rows.append(_Row(grid_name(found, c, d), grids_of(found, c, d), total))
    return rows


def _beside(row: _Row, gap: int, indent: int, where: str) -> list[str]:
    """Put the grids of one row beside each other."""
    blocks = [_block(label, cells, gap) for label, cells in row.grids]
    height = len(blocks[0])
    lines = []
    for i in range(height):
        signs = ["  ×  ", "  =  "] if i == height // 2 else ["     "] * 2
        line = (f"  {row.name}" if i == 0 else "").ljust(indent) + blocks[0][i]
        for sign, block in zip(signs, blocks[1:], strict=False):
            line += sign + block[i]
        lines.append(line)
    if row.total and where == "beside":
        lines[-1] += f"  {row.total}"
    elif row.total:
        lines.append(row.total.rjust(len(lines[-1])))
    return [line.rstrip() for line in lines]


def _block(label: str, cells: list[list[str]], gap: int) -> list[str]:
    """Lay a grid out under its label, all lines of one width."""
    size = max(6, *(len(cell) for row in cells for cell in row))
    wide = [1 if cell == "…" else size for cell in cells[0]]
    rows = [
        (" " * gap).join(f"{cell:>{n}}" for cell, n in zip(row, wide, strict=True)) for row in cells
    ]
    longest = max(len(label), len(rows[0]))
    return [f"{line:<{longest}}" for line in (label, *rows)]


def _stacked(row: _Row, gap: int, indent: int, where: str) -> list[str]:
    """Lay the grids of one row out below each other."""
    del where
    lines = [f"  {row.name}"]
    for sign, (label, cells) in zip(["", "× ", "= "], row.grids, strict=False):
        lines.append(f"    {sign}{label}")
        block: list[str] = []
        for most in (MOST_SIDE, 7, 5, 4):
            block = _block("", [cropped(r, "…", most) for r in cells], gap)[1:]
            if indent + len(block[0]) <= width():
                break
        lines += [f"{' ' * indent}{line}" for line in block]
    return [*lines, row.total.rjust(max(map(len, lines)))] if row.total else lines
