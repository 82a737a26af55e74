"""An explanation as self-contained HTML: inline style, light and dark, no scripts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from hwio.show.printing import number, numbers, plural
from hwio.show.text import (
    MOST_SIDE,
    channel_names,
    closing,
    grids_of,
    meeting_rows,
    name_of,
    place_in_words,
    shown_channels,
    terms,
    totals,
)
from hwio.show.trace import pad_line

if TYPE_CHECKING:
    from hwio.show.printing import Table
    from hwio.show.trace import Trace

_STYLE = """
.hwio-explain{color-scheme:light dark;background:#fff;color:#1f2328;padding:12px 16px;
border-radius:8px;max-width:830px;overflow-x:auto;
font:14px/1.45 ui-sans-serif,system-ui,"Segoe UI",sans-serif}
.hwio-explain table{border-collapse:collapse;margin:4px 0;background:none;color:inherit;
font-size:inherit}
.hwio-explain td,.hwio-explain th{padding:2px 12px 2px 0;text-align:left;border:0;
vertical-align:top;background:none;color:inherit;font-size:inherit;font-weight:400}
.hwio-explain th{opacity:.7}
.hwio-explain .right{text-align:right}
.hwio-explain .channel{display:flex;flex-wrap:wrap;align-items:center;gap:2px 10px;margin:6px 0}
.hwio-explain .pair{display:flex;align-items:center;gap:10px}
.hwio-explain .name{align-self:flex-start;min-width:32px}
.hwio-explain .sign{padding-top:1.3em}
.hwio-explain .num td{font-family:ui-monospace,Menlo,Consolas,monospace;text-align:right;
padding:2px 6px;border:1px solid #b6bec8;font-size:12px;min-width:6ch}
.hwio-explain .tight td{font-size:11px;padding:2px 3px}
.hwio-explain .num td.pad{background:repeating-linear-gradient(45deg,transparent 0 4px,
#8d97a388 4px 5px)}
.hwio-explain code,.hwio-explain .mono{font-family:ui-monospace,Menlo,Consolas,monospace;
font-size:13px;background:none;color:inherit}
.hwio-explain .sums td:last-child{text-align:right;font-family:ui-monospace,Menlo,monospace;
font-size:13px}
.hwio-explain h4{margin:16px 0 4px;font-size:14px;color:inherit}
.hwio-explain p,.hwio-explain h4{white-space:pre-wrap}
.hwio-explain p{margin:4px 0}
.hwio-explain caption{caption-side:top;text-align:left;font:12px ui-monospace,monospace}
@media (prefers-color-scheme:dark){.hwio-explain{background:#161b22;color:#e6edf3}
.hwio-explain .num td{border-color:#4a535e}}"""
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>hwio explain</title>
<style>html{background:#fff}body{margin:16px auto;max-width:862px}
@media (prefers-color-scheme:dark){html{background:#161b22}}</style>
</head>
<body>
"""
_FEW = 3  # columns of a grid that three beside each other have room for


def html_page(part: str) -> str:
    """Make a page of its own out of a part."""
    return f"{_PAGE}{part}\n</body>\n</html>\n"


def html_part(
    before: Sequence[Table], found: Trace | None, after: Sequence[Table], svg: str
) -> str:
    """Put tables, trace and picture into one element that can stand in any page.

    Parameters
    ----------
    before, after : sequence of Table
    found : Trace or None
    svg : str
        Markup of ``svg.picture``.

    Returns
    -------
    str
    """
    parts = [f"<style>{_STYLE}</style>", svg]
    parts += [table_html(table) for table in before]
    if found is not None:
        parts += trace_html(found)
    parts += [table_html(table) for table in after]
    inner = "\n".join(part for part in parts if part)
    return f'<div class="hwio-explain">\n{inner}\n</div>'


def table_html(table: Table) -> str:
    """Write a table with its title and notes."""
    parts = [f"<h4>{escape(table.title)}</h4>"] if table.title else []
    if table.rows:
        head = _row(table.head, "th") if table.head else ""
        rows = "".join(_row(row) for row in table.rows)
        parts.append(f"<table>{head}{rows}</table>")
    parts += [f"<p>{escape(note.strip())}</p>" for note in table.notes]
    return "\n".join(parts)


def _row(cells: Iterable[str], tag: str = "td") -> str:
    """Write a row; a cell that the text form moves to the right is moved here too."""
    parts = []
    for cell in cells:
        right = ' class="right"' if cell.startswith("  ") else ""
        parts.append(f"<{tag}{right}>{escape(cell)}</{tag}>")
    return f"<tr>{''.join(parts)}</tr>"


def trace_html(found: Trace) -> list[str]:
    """Write the traced number: grids, sums and the code."""
    title = f"{name_of(found)} = Σ {terms(found)}"
    parts = [f"<h4><code>{escape(title)}</code></h4>", f"<p>{escape(place_in_words(found))}</p>"]
    needed = pad_line(found)
    parts += [f"<p>with <code>{escape(needed)}</code></p>"] if needed else []
    if found.window is None:
        parts.append(f"<table>{''.join(_row(row) for row in meeting_rows(found))}</table>")
        return parts + [f"<p><code>{escape(line)}</code></p>" for line in closing(found)]
    full, listed = shown_channels(found)
    depths: list[int | None] = [None]
    if len(found.spans) == 3:
        depths = list(range(min(found.spans[0].taps, MOST_SIDE)))
    parts += [_channel(found, c, d) for c in range(full) for d in depths]
    parts.append(
        f"<table class='sums'>{''.join(_row(row) for row in sum_rows(found, listed))}</table>"
    )
    return parts + [f"<p><code>{escape(line)}</code></p>" for line in closing(found)]


def sum_rows(found: Trace, listed: int) -> list[tuple[str, str]]:
    """Return the sums of the channels, those left out together, and the totals."""
    sums = found.sums or []
    names = channel_names(found)
    rows = list(zip(names[:listed], numbers(sums, 4)[:listed], strict=True))
    if sums[listed:]:
        with np.errstate(all="ignore"):
            rest_sum = number(sum(sums[listed:]))
        rows.append((f"... {plural(len(sums) - listed, 'more channel')}, sum", rest_sum))
    return [*rows, *totals(found)]


def _channel(found: Trace, c: int, d: int | None) -> str:
    """Write window × filter = products of one channel; a narrow page puts them below each other."""
    cells = []
    for sign, (label, grid) in zip(["", "×", "="], grids_of(found, c, d), strict=False):
        before = f'<div class="sign">{sign}</div>' if sign else ""
        cells.append(f'<div class="pair">{before}{_grid(label, grid)}</div>')
    name = f"c={found.channels[c]}" + ("" if d is None else f" d={d}")
    return f'<div class="channel"><div class="name">{escape(name)}</div>{"".join(cells)}</div>'


def _grid(label: str, rows: list[list[str]]) -> str:
    """Write one grid of numbers, padding hatched."""
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="pad">{escape(cell)}</td>'
            if cell[:1] == "("
            else f"<td>{escape(cell)}</td>"
            for cell in row
        )
        + "</tr>"
        for row in rows
    )
    tight = " tight" if rows and len(rows[0]) > _FEW else ""
    return f'<table class="num{tight}"><caption>{escape(label)}</caption>{body}</table>'
