"""A comparison as text, as wide as the terminal, at most 100 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwio.ops.memory import size
from hwio.planner.ways import label
from hwio.show.printing import filled, width
from hwio.show.sentences import (
    duration,
    error_text,
    expressions,
    headline,
    sentences,
    skipped_lines,
    thousands,
    times,
)

if TYPE_CHECKING:
    from hwio.show.findings import Findings, Row

LEFT = ("method", "w", "x")  # columns of words; all others hold numbers
LESSER = ("runs × loops", "mean ± std")  # left out, in this order, where the terminal is narrow
AUTO = '* what hwio.conv runs by itself (method="auto")'


def table(found: Findings) -> str:
    """Draw a comparison.

    Parameters
    ----------
    found : Findings

    Returns
    -------
    str
        The case, the machine, one line per row, what it says in words, who was not timed.
    """
    lines = [*_wrap(headline(found)), *_wrap(str(found.machine)), "", *_fitted(cells(found)), ""]
    for sentence in sentences(found):
        lines += _wrap(sentence)
    lines += ["", *_wrap(units(found))]
    if any(row.method == found.case.auto for row in found.rows):
        lines.append(AUTO)
    heading, raw = expressions(found)
    if raw:
        lines += ["", *_wrap(f"{heading}:")]
        for name, text in raw.items():
            lines += _wrap(f"{name:<12}  {text}", indent=2, hang=16)
    if found.skipped:
        lines += ["", "Not timed:"]
        for text in skipped_lines(found):
            lines += _wrap(text, indent=2)
    return "\n".join(lines)


def cells(found: Findings) -> list[dict[str, str]]:
    """Return the text of every cell, row by row; x has a column if it was stored in several orders."""
    several = len({row.x_layout for row in found.rows}) > 1
    return [_cells(row, found.case.auto, several=several) for row in found.rows]


def units(found: Findings) -> str:
    """Say what the columns of numbers mean."""
    error = (
        "exact: the same integers"
        if found.rows[0].bound == "exact"
        else f"error: largest distance from {found.case.reference} in units of the published bound, "
        "right up to 1"
    )
    peak = "measured peak: beside x, w and y, Python's own objects included"
    return f"{error} · {peak} · ratio: to the least median"


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
    return thousands(loops) if loops < 1_000_000 else f"{loops:.0e}".replace("e+0", "e")


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
    names = list(rows[0])
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in names}
    full = [dict(zip(names, names, strict=True)), *rows]
    lines = [
        "  ".join(
            f"{row[name]:<{widths[name]}}" if name in LEFT else f"{row[name]:>{widths[name]}}"
            for name in names
        ).rstrip()
        for row in full
    ]
    return [lines[0], "─" * max(map(len, lines)), *lines[1:]]


def _wrap(text: str, indent: int = 0, hang: int | None = None) -> list[str]:
    """Break a long line; what follows stands two further in."""
    first, later = " " * indent, " " * (indent + 2 if hang is None else hang)
    return filled(text, first, later)
