"""The grammar of a layout string, and the words for when it is broken."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from hwio.errors import ArgumentTypeError, LayoutError, kind, show, word

GRAMMAR = 'layout is "x,w->y" or "x,w", for example "NHWC,HWIO->NHWC" or "NCHW,OIHW"'
_KNOWN = {"x": "NDHWC", "w": "DHWIOCM", "y": "NDHWC"}
# what others call the axes: B for batch, L or T for length or time, K or F for filters
_ALSO = {
    "x": {"B": "N", "L": "W", "T": "W", "I": "C"},
    "w": {"L": "W", "T": "W", "N": "O", "K": "O", "F": "O"},
    "y": {"B": "N", "L": "W", "T": "W", "O": "C", "K": "C", "F": "C", "M": "C"},
}
_LAST, _FIRST = "NHWC,HWIO", "NCHW,OIHW"
# the layouts of those who are named, and of x alone or w alone, the likeliest first
_PARTNERS = {
    "channels_last": (_LAST, "NHWC,OIHW", "NHWC,OHWI"),
    "channels_first": (_FIRST, "NCHW,HWIO"),
    **dict.fromkeys(("tensorflow", "tf", "keras", "jax", "flax"), (_LAST,)),
    **dict.fromkeys(("pytorch", "torch", "onnx", "caffe", "openvino", "theano"), (_FIRST,)),
    **dict.fromkeys(("tflite", "mlx"), ("NHWC,OHWI",)),
    "nhwc": (_LAST, "NHWC,OIHW", "NHWC,OHWI"),
    "nchw": (_FIRST, "NCHW,HWIO", "NCHW,OHWI"),
    "ncw": ("NCW,OIW", "NCW,WIO"),
    "ncdhw": ("NCDHW,OIDHW", "NCDHW,DHWIO"),
    "oiw": ("NCW,OIW", "NWC,OIW"),
    "oihw": (_FIRST, "NHWC,OIHW"),
    "oidhw": ("NCDHW,OIDHW", "NDHWC,OIDHW"),
}
Suits = Callable[[str, str], bool]


def read_letters(text: Any, suits: Suits | None = None) -> tuple[str, str, str]:
    """Split ``"x,w->y"`` into its three groups of letters.

    ``suits``, if given, tells which of several corrections fits the arrays.

    Raises
    ------
    ArgumentTypeError
        If it is no string.
    LayoutError
        If it does not have that form, or a letter is unknown, repeated or missing.

    Examples
    --------
    >>> read_letters("NCHW,OIHW")
    ('NCHW', 'OIHW', 'NCHW')
    """
    if not isinstance(text, str):
        rule = f"layout={show(text)} is {kind(text)}, not a string"
        parts = text if isinstance(text, tuple | list) else ()
        joined = ",".join(part for part in parts[:3] if isinstance(part, str))
        raise ArgumentTypeError(word(rule, [GRAMMAR], f'layout="{_repaired(joined, suits)}"'))
    fault = _fault(text)
    if fault is not None:
        rule, *facts = fault
        raise LayoutError(
            word(
                f"layout={show(text)} {rule}",
                [*facts, GRAMMAR],
                f'layout="{_repaired(text[:200], suits)}"',
            )
        )
    return _split(text)


def _split(text: str) -> tuple[str, str, str]:
    """Split at the comma and the arrow; y has x's letters where it is left out."""
    left, _, y = text.replace(" ", "").partition("->")
    x, _, w = left.partition(",")
    return x, w, y or x


def _fault(text: str) -> list[str] | None:
    """Return what is wrong with a layout string and lines to explain it; None if it is right."""
    compact = text.replace(" ", "")
    x, w, y = _split(compact)
    if not (x and w) or "," in w + y or compact.endswith("->") or "->" in y:
        return ["does not have the form x,w->y"]
    ndim = sum(letter in "DHW" for letter in x)
    for name, letters in (("x", x), ("w", w), ("y", y)):
        fault = fault_of_array(name, letters, ndim)
        if fault:
            return fault
    if ("N" in x) != ("N" in y):
        has, lacks = ("x", "y") if "N" in x else ("y", "x")
        return [f"has N in {has} but not in {lacks}", "as many images come out as went in"]
    return None


def fault_of_array(name: str, letters: str, ndim: int) -> list[str] | None:
    """Return what is wrong with the letters of x, w or y; None if they are right."""
    known = _KNOWN[name]
    for letter in letters:
        if letter not in known:
            meaning = "D H W space, I in-channels, O filters, or C and M (depthwise)"
            meaning = meaning if name == "w" else "N images, D H W space, C channels"
            return [
                f"has {letter!r} for {name}, which is no axis of it",
                f"axes of {name}: {meaning}",
            ]
        if letters.count(letter) > 1:
            return [f"has {letter!r} twice in {name}'s {letters!r}", "each axis has one letter"]
    space = "DHW"[-ndim:]
    if not 1 <= ndim <= 3 or "".join(a for a in "DHW" if a in letters) != space:
        return [
            f"does not have the spatial axes of a layout in {name}'s {letters!r}",
            "spatial axes: W (1-D), H W (2-D) or D H W (3-D), the same in x, w and y",
        ]
    rest = "".join(sorted(set(letters) - set(space) - {"N"}))
    if name == "w" and rest not in ("IO", "CM"):
        return [f"lacks a letter in w's {letters!r}: I and O, or C and M (depthwise)"]
    return None if name == "w" or rest == "C" else [f"lacks the letter C in {name}'s {letters!r}"]


def _repaired(text: str, suits: Suits | None = None) -> str:
    """Return the legal layout string most like this one, of those that fit if there are any."""
    legal = [t for t in _repairs(text) if _fault(t) is None]
    fitting = [t for t in legal if suits is not None and suits(*_split(t)[:2])]
    alone = text.strip().lower() in _PARTNERS
    return fitting[0] if fitting and alone else legal[0]


def _repairs(text: str) -> Iterator[str]:
    """Yield layout strings that may have been meant; the last one is legal."""
    parts = re.findall("[A-Z]+", text.upper())[:3]
    yield from _PARTNERS.get(text.strip().lower(), ())
    if len(parts) > 1 and "O" in parts[0] and "N" in parts[1]:  # w,x for x,w
        parts[:2] = parts[1::-1]
    groups = [_renamed(name, part) for name, part in zip("xwy", parts, strict=False)]
    if len(groups) == 3:
        yield "{},{}->{}".format(*groups)
    if len(groups) >= 2:
        yield ",".join(groups[:2])
    if groups:
        space = "DHW"[-max(1, sum(letter in "DHW" for letter in groups[0])) :]
        yield f"{groups[0]},{space}IO"
        yield f"N{space}C,{groups[-1]}"
        yield f"N{space}C,{space}IO"
    yield "NHWC,HWIO->NHWC"


def _renamed(name: str, letters: str) -> str:
    """Rename letters that others use, and add a missing C."""
    named = "".join(a if a in _KNOWN[name] else _ALSO[name].get(a, a) for a in letters)
    if name == "w":
        return named.replace("C", "I") if "O" in named and "I" not in named else named
    return named if "C" in named else named + "C"
