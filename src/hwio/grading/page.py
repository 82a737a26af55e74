"""A check as HTML: the report's own words, escaped, for a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from hwio.grading.report import RIGHT, WRONG, sections
from hwio.show.colours import GREEN, VERMILION

if TYPE_CHECKING:
    from hwio.grading.findings import Findings

_STYLE = (
    "font:13px/1.45 ui-monospace,Menlo,Consolas,monospace;white-space:pre-wrap;"
    "padding:12px 16px;border-left:4px solid {colour};margin:4px 0;background:none;color:inherit"
)
_MARKS = {RIGHT: GREEN, WRONG: VERMILION}


def html_report(found: Findings) -> str:
    """Write the report as one element; its bar is green where all is right."""
    colour = GREEN if found.ok else VERMILION
    lines = ["\n".join(part) for part in sections(found) if part]
    text = escape("\n\n".join(lines))
    for mark, shade in _MARKS.items():
        text = text.replace(mark, f'<b style="color:{shade}">{mark}</b>')
    style = _STYLE.format(colour=colour)
    return f'<div class="hwio-check" style="{style}">{text}</div>'
