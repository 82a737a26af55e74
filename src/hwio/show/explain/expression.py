"""A traced number as Python: indexes in the user's own axis order, to be pasted and run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwio.show.case import pad_widths

if TYPE_CHECKING:
    from hwio.show.explain.trace import Span, Trace


def _slice(first: int, after: int, step: int = 1) -> str:
    """Write a slice; the step only where it matters."""
    return f"{first}:{after}" + (f":{step}" if step > 1 and after - first > 1 else "")


def _x_slice(span: Span) -> str:
    """Write the cells of x that the taps meet."""
    taps = span.inside
    if not taps:
        return "0:0"
    cells = span.cells
    return _slice(cells[taps[0]], cells[taps[-1]] + 1, span.step)


def _w_slice(span: Span, flip: bool, whole: bool) -> str:
    """Write the taps that meet x, last first if the kernel is turned round."""
    taps = range(span.taps) if whole else span.inside
    if not taps:
        return "0:0"
    if not flip:
        return ":" if len(taps) == span.taps else _slice(taps[0], taps[-1] + 1)
    if len(taps) == span.taps:
        return "::-1"
    first, last = span.taps - 1 - taps[0], span.taps - 1 - taps[-1]
    return f"{first}:{last - 1 if last else ''}:-1"


def indexed(name: str, letters: str, indexes: dict[str, str], order: str) -> str:
    """Write ``name[...]`` with one index per axis, reordered so that the axes left run as order."""
    text = f"{name}[{', '.join(indexes[letter] for letter in letters)}]"
    left = "".join(letter for letter in letters if letter in order)
    if left == order:
        return text
    if len(order) == 2:
        return text + ".T"
    return f"{text}.transpose{tuple(left.index(letter) for letter in order)}"


def x_part(found: Trace, channel: int | None = None, depth: int | None = None) -> str:
    """Write the cells of x that meet the filter, such as ``x[0, 1:4, 2:5, :]``.

    One channel of x is a grid, H down and W across; in 3-D at one tap of D, the depth.
    """
    case = found.case
    padded = pad_line(found) is not None
    pairs = dict(zip(case.geo.letters, case.geo.padding, strict=True))
    indexes = {"N": str(found.place.get("N", 0)), "C": _channels(found, channel)}
    for span in found.spans:
        low = pairs[span.letter][0] if padded else 0
        if span.letter == "D" and depth is not None:
            indexes["D"] = str(low + span.cells[depth])
        elif padded:
            cells = span.cells
            indexes[span.letter] = _slice(low + cells[0], low + cells[-1] + 1, span.step)
        else:
            indexes[span.letter] = _x_slice(span)
    return indexed("xp" if padded else "x", case.layout.x, indexes, _order(found, channel, depth))


def w_part(found: Trace, channel: int | None = None, depth: int | None = None) -> str:
    """Write the weights that meet ``x_part``, in the same order of axes: ``w[:, :, :, 5]``."""
    case, k = found.case, found.filter
    multiplier = max(case.geo.group_filters, 1)
    single = len(found.channels) == 1
    own = 0 if channel is None else channel - found.channels.start
    indexes = {"I": str(own) if single or channel is not None else ":", "O": str(k)}
    indexes |= {"C": str(k // multiplier), "M": str(k % multiplier)}
    whole = pad_line(found) is not None
    for span in found.spans:
        if span.letter == "D" and depth is not None:
            indexes["D"] = str(span.taps - 1 - depth if case.problem.flip else depth)
        else:
            indexes[span.letter] = _w_slice(span, case.problem.flip, whole)
    order = _order(found, channel, depth)
    return indexed("w", case.layout.w, indexes, order.replace("C", "I"))


def _channels(found: Trace, channel: int | None) -> str:
    """Write the index of x's channels."""
    if channel is not None:
        return str(channel)
    if len(found.channels) == 1:
        return str(found.channels.start)
    if len(found.channels) == found.case.geo.in_channels:
        return ":"
    return _slice(found.channels.start, found.channels.stop)


def _order(found: Trace, channel: int | None, depth: int | None) -> str:
    """Return the axes that an index leaves: x's own order, or a grid's."""
    if channel is not None:
        return found.case.geo.letters if depth is None else found.case.geo.letters[1:]
    single = len(found.channels) == 1
    return "".join(a for a in found.case.layout.x if a != "N" and not (a == "C" and single))


def expression(found: Trace) -> str:
    """Write the products of one number of y, such as ``x[0, 1:4, 2:5, :] * w[:, :, :, 5]``."""
    x, w = found.case.dtypes[:2]
    product = np.result_type(x, w)
    wide = ""
    if product.kind in "iu" and product.itemsize < 8:
        wide = ".astype(int)"  # else the products would wrap
    elif product == np.float16:
        wide = ".astype(np.float32)"
    return f"{x_part(found)}{wide} * {w_part(found)}"


def bias_part(found: Trace) -> str:
    """Write the bias, or nothing where there is none."""
    shape = found.case.b_shape
    if shape is None:
        return ""
    return f"b[{', '.join(['0'] * (len(shape) - 1) + [str(found.filter)])}]"


def code_of(found: Trace) -> str:
    """Write the number of y as one expression; ``pad_line`` may have to run before it."""
    text = f"np.sum({expression(found)})"
    if bias_part(found):
        text += f" + {bias_part(found)}"
    low, high = found.case.problem.clip or (None, None)
    if low is None and high is None:
        return text
    return f"np.clip({text}, {low}, {high})"


def pad_line(found: Trace) -> str | None:
    """Return the line that makes ``xp``, where the expression needs it.

    Zeros add nothing to a sum, so a window over zero padding is written with shorter slices; any
    other padding has values of its own.
    """
    case = found.case
    if found.whole or case.mode is None:
        return None
    return f'xp = np.pad(x, {pad_widths(case, case.layout.x)}, mode="{case.mode}")'
