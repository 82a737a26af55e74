"""What ``diagnose`` is given: arrays checked, and what the user knows turned into bounds."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.diagnosis.inquiry import Question, activation_of
from hwio.diagnosis.naming import pads_of
from hwio.diagnosis.orders import forms, readings
from hwio.errors import HwioError, LayoutError, ShapeError, word
from hwio.ops.arrays import as_array
from hwio.ops.check import geometry_of
from hwio.ops.options import check_flip
from hwio.ops.wording import worded_for
from hwio.shapes.counts import check_int, per_axis
from hwio.shapes.layout import SPATIAL, parse_layout, read_layout
from hwio.shapes.padding import check_padding_mode, resolve_padding

if TYPE_CHECKING:
    from hwio.diagnosis.orders import Orders
    from hwio.shapes.layout import Layout
    from hwio.types import Array

KEYWORDS = ("to", "layout", "stride", "padding", "dilation", "groups", "flip", "padding_mode")


def ask(x: Any, w: Any, y: Any, b: Any, to: str | None, known: dict[str, Any]) -> Question:
    """Check what was given.

    Parameters
    ----------
    x, w, y, b : array
    to : str or None
    known : dict

    Returns
    -------
    Question
    """
    x, w, y = (_numbers(value, name) for value, name in ((x, "x"), (w, "w"), (y, "y")))
    b = None if b is None else _numbers(b, "b")
    ndim = _check_ranks(x.shape, w.shape, y.shape)
    for name, array in (("x", x), ("w", w), ("y", y)):
        if not array.size:
            rule = f"{name} has shape {array.shape}: there is no number to tell readings apart by"
            shape = tuple(max(1, size) for size in array.shape)
            raise ShapeError(word(rule, [], f"{name} of shape {shape}"))
    given = ("", "", "")
    if known.get("layout") is not None:
        layout = _layout(known["layout"], x, w)
        given = (layout.x, layout.w, layout.y if "->" in known["layout"] else "")
    if b is not None:
        b = _bias(b, x, w, y, given)
    if to is not None:
        _check_wanted(to)
    return Question((x, w, y, b), given, _bounds(known, ndim), to, activation_of(y))


def _numbers(value: Any, name: str) -> Array:
    """Return a plain array; bfloat16 as float32, which holds it."""
    array = as_array(value, name, bfloat16=True)
    return array.astype(np.float32) if array.dtype.kind == "V" else array


def _check_ranks(x: tuple[int, ...], w: tuple[int, ...], y: tuple[int, ...]) -> int:
    """Return the number of spatial axes, the likeliest where several fit."""
    ranks = len(x), len(w), len(y)
    for ndim, _, fitting in forms():
        if fitting == ranks:
            return ndim
    facts = [
        *(f"x  {x}", f"w  {w}", f"y  {y}"),
        "in 2-D x, w and y have 4 axes each, or 3, 4 and 3 for one image",
    ]
    rule = f"x, w and y have {ranks[0]}, {ranks[1]} and {ranks[2]} axes, and no convolution has"
    raise ShapeError(word(rule, facts, _other_ranks(x, w, y)))


def _other_ranks(x: tuple[int, ...], w: tuple[int, ...], y: tuple[int, ...]) -> str:
    """Offer axes that may have been lost, or shapes that go together."""
    if 3 <= len(x) == len(w) == len(y) + 1 <= 5:
        return "y = y[None]   # one image"
    if 3 <= len(w) == len(y) == len(x) + 1 <= 5:
        return "x = x[None]   # one image"
    for padding in ("valid", "same"):
        if prod(y) == _size(x, w, padding):
            return f"y = y.reshape{geometry_of(x, w, padding=padding).y_shape}"
    if 3 <= len(x) == len(w) <= 5:
        return f"y of shape {(*x[:-1], w[-1])}   # with the padding 'same'"
    return "x of shape (2, 5, 7, 4)   and   w of shape (3, 3, 4, 8)   and   y of shape (2, 3, 5, 8)"


def _size(x: tuple[int, ...], w: tuple[int, ...], padding: str) -> int:
    """Count the numbers of y in hwio's own layout; 0 where that does not fit."""
    try:
        return prod(geometry_of(x, w, padding=padding).y_shape)
    except HwioError:
        return 0


def _bias(b: Array, x: Array, w: Array, y: Array, given: tuple[str, str, str]) -> Array:
    """Return b as one number per filter."""
    if b.size not in y.shape and b.size != 1:
        rule = f"b has {b.size} numbers, and no axis of y has as many cells"
        facts = [f"y  {y.shape}", "b holds one number per filter"]
        raise ShapeError(word(rule, facts, _biases(x, w, y, given)))
    return b.reshape(-1)


def _biases(x: Array, w: Array, y: Array, given: tuple[str, str, str]) -> list[str]:
    """Offer a bias for each number of filters that the shapes allow, the likeliest first."""
    layouts: dict[int, str] = {}
    for orders in readings(x.shape, w.shape, y.shape, given=given)[0]:
        layouts.setdefault(orders.out_channels, orders.layout)
    if len(layouts) < 2:
        return [f"b of shape ({n},)" for n in layouts] or ["b=None"]
    return [f"b of shape ({n},)   # if they are {layout}" for n, layout in layouts.items()]


def _layout(text: str, x: Array, w: Array) -> Layout:
    """Read the layout that the user is sure of."""
    try:
        with worded_for("diagnose", x, w):
            return read_layout(text, x.shape, w.shape)
    except LayoutError as error:
        error.args = (str(error).replace("hwio.diagnose(x, w", "hwio.diagnose(x, w, y"),)
        raise


def _check_wanted(to: str) -> None:
    """Check the layout to go on in."""
    try:
        parse_layout(to)
    except LayoutError as error:
        error.args = (str(error).replace("layout=", "to="),)
        raise


def _bounds(known: dict[str, Any], ndim: int) -> dict[str, Any]:
    """Turn what the user knows into what the search compares."""
    letters, bounds = SPATIAL[ndim], dict[str, Any]()
    for name in ("stride", "dilation"):
        if known.get(name) is not None:
            bounds[name] = per_axis(known[name], name, letters)
    if known.get("flip") is not None:
        bounds["flip"] = check_flip(known["flip"])
    if known.get("groups") is not None:
        bounds["groups"] = check_int(known["groups"], "groups", 1)
    mode = known.get("padding_mode")
    if mode is not None:
        bounds["mode"] = check_padding_mode(mode, ((0, 0),) * ndim, (1,) * ndim, letters)
    padding = known.get("padding")
    if padding is not None:
        ones = (1,) * ndim
        resolve_padding(padding, ones, ones, ones, ones, letters)  # the words are checked now

        def low(orders: Orders, stride: list[int], dilation: list[int]) -> tuple[int, ...]:
            pads = pads_of(padding, orders, tuple(stride), tuple(dilation))
            return tuple(pair[0] for pair in pads)

        bounds["low"] = low
    return bounds
