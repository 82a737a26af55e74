"""Padding: every accepted form becomes one (low, high) pair per spatial axis.

With stride s, effective kernel ke = (k - 1)·d + 1 and input size n, "same" asks for ceil(n / s)
outputs, hence a total of p = max((ceil(n / s) - 1)·s + ke - n, 0) cells. The conventions differ
in where an odd cell goes (TensorFlow: high side, ONNX SAME_LOWER: low side), and PyTorch's habit
``padding=k//2`` is another rule altogether: with stride 2 it gives the same shape and other values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import index
from typing import TYPE_CHECKING, Any

from hwio.errors import ArgumentTypeError, OptionError, ShapeError, nearest, word

if TYPE_CHECKING:
    from hwio.types import Pads

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
_OTHER_NAMES = {"constant": "zeros", "replicate": "edge", "nearest": "edge", "circular": "wrap"}
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


def check_int(value: Any, name: str, least: int, axis: str = "") -> int:
    """Return value as an int of at least ``least``.

    Raises
    ------
    ArgumentTypeError
        If it is no integer (a bool is none).
    ShapeError
        If it is too small.
    """
    where = f" on {axis}" if axis else ""
    try:
        if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
            raise TypeError
        number = index(value)
    except TypeError:
        rule = f"{name}={value!r}{where} is not an integer"
        raise ArgumentTypeError(word(rule, [], f"{name}={least or 1}")) from None
    if number < least:
        rule = f"{name}={number}{where} must be at least {least}"
        raise ShapeError(word(rule, [], f"{name}={least}"))
    return number


def per_axis(value: Any, name: str, letters: str) -> tuple[int, ...]:
    """Return one int of at least 1 per spatial axis, from an int or a sequence.

    Examples
    --------
    >>> per_axis(2, "stride", "HW")
    (2, 2)
    """
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        entries = list(value)
        if len(entries) != len(letters):
            rule = f"{name}={value!r} has {len(entries)} entries for {len(letters)} spatial axes"
            facts = [f"one int for all axes, or one each for {' '.join(letters)}"]
            example = 1 if len(letters) == 1 else (1,) * len(letters)
            raise ShapeError(word(rule, facts, f"{name}={example}"))
    else:
        entries = [value] * len(letters)
    return tuple(check_int(e, name, 1, axis) for e, axis in zip(entries, letters, strict=True))


def resolve_padding(
    padding: Any,
    in_size: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    letters: str,
) -> Pads:
    """Turn any padding form into one (low, high) pair per spatial axis.

    Parameters
    ----------
    padding : str, int or sequence of pairs
        A word of ``PADDINGS``, cells on every side, or (low, high) per axis.
    in_size, kernel, stride, dilation : sequence of int
        One entry per spatial axis.
    letters : str
        The axes' letters, for messages.

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
        if padding not in PADDINGS:
            near = nearest(padding, PADDINGS)
            rule = f"padding={padding!r} is not a padding"
            facts = [f"words: {', '.join(PADDINGS)}", FORMS]
            raise OptionError(word(rule, facts, near and f"did you mean padding={near!r}?"))
        if padding == "causal" and len(in_size) > 1:
            rule = f"padding='causal' is for 1-D; x has the axes {' '.join(letters)}"
            pairs = [((k - 1) * d, 0) for k, d in zip(kernel, dilation, strict=True)]
            raise OptionError(word(rule, ["on more axes, say which side"], f"padding={pairs}"))
        axes = zip(in_size, kernel, stride, dilation, strict=True)
        return tuple(_pair_of_word(padding, n, (k - 1) * d + 1, s) for n, k, s, d in axes)
    if isinstance(padding, Iterable):
        return _pairs(list(padding), letters)
    cells = _cells(padding, "every axis")
    return ((cells, cells),) * len(letters)


def _pairs(entries: list[Any], letters: str) -> Pads:
    """Read one pair per axis; flat forms only where they can mean one thing."""
    flat = all(not isinstance(e, Iterable) for e in entries)
    if flat and len(letters) == 1 and len(entries) in (1, 2):  # (p,) or (low, high)
        entries = [(entries[0], entries[-1])]
    elif flat and len(entries) == len(letters):
        if len(letters) == 2 and entries[0] != entries[1]:
            a, b = entries
            rule = f"padding={(a, b)} can be read in two ways"
            facts = ["one int per axis (PyTorch), or low and high (hwio never guesses)"]
            fix = f"padding=[({a}, {a}), ({b}, {b})]   or   padding=[({a}, {b}), ({a}, {b})]"
            raise ShapeError(word(rule, facts, fix))
        entries = [(e, e) for e in entries]
    pairs = [tuple(e) if isinstance(e, Iterable) and not isinstance(e, str) else e for e in entries]
    if len(pairs) != len(letters) or any(not isinstance(p, tuple) or len(p) != 2 for p in pairs):
        rule = f"padding={entries!r} is not one (low, high) pair for each of {' '.join(letters)}"
        example = [(1, 1)] * len(letters)
        raise ShapeError(word(rule, [FORMS], f"padding={example}"))
    return tuple(
        (_cells(low, axis), _cells(high, axis))
        for (low, high), axis in zip(pairs, letters, strict=True)
    )


def _cells(value: Any, axis: str) -> int:
    """Return a number of padding cells, at least 0."""
    if isinstance(value, int) and not isinstance(value, bool) and value < 0:
        rule = f"padding={value} on {axis} is negative"
        raise ShapeError(
            word(rule, ["to drop cells, slice x"], f"x[:, {-value}:{value}] on that axis")
        )
    return check_int(value, "padding", 0, axis)


def check_padding_mode(mode: Any, pads: Pads, in_size: Sequence[int], letters: str) -> str:
    """Return the padding mode if it exists and x is large enough for it.

    Raises
    ------
    OptionError
        If the mode does not exist.
    ShapeError
        If a side asks for more cells than the mode can take from x.
    """
    if mode not in PADDING_MODES:
        near = _OTHER_NAMES.get(str(mode)) or nearest(mode, PADDING_MODES)
        rule = f"padding_mode={mode!r} is not a padding mode"
        fix = near and f"padding_mode={near!r}"
        raise OptionError(word(rule, [f"modes: {', '.join(PADDING_MODES)}"], fix))
    if mode == "zeros":
        return "zeros"
    for pair, size, axis in zip(pads, in_size, letters, strict=True):
        most = {"reflect": size - 1, "edge": 1 << 62 if size else 0}.get(mode, size)
        if max(pair) > most:
            rule = f"padding_mode={mode!r} can take at most {most} cells on {axis}, not {max(pair)}"
            facts = [f"{axis} of x has {size} cells, and padding there is {pair}"]
            raise ShapeError(word(rule, facts, "padding_mode='zeros' or less padding"))
    return str(mode)
