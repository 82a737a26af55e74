"""The printer: how wide a line is, how tables and numbers are written, for text and HTML alike."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import Any

import numpy as np

LEAST, MOST = 60, 100  # columns that texts are laid out for


def width() -> int:
    """Return how many columns a line may take: the terminal's, at most 100; 100 where there is none.

    COLUMNS=80 in the environment asks for 80.
    """
    return min(MOST, max(LEAST, get_terminal_size((MOST, 24)).columns))


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
        """Lay the table out in at most ``width()`` columns."""
        indent = "  " if self.title else ""
        rows = [self.head, *self.rows] if self.head else list(self.rows)
        lines = wrapped(self.title) if self.title else []
        for row, line in zip(rows, aligned(rows), strict=True):
            column = len(indent + line) - len(row[-1].strip()) if row else 0
            # a long last cell stays in its column
            lines += wrapped(indent + line, column if column <= width() * 3 // 5 else None)
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


def wrapped(line: str, hang: int | None = None) -> list[str]:
    """Break a line that is too wide; what follows is indented by ``hang``, or by 4 more."""
    if len(line) <= width():
        return [line]
    if hang is None:
        hang = len(line) - len(line.lstrip()) + 4
    return filled(line, later=" " * hang)


def filled(text: str, first: str = "", later: str = "") -> list[str]:
    """Break text into lines; a number such as 8 640, or 4.7 ×, stays whole."""
    whole = re.sub(r"(?<=\d) (?=\d{3}\b|×)", "\xa0", text)
    lines = textwrap.wrap(
        whole, width(), initial_indent=first, subsequent_indent=later, break_on_hyphens=False
    )
    return [line.replace("\xa0", " ") for line in lines]


def spaced(parts: Iterable[Sequence[str]]) -> str:
    """Join groups of lines, with an empty line between; empty groups have none."""
    return "\n\n".join("\n".join(part) for part in parts if part)


def joined(parts: Sequence[str], gap: str = "   ") -> list[str]:
    """Put parts on one line, or on lines of their own where it would be too wide."""
    line = gap.join(part for part in parts if part)
    return [line] if len(line) <= width() else [part for part in parts if part]


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


def ordinal(n: int) -> str:
    """Write an ordinal number.

    Examples
    --------
    >>> ordinal(8), ordinal(22), ordinal(11)
    ('8th', '22nd', '11th')
    """
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def times(ratio: float) -> str:
    """Write a ratio.

    Examples
    --------
    >>> [times(r) for r in (0.934, 1, 9.96, 52.4, 12345)]
    ['0.93', '1.00', '9.96', '52', '12 345']
    """
    return f"{ratio:.2f}" if ratio < 9.995 else count(round(ratio))


def duration(seconds: float) -> str:
    """Write a time in three digits and a fitting unit.

    Examples
    --------
    >>> [duration(s) for s in (0, 4.56e-8, 9.123e-6, 123e-6, 0.9996e-3, 1.5, 72)]
    ['0 ns', '45.6 ns', '9.12 µs', '123 µs', '1.00 ms', '1.50 s', '72.0 s']
    """
    if seconds == 0:
        return "0 ns"
    units = (("ns", 1e9), ("µs", 1e6), ("ms", 1e3))
    unit, scale = next((pair for pair in units if seconds * pair[1] < 999.5), ("s", 1))
    value = seconds * scale
    places = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{places}f} {unit}"


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
