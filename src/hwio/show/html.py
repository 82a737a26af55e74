"""The HTML ground: escaped elements, tables, and the page around a part. No scripts."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwio.show.printing import Table

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>html{background:#fff}body{margin:16px auto;max-width:862px}
@media (prefers-color-scheme:dark){html{background:#161b22}}</style>
</head>
<body>
{part}
</body>
</html>
"""


def page(title: str, part: str) -> str:
    """Make a page of its own out of a part, light and dark."""
    return _PAGE.replace("{title}", escape(title)).replace("{part}", part)


def element(name: str, text: str, attributes: str = "") -> str:
    """Write text, escaped, in an element.

    Examples
    --------
    >>> element("td", "1 < 2", "class='num'")
    "<td class='num'>1 &lt; 2</td>"
    """
    return f"<{name}{' ' * bool(attributes)}{attributes}>{escape(text)}</{name}>"


def elements(name: str, texts: Iterable[str]) -> str:
    """Write texts, each in an element."""
    return "".join(element(name, text) for text in texts)


def rows(cells: Iterable[Iterable[str]], tag: str = "td") -> str:
    """Write rows; a cell that the text form moves to the right is moved here too."""
    return "".join(f"<tr>{''.join(_cell(tag, cell) for cell in row)}</tr>" for row in cells)


def _cell(tag: str, text: str) -> str:
    return element(tag, text, 'class="right"' if text.startswith("  ") else "")


def table_html(table: Table) -> str:
    """Write a table with its title and notes."""
    parts = [element("h4", table.title)] if table.title else []
    if table.rows:
        head = rows([table.head], "th") if table.head else ""
        parts.append(f"<table>{head}{rows(table.rows)}</table>")
    return "\n".join([*parts, *(element("p", note.strip()) for note in table.notes)])
