"""Which size y of a transposed convolution has: ``output_size`` and ``output_padding``."""

from __future__ import annotations

from typing import Any

from hwio.errors import OptionError, ShapeError, show, word
from hwio.shapes.counts import check_int, entries_of

Shape = tuple[int, ...]
MOST_LISTED = 8


def sizes_of(n: int, k: int, s: int, d: int, pair: tuple[int, int]) -> range:
    """Return every size of one axis that a convolution takes to n cells.

    Examples
    --------
    >>> list(sizes_of(3, k=3, s=2, d=1, pair=(1, 1)))
    [5, 6]
    """
    least = (n - 1) * s + (k - 1) * d + 1 - sum(pair)
    return range(least, least + s)


def choose_sizes(
    ranges: list[range],
    letters: str,
    output_padding: Any,
    output_size: Any,
    largest: bool = False,
) -> Shape:
    """Choose one size of y for every axis.

    Parameters
    ----------
    ranges : list of range
        All legal sizes of each axis.
    letters : str
    output_padding, output_size
        As given.
    largest : bool
        Whether the largest is taken where nothing was said, else the smallest.

    Returns
    -------
    tuple of int
        Below 0 where padding leaves nothing.

    Examples
    --------
    >>> choose_sizes([range(5, 7), range(7, 9)], "HW", (0, 1), None)
    (5, 8)
    """
    if output_size is not None and output_padding is not None:
        rule = "output_size and output_padding both say how large y is"
        facts = [f"output_size={show(output_size)}, output_padding={show(output_padding)}"]
        raise OptionError(word(rule, facts, "output_size=None, output_padding=None"))
    default = tuple(r[-1] if largest else r[0] for r in ranges)
    if output_size is not None:
        return _asked_size(ranges, letters, output_size, tuple(max(n, 0) for n in default))
    if output_padding is None:
        return default
    return tuple(
        r[extra] for r, extra in zip(ranges, _extra(ranges, letters, output_padding), strict=True)
    )


def _extra(ranges: list[range], letters: str, given: Any) -> Shape:
    """Read output_padding; it can't reach the stride."""
    entries = entries_of(given)
    entries = [given] * len(letters) if entries is None else entries
    if len(entries) != len(letters):
        raise ShapeError(_wrong_length("output_padding", given, letters, (0,) * len(letters)))
    fix = "output_padding=0"
    extra = [check_int(e, "output_padding", 0, given=given, fix=fix) for e in entries]
    for axis, r, cells in zip(letters, ranges, extra, strict=True):
        if cells >= len(r):
            rule = f"output_padding={show(given)} has {cells} on {axis}, but stride {len(r)} "
            rule += "allows 0" if len(r) == 1 else f"allows 0 … {len(r) - 1}"
            facts = ["it chooses among the sizes that a convolution takes to x's", _listed(r, axis)]
            most = tuple(min(c, len(r) - 1) for c, r in zip(extra, ranges, strict=True))
            raise ShapeError(word(rule, facts, f"output_padding={_plain(most)}"))
    return tuple(extra)


def _asked_size(ranges: list[range], letters: str, given: Any, default: Shape) -> Shape:
    """Read output_size; list every legal one where it is none."""
    entries = entries_of(given)
    entries = [given] * len(letters) if entries is None else entries
    if len(entries) != len(letters):
        raise ShapeError(_wrong_length("output_size", given, letters, default))
    fix = f"output_size={_plain(default)}"
    asked = tuple(check_int(e, "output_size", 0, given=given, fix=fix) for e in entries)
    for axis, r, size in zip(letters, ranges, asked, strict=True):
        if size not in r:
            rule = f"output_size={show(given)} has {size} on {axis}, which does not lead to x"
            near = tuple(
                min(max(size, r[0], 0), r[-1]) for r, size in zip(ranges, asked, strict=True)
            )
            facts = [_listed(r, axis) for axis, r in zip(letters, ranges, strict=True)]
            facts.append("a convolution takes all of these to the size of x, and no others")
            if min(near) < 0:
                raise ShapeError(word(rule, facts, "output_size=None, padding=0"))
            raise ShapeError(word(rule, facts, f"output_size={_plain(near)}"))
    return asked


def _listed(r: range, axis: str) -> str:
    """List the sizes of one axis."""
    legal = range(max(r[0], 0), r[-1] + 1)
    if len(legal) > MOST_LISTED:
        text = f"{legal[0]} … {legal[-1]}"
    else:
        text = ", ".join(map(str, legal)) or "none"
    return f"{axis} of y can be: {text}"


def _wrong_length(name: str, given: Any, letters: str, legal: Shape) -> str:
    """Word a sequence with too few or too many entries."""
    axes = "1 spatial axis" if len(letters) == 1 else f"{len(letters)} spatial axes"
    rule = f"{name}={show(given)} has {len(entries_of(given) or [])} entries, but there are {axes}"
    facts = [f"one int for all axes, or one each for {', '.join(letters)}"]
    return word(rule, facts, f"{name}={_plain(legal)}")


def _plain(sizes: Shape) -> int | Shape:
    """Write one number for one axis."""
    return sizes if len(sizes) > 1 else sizes[0]


def nothing_left(
    axis: str, n: int, k: int, s: int, d: int, pair: tuple[int, int], size: int
) -> str:
    """Word padding that drops more cells than there are."""
    low, high = pair
    facts = [
        f"{axis}  ({n} − 1)·{s} + ({k} − 1)·{d} + 1 − {low} − {high} = {size}",
        "padding drops cells of y here: those that the convolution had as its padding",
    ]
    return word(f"y would have {size} cells on {axis}", facts, "padding=0")
