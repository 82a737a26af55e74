"""A comparison as a table for a notebook: plain HTML, no scripts, the page's own colours."""

from __future__ import annotations

from html import escape
from math import log
from typing import TYPE_CHECKING

from hwio.show.colours import VERMILION, colour_of
from hwio.show.compare.sentences import expressions, headline, sentences, skipped_lines
from hwio.show.compare.table import LEFT, cells, notes
from hwio.show.html import element, elements

if TYPE_CHECKING:
    from hwio.show.compare.findings import Findings

# Text inherits the page's colour and grey is half-transparent, so light and dark pages both work.
_LINE = "rgba(128,128,128,.35)"
_CODE = "style='background:none;color:inherit'"
_FAINT = "style='opacity:.75'"
_CELL = "padding:.15em .8em;text-align:{align};white-space:nowrap;background:none;color:inherit"


def page(found: Findings) -> str:
    """Draw a comparison as a ``<div>`` with a table; whatever could come from a user is escaped."""
    colours = colour_of([row.w_layout for row in found.rows])
    rows = cells(found)
    head = "".join(_cell("th", name, name) for name in rows[0])
    body = "".join(
        f"<tr style='background:none'>{_row(texts, colours, _share(found, i))}</tr>"
        for i, texts in enumerate(rows)
    )
    return (
        "<div class='hwio-compare' style='color:inherit;font-variant-numeric:tabular-nums'>"
        f"<div>{element('b', headline(found))}</div>"
        f"{element('div', str(found.machine), _FAINT)}"
        f"<table style='border-collapse:collapse;margin:.6em 0;color:inherit'>"
        f"<thead><tr style='border-bottom:1px solid {_LINE};background:none'>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
        f"<ul style='margin:.4em 0'>{elements('li', sentences(found))}</ul>"
        f"<div style='opacity:.75;font-size:90%'>{elements('div', notes(found))}</div>"
        f"{_details(found)}</div>"
    )


def _row(texts: dict[str, str], colours: dict[str, str], share: float) -> str:
    """Draw one row; the ratio has a bar, in the colour of w's order."""
    colour = colours[texts["w"]]
    parts = []
    for name, text in texts.items():
        look = ""
        if name == "w":
            look = f"border-left:.5em solid {colour}"
        if name == "ratio":  # logarithmic, as the plot is
            stop = f"{100 * share:.0f}%"
            look = (
                f"background:linear-gradient(to right,{colour}66 {stop},transparent {stop});"
                "min-width:9em"
            )
        if name == "error" and text.endswith(("!", "WRONG")):
            look = f"font-weight:bold;border:2px solid {VERMILION}"
        parts.append(_cell("td", name, text, look))
    return "".join(parts)


def _share(found: Findings, i: int) -> float:
    """Return how far the bar of a row reaches, 0 to 1, on a logarithmic scale."""
    ratio, most = found.rows[i].ratio, max(row.ratio for row in found.rows)
    return 0.04 + 0.96 * log(max(ratio, 1.0)) / log(most) if most > 1 else 1.0


def _cell(tag: str, name: str, text: str, look: str = "") -> str:
    """Draw one cell."""
    style = _CELL.format(align="left" if name in LEFT else "right")
    return element(tag, text, f"style='{style};{look}'")


def _details(found: Findings) -> str:
    """Draw what can be folded away: the NumPy expressions and who was not timed."""
    parts = []
    heading, raw = expressions(found)
    if raw:
        items = "".join(
            f"<li>{escape(name)}: {element('code', text, _CODE)}</li>" for name, text in raw.items()
        )
        parts.append(f"<details>{element('summary', heading)}<ul>{items}</ul></details>")
    if found.skipped:
        items = elements("li", skipped_lines(found))
        parts.append(f"<details open><summary>Not timed</summary><ul>{items}</ul></details>")
    return "".join(parts)
