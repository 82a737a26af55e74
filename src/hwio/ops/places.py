"""Values given by place that go by name: what was meant, and how it is written."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from textwrap import wrap
from typing import Any, NoReturn

import numpy as np

from hwio.errors import ArgumentTypeError, show, word
from hwio.ops.arrays import is_shape
from hwio.ops.keywords import OPTIONS, spelled, spread
from hwio.ops.orders import order_of

_SPOKEN = {"Prepared.__call__": "layer", "Prepared.grad": "layer.grad", "MovedLayer.to": "moved.to"}
DICT_OF_OPTIONS = "a dict is no option; its entries are, by the names that they have here"
_BY_NAME = ("window", "p")  # they may be given by place, but two numbers side by side tell nothing
# what an order has and the function has not, and why it can be left out
_WITHOUT = {
    "b": "no bias is needed",
    "y": "it is worked out again",
    "axis": "all spatial axes are pooled",
    "return_indices": "hwio.argmax_pool tells the places of the maxima",
    "divisor_override": "a window is divided by the number of its cells",
}


def refuse_places(function: Callable[..., Any], given: dict[str, Any]) -> NoReturn:
    """Raise for values beyond those that a function takes by place: say which options they are.

    Parameters
    ----------
    function : callable
        It collects what is too much in ``*more``, only to come here.
    given : dict
        Its ``locals()`` before anything else was done.

    Raises
    ------
    ArgumentTypeError
    """
    seen, places, own = _names(function)
    values = [*(given[name] for name in places), *given["more"]]
    say = spoken(function)
    taken = f"{say} takes {listed(places)} by place"
    rule = f"{taken}, not {len(values)} values: options go by name"
    known = own if len(own) == len(seen) else [*own, *OPTIONS]  # **options: those of conv
    last = spread(values[-1], known) if isinstance(values[-1], dict) else {}
    values = values[:-1] if last else values
    whose, order = order_of(say.removeprefix("hwio."), own, values)
    facts = _there(whose, order, places, values) if order else _keywords(own[len(places) :])
    facts += [DICT_OF_OPTIONS] if last else []
    read = dict(zip(order or places, values, strict=False)) | last
    if say == "layer" and not set(order) <= set(own):
        known = [*own, *OPTIONS]
        facts.append("options belong to prepare, which settles them once")
    for name in [each for each in read if each not in known]:
        if read.pop(name) is not None:
            facts.append(f"{name} is left out: {_WITHOUT[name]}")
    named = _named(seen, given)
    if _counts_padding(whose, read | named):
        read["count_include_pad"] = True
        facts.append("PyTorch's mean counts the cells of the padding too, unless told otherwise")
    for name in [each for each in read if each in named]:
        twice = f"{show(read.pop(name))} by place, {show(named[name])} by name"
        facts.append(f"{name} is given twice: {twice}")
    calls = _calls(say, own, places, read | named)
    if say == "layer" and read.get("out") is not None:
        facts, calls = _second_array(given["self"], read["out"], facts, calls)
    raise ArgumentTypeError(word(rule, facts, calls))


def _second_array(
    layer: Any, array: Any, facts: list[str], calls: list[str]
) -> tuple[list[str], list[str]]:
    """Say what an array beside x may be to a layer: its own w or b, dy, or out."""
    if not (hasattr(layer, "letters") and isinstance(array, np.ndarray)):
        return facts, calls
    shape = array.shape
    if shape == layer.w.shape:
        return ["it has the shape of the layer's own w"], ["layer(x)"]
    if shape == (layer.w.shape[layer.letters.find("O")],):
        told = ["read as b, which belongs to prepare" if layer.b is None else "b is in place"]
        return told, ["hwio.prepare(w, b)(x)" if layer.b is None else "layer(x)"]
    return facts, [*calls, "layer.grad(x, dy)   # if it is dy, to go back"]


def written_call(function: Callable[..., Any], given: dict[str, Any], read: dict[str, Any]) -> str:
    """Write the call that was meant: what was read otherwise, and all that was given by name.

    Parameters
    ----------
    function : callable
    given : dict
        Its ``locals()`` before anything else was done.
    read : dict
        Arguments by their names, arrays and options.
    """
    seen, places, own = _names(function)
    return _calls(spoken(function), own, places, _named(seen, given) | read)[0]


def told_order(
    function: Callable[..., Any], given: dict[str, Any], without: str
) -> tuple[str, dict[str, Any]] | None:
    """Return what the values by place are in an order that lacks one of the names, told and by name.

    None where they fit no such order.
    """
    _, places, own = _names(function)
    values = [given[name] for name in places]
    whose, order = order_of(spoken(function).removeprefix("hwio."), own, values, without)
    if not order:
        return None
    (told,) = _there(whose, order, places, values) or [""]
    return told, dict(zip(order, values, strict=False))


Names = tuple[list[inspect.Parameter], list[str], list[str]]


def _names(function: Callable[..., Any]) -> Names:
    """Return a function's parameters, those that go by place, and all that have names of their own."""
    seen = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    places = [p.name for p in seen if p.kind is p.POSITIONAL_OR_KEYWORD]
    return seen, places, [p.name for p in seen if p.kind is not p.VAR_KEYWORD]


def spoken(function: Callable[..., Any]) -> str:
    """Return the name by which a function is called."""
    module, name = function.__module__, function.__qualname__
    if name in _SPOKEN:
        return _SPOKEN[name]
    within = name in ("conv", "evaluator") and ".interop." in module
    return f"{module if within else 'hwio'}.{name}"


def listed(names: list[str]) -> str:
    """Join words as they are spoken.

    Examples
    --------
    >>> listed(["x", "w", "b"])
    'x, w and b'
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _there(whose: str, order: list[str], places: list[str], values: list[Any]) -> list[str]:
    """Say which options were given by place, from where the order leaves the function's own."""
    same = 0
    while same < len(places) and order[same] == places[same]:
        same += 1
    pairs = zip(order[same:], values[same:], strict=True)
    rest = listed([name for name, value in pairs if value is not None])
    told = f"{whose} has {rest} there" if whose else f"read as {rest}"
    return [told] if rest else []


def _counts_padding(whose: str, read: Mapping[str, Any]) -> bool:
    """Tell a mean of PyTorch's over padding, which counts there and not here."""
    padded = show(read.get("padding")).lower() not in ("none", "0", "'valid'")
    return whose == "PyTorch's avg_pool2d" and padded and read.get("count_include_pad") is None


def _keywords(names: list[str]) -> list[str]:
    """List the keywords."""
    lines = wrap(", ".join(names), 80)
    return [f"{'' if i else 'keywords:':9} {line}" for i, line in enumerate(lines)]


def _named(seen: list[inspect.Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given by name: all that is not as it would be without."""
    collected = next((p.name for p in seen if p.kind is p.VAR_KEYWORD), "")
    named = dict(given.get(collected, {}))
    for p in seen:
        value = given[p.name] if p.kind is p.KEYWORD_ONLY else None
        if value is not None and not (type(value) is type(p.default) and value == p.default):
            named[p.name] = value
    return named


def _calls(spoken: str, own: list[str], places: list[str], read: dict[str, Any]) -> list[str]:
    """Write the call as it is meant: arrays by place, all else by name; layouts may be two."""
    named = [name for name in read if name not in places or name in _BY_NAME]
    named.sort(key=lambda name: own.index(name) if name in own else len(own))
    given = [name for name in places if name not in named and read.get(name) is not None]
    arrays = [_placed(name, read[name]) for name in given]
    x, w = read.get("x"), read.get("w")
    ways = {n: _written(spoken, n, read[n], x, w) for n in named if read[n] is not None}
    calls = []
    for i in range(max(map(len, ways.values()), default=1)):
        options = [f"{name}={way[min(i, len(way) - 1)]}" for name, way in ways.items()]
        if spoken == "layer" and not ways.keys() <= set(own):
            calls.append(f"hwio.prepare(w, {', '.join(options)})({', '.join(arrays)})")
        else:
            calls.append(f"{spoken}({', '.join([*arrays, *options])})")
    return calls


def _placed(name: str, value: Any) -> str:
    """Write what goes by place: shapes, words and functions as they were given, arrays by name."""
    if isinstance(value, str) or (name in ("x", "w") and is_shape(value)):
        return repr(value)
    own = getattr(value, "__name__", name)
    return own if isinstance(own, str) and own.isidentifier() else name


def _written(spoken: str, name: str, value: Any, x: Any, w: Any) -> list[str]:
    """Write the value of an option; of a data format each layout that fits."""
    text = isinstance(value, str)
    if name == "layout" and text and "pool" in spoken:
        first = value.lower() in ("channels_first", "first")
        return [repr(value.upper() if len(value) < 6 else "NCHW" if first else "NHWC")]
    if getattr(value, "ndim", 0) or isinstance(value, type):
        return [name]
    if name == "padding" and isinstance(value, tuple | list) and is_shape(tuple(value)):
        pairs = [(int(n), int(n)) for n in value]  # one number per axis, as in PyTorch
        return spelled(name, value if len(set(value)) == 1 else pairs, x, w)
    listed_out = isinstance(value, list) and name not in ("window", "stride", "dilation")
    plain = isinstance(value, bool | float) or listed_out
    plain = plain or (name == "layout" and text and "," in value)
    return [show(value)] if plain else spelled(name, value, x, w)
