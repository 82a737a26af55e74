"""In which order other libraries, and our own functions, list what goes by name here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hwio.engine.registry import KERNELS
from hwio.methods import METHODS
from hwio.shapes.counts import shape_of_any
from hwio.shapes.padding import PADDINGS

_OWN = ("", "")  # the order of the function itself, as help() shows it
_LAYER = "stride padding dilation groups"
_PLAIN = ("PyTorch's conv2d", f"x w b {_LAYER}")
_NO_WORD = ("", "x w padding method")
_NO_BIAS = ("", f"x w {_LAYER}")
_BACK = "stride padding output_padding groups dilation"
_MAX = "window stride padding dilation ceil_mode"
_MEAN = "window stride padding ceil_mode count_include_pad"
# function -> whose order, and how it runs in our words; the first that fits the values was meant
_ORDERS: dict[str, tuple[tuple[str, str], ...]] = {
    "conv": (
        _PLAIN,
        ("TensorFlow's conv2d", "x w stride padding layout dilation"),
        ("SciPy", "x w padding method"),
        ("SciPy", "x w padding padding_mode"),
        ("", "x w method"),
        ("", "x w activation"),
    ),
    "conv_grad": (
        ("PyTorch's conv2d_weight", f"x w dy {_LAYER}"),
        ("", f"x w b dy {_LAYER}"),
        ("", "x w dy need"),
    ),
    "conv_transpose": (
        ("TensorFlow's conv2d_transpose", "x w output_size stride padding layout"),
        ("PyTorch's conv_transpose2d", f"x w b {_BACK}"),
        _NO_BIAS,
    ),
    "conv_transpose_grad": (
        ("PyTorch's conv_transpose2d", f"x w dy {_BACK}"),
        ("", f"x w b dy {_BACK}"),
        ("", "x w dy need"),
    ),
    "prepare": (
        ("PyTorch's conv2d", f"w b {_LAYER}"),
        ("", "w b padding"),
        *(("", f"w {_LAYER}"), ("", "w padding method"), ("", "w method"), ("", "w activation")),
    ),
    "plan": (_PLAIN, ("PyTorch's conv2d", f"x w {_LAYER}")),
    "explain": (_OWN, _PLAIN, ("", "x w at"), ("", "x w method"), _NO_BIAS, _NO_WORD),
    "explore": (_OWN, _PLAIN, ("", "x w at"), ("", "x w method"), _NO_BIAS, _NO_WORD),
    "compare": (_OWN, _PLAIN, ("", "x w methods"), _NO_BIAS, _NO_WORD),
    "code": (
        *(_OWN, ("", "x w b to"), ("", "x w method to"), ("", "x w to method"), _PLAIN),
        *(_NO_BIAS, _NO_WORD),
    ),
    "diagnose": (_OWN, ("PyTorch's conv2d", f"x w y b {_LAYER}")),
    "max_pool": (
        ("PyTorch's max_pool2d", f"x {_MAX} return_indices"),
        ("TensorFlow's max_pool2d", "x window stride padding layout"),
    ),
    "argmax_pool": (("PyTorch's max_pool2d", f"x {_MAX} return_indices"),),
    "max_pool_grad": (
        ("PyTorch's max_pool2d", f"x dy {_MAX}"),
        ("TensorFlow's MaxPoolGrad", "x y dy window stride padding"),
    ),
    "avg_pool": (
        ("PyTorch's avg_pool2d", f"x {_MEAN} divisor_override"),
        ("TensorFlow's avg_pool2d", "x window stride padding layout"),
    ),
    "avg_pool_grad": (("PyTorch's avg_pool2d", f"x dy {_MEAN}"),),
    "lp_pool": (("PyTorch's lp_pool2d", "x p window stride ceil_mode"),),
    "global_avg_pool": (_OWN, ("NumPy's mean", "x axis")),
    "global_max_pool": (_OWN, ("NumPy's max", "x axis")),
    "check": (_OWN, ("", "fn timeout")),
    "move_layer": (
        _OWN,
        ("", f"w b source target {_LAYER}"),
        ("", f"w source target kind {_LAYER}"),
        ("", f"w source target {_LAYER}"),
    ),
    "layer.grad": (_OWN, ("", "x dy need")),
    "layer": (_OWN, ("PyTorch's conv2d", f"x {_LAYER}")),
    "interop.torch.conv": (_PLAIN,),
    "interop.dask.conv": (_PLAIN,),
    "interop.jax.conv": (_PLAIN, ("jax.lax.conv", "x w stride padding")),
}


def order_of(
    function: str, own: Sequence[str], values: Sequence[Any], without: str = ""
) -> tuple[str, list[str]]:
    """Return whose order the values fit, and the names that they have in it.

    Parameters
    ----------
    function : str
        Such as "conv".
    own : sequence of str
        The names of its arguments in the order of its own help.
    values : sequence
        All that was given by place.
    without : str
        A name that was tried and does not fit.

    Returns
    -------
    tuple of (str, list of str)
        "" for an order of our own, and no names where no order fits.

    Examples
    --------
    >>> order_of("conv", [], [np.ones((1, 8, 1)), np.ones((3, 1, 1)), None, 2])
    ("PyTorch's conv2d", ['x', 'w', 'b', 'stride'])
    >>> order_of("conv", [], [np.ones((1, 8, 1)), np.ones((3, 1, 1)), 2, "SAME"])
    ("TensorFlow's conv2d", ['x', 'w', 'stride', 'padding'])
    """
    shape = shape_of_any(values[0]) or values[0]
    rank = len(shape) if isinstance(shape, tuple) else 0
    for whose, text in (*_ORDERS.get(function, ()), _OWN):
        names = text.split() or list(own)
        known = names[: len(values)]
        if without in known:
            continue
        if len(known) == len(values) and all(map(_fits, known, values, [rank] * len(values))):
            return whose, known
    return "", []


def _fits(name: str, value: Any, rank: int) -> bool:
    """Tell whether a value may stand for an option; of arrays x has so many axes."""
    return value is None or _KINDS.get(name, _anything)(value, rank)


def _anything(value: Any, rank: int) -> bool:
    """Accept: what stands first is what it is called."""
    return True


def _is_int(value: Any, rank: int = 0) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_size(value: Any, rank: int) -> bool:
    """Tell an int or one int per axis; TensorFlow counts N and C, with 1 each."""
    if not isinstance(value, tuple | list):
        return _is_int(value)
    whole = bool(value) and all(map(_is_int, value))
    return whole and (len(value) < 4 or (value[0] == 1 and 1 in (value[1], value[-1])))


def _is_padding(value: Any, rank: int) -> bool:
    if isinstance(value, str):
        return value.lower() in PADDINGS
    pairs = isinstance(value, tuple | list) and all(isinstance(v, tuple | list) for v in value)
    return pairs or _is_size(value, rank)


def _is_array(value: Any, rank: int) -> bool:
    return bool(shape_of_any(value)) or isinstance(value, list)


def _is_bias(value: Any, rank: int) -> bool:
    """Tell an array, a list of numbers or a shape from a stride for each axis."""
    few = isinstance(value, tuple | list) and len(value) in (2, 3) and all(map(_is_int, value))
    return not few and (_is_array(value, rank) or isinstance(value, tuple))


def _is_layout(value: Any, rank: int) -> bool:
    text = value.lower().removeprefix("channels_") if isinstance(value, str) else "?"
    return text in ("first", "last") or set(text) <= set("ndhwciom,->")


def _is_place(value: Any, rank: int) -> bool:
    return isinstance(value, tuple | list) and len(value) == rank and all(map(_is_int, value))


def _is_method(value: Any, rank: int) -> bool:
    return isinstance(value, str) and value in ("auto", *METHODS, *KERNELS)


def _is_output(value: Any, rank: int) -> bool:
    """Tell the whole shape of y, as TensorFlow has it."""
    return isinstance(value, tuple | list) and len(value) == rank and all(map(_is_int, value))


def _is_activation(value: Any, rank: int) -> bool:
    return isinstance(value, str) and value.lower() in ("relu", "relu6")


def _is_need(value: Any, rank: int) -> bool:
    return isinstance(value, str) and set(value) <= set("xwb")


def _are_words(value: Any, rank: int) -> bool:
    words = value if isinstance(value, tuple | list) else [value]
    return all(isinstance(each, str) for each in words)


def _is_bool(value: Any, rank: int) -> bool:
    return isinstance(value, bool)


def _is_text(value: Any, rank: int) -> bool:
    return isinstance(value, str)


def _is_time(value: Any, rank: int) -> bool:
    return _is_int(value) or isinstance(value, float)


_SIZES = "stride dilation window output_padding in_size axis"
_KINDS: dict[str, Callable[[Any, int], bool]] = {
    **dict.fromkeys(_SIZES.split(), _is_size),
    **dict.fromkeys(("groups", "p", "runs", "divisor_override", "memory_limit"), _is_int),
    **dict.fromkeys(("dy", "y", "out", "pointwise"), _is_array),
    **dict.fromkeys(("ceil_mode", "count_include_pad", "return_indices"), _is_bool),
    **dict.fromkeys(("flip", "gradient", "keepdims", "transposed", "ways"), _is_bool),
    **dict.fromkeys(("to", "title", "source", "target", "kind"), _is_text),
    **dict.fromkeys(("methods", "x_layouts", "w_layouts"), _are_words),
    "padding": _is_padding,
    "b": _is_bias,
    "layout": _is_layout,
    "at": _is_place,
    "method": _is_method,
    "need": _is_need,
    "activation": _is_activation,
    "output_size": _is_output,
    "timeout": _is_time,
}
