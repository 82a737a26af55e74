"""The catalogue of mistakes, tried on the arrays at hand where no reading and no slip makes y.

Its entries are whole functions with one thing done wrongly, in 2-D, images and filters last: so x, w
and y are brought into that order first. They are slow, and tried on small arrays alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.diagnosis.naming import spelled
from hwio.diagnosis.orders import readings
from hwio.diagnosis.probing import field_of
from hwio.mistakes import ENTRIES
from hwio.mistakes.layer import Layer
from hwio.shapes.layout import default_layout

if TYPE_CHECKING:
    from hwio.diagnosis.inquiry import Question
    from hwio.diagnosis.orders import Orders
    from hwio.diagnosis.probing import Field

SMALL = 300_000  # multiply-adds
MOST_LAYERS = 12
STRIDES, PADS = (1, 2, 3), (0, 1, 2, 3)
NEAR = 1e-9


@dataclass(frozen=True, slots=True)
class Mistaken:
    """A mistake of the catalogue that gives y.

    Attributes
    ----------
    key, name, hint, page : str
        As in ``hwio.mistakes``.
    call : str
        What would be right.
    options : dict
        Its keywords.
    """

    key: str
    name: str
    hint: str
    page: str
    call: str
    options: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types."""
        return asdict(self)


def mistaken(question: Question) -> tuple[Mistaken, ...]:
    """Name the mistakes whose numbers are those of y; none where the user knows options for sure."""
    x, w, y, b = question.arrays
    if question.known or y.dtype.kind == "c" or not np.isfinite(y).all():
        return ()
    found, _ = readings(x.shape, w.shape, y.shape, given=question.given)
    plain = [o for o in found if o.ndim == 2 and o.groups == 1 and "M" not in o.w and not o.shared]
    for orders in plain[:2]:
        small = orders.n * prod(orders.out_size) * orders.out_channels * orders.depth <= SMALL
        if not small:
            continue
        field = field_of(orders, x, w, y, b)
        for stride, pad in _layers(orders):
            named = tuple(_named(field, orders, stride, pad, b is not None))
            if named:
                return named
    return ()


def _layers(orders: Orders) -> list[tuple[int, int]]:
    """List strides and paddings, those that give y's shape first."""

    def wrong(size: tuple[int, int]) -> bool:
        stride, pad = size
        axes = zip(orders.in_size, orders.kernel, orders.out_size, strict=True)
        return any((n + 2 * pad - k) // stride + 1 != out for n, k, out in axes)

    fits = [
        (s, p)
        for s, p in product(STRIDES, PADS)
        if all(n + 2 * p >= k for n, k in zip(orders.in_size, orders.kernel, strict=True))
    ]
    return sorted(fits, key=wrong)[:MOST_LAYERS]


def _named(field: Field, orders: Orders, stride: int, pad: int, bias: bool) -> Iterator[Mistaken]:
    """Yield the mistakes that make y of one call."""
    layer = Layer(
        np.asarray(field.x, np.float64), np.asarray(field.w, np.float64), field.b,
        stride=(stride, stride), padding=((pad, pad), (pad, pad)),
    )  # fmt: skip
    near = NEAR if field.y.dtype.itemsize == 8 else 1e-4
    size = float(np.abs(field.y).max())
    for entry in ENTRIES:
        made = entry.numbers(layer) if entry.function == "conv_forward" else ""
        if isinstance(made, str) or made[0].shape != field.y.shape:
            continue
        if np.allclose(made[0], field.y, rtol=0, atol=near * size):
            options = _options(orders, stride, pad)
            call = _call(options, bias)
            yield Mistaken(entry.key, entry.name, entry.hint, entry.page, call, options)


def _options(orders: Orders, stride: int, pad: int) -> dict[str, Any]:
    """Return the keywords of the right call."""
    options: dict[str, Any] = {}
    if stride != 1:
        options["stride"] = stride
    if pad:
        options["padding"] = pad
    if orders.layout != default_layout(4):
        options["layout"] = orders.layout
    return options


def _call(options: dict[str, Any], bias: bool) -> str:
    """Write the right call."""
    parts = ["x", "w", *(["b"] if bias else []), *([spelled(options)] if options else [])]
    return f"hwio.conv({', '.join(parts)})"
