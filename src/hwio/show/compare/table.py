"""A comparison as text, as wide as the terminal, at most 100 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwio.ops.memory import size
from hwio.planner.ways import label
from hwio.show.compare.sentences import (
    error_text,
    expressions,
    headline,
    sentences,
    skipped_lines,
)
from hwio.show.printing import aligned, count, duration, times, width, wrapped

if TYPE_CHECKING:
    from hwio.show.compare.findings import Findings, Row

LEFT = ("method", "w", "x")  # columns of words; all others hold numbers
LESSER = ("runs × loops", "mean ± std")  # left out, in this order, where the terminal is narrow
AUTO = '* what hwio.conv runs by itself (method="auto")'


def table(found: Findings) -> str:
    """Write the case, the machine, a line per row, what it says in words, who was not timed."""
    lines = [*wrapped(headline(found), 2), *wrapped(str(found.machine), 2)]
    lines += ["", *_fitted(cells(found)), ""]
    for text in (*sentences(found), "", *notes(found)):
        lines += wrapped(text, 2)
    heading, raw = expressions(found)
    if raw:
        lines += ["", *wrapped(f"{heading}:", 2)]
        for name, text in raw.items():
            lines += wrapped(f"  {name:<12}  {text}", 16)
    if found.skipped:
        lines += ["", "Not timed:"]
        for text in skipped_lines(found):
            lines += wrapped(f"  {text}", 4)
    return "\n".join(lines)


def cells(found: Findings) -> list[dict[str, str]]:
    """Return the text of every cell, row by row; x has a column if it was stored in several orders."""
    several = len({row.x_layout for row in found.rows}) > 1
    return [_cells(row, found.case.auto, several=several) for row in found.rows]


def notes(found: Findings) -> list[str]:
    """Say what the columns of numbers mean, and the star."""
    error = (
        "exact: the same integers"
        if found.rows[0].bound == "exact"
        else f"error: largest distance from {found.case.reference} in units of the published bound, "
        "right up to 1"
    )
    peak = "measured peak: beside x, w and y, Python's own objects included"
    starred = any(row.method == found.case.auto for row in found.rows)
    return [f"{error} · {peak} · ratio: to the least median", *([AUTO] if starred else [])]


def _cells(row: Row, auto: str, *, several: bool) -> dict[str, str]:
    """Return the text of one row's cells by column."""
    method = label(row.method)
    method = method if len(method) <= 20 else f"{method[:19]}…"
    found = {"method": f"{method} *" if row.method == auto else method, "w": row.w_layout}
    if several:
        found["x"] = row.x_layout
    return found | {
        "median": duration(row.median),
        "mean ± std": f"{duration(row.mean)} ± {duration(row.std)}",
        "runs × loops": f"{row.runs} × {_count(row.loops)}",
        "error": error_text(row),
        "measured peak": size(row.peak),
        "ratio": times(row.ratio),
    }


def _count(loops: int) -> str:
    """Write a number of loops, a large one as a power of ten."""
    return count(loops) if loops < 1_000_000 else f"{loops:.0e}".replace("e+0", "e")


def _fitted(rows: list[dict[str, str]]) -> list[str]:
    """Lay cells out, without the lesser columns where they would be too wide."""
    lines = _grid(rows)
    for lesser in LESSER:
        if len(lines[1]) > width():
            rows = [{name: text for name, text in row.items() if name != lesser} for row in rows]
            lines = _grid(rows)
    return lines


def _grid(rows: list[dict[str, str]]) -> list[str]:
    """Lay cells out in columns, words to the left and numbers to the right."""
    columns = []
    for name in rows[0]:
        cells_of = [name, *(row[name] for row in rows)]
        wide = 0 if name in LEFT else max(map(len, cells_of))
        columns.append([f"{text:>{wide}}" for text in cells_of])
    lines = aligned(list(zip(*columns, strict=True)))
    return [lines[0], "─" * max(map(len, lines)), *lines[1:]]
