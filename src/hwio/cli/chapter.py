"""One chapter of the tour: what it says, and the facts behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hwio.show.printing import filled, width

if TYPE_CHECKING:
    from pathlib import Path

    from hwio.types import Array


@dataclass(frozen=True, slots=True)
class Chapter:
    """What one step of the tour found.

    Attributes
    ----------
    lines : list of str
        At most 100 columns each.
    facts : dict
        The same as data, for ``--json``.
    files : tuple of Path
        Written on the way.
    """

    lines: list[str]
    facts: dict[str, Any]
    files: tuple[Path, ...] = ()


def beside(*planes: tuple[str, Array]) -> list[str]:
    r"""Print small matrices side by side, each under its name.

    Examples
    --------
    >>> import numpy as np
    >>> print("\n".join(beside(("a", np.eye(2)), ("b", np.zeros((2, 2))))))
        a                 b
          1.000  0.000      0.000  0.000
          0.000  1.000      0.000  0.000
    """
    wides = [max(len(name), 7 * plane.shape[1]) + 4 for name, plane in planes]
    head = "".join(f"{name:<{wide}}" for (name, _), wide in zip(planes, wides, strict=True))
    lines = [f"    {head}".rstrip()]
    for row in range(len(planes[0][1])):
        parts = ["".join(f"{v:7.3f}" for v in plane[row]) for _, plane in planes]
        joined = "".join(f"{part:<{wide}}" for part, wide in zip(parts, wides, strict=True))
        lines.append(f"    {joined}".rstrip())
    return lines


def refit(text: str) -> str:
    """Break paragraphs anew for a terminal that is narrower than they are.

    A paragraph is a run of lines at the margin, or of one bullet; what is indented stays.
    """
    done: list[str] = []
    held: list[str] = []
    for line in [*text.split("\n"), ""]:
        bullet = line.startswith("  · ")
        more = held and (
            line.startswith("    ") and not line.startswith("     ")
            if held[0].startswith("  ")
            else line[:1].strip()
        )
        if more:
            held.append(line)
            continue
        done += _filled(held)
        held = [line] if bullet or line[:1].strip() else []
        done += [] if held else [line]
    return "\n".join(done[:-1])


def _filled(lines: list[str]) -> list[str]:
    """Fill a paragraph, if any of its lines is too wide."""
    if max(map(len, lines), default=0) <= width():
        return lines
    hang = "    " if lines[0].startswith("  ") else ""
    first = lines[0][: len(lines[0]) - len(lines[0].lstrip())]
    said = " ".join(line.strip() for line in lines)
    return filled(said, first, hang)


def time_text(seconds: float) -> str:
    """Write a time with three digits.

    Examples
    --------
    >>> time_text(0.0000123), time_text(0.5), time_text(2)
    ('12.3 µs', '500 ms', '2.00 s')
    """
    unit, value = "s", seconds
    for name, factor in (("µs", 1e6), ("ms", 1e3)):
        if seconds * factor < 999.5:
            unit, value = name, seconds * factor
            break
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {unit}"
