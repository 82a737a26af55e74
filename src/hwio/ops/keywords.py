"""Keywords that do not exist: which one is near, and what other libraries' words are called here."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from textwrap import wrap
from typing import Any

import numpy as np

from hwio.errors import ArgumentTypeError, HwioError, nearest, show, word
from hwio.ops.arrays import as_dtype, is_shape
from hwio.shapes.layout import fits
from hwio.shapes.padding import PADDINGS

OPTIONS = (
    *("stride", "padding", "dilation", "groups", "layout", "flip", "activation", "method"),
    *("precision", "padding_mode", "out", "out_dtype", "memory_limit"),
)
# what others call it -> what it is called here
_WORDS = {
    "stride": "strides window_strides subsample step steps s",
    "padding": "pad pads auto_pad border_mode mode p",
    "padding_mode": "pad_mode boundary",
    "dilation": "dilations dilation_rate dilation_rates rate rates atrous_rate rhs_dilation d",
    "groups": "group feature_group_count num_groups n_groups num_group g",
    "layout": "data_format dimension_numbers data_layout kernel_layout x_layout w_layout format",
    "out_dtype": "dtype preferred_element_type output_dtype",
    "activation": "act relu activation_fn fused_activation",
    "method": "methods algorithm algo backend impl",
    "x": "X input inputs image images lhs A_prev data",
    "w": "W weight weights kernel filter filters rhs",
    "b": "B bias biases use_bias",
    "dy": "dout dZ dz dY dA grad_output grad_outputs grad_y grad_out out_grad out_backprop upstream",
    "output_size": "output_shape out_shape",
}
FOREIGN = {other: ours for ours, others in _WORDS.items() for other in others.split()}
_SPREAD = FOREIGN | {"f": "window", "kernel_size": "window"}  # the course's hparameters
_BACK = {"y": "dy", "grad": "dy", "gradient": "dy", "b": "b"}  # what only ways back are given
_PLACES = {"prepare": "w", "move_layer": "w"}  # what is given by place, where it is not x, w
_BY_SHAPE = ("kernel_size", "in_channels", "out_channels", "depth_multiplier")


def check_keywords(
    function: str, given: dict[str, Any], known: Iterable[str], x: Any = None, w: Any = None
) -> None:
    """Raise for the first keyword that is not known.

    Parameters
    ----------
    function : str
        Such as "conv".
    given : dict
        Keywords with the values that the user gave.
    known : iterable of str
        Keywords of the function.
    x, w : array or shape, optional
        To tell which layout fits.

    Raises
    ------
    ArgumentTypeError
    """
    known = tuple(known)
    for name, value in given.items():
        if name not in known:
            raise ArgumentTypeError(_unknown(function, name, value, known, x, w))


def hide_refused(function: Any, *needed: str) -> None:
    """Show a signature as it is meant: without ``*more`` and ``**unknown``, of type Never.

    They are taken only to be refused in words. ``needed`` names what has a default only so that leaving
    it out is answered in words.
    """
    read = inspect.signature(function)
    seen = [p for p in read.parameters.values() if p.annotation != "Never"]
    seen = [p.replace(default=p.empty) if p.name in needed else p for p in seen]
    function.__signature__ = read.replace(parameters=seen)


def _unknown(function: str, name: str, value: Any, known: tuple[str, ...], x: Any, w: Any) -> str:
    """Word one unknown keyword."""
    rule = f"{name}= is no keyword of hwio.{function}"
    lines = wrap(", ".join(known), 80)
    facts = [f"{'' if i else 'keywords:':9} {line}" for i, line in enumerate(lines)]
    entries = spread(value, known) if isinstance(value, dict) else {}
    if entries:
        parts = (f"{each}={spelled(each, v, x, w)[0]}" for each, v in entries.items())
        return word(rule, ["its entries go by name"], ", ".join(parts))
    if name in _BY_SHAPE:
        return word(rule, ["the shape of w says it"], f"leave {name} out")
    if name == "activation" and "grad" in function:
        facts = ["dy is the gradient before any activation; for relu that is dy * (y > 0)"]
    ours = FOREIGN.get(name) or (None if name in OPTIONS else nearest(name, known))
    if "grad" in function:
        ours = _BACK.get(name, ours)
    if ours == "w" and isinstance(value, int):  # Keras' filters=8
        return word(rule, ["the shape of w says it"], f"leave {name} out")
    if name == "mode" and isinstance(value, str) and value.lower() not in PADDINGS:
        ours = "padding_mode"
    if ours in ("x", "w", "b") or (ours == "dy" and "grad" in function):
        what = {"x": "images are", "w": "weights are", "b": "a bias is", "dy": "y's gradient is"}[
            ours
        ]
        order = _PLACES.get(function, "x, w, dy" if "grad" in function else "x, w")
        bias = ", b" if ours == "b" and not (value is None or value is False) else ""
        if ours == "b" and "grad" in function:
            return word(rule, ["db is the sum of dy, whatever b is"], f"hwio.{function}({order})")
        return word(rule, [f"{what} given by place, as {ours}"], f"hwio.{function}({order}{bias})")
    if ours is None or ours not in known:
        near = [f"{ours} is none of its keywords either"] if ours else []
        return word(rule, [*near, *facts], f"leave {name} out")
    if name in FOREIGN:
        facts = [f"what others call {name} is {ours} here"]
    return word(rule, facts, [f"{ours}={text}" for text in spelled(ours, value, x, w)])


def spread(options: dict[Any, Any], known: Iterable[str] = OPTIONS) -> dict[str, Any]:
    """Return a dict of options, such as the course's hparameters, by our names; those alone.

    Examples
    --------
    >>> spread({"stride": 2, "pad": 1, "depth": 3})
    {'stride': 2, 'padding': 1}
    """
    ours = ((_SPREAD.get(name, name), value) for name, value in options.items())
    return {name: value for name, value in ours if name in known}


def spelled(ours: str, value: Any, x: Any, w: Any) -> list[str]:
    """Write the user's value as our option takes it; an example where it can't be kept."""
    if ours == "layout":
        return [f'"{text}"' for text in _layouts(value, x, w)]
    if ours == "out_dtype":
        try:
            return [f"np.{as_dtype(value, ours).name}"]
        except HwioError:
            return ["np.float32"]
    if isinstance(value, str):
        text = value.lower()
        named = {"notset": "valid", "none": "valid", "constant": "zeros", "replicate": "edge"}
        named |= {"fill": "zeros", "symm": "symmetric"}
        return [repr(named.get(text, text) if ours in ("padding", "padding_mode") else value)]
    if ours == "activation" and value is True:
        return ["'relu'"]
    if isinstance(value, tuple | list) and len(value) < 9:
        return [_sizes(ours, value)]
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    usual = {"padding": "'same'", "method": "'auto'", "activation": "'relu'", "flip": "True"}
    usual |= {"padding_mode": "'zeros'", "precision": "'highest'", "out": "None"}
    usual["memory_limit"] = "2**30"
    return [show(value) if whole else usual.get(ours, "1")]


def _sizes(ours: str, value: Any) -> str:
    """Write a sequence of sizes: TensorFlow counts N and C too, ONNX repeats one number."""
    entries = tuple(value)
    if ours == "padding" and len(set(map(show, entries))) == 1 and isinstance(entries[0], int):
        return show(entries[0])
    if ours == "output_size" and len(entries) in (4, 5):
        entries = entries[1:-1]
    ones = [isinstance(each, int) and each == 1 for each in entries]
    if len(entries) in (4, 5) and ones[0] and ours in ("window", "stride", "dilation"):
        entries = entries[1:-1] if ones[-1] else entries[2:]
    return show(entries)


def _layouts(value: Any, x: Any, w: Any) -> list[str]:
    """Write a data format, which names x alone, with the orders of w that fit."""
    if isinstance(value, tuple | list) and all(isinstance(part, str) for part in value):
        return [",".join(value[:2]) + "".join(f"->{part}" for part in value[2:3])]
    first = isinstance(value, str) and (value.upper().startswith("NC") or "first" in value)
    shapes = [a.shape if isinstance(a, np.ndarray) else a if is_shape(a) else () for a in (x, w)]
    space = {3: "W", 5: "DHW"}.get(len(shapes[1]), "HW")
    images = f"NC{space}" if first else f"N{space}C"
    orders = [f"OI{space}", f"{space}IO"] if first else [f"{space}IO", f"OI{space}"]
    fitting = [order for order in orders if fits(images, order, shapes[0], shapes[1])]
    return [f"{images},{order}" for order in fitting or orders]
