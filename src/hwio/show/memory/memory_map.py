"""Where filter k lies in memory: the same weights stored HWIO, OHWI and OIHW."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from hwio.errors import ArgumentTypeError, LayoutError, OptionError, ShapeError, word
from hwio.shapes.layout import SPATIAL, WEIGHT_LAYOUTS, describe, read_layout
from hwio.show.memory.storage import Storage, stored
from hwio.show.printing import aligned, count, plural, width, wrapped

_CHOICES = {"O": ("{s}IO", "O{s}I", "OI{s}"), "M": ("{s}CM", "I{s}O", "OI{s}")}


@dataclass(frozen=True, slots=True)
class MemoryMap:
    """Where one filter lies in each layout; prints itself.

    Attributes
    ----------
    letters : str
        Layout of the shape given.
    shape : tuple of int
    filter : int
    storages : tuple of Storage
    """

    letters: str
    shape: tuple[int, ...]
    filter: int
    storages: tuple[Storage, ...]

    def __str__(self) -> str:
        """Lay it out in lines."""
        rows = [
            (
                f"{s.letters} ({','.join(map(str, s.shape))})",
                f"strides {','.join(map(str, s.strides))} ",
                f"offsets {s.offsets_text} ",
                *([f"{s.pattern} ", s.strip] if s.strip else [s.pattern]),
            )
            for s in self.storages
        ]
        lines = aligned(rows)
        if max(map(len, lines)) > width():  # strips go below
            kept = 4 if max(map(len, aligned([row[:4] for row in rows]))) <= width() else 3
            short = aligned([row[:kept] for row in rows])
            strips = [[f"    {' '.join(row[kept:])}"] * (len(row) > kept) for row in rows]
            lines = [
                part for line, strip in zip(short, strips, strict=True) for part in (line, *strip)
            ]
        title = f"Where is filter {self.filter}?   {plural(prod(self.shape), 'number')}"
        lines = [title, *lines, *self.matrix_lines()]
        return "\n".join(part for line in lines for part in wrapped(line))

    def matrix_lines(self) -> list[str]:
        """Say which layouts are the matrix of a product already."""
        filters = self.storages[0].filters
        depth = prod(self.shape) // filters
        forms = [f"{s.letters} {s.matrix() or 'copy'}" for s in self.storages]
        lines = [f"As the {count(depth)} × {count(filters)} matrix:  {' · '.join(forms)}"]
        if len(lines[0]) > width():
            lines = [lines[0].partition(":")[0] + ":", *(f"  {form}" for form in forms)]
        space = SPATIAL[len(self.shape) - 2]
        for s in self.storages:
            if s.matrix() is None and s.letters.startswith("OI"):
                rows, seen = ", ".join(s.letters[1:]), ", ".join((*space, "C"))
                lines.append(
                    f"  {s.letters}: w.reshape({filters}, {depth}).T is a view too, "
                    f"but its rows run {rows}; windows of x run {seen}"
                )
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types, for JSON."""
        filters = self.storages[0].filters
        depth = prod(self.shape) // filters
        return {
            "filter": self.filter,
            "layout": self.letters,
            "shape": list(self.shape),
            "numbers": prod(self.shape),
            "matrix": [depth, filters],
            "storages": [
                {
                    "layout": s.letters,
                    "shape": list(s.shape),
                    "strides": list(s.strides),
                    "first": s.first,
                    "last": s.last,
                    "levels": [list(level) for level in s.levels],
                    "offsets": s.offsets_text,
                    "pattern": s.pattern,
                    "strip": s.strip,
                    "matrix": s.matrix() or "copy",
                }
                for s in self.storages
            ],
        }


def memory_map(shape: Any, layout: str | None = None, filter: int | None = None) -> MemoryMap:
    """Show where one filter lies in memory, for the usual layouts of w.

    Parameters
    ----------
    shape : tuple of int, or array
        Of w; the array itself is not read.
    layout : str, optional
        Its letters; "HWIO" by default, "WIO" in 1-D, "DHWIO" in 3-D.
    filter : int, optional
        Which filter; 5 by default, or the last if there are fewer. Filter m of channel c is
        c·M + m in depthwise weights.

    Returns
    -------
    MemoryMap

    Examples
    --------
    >>> print(memory_map((2, 2, 1, 3), filter=1))
    Where is filter 1?   12 numbers
    HWIO (2,2,1,3)  strides 6,3,3,1   offsets 1, 4, 7, 10   every 3rd   |·1·|·1·| …
    OHWI (3,2,2,1)  strides 4,2,1,1   offsets 4 … 7         one block   … |1111| …
    OIHW (3,1,2,2)  strides 4,4,2,1   offsets 4 … 7         one block   … |1111| …
    As the 4 × 3 matrix:
      HWIO w.reshape(4, 3) view
      OHWI w.reshape(3, 4).T view
      OIHW w.reshape(3, 4).T view
    """
    shape = tuple(int(n) for n in getattr(shape, "shape", shape))
    letters = _letters(shape, layout)
    sizes = dict(zip(letters, shape, strict=True))
    depthwise = "M" in letters
    if depthwise:  # every filter sees one channel, so the grouped form has I = 1
        sizes |= {"I": 1, "O": sizes["C"] * sizes["M"]}
    filters = sizes["O"]
    chosen = _check_filter(filter, filters, shape, letters)
    space = SPATIAL[len(shape) - 2]
    names = [form.format(s=space) for form in _CHOICES["M" if depthwise else "O"]]
    names = list(dict.fromkeys([*names, letters]))
    storages = tuple(stored(name, sizes, chosen, filters) for name in names)
    return MemoryMap(letters, shape, chosen, storages)


def _letters(shape: tuple[int, ...], layout: str | None) -> str:
    """Check the layout of a weight shape."""
    space = SPATIAL.get(len(shape) - 2)
    if space is None:
        rule = f"w has {len(shape)} axes {shape}; weights have 3, 4 or 5"
        raise LayoutError(word(rule, ["3 = WIO (1-D)   4 = HWIO (2-D)   5 = DHWIO (3-D)"]))
    letters = space + "IO" if layout is None else layout
    known = ", ".join(WEIGHT_LAYOUTS[len(space)])
    if not isinstance(letters, str):
        rule = f"layout must be a string, not {type(letters).__name__}"
        raise ArgumentTypeError(word(rule, [f"for example {known}"]))
    if "," in letters or ">" in letters or len(letters) != len(shape):
        rule = f"layout={letters!r} does not name the {len(shape)} axes of w {shape}"
        raise LayoutError(word(rule, [f"for example {known}"]))
    read_layout(f"N{space}C,{letters}", shape, shape)
    return letters


def _check_filter(chosen: Any, filters: int, shape: tuple[int, ...], letters: str) -> int:
    """Return the filter if w has it."""
    if prod(shape) == 0:
        rule = f"w {shape} holds no numbers"
        raise ShapeError(word(rule, [f"read as {letters}: {describe(shape, letters)}"]))
    if chosen is None:
        return min(5, filters - 1)
    if isinstance(chosen, bool) or not isinstance(chosen, int | np.integer):
        raise ArgumentTypeError(word(f"filter={chosen!r} is not an integer", [], "filter=0"))
    if not 0 <= chosen < filters:
        rule = f"filter={chosen} lies outside w, which has {plural(filters, 'filter')}"
        near = chosen + filters if -filters <= chosen < 0 else min(max(chosen, 0), filters - 1)
        facts = [
            f"w  {shape}  read as {letters}:  {describe(shape, letters)}",
            f"legal:  0 … {filters - 1}",
        ]
        raise OptionError(word(rule, facts, f"filter={near}"))
    return int(chosen)
