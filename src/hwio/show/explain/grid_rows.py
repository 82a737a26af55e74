"""Grids of numbers beside each other, as wide as the terminal: window × filter = products."""

from __future__ import annotations

from dataclasses import dataclass

from hwio.show.explain.grids import MOST_SIDE, cropped
from hwio.show.printing import width

# gap between columns, and where a channel's sum stands: the first that fits the width is taken
_ARRANGEMENTS = ((2, "beside"), (1, "beside"), (1, "below"), (2, "stacked"))


@dataclass(frozen=True, slots=True)
class GridRow:
    """Up to three grids that are multiplied, their product, and its sum.

    Attributes
    ----------
    name : str
        Such as "c=0", of a channel, or "k=2", of a filter.
    grids : list of (str, list of list of str)
        Label and cells of each.
    total : str
        Such as "Σ = 0.3229", or empty.
    """

    name: str
    grids: list[tuple[str, list[list[str]]]]
    total: str


def grid_lines(rows: list[GridRow]) -> list[str]:
    """Lay rows out in the widest arrangement that fits."""
    indent = max(7, max(len(row.name) for row in rows) + 4)
    lines: list[str] = []
    for gap, where in _ARRANGEMENTS:
        lay = _stacked if where == "stacked" else _beside
        lines = [line for row in rows for line in lay(row, gap, indent, where)]
        if max(map(len, lines)) <= width():
            break
    return lines


def _beside(row: GridRow, gap: int, indent: int, where: str) -> list[str]:
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


def _stacked(row: GridRow, gap: int, indent: int, where: str) -> list[str]:
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
