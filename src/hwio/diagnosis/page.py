"""A diagnosis for a notebook: plain HTML, no scripts, the page's own colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwio.diagnosis.telling import (
    SHOWN,
    coincidence,
    headline,
    mistake_lines,
    nearest_lines,
    reading_lines,
    searched,
)
from hwio.show.html import element

if TYPE_CHECKING:
    from hwio.diagnosis.findings import Findings

_CODE = "style='background:none;color:inherit;margin:.2em 0'"
_FAINT = "style='opacity:.75;font-size:90%'"


def part(found: Findings) -> str:
    """Draw a diagnosis as a ``<div>``; whatever could come from a user is escaped."""
    pieces = [element("p", headline(found), "style='font-weight:bold'")]
    y = found.question.arrays[2]
    for reading in (found.readings or found.near)[:SHOWN]:
        first, *rest = reading_lines(reading, y)
        pieces.append(element("pre", "\n".join([first, *rest]), _CODE))
    told = [mistake_lines(mistake) for mistake in found.mistakes[:SHOWN]]
    pieces += [element("pre", "\n".join(lines), _CODE) for lines in told]
    pieces += [element("p", text) for text in coincidence(found)]
    lines = nearest_lines(found)
    if lines:
        pieces.append(element("pre", "\n".join(lines), _CODE))
    pieces.append(element("p", searched(found), _FAINT))
    return f"<div class='hwio-diagnosis' style='color:inherit'>{''.join(pieces)}</div>"
