"""What is said of a traced number, in lines and rows that text, page and picture share."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from hwio.show.explain.expression import bias_part, code_of, expression
from hwio.show.explain.grids import grid_name
from hwio.show.explain.summary import bounds_in_words
from hwio.show.printing import number, numbers, plural

if TYPE_CHECKING:
    from hwio.show.explain.trace import Trace


def name_of(found: Trace) -> str:
    """Write the number's name, ``y[0, 1, 2, 5]``."""
    return f"y[{', '.join(map(str, found.at))}]"


def place_in_words(found: Trace) -> str:
    """Say where the number stands: ``image 0, row 1, column 2, filter 5``."""
    names = {"N": "image", "D": "depth", "H": "row", "W": "column", "C": "filter"}
    if found.case.geo.ndim == 1:
        names["W"] = "position"
    letters = [a for a in "NDHWC" if a in found.place]
    return ", ".join(f"{names[a]} {found.place[a]}" for a in letters)


def terms(found: Trace) -> str:
    """Write what is summed: the products, the bias, what the activation keeps."""
    bias = f"  +  {bias_part(found)}" if bias_part(found) else ""
    clip = found.case.problem.clip
    return expression(found) + bias + (f", {bounds_in_words(clip)}" if clip else "")


def meeting_rows(found: Trace) -> list[tuple[str, ...]]:
    """Return one row per axis: its letter, the taps inside x, their cells, the taps in padding.

    Examples
    --------
    >>> from hwio.show.case import read_case
    >>> from hwio.show.explain.trace import trace
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


def sum_rows(found: Trace, first: int, listed: int) -> list[tuple[str, str]]:
    """Return the sums of channels ``first`` to ``listed``, and of those after them together."""
    sums = found.sums or []
    texts = numbers(sums, 4)
    rows = [(grid_name(found, c, None), texts[c]) for c in range(first, min(listed, len(sums)))]
    if sums[listed:]:
        with np.errstate(all="ignore"):
            rest = number(sum(sums[listed:]))
        rows.append((f"... {plural(len(sums) - listed, 'more channel')}, sum", rest))
    return rows


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
