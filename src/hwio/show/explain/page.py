"""An explanation as self-contained HTML: inline style, light and dark, no scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hwio.show.explain.expression import pad_line
from hwio.show.explain.grids import grid_name, grids_of, shown_channels, shown_depths
from hwio.show.explain.trace_words import (
    closing,
    meeting_rows,
    name_of,
    place_in_words,
    sum_rows,
    terms,
    totals,
)
from hwio.show.html import element, rows, table_html

if TYPE_CHECKING:
    from hwio.show.explain.trace import Trace
    from hwio.show.printing import Table

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
_FEW = 3  # columns of a grid that three beside each other have room for


def html_part(
    before: Sequence[Table], found: Trace | None, after: Sequence[Table], svg: str
) -> str:
    """Put tables, trace and picture into one element that can stand in any page."""
    parts = [f"<style>{_STYLE}</style>", svg]
    parts += [table_html(table) for table in before]
    if found is not None:
        parts += trace_html(found)
    parts += [table_html(table) for table in after]
    inner = "\n".join(part for part in parts if part)
    return f'<div class="hwio-explain">\n{inner}\n</div>'


def trace_html(found: Trace) -> list[str]:
    """Write the traced number: grids, sums and the code."""
    title = f"{name_of(found)} = Σ {terms(found)}"
    parts = [f"<h4>{element('code', title)}</h4>", element("p", place_in_words(found))]
    needed = pad_line(found)
    parts += [f"<p>with {element('code', needed)}</p>"] if needed else []
    if found.window is None:
        parts.append(f"<table>{rows(meeting_rows(found))}</table>")
    else:
        full, listed = shown_channels(found)
        parts += [_channel(found, c, d) for c in range(full) for d in shown_depths(found)]
        sums = [*sum_rows(found, 0, listed), *totals(found)]
        parts.append(f"<table class='sums'>{rows(sums)}</table>")
    return parts + [f"<p>{element('code', line)}</p>" for line in closing(found)]


def _channel(found: Trace, c: int, d: int | None) -> str:
    """Write window × filter = products of one channel; a narrow page puts them below each other."""
    cells = []
    for sign, (label, grid) in zip(["", "×", "="], grids_of(found, c, d), strict=False):
        before = f'<div class="sign">{sign}</div>' if sign else ""
        cells.append(f'<div class="pair">{before}{_grid(label, grid)}</div>')
    name = element("div", grid_name(found, c, d), 'class="name"')
    return f'<div class="channel">{name}{"".join(cells)}</div>'


def _grid(label: str, cells: list[list[str]]) -> str:
    """Write one grid of numbers, padding hatched."""
    body = "".join(f"<tr>{''.join(map(_number, row))}</tr>" for row in cells)
    tight = " tight" if cells and len(cells[0]) > _FEW else ""
    return f'<table class="num{tight}">{element("caption", label)}{body}</table>'


def _number(cell: str) -> str:
    """Write one number; those of padding stand in brackets."""
    return element("td", cell, 'class="pad"' if cell[:1] == "(" else "")
