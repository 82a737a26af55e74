"""A reading's cells in the words of ``conv``: stride, padding and the rest, with their other names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hwio.diagnosis.hunt import Hit
from hwio.shapes.geometry import out_sizes
from hwio.shapes.layout import SPATIAL, default_layout
from hwio.shapes.padding import PADDINGS, resolve_padding

if TYPE_CHECKING:
    from hwio.diagnosis.orders import Orders

Pads = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Named:
    """Keywords of ``conv`` for a reading.

    Attributes
    ----------
    options : dict
        Those that are not the defaults.
    paddings : tuple
        Every padding that means the same cells here, the one in ``options`` first.
    any_stride : str
        Letters of axes where y has one cell, so that no stride can be told.
    """

    options: dict[str, Any]
    paddings: tuple[Any, ...]
    any_stride: str


def named(hit: Hit) -> Named:
    """Name a reading.

    Parameters
    ----------
    hit : Hit
    """
    orders = hit.orders
    letters = SPATIAL[orders.ndim]
    alone = "".join(a for a, o in zip(letters, orders.out_size, strict=True) if o == 1)
    stride = _strides(hit)
    hit = replace(hit, stride=stride)
    paddings = _paddings(hit)
    options: dict[str, Any] = {}
    if set(stride) != {1}:
        options["stride"] = _plain(stride)
    if paddings[0] != "valid":
        options["padding"] = paddings[0]
        if hit.mode != "zeros":
            options["padding_mode"] = hit.mode
    if set(hit.dilation) != {1}:
        options["dilation"] = _plain(hit.dilation)
    if orders.groups != 1 and "M" not in orders.w:
        options["groups"] = orders.groups
    if hit.flip:
        options["flip"] = True
    if orders.layout != default_layout(orders.ndim + 2):
        options["layout"] = short_layout(orders)
    return Named(options, paddings, alone if len(alone) == orders.ndim or alone else "")


def short_layout(orders: Orders) -> str:
    """Return the layout string, without y's letters where they are x's."""
    front, _, y = orders.layout.partition("->")
    return front if front.partition(",")[0] == y else orders.layout


def _strides(hit: Hit) -> tuple[int, ...]:
    """Take one stride for all axes where an axis leaves it open."""
    out = hit.orders.out_size
    told = {s for s, o in zip(hit.stride, out, strict=True) if o > 1}
    if len(told) == 1:
        (step,) = told
        return tuple(max(s, step) if o == 1 else s for s, o in zip(hit.stride, out, strict=True))
    if not told:
        return (max(hit.stride),) * len(out)
    return hit.stride


def _plain(values: tuple[int, ...]) -> int | tuple[int, ...]:
    """Write one number for all axes where they agree."""
    return values[0] if len(set(values)) == 1 else values


def _paddings(hit: Hit) -> tuple[Any, ...]:
    """List every padding of these cells: words, a number, pairs."""
    orders = hit.orders
    pads = tuple((low, max(high, 0)) for low, high in zip(hit.low, hit.high, strict=True))
    words: list[Any] = [a for a in PADDINGS if a != "same_upper"]
    words.remove("same_lower")  # "half" is the commoner name where both mean the same
    words.insert(words.index("half") + 1, "same_lower")
    if orders.ndim > 1:
        words.remove("causal")
    ints = [hit.low[0]] if len(set(hit.low)) == 1 and hit.low[0] > 0 else []
    found = [p for p in (*words, *ints) if _means(p, hit)]
    return (*found, _pairs(pads)) if found else (_pairs(pads),)


def _pairs(pads: Pads) -> Any:
    """Write pairs as the user would."""
    return list(pads) if len(pads) > 1 else pads[0]


def _means(padding: Any, hit: Hit) -> bool:
    """Tell whether a padding leads to the windows of this reading."""
    pads = pads_of(padding, hit.orders, hit.stride, hit.dilation)
    sizes = out_sizes(hit.orders.in_size, hit.orders.kernel, hit.stride, hit.dilation, pads)
    lows = tuple(low for low, _ in pads)
    if sizes != hit.orders.out_size or lows != hit.low:
        return False
    # other modes repeat x: the pads themselves must be possible
    most = max(hit.orders.in_size) if hit.mode == "zeros" else min(hit.orders.in_size) - 1
    return hit.mode in ("zeros", "edge") or all(high <= most for _, high in pads)


def pads_of(
    padding: Any, orders: Orders, stride: tuple[int, ...], dilation: tuple[int, ...]
) -> Pads:
    """Return one (low, high) per axis."""
    return resolve_padding(
        padding, orders.in_size, orders.kernel, stride, dilation, SPATIAL[orders.ndim]
    )


def spelled(options: dict[str, Any]) -> str:
    """Write keywords.

    Examples
    --------
    >>> spelled({"stride": 2, "layout": "NCHW,OIHW"})
    'stride=2, layout="NCHW,OIHW"'
    """
    return ", ".join(f"{k}={quoted(v)}" for k, v in options.items())


def quoted(value: Any) -> str:
    """Write a value as code, words in double quotes."""
    return f'"{value}"' if isinstance(value, str) else repr(value)
