"""An explanation as self-contained HTML: inline style, light and dark, no scripts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

from hwio.show.drawing import dark_style
from hwio.show.explain import expression
from hwio.show.explain.gradient_text import GATHERED, SCATTERED, SUMMED, bias_line
from hwio.show.explain.gradient_words import (
    brackets,
    cell_totals,
    gathered_part,
    gathered_rows,
    notes,
    pad_line,
    scattered_rows,
    spread_line,
    tap_part,
    tap_rows,
    tap_totals,
    title_of_dw,
    title_of_dx,
    verdict,
)
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
from hwio.show.printing import number

if TYPE_CHECKING:
    from hwio.show.explain.gradient import GradientTrace
    from hwio.show.explain.trace import Trace
    from hwio.show.printing import Table

# Notebooks stripe rows, tint code and set cells to the right, for their own theme's paper: hence
# every !important, without which a dark notebook's stripes lie under dark letters.
_STYLE = """
.hwio-explain{color-scheme:light dark;background:#fff;color:#1f2328;padding:12px 16px;
border-radius:8px;max-width:830px;overflow-x:auto;
font:14px/1.45 ui-sans-serif,system-ui,"Segoe UI",sans-serif}
.hwio-explain table{border-collapse:collapse;margin:4px 0;background:none;color:inherit;
font-size:inherit}
.hwio-explain tr,.hwio-explain thead,.hwio-explain tbody{background:none!important;border:0}
.hwio-explain td,.hwio-explain th{padding:2px 12px 2px 0;text-align:left!important;border:0;
vertical-align:top;background:none;color:inherit!important;font-size:inherit;font-weight:400;
max-width:none}
.hwio-explain th{opacity:.7}
.hwio-explain p,.hwio-explain h4,.hwio-explain caption{color:inherit!important}
.hwio-explain td.right,.hwio-explain th.right{text-align:right!important}
.hwio-explain .channel{display:flex;flex-wrap:wrap;align-items:center;gap:2px 10px;margin:6px 0}
.hwio-explain .pair{display:flex;align-items:center;gap:10px}
.hwio-explain .name{align-self:flex-start;min-width:32px}
.hwio-explain .sign{padding-top:1.3em}
.hwio-explain .num td{font-family:ui-monospace,Menlo,Consolas,monospace;
text-align:right!important;
padding:2px 6px;border:1px solid #b6bec8;font-size:12px;min-width:6ch}
.hwio-explain .tight td{font-size:11px;padding:2px 3px}
.hwio-explain .num td.pad{background:repeating-linear-gradient(45deg,transparent 0 4px,
#8d97a388 4px 5px)}
.hwio-explain code,.hwio-explain .mono{font-family:ui-monospace,Menlo,Consolas,monospace;
font-size:13px;background:none!important;color:inherit!important}
.hwio-explain .sums td:last-child{text-align:right!important;font-family:ui-monospace,Menlo,monospace;
font-size:13px}
.hwio-explain h4{margin:16px 0 4px;font-size:14px;color:inherit}
.hwio-explain p,.hwio-explain h4{white-space:pre-wrap}
.hwio-explain p{margin:4px 0}
.hwio-explain caption{caption-side:top;text-align:left;font:12px ui-monospace,monospace}
"""
_DARK = (("", "background: #161b22; color: #e6edf3"), (".num td", "border-color: #4a535e"))
_FEW = 3  # columns of a grid that three beside each other have room for


def html_part(
    before: Sequence[Table], shown: Sequence[str], after: Sequence[Table], svg: str = ""
) -> str:
    """Put tables, what was traced and a picture into one element that can stand in any page."""
    parts = [f"<style>{_STYLE}{dark_style('hwio-explain', _DARK)}</style>", svg]
    parts += [table_html(table) for table in before]
    parts += shown
    parts += [table_html(table) for table in after]
    inner = "\n".join(part for part in parts if part)
    return f'<div class="hwio-explain">\n{inner}\n</div>'


def trace_html(found: Trace) -> list[str]:
    """Write the traced number: grids, sums and the code."""
    title = f"{name_of(found)} = Σ {terms(found)}"
    parts = [f"<h4>{element('code', title)}</h4>", element("p", place_in_words(found))]
    needed = expression.pad_line(found)
    parts += [f"<p>with {element('code', needed)}</p>"] if needed else []
    if found.window is None:
        parts.append(f"<table>{rows(meeting_rows(found))}</table>")
    else:
        full, listed = shown_channels(found)
        for c, d in product(range(full), shown_depths(found)):
            parts.append(_grids(grid_name(found, c, d), grids_of(found, c, d)))
        sums = [*sum_rows(found, 0, listed), *totals(found)]
        parts.append(f"<table class='sums'>{rows(sums)}</table>")
    return parts + [f"<p>{element('code', line)}</p>" for line in closing(found)]


def gradient_html(found: GradientTrace) -> list[str]:
    """Write the traced gradients: both views of dx, then dw and db."""
    parts = [f"<h4>{element('code', title_of_dx(found))}</h4>"]
    parts += [element("p", line) for line in (*notes(found), SCATTERED)]
    seen = [*scattered_rows(found)]
    seen += [("sum", "", "", number(found.cell.scattered))] if found.known else []
    parts.append(f"<table class='sums'>{rows(seen)}</table>")
    parts += [element("p", GATHERED), f"<p>{element('code', spread_line(found))}</p>"]
    parts += [_grids(row.name, row.grids) for row in gathered_rows(found)]
    parts += (
        [f"<table class='sums'>{rows(cell_totals(found, True))}</table>"] if found.known else []
    )
    parts += [element("p", line) for line in brackets(found)]
    parts.append(f"<p>{element('code', _code(gathered_part(found, None)))}</p>")
    parts += [f"<h4>{element('code', title_of_dw(found))}</h4>", element("p", SUMMED)]
    parts += [f"<p>{element('code', pad_line(found))}</p>"] if pad_line(found) else []
    parts += [_grids(row.name, row.grids) for row in tap_rows(found)]
    parts += [f"<table class='sums'>{rows(tap_totals(found, True))}</table>"] if found.known else []
    parts.append(f"<p>{element('code', _code(tap_part(found, None)))}</p>")
    parts.append(f"<h4>{element('code', bias_line(found))}</h4>")
    return parts + [element("p", line) for line in (verdict(found) if found.known else [])]


def _code(factors: tuple[str, str]) -> str:
    """Write the sum of a product as code."""
    return f"np.sum({' * '.join(factors)})"


def _grids(name: str, grids: list[tuple[str, list[list[str]]]]) -> str:
    """Write window × filter = products; a narrow page puts them below each other."""
    cells = []
    for sign, (label, grid) in zip(["", "×", "="], grids, strict=False):
        before = f'<div class="sign">{sign}</div>' if sign else ""
        cells.append(f'<div class="pair">{before}{_grid(label, grid)}</div>')
    named = element("div", name, 'class="name"')
    return f'<div class="channel">{named}{"".join(cells)}</div>'


def _grid(label: str, cells: list[list[str]]) -> str:
    """Write one grid of numbers, padding hatched."""
    body = "".join(f"<tr>{''.join(map(_number, row))}</tr>" for row in cells)
    tight = " tight" if cells and len(cells[0]) > _FEW else ""
    return f'<table class="num{tight}">{element("caption", label)}{body}</table>'


def _number(cell: str) -> str:
    """Write one number; those of padding stand in brackets."""
    return element("td", cell, 'class="pad"' if cell[:1] == "(" else "")
