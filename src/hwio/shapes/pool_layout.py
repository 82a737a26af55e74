"""Axis letters of a pooling: those of x, and of y where it should come out in another order.

``"NHWC"`` or ``"NCHW->NHWC"``: a layout of ``conv`` without the weights.
"""

from __future__ import annotations

from typing import Any

from hwio.errors import ArgumentTypeError, LayoutError, kind, show, word
from hwio.shapes.grammar import fault_of_array
from hwio.shapes.layout import SPATIAL, Layout, Shape, parse_layout

GRAMMAR = 'layout is "x" or "x->y", for example "NHWC" or "NCHW->NHWC"'
_FIRST = ("first", "torch", "onnx", "caffe", "nc")


def read_pool_layout(layout: Any, x_shape: Shape, window_entries: int | None = None) -> Layout:
    """Return the Layout of x and y; its w is a kernel that nobody has.

    Parameters
    ----------
    layout : str or None
        None for channels last.
    x_shape : tuple of int
        As stored.
    window_entries : int, optional
        How many numbers the window has, to tell one image from several signals.

    Raises
    ------
    ArgumentTypeError
        If the layout is no string.
    LayoutError
        If it is malformed, or does not have the rank of x.

    Examples
    --------
    >>> lay = read_pool_layout("NCHW->NHWC", (2, 3, 8, 8))
    >>> lay.x, lay.y, lay.spatial
    ('NCHW', 'NHWC', 'HW')
    """
    rank = len(x_shape)
    if layout is None:
        if rank not in (3, 4, 5) or (window_entries or 1) not in (1, rank - 2):
            clash = _no_default(x_shape, window_entries)
            if clash:
                raise LayoutError(clash)
        space = SPATIAL[rank - 2]
        return parse_layout(f"N{space}C,{space}IO")
    fix = f'layout="{_repaired(layout, rank)}"'
    if not isinstance(layout, str):
        rule = f"layout={show(layout)} is {kind(layout)}, not a string"
        raise ArgumentTypeError(word(rule, [GRAMMAR], fix))
    x, y, fault = _read(layout)
    if fault:
        rule, *facts = fault
        raise LayoutError(word(f"layout={show(layout)} {rule}", [*facts, GRAMMAR], fix))
    if len(x) != rank:
        rule = f"layout={layout!r} has {len(x)} letters for x, but x has {_axes(rank)}"
        raise LayoutError(word(rule, [f"x  {x_shape}", GRAMMAR], _for_rank(x_shape, x)))
    space = "".join(axis for axis in "DHW" if axis in x)
    return parse_layout(f"{x},{space}IO->{y}")


def _read(text: str) -> tuple[str, str, list[str]]:
    """Split ``"x->y"``; the third entry says what is wrong with it, in lines."""
    compact = text.replace(" ", "")
    x, arrow, y = compact.partition("->")
    if "," in compact:
        return x, y, ["has letters for w, but pooling has no weights"]
    if not x or (arrow and not y) or "->" in y:
        return x, y, ["does not have the form x->y"]
    y = y or x
    ndim = sum(letter in "DHW" for letter in x)
    fault = fault_of_array("x", x, ndim) or fault_of_array("y", y, ndim)
    if not fault and ("N" in x) != ("N" in y):
        has, lacks = ("x", "y") if "N" in x else ("y", "x")
        fault = [f"has N in {has} but not in {lacks}", "as many images come out as went in"]
    return x, y, fault or []


def _repaired(given: Any, rank: int) -> str:
    """Return the legal layout of this rank that was probably meant."""
    text = given.upper().replace(" ", "")[:50] if isinstance(given, str) else ""
    before, _, after = text.partition("->")
    x, y = before.partition(",")[0], after
    space = SPATIAL.get(rank - 2, "HW")
    first = any(name in str(given)[:50].lower() for name in _FIRST)
    tries = [f"{x}->{y}", x, f"NC{space}" if first else f"N{space}C"]
    tries += [_read(t)[0] for t in (f"{x}C", f"N{x}")]
    legal = [t for t in tries if not _read(t)[2] and len(_read(t)[0]) == rank]
    return legal[0] if legal else f"N{space}C"


def _for_rank(x_shape: Shape, x: str) -> str | list[str]:
    """Offer a layout for this rank: the letters with N or without, or another rank's."""
    other = x.replace("N", "") if "N" in x else "N" + x
    if len(other) == len(x_shape):
        return f'layout="{other}"'
    if len(x_shape) == len(x) - 1 and "C" in x and len(x) > 3:  # one picture of one channel
        return []
    if len(x_shape) in (3, 4, 5):
        space = SPATIAL[len(x_shape) - 2]
        return f'layout="NC{space}"' if x.index("C") < 2 else f'layout="N{space}C"'
    return []


def _no_default(x_shape: Shape, entries: int | None) -> str | None:
    """Word an x whose axes can't be told without a layout, or whose window says otherwise."""
    rank = len(x_shape)
    facts = [f"x  {x_shape}", "3 axes are read as NWC, 4 as NHWC, 5 as NDHWC"]
    if entries and entries == rank - 1 and entries in SPATIAL:
        space = SPATIAL[entries]
        rule = f"window has {entries} entries, but x with {_axes(rank)} is read as "
        rule += f"N{SPATIAL[rank - 2]}C" if rank > 2 else "nothing"
        ways = [f'layout="{space}C"   # one image, channels last']
        return word(rule, facts, [*ways, f'layout="C{space}"   # channels first'])
    if rank in (3, 4, 5):
        return None  # the window's length is worded by what reads it
    rule = f"x has {_axes(rank)}; without a layout it needs 3, 4 or 5"
    fixes = {
        1: 'x = x[:, None]   and   layout="WC"   # one signal of one channel',
        2: 'x = x[..., None]   and   layout="HWC"   # one image of one channel',
    }
    more = "x = x.reshape(-1, *x.shape[-3:])   # all axes before the last three are images"
    return word(rule, facts, fixes.get(rank, more if rank > 5 else []))


def _axes(rank: int) -> str:
    """Count axes in words."""
    return f"{rank} axis" if rank == 1 else f"{rank} axes"
