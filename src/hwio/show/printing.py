"""Numbers and small tables: the same data for a terminal's text and for HTML."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

WIDTH = 100  # columns of a terminal that every text fits


@dataclass(frozen=True, slots=True)
class Table:
    """A few rows under a title.

    Attributes
    ----------
    title : str
        Empty for the first.
    rows : tuple of tuple of str
    notes : tuple of str
        Sentences beneath the rows.
    head : tuple of str
        Names of the columns, empty where they speak for themselves.
    """

    title: str
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    head: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Lay the table out in at most ``WIDTH`` columns."""
        indent = "  " if self.title else ""
        rows = [self.head, *self.rows] if self.head else list(self.rows)
        lines = wrapped(self.title) if self.title else []
        lines += [line for row in aligned(rows) for line in wrapped(indent + row)]
        return lines + [line for note in self.notes for line in wrapped(indent + note)]


def aligned(rows: Sequence[Sequence[str]], gap: str = "  ") -> list[str]:
    """Pad cells so that columns stand under each other.

    Examples
    --------
    >>> aligned([("x", "NHWC"), ("w, turned", "HWIO")])
    ['x          NHWC', 'w, turned  HWIO']
    """
    count = max((len(row) for row in rows), default=0)
    # the last cell of a row needs no room beyond itself
    wide = [max((len(r[i]) for r in rows if i + 1 < len(r)), default=0) for i in range(count)]
    pairs = [zip(row, wide, strict=False) for row in rows]
    return [gap.join(f"{cell:<{size}}" for cell, size in pair).rstrip() for pair in pairs]


def wrapped(line: str) -> list[str]:
    """Break a line that is too wide; what follows is indented under it."""
    if len(line) <= WIDTH:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(
        line, WIDTH, subsequent_indent=indent, drop_whitespace=True, break_on_hyphens=False
    )


def count(number: int) -> str:
    """Write a count with a space between thousands.

    Examples
    --------
    >>> count(8640)
    '8 640'
    """
    return f"{number:,}".replace(",", " ")


def plural(number: int, one: str, many: str = "") -> str:
    """Write a count with its noun.

    Examples
    --------
    >>> plural(1, "image"), plural(2, "image")
    ('1 image', '2 images')
    """
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def numbers(values: Iterable[Any], places: int = 3) -> list[str]:
    """Write numbers in one style: whole, with that many decimals, or with powers of ten.

    Examples
    --------
    >>> numbers([1.5, -0.25])
    ['1.500', '-0.250']
    >>> numbers([1, 20])
    ['1', '20']
    """
    flat = list(values)
    if all(isinstance(v, int | np.integer) for v in flat):
        return [str(v) for v in flat]
    sizes = [abs(v) for v in flat]
    largest = max((float(s) for s in sizes if np.isfinite(s)), default=0.0)
    style = "f" if largest == 0 or 10.0**-places <= largest < 1e5 else "e"
    return [f"{v + 0:.{places}{style}}" for v in flat]


def number(value: Any, places: int = 4) -> str:
    """Write one number.

    Examples
    --------
    >>> number(-1.60229)
    '-1.6023'
    """
    return numbers([value], places)[0]


def plain(value: Any) -> Any:
    """Return a value in types that JSON knows; complex numbers as text."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | range):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    return str(value) if isinstance(value, complex) else value
