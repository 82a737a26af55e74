"""What is said of a transposed convolution: tables that text and page share, a picture's words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.shapes.layout import ACTIVATION_LAYOUTS, WEIGHT_LAYOUTS
from hwio.show.explain.look import Look
from hwio.show.explain.summary import axes_in_words
from hwio.show.explain.trace_words import name_of, place_in_words
from hwio.show.printing import Table, joined, number, numbers, plural

if TYPE_CHECKING:
    from hwio.ops.backward import Backward
    from hwio.shapes.layout import Layout
    from hwio.show.explain.trace import Trace

SIZE_RULE = "(in − 1)·stride + dilation·(kernel−1) + 1 − low − high + output_padding = out"
MOST_REACHED = 12
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Transposed:
    """A checked call of ``conv_transpose``.

    Attributes
    ----------
    layout : Layout
        As the user stores x, w and y.
    problem : Backward
        The convolution that is transposed: its y is x here, its x is y.
    x_shape, w_shape : tuple of int
    options : dict
        As given.
    """

    layout: Layout
    problem: Backward
    x_shape: Shape
    w_shape: Shape
    options: dict[str, Any]

    @property
    def y_shape(self) -> Shape:
        """Shape of y as stored."""
        geo = self.problem.geometry
        sizes = {"N": geo.n, "C": geo.in_channels}
        sizes |= dict(zip(geo.letters, geo.in_size, strict=True))
        return tuple(sizes[letter] for letter in self.layout.y)


@dataclass(frozen=True, slots=True)
class Reach:
    """A number of x that reaches the number of y, and the tap that takes it there, as stored."""

    cell: Shape
    tap: Shape
    value: Any


def arrays_table(call: Transposed) -> Table:
    """Show x, w and y: shape, letters, words."""
    lay = call.layout
    sides = (("x", call.x_shape, lay.x), ("w", call.w_shape, lay.w), ("y", call.y_shape, lay.y))
    rows = [(name, str(s), letters, f" {axes_in_words(s, letters)}") for name, s, letters in sides]
    owners = []
    for letters in dict.fromkeys((lay.x, lay.y)):
        known = ACTIVATION_LAYOUTS[lay.ndim]
        owner = known.get(letters) or known.get("N" + letters)
        owners.append(f"{letters}: {owner or 'an order of your own'}")
    owner = WEIGHT_LAYOUTS[lay.ndim].get(lay.w)
    owners.append(f"{lay.w}: {owner or 'an order of your own'}")
    notes = joined([f"layout {lay.text}", *owners])
    return Table("Transposed convolution", tuple(rows), tuple(notes))


def options_table(call: Transposed) -> Table | None:
    """Show the options that differ from the default, or nothing."""
    geo, rows = call.problem.geometry, []
    for name, per_axis in (("stride", geo.stride), ("dilation", geo.dilation)):
        if any(v != 1 for v in per_axis):
            rows.append(
                (name, " ".join(f"{a}={v}" for a, v in zip(geo.letters, per_axis, strict=True)))
            )
    if geo.padded:
        sides = zip(geo.letters, geo.padding, strict=True)
        told = " · ".join(f"{axis} {low} before, {high} after" for axis, (low, high) in sides)
        rows.append(("padding", f"{told}: cells dropped from y"))
    if geo.groups > 1:
        rows.append(("groups", str(geo.groups)))
    if call.problem.flip:
        rows.append(("flip", "the kernel is turned round"))
    return Table("", tuple(rows)) if rows else None


def sizes_table(call: Transposed) -> Table:
    """Show the arithmetic of every axis."""
    geo, rows = call.problem.geometry, []
    axes = zip(geo.letters, geo.out_size, geo.in_size, geo.kernel, geo.stride, geo.dilation, geo.padding, strict=True)  # fmt: skip
    for axis, n, m, k, s, d, (low, high) in axes:
        more = m - ((n - 1) * s + d * (k - 1) + 1 - low - high)
        rows.append((axis, f"({n} − 1)·{s} + {d}·({k}−1) + 1 − {low} − {high} + {more} = {m}"))
    return Table("", tuple(rows), (f"   {SIZE_RULE}",))


def reached(call: Transposed, found: Trace) -> list[Reach]:
    """List the numbers of x that reach a number of y, with the products' sum over the channels."""
    geo = call.problem.geometry
    axes = []
    for letter, k, s, d, n, (low, _) in zip(
        geo.letters, geo.kernel, geo.stride, geo.dilation, geo.out_size, geo.padding, strict=True
    ):
        start = found.place[letter] + low
        pairs = ((start - tap * d, tap) for tap in range(k))
        axes.append(sorted((p // s, t) for p, t in pairs if p % s == 0 and 0 <= p // s < n))
    products, result = found.products, []
    for met in product(*axes):
        turned = tuple(k - 1 - t for k, (_, t) in zip(geo.kernel, met, strict=True))
        value = None
        if products is not None:
            with np.errstate(all="ignore"):
                value = products[turned].sum()
        tap = turned if call.problem.flip else tuple(t for _, t in met)
        result.append(Reach(tuple(i for i, _ in met), tap, value))
    return result


def number_table(call: Transposed, found: Trace) -> Table:
    """Show where one number of y comes from."""
    met = reached(call, found)
    texts = numbers([m.value for m in met if m.value is not None], 4)
    wide = max(map(len, texts), default=0)
    rows: list[tuple[str, ...]] = []
    for i, each in enumerate(met[:MOST_REACHED]):
        total = f"Σ = {texts[i]:>{wide}}" if texts else ""
        rows.append((x_cell(call, found, each.cell), "·", w_tap(call, found, each.tap), total))
    if len(met) > MOST_REACHED:
        rows.append(
            (
                f"... {plural(len(met) - MOST_REACHED, 'more number of x', 'more numbers of x')}",
                "",
                "",
                "",
            )
        )
    if not met:
        rows.append(("no number of x reaches it, so it is 0" + " + b" * (found.bias is not None),))
    notes = []
    if found.value is not None:
        bias = f" + b {number(found.bias)}" if found.bias is not None else ""
        notes.append(
            f"sum {number(found.total)}{bias}, so {name_of(found)} = {number(found.value)}"
        )
    return Table(f"{name_of(found)}    {_place(found)}", tuple(rows), tuple(notes))


def _place(found: Trace) -> str:
    return place_in_words(found).replace("filter", "channel")


def _channels(call: Transposed, found: Trace) -> str:
    """Write the channels of x that reach a channel of y."""
    whole = len(found.channels) == call.problem.geometry.out_channels
    return ":" if whole else f"{found.channels.start}:{found.channels.stop}"


def x_cell(call: Transposed, found: Trace, cell: Shape) -> str:
    """Write the numbers of one cell of x, ``x[0, 1, 2, :]``."""
    indexes = dict(zip(call.problem.geometry.letters, map(str, cell), strict=True))
    indexes |= {"N": str(found.place.get("N", 0)), "C": _channels(call, found)}
    return f"x[{', '.join(indexes[letter] for letter in call.layout.x)}]"


def w_tap(call: Transposed, found: Trace, tap: Shape) -> str:
    """Write the weights of one tap, ``w[0, 2, 5, :]``."""
    geo, k = call.problem.geometry, found.filter
    indexes = dict(zip(geo.letters, map(str, tap), strict=True))
    indexes |= {"I": _channels(call, found), "O": str(k % max(geo.group_channels, 1))}
    indexes |= {"C": str(k), "M": ":"}
    return f"w[{', '.join(indexes[letter] for letter in call.layout.w)}]"


def views_table(call: Transposed) -> Table:
    """Say in two ways what happens."""
    rows = [
        ("spread", "each number of x times the filter is added to y, windows a stride apart"),
        ("gathered", "zeros between the numbers of x, and around; the filter, turned round, moves over them"),
    ]  # fmt: skip
    notes = ["It is dx of conv_grad for dy = x: it undoes a convolution's shape, not its numbers."]
    return Table("Two ways to see it", tuple(rows), (*notes, *_as_code(call)))


def _as_code(call: Transposed) -> list[str]:
    """Write the second way as code, where one line of conv can say it."""
    lay, geo = call.layout, call.problem.geometry
    pads, sizes = [], []
    for n, s, k, d, m, (low, _) in zip(
        geo.out_size, geo.stride, geo.kernel, geo.dilation, geo.in_size, geo.padding, strict=True
    ):
        below = (k - 1) * d - low
        pads.append((below, m - ((n - 1) * s + 1) + (k - 1) * d - below))
        sizes.append((n - 1) * s + 1)
    if geo.groups > 1 or lay.depthwise or min(map(min, pads)) < 0:
        return []
    spread = dict(zip(geo.letters, sizes, strict=True))
    steps = {a: f"::{s}" if s > 1 else ":" for a, s in zip(geo.letters, geo.stride, strict=True)}
    shape = tuple(spread.get(a, n) for a, n in zip(lay.x, call.x_shape, strict=True))
    turned = ", ".join("::-1" if a in geo.letters else ":" for a in lay.w)
    options = [f'layout="{lay.text}"', f"padding={tuple(pads)}"]
    options += [f"dilation={geo.dilation}"] if max(geo.dilation) > 1 else []
    w = "w" if call.problem.flip else f"w[{turned}]"
    lines = []
    xs = "x"
    if max(geo.stride) > 1:
        xs = "xs"
        slices = ", ".join(steps.get(a, ":") for a in lay.x)
        lines.append(f"xs = np.zeros({shape}, x.dtype); xs[{slices}] = x")
    return [*lines, f"hwio.conv({xs}, {w}, {', '.join(options)})"]


def transposed_look(call: Transposed, found: Trace) -> Look:
    """Say what the picture of a transposed convolution says."""
    geo, count = call.problem.geometry, len(reached(call, found))
    result = "" if found.value is None else f" = {number(found.value)}"
    what = plural(count, "number of x", "numbers of x")
    line = f"{name_of(found)} = Σ x · w over {what}{result}"
    filters = "as stored" if call.problem.flip else "turned round"
    spread = ", spread out" if max(geo.stride) > 1 else ""
    named = (
        f"{call.x_shape} {call.layout.x}{spread}",
        f"{call.layout.w}, {filters}",
        f"{call.y_shape} {call.layout.y}",
    )
    told = f"Transposed convolution: {line}. Shapes: x {call.x_shape}, w {call.w_shape}, y {call.y_shape}."
    return Look((line,), _place(found), named, told, geo.stride)
