"""Padding: every accepted form becomes one (low, high) pair per spatial axis.

With stride s, effective kernel ke = (k - 1)·d + 1 and input size n, "same" asks for ceil(n / s)
outputs, hence a total of p = max((ceil(n / s) - 1)·s + ke - n, 0) cells. The conventions differ
in where an odd cell goes (TensorFlow: high side, ONNX SAME_LOWER: low side), and PyTorch's habit
``padding=k//2`` is another rule altogether: with stride 2 it gives the same shape and other values.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING, Any

from hwio.errors import ArgumentTypeError, OptionError, ShapeError, nearest, show, word
from hwio.shapes.counts import LARGEST, check_int, entries_of, nearest_int

if TYPE_CHECKING:
    from hwio.types import Pads, Pair

# word -> what it means; "same" is TensorFlow's, hence same_upper
PADDINGS = {
    "valid": "no padding",
    "same": "ceil(n / s) outputs, an odd cell on the high side (TensorFlow, ONNX SAME_UPPER)",
    "same_upper": "the same as 'same'",
    "same_lower": "ceil(n / s) outputs, an odd cell on the low side (ONNX SAME_LOWER)",
    "half": "ke//2 cells on both sides (PyTorch's habit padding=k//2)",
    "full": "ke-1 cells on both sides: every overlap counts",
    "causal": "ke-1 cells on the low side, 1-D only: no output sees a later input",
}
# mode -> np.pad's name for it
PADDING_MODES = {
    "zeros": "constant",
    "edge": "edge",
    "reflect": "reflect",
    "symmetric": "symmetric",
    "wrap": "wrap",
}
_OTHER_NAMES = {
    "constant": "zeros",
    "replicate": "edge",
    "nearest": "edge",
    "circular": "wrap",
    "mirror": "reflect",
}
FORMS = "padding takes a word, an int, or one (low, high) pair per axis"


def _pair_of_word(rule: str, n: int, ke: int, s: int) -> tuple[int, int]:
    """Return (low, high) of one axis for a padding word."""
    if rule == "valid":
        return 0, 0
    if rule == "half":
        return ke // 2, ke // 2
    if rule == "full":
        return ke - 1, ke - 1
    if rule == "causal":
        return ke - 1, 0
    total = max((-(-n // s) - 1) * s + ke - n, 0)
    small, large = total // 2, total - total // 2
    return (large, small) if rule == "same_lower" else (small, large)


def resolve_padding(
    padding: Any,
    in_size: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    letters: str,
    x_letters: str = "",
) -> Pads:
    """Turn any padding form into one (low, high) pair per spatial axis.

    Parameters
    ----------
    padding : str, int or sequence of pairs
        A word of ``PADDINGS`` in any case, cells on every side, or (low, high) per axis.
    in_size, kernel, stride, dilation : sequence of int
        One entry per spatial axis.
    letters : str
        The axes' letters, for messages.
    x_letters : str, optional
        Letters of x as stored, for messages; by default N first and C last.

    Returns
    -------
    tuple of pairs of int

    Raises
    ------
    OptionError, ShapeError, ArgumentTypeError
        If the word is unknown, a number negative, or the form none of the above.

    Examples
    --------
    >>> resolve_padding("same", (5, 8), (3, 3), (2, 2), (1, 1), "HW")
    ((1, 1), (0, 1))
    """
    if isinstance(padding, str):
        if padding.lower() not in PADDINGS:
            raise OptionError(_unknown_word(padding))
        padding = padding.lower()  # TensorFlow writes SAME
        if padding == "causal" and len(in_size) > 1:
            rule = f"padding='causal' is for 1-D, but x has the axes {', '.join(letters)}"
            pairs = [((k - 1) * d, 0) for k, d in zip(kernel, dilation, strict=True)]
            raise OptionError(word(rule, ["with more axes, say the sides"], f"padding={pairs}"))
        axes = zip(in_size, kernel, stride, dilation, strict=True)
        return tuple(_pair_of_word(padding, n, (k - 1) * d + 1, s) for n, k, s, d in axes)
    if padding is None:
        raise ArgumentTypeError(word("padding=None is not an int", [FORMS], "padding='valid'"))
    entries = entries_of(padding)
    if entries is None:
        pads: Pads = ((_cells(padding, padding),) * 2,) * len(letters)
    else:
        pads = _pairs(entries, letters, padding)
    if any(low < 0 or high < 0 for low, high in pads):
        raise ShapeError(_negative(padding, pads, letters, x_letters or f"N{letters}C"))
    return pads


def _unknown_word(given: str) -> str:
    """Word a padding that does not exist."""
    rule = f"padding={show(given)} is not a padding"
    mode = given if given in PADDING_MODES else _OTHER_NAMES.get(given)
    if mode:
        facts = [f"{given} is a padding_mode: it says what stands in the padding, not how much"]
        return word(rule, facts, f"padding=1, padding_mode={mode!r}")
    near = "valid" if given.lower() in ("none", "notset", "") else nearest(given, PADDINGS)
    facts = [f"words: {', '.join(PADDINGS)}", FORMS]
    if near:
        return word(rule, facts, f"did you mean padding={near!r}?")
    return word(rule, facts, f"padding={int(given) if given.isdecimal() else 'same'!r}")


def _pairs(entries: list[Any], letters: str, given: Any) -> Pads:
    """Read one pair per axis; flat forms only where they can mean one thing."""
    ndim = len(letters)
    flat = all(entries_of(e) is None and not isinstance(e, str) for e in entries)
    if flat and ndim == 1 and len(entries) in (1, 2):  # (p,) or (low, high)
        entries = [(entries[0], entries[-1])]
    elif flat and ndim > 1 and len(entries) in (2, ndim, 2 * ndim):
        numbers = [_cells(e, given) for e in entries]
        if len(entries) != ndim or (ndim == 2 and numbers[0] != numbers[1]):
            raise OptionError(_ambiguous(numbers, letters, given))
        entries = [(e, e) for e in entries]
    fix = f"padding={_as_pairs(entries, ndim)}"
    pairs = [entries_of(e) for e in entries]
    if len(pairs) != ndim or any(p is None or len(p) != 2 for p in pairs):
        rule = f"padding={show(given)} is not one (low, high) pair for each of {', '.join(letters)}"
        raise OptionError(word(rule, [FORMS], fix))
    return tuple(
        (_cells(low, given, axis, fix), _cells(high, given, axis, fix))
        for (low, high), axis in zip(((p or (0, 0)) for p in pairs), letters, strict=True)
    )


def _as_pairs(entries: list[Any], ndim: int) -> list[Pair]:
    """Make pairs of entries that are nearly pairs: the nearest legal padding."""
    pairs = []
    for entry in entries:
        inner = entries_of(entry)
        cells = [nearest_int(e, 0) for e in ([entry] if inner is None else inner)]
        pairs.append((cells[0], cells[-1]) if cells else (1, 1))
    if len(pairs) == ndim + 2 and pairs[0] == (0, 0):  # np.pad and TensorFlow count N and C too
        pairs = pairs[1:-1] if pairs[-1] == (0, 0) else pairs[2:]
    return (pairs + [pairs[-1] if pairs else (1, 1)] * ndim)[:ndim]


def _ambiguous(numbers: list[int], letters: str, given: Any) -> str:
    """Word a flat sequence that frameworks read in different ways; offer each as pairs."""
    ndim = len(letters)
    if len(numbers) == 2:
        a, b = (abs(n) for n in numbers)
        ways = {"low and high of every axis": [(a, b)] * ndim}
        if ndim == 2:
            ways = {"one number per axis, as in PyTorch": [(a, a), (b, b)], **ways}
    else:
        flat = [abs(n) for n in numbers]
        by_axis = list(zip(flat[::2], flat[1::2], strict=True))
        ways = {
            "low and high of one axis after the other": by_axis,
            "all lows, then all highs, as in ONNX": list(
                zip(flat[:ndim], flat[ndim:], strict=True)
            ),
            "pairs from the last axis to the first, as in torch's pad": by_axis[::-1],
        }
    rule = f"padding={show(given)} can be read in {len(ways)} ways"
    if len(ways) == 1:
        rule = f"padding={show(given)} is not one (low, high) pair for each of {', '.join(letters)}"
    facts = [FORMS, "frameworks read a flat sequence differently, and hwio never guesses"]
    return word(rule, facts, [f"padding={pairs}   # {what}" for what, pairs in ways.items()])


def _negative(given: Any, pads: Pads, letters: str, x_letters: str) -> str:
    """Word padding that would drop cells, and write the slicing that does."""
    cut = dict(zip(letters, pads, strict=True))
    slices = []
    for axis in x_letters:
        low, high = cut.get(axis, (0, 0))
        slices.append(f"{-low if low < 0 else ''}:{high if high < 0 else ''}")
    while slices[-1] == ":":
        slices.pop()
    rest = [(max(low, 0), max(high, 0)) for low, high in pads]
    rule = f"padding={show(given)} is negative"
    facts = ["padding adds cells; to drop cells of x, slice it"]
    more = "padding=0" if not any(map(any, rest)) else f"padding={rest}"
    return word(rule, facts, f"x = x[{', '.join(slices)}]   and   {more}")


def _cells(value: Any, given: Any, axis: str = "", fix: str | None = None) -> int:
    """Return a number of padding cells; negative ones are worded later, with the slicing."""
    try:
        number = index(value)
    except TypeError:
        number = 0
    if -LARGEST < number < 0:
        return number
    return check_int(value, "padding", 0, axis, given, fix)


def check_padding_mode(mode: Any, pads: Pads, in_size: Sequence[int], letters: str) -> str:
    """Return the padding mode if it exists and x is large enough for it.

    Raises
    ------
    OptionError
        If the mode does not exist.
    ShapeError
        If a side asks for more cells than the mode can take from x.
    """
    if not isinstance(mode, str) or mode not in PADDING_MODES:
        name = mode.lower() if isinstance(mode, str) else ""
        near = _OTHER_NAMES.get(name) or nearest(mode, PADDING_MODES)
        rule = f"padding_mode={show(mode)} is not a padding mode"
        fix = f"did you mean padding_mode={near!r}?" if near else "padding_mode='zeros'"
        raise OptionError(word(rule, [f"modes: {', '.join(PADDING_MODES)}"], fix))
    if mode == "zeros":
        return "zeros"
    for pair, size, axis in zip(pads, in_size, letters, strict=True):
        most = {"reflect": size - 1, "edge": LARGEST if size else 0}.get(mode, size)
        if max(pair) > max(most, 0):
            raise ShapeError(_too_little_to_repeat(mode, pair, size, max(most, 0), axis))
    return mode


def _too_little_to_repeat(mode: str, pair: Pair, size: int, most: int, axis: str) -> str:
    """Word a padding mode that would need more cells of x than there are."""
    rule = f"padding_mode={mode!r} can take at most {most} cells on {axis}, not {max(pair)}"
    facts = [f"{axis} of x has {size} cells, and its padding is {pair}"]
    if mode == "reflect" and size:
        facts.append("reflect leaves out the border cell, so it can take one less than there are")
    others = ["edge", "zeros"] if size else ["zeros"]
    if mode == "reflect" and size >= max(pair):
        others = ["symmetric", "zeros"]
    return word(rule, facts, [f"padding_mode={other!r}" for other in others])
