"""Calls of the course's functions: what was left out, given twice, or by another name."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from hwio.errors import ArgumentTypeError, show, word
from hwio.ops.places import listed

_Function = TypeVar("_Function", bound=Callable[..., Any])
# hparameters that go by other names elsewhere
ALSO = {
    **dict.fromkeys(("strides", "s"), "stride"),
    **dict.fromkeys(("padding", "pads", "p"), "pad"),
    **dict.fromkeys(("kernel_size", "window", "pool_size", "size"), "f"),
}
_HYPER = ("stride", "pad", "f")


def worded(function: _Function) -> _Function:
    """Let a call that does not fit the signature say so in words.

    Examples
    --------
    >>> @worded
    ... def zero_pad(X, pad): ...
    >>> try:
    ...     zero_pad(3)
    ... except ArgumentTypeError as error:
    ...     print(error)
    pad is missing: hwio.lab.zero_pad takes X and pad
      fix: hwio.lab.zero_pad(X, pad)
    """
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args: Any, **named: Any) -> Any:
        try:
            signature.bind(*args, **named)
        except TypeError:
            message = _told(function, list(signature.parameters.values()), args, named)
            raise ArgumentTypeError(message) from None
        return function(*args, **named)

    return call  # type: ignore[return-value]


def _told(
    function: Callable[..., Any],
    seen: list[inspect.Parameter],
    args: tuple[Any, ...],
    named: dict[str, Any],
) -> str:
    """Word a call that does not fit."""
    name = f"hwio.lab.{function.__name__}"
    needed = [p.name for p in seen if p.default is p.empty]
    known = [p.name for p in seen]
    meant = dict.fromkeys(needed, "")
    absent = [each for each in needed[len(args) :] if each not in named]
    sizes = {ALSO.get(each, each): value for each, value in named.items() if each not in known}
    unknown = [each for each in named if each not in known]
    facts = [text for each in absent if (text := _described(function, each))]
    if sizes and set(sizes) <= set(_HYPER) and "hparameters" in known:
        rule = f"{listed([f'{each}=' for each in unknown])} "
        rule += f"{'is no keyword' if len(unknown) == 1 else 'are no keywords'} of {name}"
        facts = [_described(function, "hparameters")]
        meant["hparameters"] = f"dict({', '.join(f'{n}={show(v)}' for n, v in sizes.items())})"
    elif unknown:
        rule = f"{unknown[0]}= is no keyword of {name}, which takes {listed(known)}"
    elif len(args) > len(known):
        rule = f"{name} takes {listed(known)}, not {len(args)} values"
        facts = [text for each in known if (text := _described(function, each))]
    elif not absent:
        twice = [each for each in known[: len(args)] if each in named]
        rule = f"{listed(twice)} is given twice: by place and by name"
    else:
        are = "is" if len(absent) == 1 else "are"
        rule = f"{listed(absent)} {are} missing: {name} takes {listed(needed)}"
        strays = [each for each, value in zip(known, args, strict=False) if isinstance(value, dict)]
        if strays and "hparameters" in absent:
            stray = strays[0]
            rule = f"{stray} is missing: {name} takes {listed(needed)}"
            facts = [f"what stands in {stray}'s place is a dict, as hparameters is"]
    return word(rule, facts, f"{name}({', '.join(meant[each] or each for each in meant)})")


def _described(function: Callable[..., Any], name: str) -> str:
    """Return what the help of a function says of an argument, in one line."""
    pattern = rf"^ +{name} : (.+)\n(?:        +(\S.*))?"
    found = re.search(pattern, function.__doc__ or "", re.MULTILINE)
    if found is None:
        return ""
    kind, more = found.groups()
    more = f", {more[0].lower()}{more[1:].rstrip('.')}" if more else ""
    return f"{name}  {kind}{more}".replace("``", "")
