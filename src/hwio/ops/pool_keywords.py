"""Keywords that pooling does not have: what other libraries' words are called here."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import wrap
from typing import Any, TypeVar

import numpy as np

from hwio.errors import ArgumentTypeError, nearest, show, word
from hwio.ops.keywords import FOREIGN, hide_refused, spread

OPTIONS = ("window", "stride", "padding", "dilation", "ceil_mode", "layout", "method")
# what others call it -> what it is called here
_WORDS = {
    "window": "kernel_size kernel_shape kernel pool_size pool_shape ksize window_shape "
    "window_dimensions window_size size filter_size f",
    "count_include_pad": "include_pad count_include_padding exclusive",
    "ceil_mode": "ceil",
    "p": "norm_type norm order",
    "keepdims": "keepdim keep_dims",
    "ties": "tie",
}
_OTHER = {other: ours for ours, others in _WORDS.items() for other in others.split()}
_MODES = {"max": "max_pool", **dict.fromkeys(("average", "avg", "mean"), "avg_pool")}
_Function = TypeVar("_Function", bound=Callable[..., Any])
_USUAL = {"padding": "'same'", "method": "'auto'", "ties": "'first'", "window": "2", "out": "None"}


def readable(function: _Function) -> _Function:
    """Show a signature as it is meant: dy and a window are needed, unknown keywords only refused."""
    hide_refused(function, "x", "dy", "window")
    return function


def check_pool_keywords(function: str, given: dict[str, Any], known: tuple[str, ...]) -> None:
    """Raise for the first keyword that a pooling does not know.

    Parameters
    ----------
    function : str
        Such as "max_pool".
    given : dict
        Keywords that are unknown, with their values.
    known : tuple of str
        Keywords of the function.

    Raises
    ------
    ArgumentTypeError
    """
    for name, value in given.items():
        raise ArgumentTypeError(_unknown(function, name, value, known))


def _unknown(function: str, name: str, value: Any, known: tuple[str, ...]) -> str:
    """Word one unknown keyword."""
    rule = f"{name}= is no keyword of hwio.{function}"
    given = spread(value, known) if isinstance(value, dict) else {}
    if given:
        texts = (f"{each}={_spelled(each, v)}" for each, v in given.items())
        return word(rule, ["its entries go by name"], ", ".join(texts))
    mode = _MODES.get(value.lower()) if name == "mode" and isinstance(value, str) else None
    if mode is not None and function.removesuffix("_grad") in _MODES.values():
        right = mode + ("_grad" if function.endswith("_grad") else "")
        args = "x, dy, window" if function.endswith("_grad") else "x, window"
        facts = ["each kind of pooling has a function of its own"]
        fix = "leave mode out" if right == function else f"hwio.{right}({args})"
        return word(rule, facts, fix)
    lines = wrap(", ".join(known), 80)
    facts = [f"{'' if i else 'keywords:':9} {line}" for i, line in enumerate(lines)]
    if name in ("return_indices", "return_index") and function == "max_pool":
        facts = ["the places of the maxima have a function of their own"]
        return word(rule, facts, "hwio.argmax_pool(x, window)")
    near = None if name == "out" else nearest(name, known)
    ours = _OTHER.get(name) or FOREIGN.get(name) or near
    if ours == "padding_mode" or ours not in known:
        return word(rule, facts, f"leave {name} out")
    if name == "exclusive":  # of the padding: the opposite
        return word(
            rule, ["count_include_pad is the opposite"], f"count_include_pad={value is False}"
        )
    if name in _OTHER or name in FOREIGN:
        facts = [f"what others call {name} is {ours} here"]
    return word(rule, facts, f"{ours}={_spelled(ours, value)}")


def _spelled(ours: str, value: Any) -> str:
    """Write the user's value as our option takes it; an example where it can't be kept."""
    if ours == "layout":
        first = isinstance(value, str) and (value.upper().startswith("NC") or "first" in value)
        return '"NCHW"' if first else '"NHWC"'
    if isinstance(value, str):
        return repr(value.lower())
    if isinstance(value, bool) or ours in ("ceil_mode", "count_include_pad", "keepdims"):
        return str(bool(value)) if isinstance(value, bool | int) else "True"
    if isinstance(value, tuple | list) and 0 < len(value) < 7:
        entries = tuple(value)
        ones = [isinstance(each, int) and each == 1 for each in entries]
        if len(entries) == 4 and ones[0] and ours in ("window", "stride", "dilation"):
            entries = entries[1:-1] if ones[-1] else entries[2:]
        same = len(set(map(show, entries))) == 1 and isinstance(entries[0], int)
        return show(entries[0] if same else entries)
    whole = isinstance(value, int | np.integer)
    return show(value) if whole else _USUAL.get(ours, "1")
