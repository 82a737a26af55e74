"""The traced number as text: window × filter = products, channel by channel, then the sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.show.expression import bias_part, code_of, expression, w_part, x_part
from hwio.show.printing import aligned, number, numbers, plural, width, wrapped
from hwio.show.summary import bounds_in_words
from hwio.show.trace import pad_line

if TYPE_CHECKING:
    from hwio.show.trace import Trace
    from hwio.types import Array

MOST_CHANNELS = 4  # up to here every channel's grids are shown
FULL_OF_MANY = 2  # else those of the first two, then a few sums
MOST_SIDE = 9  # rows or columns of a grid


def page(parts: Sequence[list[str]]) -> str:
    """Join parts with an empty line between."""
    return "\n\n".join("\n".join(part) for part in parts if part)


def place_in_words(found: Trace) -> str:
    """Say where the number stands: ``image 0, row 1, column 2, filter 5``."""
    names = {"N": "image", "D": "depth", "H": "row", "W": "column", "C": "filter"}
    if found.case.geo.ndim == 1:
        names["W"] = "position"
    letters = [a for a in "NDHWC" if a in found.place]
    return ", ".join(f"{names[a]} {found.place[a]}" for a in letters)


def name_of(found: Trace) -> str:
    """Write the number's name, ``y[0, 1, 2, 5]``."""
    return f"y[{', '.join(map(str, found.at))}]"


def shown_channels(found: Trace) -> tuple[int, int]:
    """Return how many channels are shown in full, and how many at least as a sum."""
    total = len(found.channels)
    return (total if total <= MOST_CHANNELS else FULL_OF_MANY), min(total, MOST_CHANNELS)


def trace_lines(found: Trace) -> list[str]:
    """Lay out where one number comes from.

    Parameters
    ----------
    found : Trace

    Returns
    -------
    list of str
    """
    lines = [*_head(found), ""]
    full, listed = shown_channels(found)
    if found.window is None:
        return [*_head(found), "", *_meetings(found), *(f"  {line}" for line in closing(found))]
    lines += _channels(found, full)
    edge = max([len(line) for line in lines if "Σ =" in line[4:]] or [40])
    lines += _tail(found, full, listed, edge)
    return lines + [f"  {line}" for line in closing(found)]


def _tail(found: Trace, full: int, listed: int, edge: int) -> list[str]:
    """Write the sums of the channels not laid out, then the totals, all ending at one edge."""
    sums = found.sums or []
    left = len(found.channels) - listed
    texts = numbers(sums, 4)
    rows = list(zip(channel_names(found)[full:listed], texts[full:listed], strict=True))
    if left:
        with np.errstate(all="ignore"):
            rows.append((f"... {plural(left, 'more channel')}, sum", number(sum(sums[listed:]))))
    totals_of = totals(found)
    wide = max(8, *(len(value) for _, value in rows + totals_of))
    lines = []
    for name, value in rows:
        right = f"Σ = {value:>{wide}}"
        lines.append(f"  {name:<{max(edge - len(right) - 2, 0)}}{right}")
    return lines + [f"{name} = {value:>{wide}}".rjust(edge) for name, value in totals_of]


def _meetings(found: Trace) -> list[str]:
    """Say which taps meet which cells, where no values are known."""
    return [f"  {line}" for line in aligned(meeting_rows(found))]


def meeting_rows(found: Trace) -> list[tuple[str, ...]]:
    """Return one row per axis: its letter, the taps inside x, their cells, the taps in padding.

    Examples
    --------
    >>> from hwio.show.case import read_case
    >>> from hwio.show.trace import trace
    >>> case = read_case((1, 6, 1), (3, 1, 1), None, {"padding": 1})
    >>> meeting_rows(trace(case, (0, 0, 0)))[0]
    ('W', 'taps 1 … 2', 'meet x 0 … 1', 'tap 0 meets padding')
    """
    rows: list[tuple[str, ...]] = []
    for span in found.spans:
        inside = span.inside
        lost = [t for t in range(span.taps) if t not in inside]
        taps = _few("tap", list(inside))
        cells = [span.cells[t] for t in inside]
        where = _ends(cells) + (f", every {span.step}" if span.step > 1 and len(cells) > 1 else "")
        met = f"meet x {where}" if len(cells) > 1 else f"meets x {where}"
        verb = "meet" if len(lost) > 1 else "meets"
        missed = f"{_few('tap', lost)} {verb} padding" if lost else ""
        rows.append((span.letter, *((taps, met) if cells else ()), missed))
    channels = list(found.channels)
    rows.append(("C", _few("channel", channels), f"filter {found.filter}"))
    return rows


def _ends(items: list[int]) -> str:
    """Write integers by the ends of their runs: ``0 … 1, 4``."""
    runs: list[list[int]] = []
    step = min((b - a for a, b in pairwise(items)), default=1)
    for item in items:
        if runs and item - runs[-1][-1] == step:
            runs[-1].append(item)
        else:
            runs.append([item])
    return ", ".join(f"{r[0]} … {r[-1]}" if len(r) > 1 else str(r[0]) for r in runs)


def _few(noun: str, items: list[int]) -> str:
    """Name some integers: ``taps 1 … 2``."""
    return f"{noun}{'s' if len(items) > 1 else ''} {_ends(items)}" if items else f"no {noun}"


def channel_names(found: Trace) -> list[str]:
    """Name the channels of x that the filter sees."""
    return [f"c={c}" for c in found.channels]


def terms(found: Trace) -> str:
    """Write what is summed: the products, the bias, what the activation keeps."""
    bias = f"  +  {bias_part(found)}" if bias_part(found) else ""
    clip = found.case.problem.clip
    return expression(found) + bias + (f", {bounds_in_words(clip)}" if clip else "")


def _head(found: Trace) -> list[str]:
    """Write the first line: the number, its expression, its place."""
    line = f"{name_of(found)}  =  Σ  {terms(found)}"
    where = place_in_words(found)
    if len(line) + 8 + len(where) <= width():
        lines = [f"{line}        {where}"]
    else:
        lines = [*wrapped(line), f"  {where}"]
    needed = pad_line(found)
    return lines + ([f"  with  {needed}"] if needed else [])


# gap between columns, and where a channel's sum stands: the first that fits the width is taken
_ARRANGEMENTS = ((2, "beside"), (1, "beside"), (1, "below"), (2, "stacked"))


@dataclass(frozen=True, slots=True)
class _Row:
    """The grids of one channel, or of one depth of it."""

    name: str
    grids: list[tuple[str, list[list[str]]]]
    total: str


def _channels(found: Trace, full: int) -> list[str]:
    """Lay out the first channels: window × filter = products."""
    rows = [row for c in range(full) for row in _rows_of(found, c)]
    if not rows:
        return []
    indent = max(7, max(len(row.name) for row in rows) + 4)
    lines: list[str] = []
    for gap, where in _ARRANGEMENTS:
        lay = _stacked if where == "stacked" else _beside
        lines = [line for row in rows for line in lay(row, gap, indent, where)]
        if max(map(len, lines)) <= width():
            break
    hidden = found.spans[0].taps - MOST_SIDE if found.case.geo.ndim == 3 else 0
    return lines + [f"  ... {hidden} more depths of each channel"] * (hidden > 0)


def _rows_of(found: Trace, c: int) -> list[_Row]:
    """Collect the grids of one channel, one row for each depth of the kernel."""
    depths: list[int | None] = [None]
    if found.case.geo.ndim == 3:
        depths = list(range(min(found.spans[0].taps, MOST_SIDE)))
    sums = found.sums
    rows = []
    for d in depths:
        name = f"c={found.channels[c]}" + ("" if d is None else f" d={d}")
        total = "" if sums is None or d != depths[-1] else f"Σ = {numbers(sums, 4)[c]:>8}"
        rows.append(_Row(name, grids_of(found, c, d), total))
    return rows


def grid_cells(values: Array, outside: Array) -> list[list[str]]:
    """Write a grid's cells, those in padding in brackets, cropped in the middle if large.

    Parameters
    ----------
    values : array, shape (h, w)
    outside : bool array, shape (h, w)

    Returns
    -------
    list of list of str
    """
    flat = numbers(values.ravel())
    marked = [
        f"({'0' if _is_zero(text) else text})" if out else text
        for text, out in zip(flat, outside.ravel(), strict=True)
    ]
    width = outside.shape[1]
    rows = [marked[i : i + width] for i in range(0, len(marked), width)]
    rows = [_cropped(row, "…") for row in rows]
    return _cropped(rows, ["⋮"] * len(rows[0]))


def _is_zero(text: str) -> bool:
    return not text.strip("-0.")


def _cropped(items: list[Any], mark: Any, most: int = MOST_SIDE) -> list[Any]:
    """Keep the ends of a long list."""
    if len(items) <= most:
        return items
    return [*items[: most - 3], mark, *items[-2:]]


def grids_of(found: Trace, c: int, d: int | None) -> list[tuple[str, list[list[str]]]]:
    """Return label and cells of window, filter and products, for one channel and depth.

    Parameters
    ----------
    found : Trace
    c : int
        Counted within the channels that the filter sees.
    d : int or None
        Depth tap, 3-D only.

    Returns
    -------
    list of (label, cells)
    """
    outside = _plane(found.outside, d)
    inner = np.zeros_like(outside)
    channel = found.channels[c]
    labels = [x_part(found, channel, d), w_part(found, channel, d), "product"]
    if outside.all() and pad_line(found) is None:
        labels[0] = "all padding"
    parts = [(found.window, outside), (found.weights, inner), (found.products, inner)]
    return [
        (label, grid_cells(_plane(values[..., c], d), mask))
        for label, (values, mask) in zip(labels, parts, strict=True)
        if values is not None
    ]


def _plane(values: Array, d: int | None) -> Array:
    """Return a grid (h, w): one row in 1-D, one depth in 3-D."""
    if d is not None:
        values = values[d]
    return values[None] if values.ndim == 1 else values


def _beside(row: _Row, gap: int, indent: int, where: str) -> list[str]:
    """Put the grids of one row beside each other."""
    blocks = [_block(label, cells, gap) for label, cells in row.grids]
    height = len(blocks[0])
    lines = []
    for i in range(height):
        signs = ["  ×  ", "  =  "] if i == height // 2 else ["     "] * 2
        line = (f"  {row.name}" if i == 0 else "").ljust(indent) + blocks[0][i]
        for sign, block in zip(signs, blocks[1:], strict=False):
            line += sign + block[i]
        lines.append(line)
    if row.total and where == "beside":
        lines[-1] += f"  {row.total}"
    elif row.total:
        lines.append(row.total.rjust(len(lines[-1])))
    return [line.rstrip() for line in lines]


def _block(label: str, cells: list[list[str]], gap: int) -> list[str]:
    """Lay a grid out under its label, all lines of one width."""
    size = max(6, *(len(cell) for row in cells for cell in row))
    wide = [1 if cell == "…" else size for cell in cells[0]]
    rows = [
        (" " * gap).join(f"{cell:>{n}}" for cell, n in zip(row, wide, strict=True)) for row in cells
    ]
    longest = max(len(label), len(rows[0]))
    return [f"{line:<{longest}}" for line in (label, *rows)]


def _stacked(row: _Row, gap: int, indent: int, where: str) -> list[str]:
    """Lay the grids of one row out below each other."""
    del where
    lines = [f"  {row.name}"]
    for sign, (label, cells) in zip(["", "× ", "= "], row.grids, strict=False):
        lines.append(f"    {sign}{label}")
        block: list[str] = []
        for most in (MOST_SIDE, 7, 5, 4):
            block = _block("", [_cropped(r, "…", most) for r in cells], gap)[1:]
            if indent + len(block[0]) <= width():
                break
        lines += [f"{' ' * indent}{line}" for line in block]
    return [*lines, row.total.rjust(max(map(len, lines)))] if row.total else lines


def totals(found: Trace) -> list[tuple[str, str]]:
    """Return the closing sums with their names."""
    if found.sums is None:
        return []
    rows = [("sum of channels", number(found.total))]
    if found.bias is not None:
        rows.append((f"+ {bias_part(found)}", number(found.bias)))
    if found.case.problem.clip is not None:
        rows.append((f"kept {bounds_in_words(found.case.problem.clip)}", number(found.value)))
    elif found.bias is not None:
        rows.append((name_of(found), number(found.value)))
    return rows


def closing(found: Trace) -> list[str]:
    """Say which cells are padding, and give the number as code."""
    lines = []
    if not found.whole:
        lost, taps = int(found.outside.sum()), found.outside.size
        mode = found.case.problem.padding_mode
        what = "0" if mode == "zeros" else f"taken from x by {mode!r}"
        sign = "" if found.window is None else "(…) is "
        lines.append(f"{sign}padding, {what}: {lost} of {plural(taps, 'tap')} lie outside x")
    return [*lines, f"in NumPy:  {code_of(found)}"]
