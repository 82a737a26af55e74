"""Sizes of a pooling: how many windows there are, and whether each of them meets x.

Without ceil mode the rule is that of convolution. With it a last window that the padded input cuts
off counts too, if it starts on x or in the padding before it (PyTorch's and ONNX's rule):

    out = ceil((n + low + high - d·(k - 1) - 1) / s) + 1,  less 1 if (out - 1)·s ≥ n + low

The cells that such a window lacks are padding like any other, so a ceil-mode pooling is a plain one
with more padding on the high side: the ``Geometry`` that is made here has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwio.errors import ShapeError, word
from hwio.shapes.geometry import Geometry, out_sizes

if TYPE_CHECKING:
    from hwio.shapes.layout import Layout
    from hwio.types import Pads

Shape = tuple[int, ...]


def pool_geometry(
    layout: Layout,
    x_shape: Shape,
    window: Shape,
    stride: Shape,
    dilation: Shape,
    padding: Pads,
    ceil_mode: bool,
) -> Geometry:
    """Work out every size of a pooling; each channel is a group of its own.

    Raises
    ------
    ShapeError
        If the padded input has no room for a window.

    Examples
    --------
    >>> from hwio.shapes.pool_layout import read_pool_layout
    >>> sizes = (1, 6, 4, 2), (3, 3), (2, 2), (1, 1), ((0, 0), (0, 0))
    >>> geo = pool_geometry(read_pool_layout("NHWC", sizes[0]), *sizes, ceil_mode=True)
    >>> geo.out_size, geo.padding
    ((3, 2), ((0, 1), (0, 1)))
    """
    sizes = dict(zip(layout.x, x_shape, strict=True))
    in_size = tuple(sizes[axis] for axis in layout.spatial)
    out = out_sizes(in_size, window, stride, dilation, padding)
    if ceil_mode:
        axes = zip(out, in_size, window, stride, dilation, padding, strict=True)
        out = tuple(_with_cut_window(*axis) for axis in axes)
    if min(out) < 1:
        raise ShapeError(_no_room(layout, x_shape, in_size, window, dilation, padding, out))
    axes = zip(out, in_size, window, stride, dilation, padding, strict=True)
    reached = tuple(
        (low, max(high, (o - 1) * s + (k - 1) * d + 1 - n - low))
        for o, n, k, s, d, (low, high) in axes
    )
    c = sizes["C"]
    return Geometry(
        n=sizes.get("N", 1),
        in_size=in_size,
        in_channels=c,
        kernel=window,
        out_channels=c,
        out_size=out,
        stride=stride,
        dilation=dilation,
        padding=reached,
        groups=max(c, 1),
    )


def _with_cut_window(out: int, n: int, k: int, s: int, d: int, pair: tuple[int, int]) -> int:
    """Count one window more, if the padded input cuts it off and it starts before its end."""
    low, high = pair
    cut = (n + low + high - (k - 1) * d - 1) % s > 0
    return out + 1 if cut and out * s < n + low else out


def empty_window(n: int, k: int, s: int, d: int, low: int, out: int) -> int | None:
    """Return the first window of an axis that meets no cell of x, or None.

    Examples
    --------
    >>> empty_window(5, 3, 1, 1, 2, 7), empty_window(5, 3, 1, 1, 3, 9)
    (None, 0)
    """
    if n == 0:
        return 0
    late = -(-(n + low) // s)  # the first window that starts behind x
    late_one = late if late < out else None
    if d <= n:  # taps lie so close that none jumps over x
        return 0 if (k - 1) * d < low else late_one
    before = range(min(out, -(-low // s)))  # windows that start before x
    return next((o for o in before if not _meets(o * s - low, n, k, d)), late_one)


def _meets(start: int, n: int, k: int, d: int) -> bool:
    """Tell whether a window that starts before x has a tap on it."""
    at = -(start // d)  # the first tap that is not before x
    return at < k and start + at * d < n


def check_windows(
    layout: Layout, x_shape: Shape, geo: Geometry, padding: Pads, why: str, fix: str | None
) -> None:
    """Raise where a window meets padding alone, of which there is no maximum and no mean.

    Parameters
    ----------
    layout : Layout
    x_shape : tuple of int
    geo : Geometry
    padding : tuple of pairs of int
        As the user gave it, without the cells that ceil mode adds.
    why : str
        What needs a cell.
    fix : str or None
        Another way out than less padding.
    """
    if 0 in geo.y_shape:
        return
    for at, axis in enumerate(geo.letters):
        n, k, s, d = (v[at] for v in (geo.in_size, geo.kernel, geo.stride, geo.dilation))
        low, out = geo.padding[at][0], geo.out_size[at]
        which = empty_window(n, k, s, d, low, out)
        if which is None:
            continue
        start = which * s - low
        end = start + (k - 1) * d
        reads = f"cell {start}" if k == 1 else f"cells {start} … {end}"
        has = f"cells 0 … {n - 1}" if n else "no cells"
        rule = f"window {which} on {axis} holds padding alone"
        steps = f", {d} apart" if d > 1 and k > 1 else ""
        facts = [
            f"x  {x_shape}  read as {layout.x}  ->  {axis} = {n}",
            f"window {which} on {axis} takes {reads}{steps}; x has {has}",
            why,
        ]
        fixes = [*_less_padding(geo, padding), *([fix] if fix else [])]
        raise ShapeError(word(rule, facts, fixes or _some_cells(layout, x_shape, geo)))


def _less_padding(geo: Geometry, padding: Pads) -> list[str]:
    """Offer padding with which every window meets x; or taps closer together."""
    near = tuple(min(d, max(n, 1)) for d, n in zip(geo.dilation, geo.in_size, strict=True))
    for dilation in (geo.dilation, near):
        spans = [(k - 1) * d for k, d in zip(geo.kernel, dilation, strict=True)]
        less = tuple(
            (min(low, span), min(high, span))
            for (low, high), span in zip(padding, spans, strict=True)
        )
        axes = list(zip(geo.in_size, geo.kernel, geo.stride, dilation, less, strict=True))
        if any(n + sum(pair) <= (k - 1) * d for n, k, _, d, pair in axes):
            continue
        outs = out_sizes(geo.in_size, geo.kernel, geo.stride, dilation, less)
        meets = (
            empty_window(n, k, s, d, pair[0], out)
            for (n, k, s, d, pair), out in zip(axes, outs, strict=True)
        )
        if all(which is None for which in meets):
            taps = "" if dilation == geo.dilation else f"dilation={dilation}, "
            return [f"{taps}padding={list(less)}"]
    return []


def _some_cells(layout: Layout, x_shape: Shape, geo: Geometry) -> str:
    """Offer an x with one window's cells on each axis that has none."""
    reach = dict(zip(layout.spatial, geo.reach, strict=True))
    pairs = zip(layout.x, x_shape, strict=True)
    shape = tuple(size or reach.get(axis, 0) for axis, size in pairs)
    return f"x of shape {shape}   and   padding='valid'"


def _no_room(
    layout: Layout,
    x_shape: Shape,
    in_size: Shape,
    window: Shape,
    dilation: Shape,
    padding: Pads,
    out: Shape,
) -> str:
    """Word a window that is larger than the padded input."""
    at = next(i for i, size in enumerate(out) if size < 1)
    axis, n, k, d = layout.spatial[at], in_size[at], window[at], dilation[at]
    low, high = padding[at]
    reach, room = (k - 1) * d + 1, low + n + high
    rule = f"the window spans {reach} cells on {axis}, but the padded input has {room}"
    facts = [
        f"x  {x_shape}  read as {layout.x}  ->  {axis} = {n}",
        f"window  ({k} − 1)·{d} + 1 = {reach}      {k} cells, dilation {d}",
        f"input   {low} + {n} + {high} = {room}      padding low, {axis} of x, padding high",
    ]
    axes = list(zip(in_size, window, dilation, padding, strict=True))
    fits = tuple(min(k, (sum(pair) + n - 1) // d + 1) for n, k, d, pair in axes)
    fixes = [f"window={fits}"] if min(fits) > 0 else []
    moved = _other_order(layout)
    sizes = dict(zip(moved, x_shape, strict=True)) if moved else {}
    there = [sizes.get(axis, 0) for axis in layout.spatial]
    spare = (m + sum(pair) - (k - 1) * d for m, (_, k, d, pair) in zip(there, axes, strict=True))
    if moved and min(spare) > 0:
        fixes.insert(0, f'layout="{moved}"')
    if not fixes:
        pairs = zip(layout.x, x_shape, strict=True)
        shape = tuple(max(size, 1) if a in layout.spatial else size for a, size in pairs)
        fixes = [f"x of shape {shape}   and   window={(1,) * len(window)}"]
    return word(rule, facts, fixes)


def _other_order(layout: Layout) -> str:
    """Return x's letters with the channels at the other end; nothing where they are in between."""
    space, n = layout.spatial, "N" if layout.batched else ""
    orders = [f"{n}{space}C", f"{n}C{space}"]
    return orders[1 - orders.index(layout.x)] if layout.x in orders else ""
