"""The sizes of a transposed convolution: those of the convolution that it transposes.

A convolution takes m cells to n = floor((m + low + high - ke) / s) + 1, ke = (k - 1)·d + 1. Its
transpose takes n cells back to m. With stride s the division forgets its rest, so s sizes in a row
lead to the same n:

    m = (n - 1)·s + ke - low - high + r,   r = 0 … s - 1

``output_padding`` is r, ``output_size`` is m. "same" asks for n = ceil(m / s) instead, hence
m = (n - 1)·s + 1 + r; there the largest, n·s, is what TensorFlow takes.
"""

from __future__ import annotations

from operator import index
from typing import Any

from hwio.errors import ShapeError, show, word
from hwio.shapes.counts import LARGEST, check_int, entries_of, per_axis
from hwio.shapes.geometry import Geometry
from hwio.shapes.layout import (
    ACTIVATION_LAYOUTS,
    SPATIAL,
    WEIGHT_LAYOUTS,
    Layout,
    parse_layout,
    read_layout,
)
from hwio.shapes.output_sizes import choose_sizes, nothing_left, sizes_of
from hwio.shapes.padding import resolve_padding

Shape = tuple[int, ...]
SAME = ("same", "same_upper", "same_lower")


def transposed_layout(layout: str | None, x_shape: Shape, w_shape: Shape) -> tuple[Layout, Layout]:
    """Read the letters of a transposed convolution, and those of the one that it transposes.

    There x and y change places, and so do I and O of w: TensorFlow's HWIO weights, unchanged, are
    HWOI for the transpose.

    Parameters
    ----------
    layout : str or None
        None stands for ``"NHWC,HWOI->NHWC"`` and its like.
    x_shape, w_shape : tuple of int
        As stored.

    Returns
    -------
    pair of Layout
        As given, and of the convolution.

    Examples
    --------
    >>> [lay.text for lay in transposed_layout("NCHW,IOHW", (1, 4, 5, 5), (4, 8, 3, 3))]
    ['NCHW,IOHW->NCHW', 'NCHW,OIHW->NCHW']
    """
    if layout is None:
        rank = next((len(s) for s in (w_shape, x_shape) if 3 <= len(s) <= 5), 4)
        space = SPATIAL[rank - 2]
        layout = f"N{space}C,{space}OI->N{space}C"
    own = read_layout(layout, x_shape, w_shape)
    exchanged = own.w.translate(str.maketrans("IO", "OI"))
    return own, parse_layout(f"{own.y},{exchanged}->{own.x}")


def transposed_geometry(
    own: Layout,
    x_shape: Shape,
    w_shape: Shape,
    *,
    stride: Any = 1,
    padding: Any = "valid",
    output_padding: Any = None,
    output_size: Any = None,
    dilation: Any = 1,
    groups: Any = 1,
) -> Geometry:
    """Work out every size of the convolution that a call transposes.

    Parameters
    ----------
    own : Layout
        Of the transposed convolution, as given.
    x_shape, w_shape : tuple of int
        As stored.
    stride, padding, output_padding, output_size, dilation, groups
        As in ``hwio.conv_transpose``.

    Returns
    -------
    Geometry
        ``in_size`` and ``in_channels`` are those of y, ``out_size`` and ``out_channels`` of x.
    """
    letters = own.spatial
    sizes, taps = dict(zip(own.x, x_shape, strict=True)), dict(zip(own.w, w_shape, strict=True))
    strides, dilations = (
        per_axis(stride, "stride", letters),
        per_axis(dilation, "dilation", letters),
    )
    groups = check_int(groups, "groups", 1)
    groups, filters = _channels(own, x_shape, w_shape, groups)
    cells, kernel = tuple(sizes[a] for a in letters), tuple(taps[a] for a in letters)
    _check_some(own, x_shape, w_shape)
    same = isinstance(padding, str) and padding.lower() in SAME
    rest = kernel, strides, dilations, letters, own.x
    if same:
        ranges = [range((n - 1) * s + 1, n * s + 1) for n, s in zip(cells, strides, strict=True)]
        size = choose_sizes(ranges, letters, output_padding, output_size, largest=True)
        pads = resolve_padding(padding, size, *rest)
    else:
        _refuse_negative(padding)
        pads = resolve_padding(padding, cells, *rest)
        axes = list(zip(cells, kernel, strides, dilations, pads, strict=True))
        ranges = [sizes_of(*axis) for axis in axes]
        size = choose_sizes(ranges, letters, output_padding, output_size)
        for axis, numbers, m in zip(letters, axes, size, strict=True):
            if m < 0:
                raise ShapeError(nothing_left(axis, *numbers, m))
    return Geometry(
        n=sizes.get("N", 1),
        in_size=size,
        in_channels=filters,
        kernel=kernel,
        out_channels=sizes["C"],
        out_size=cells,
        stride=strides,
        dilation=dilations,
        padding=pads,
        groups=groups,
    )


def _channels(own: Layout, x_shape: Shape, w_shape: Shape, groups: int) -> tuple[int, int]:
    """Return the number of groups and the channels of y."""
    channels, taps = x_shape[own.x.index("C")], dict(zip(own.w, w_shape, strict=True))
    if own.depthwise:
        if taps["C"] * taps["M"] == channels and groups in (1, taps["C"]):
            return max(taps["C"], 1), taps["C"]
        rule = f"w spreads {taps['C'] * taps['M']} channels but x has {channels}"
        facts = _readings(own, x_shape, w_shape, "M")
        if taps["C"] * taps["M"] == channels:
            rule = f"groups={groups}, but w in {own.w} is depthwise: one group per channel of y"
            raise ShapeError(word(rule, facts, f"groups={max(taps['C'], 1)}"))
        return _clash(own, x_shape, w_shape, rule, facts)
    if taps["I"] != channels:
        plural = "" if taps["I"] == 1 else "s"
        rule = f"w expects {taps['I']} input channel{plural} but x has {channels}"
        return _clash(own, x_shape, w_shape, rule, _readings(own, x_shape, w_shape, "I"))
    if channels % groups:
        rule = f"groups={groups} does not divide the {channels} channels of x"
        facts = _readings(own, x_shape, w_shape, "I")
        fits = max(g for g in range(1, min(groups, channels) + 1) if channels % g == 0)
        raise ShapeError(word(rule, facts, f"groups={fits}   # y has {fits * taps['O']} channels"))
    return groups, taps["O"] * groups


def _readings(own: Layout, x_shape: Shape, w_shape: Shape, letter: str) -> list[str]:
    """Show both shapes with the letters they are read as, and the sizes that should meet."""
    wide, letters = max(len(str(x_shape)), len(str(w_shape))), max(len(own.x), len(own.w))
    lines = []
    for name, shape, read, has in (("x", x_shape, own.x, "C"), ("w", w_shape, own.w, letter)):
        size = f"{has} = {shape[read.index(has)]}"
        lines.append(f"{name}  {shape!s:<{wide}}  read as {read:<{letters}}  ->  {size}")
    return lines


def _clash(
    own: Layout, x_shape: Shape, w_shape: Shape, rule: str, facts: list[str]
) -> tuple[int, int]:
    """Raise for channels that do not meet; offer the named layouts with which they would."""
    names = {name: name for name in ACTIVATION_LAYOUTS[own.ndim]}
    as_x = [own.x] + [x if own.batched else x.replace("N", "") for x in names]
    usual = [name for name in WEIGHT_LAYOUTS[own.ndim] if "M" not in name]
    # the orders of transposed weights first; the others are less likely
    as_w = sorted(usual, key=lambda name: (name[-2:] != "OI", name[:2] != "IO"))
    space = own.spatial
    as_w = list(dict.fromkeys([own.w, space + "OI", "IO" + space, *as_w]))
    found = [
        (x, w)
        for x in dict.fromkeys(as_x)
        for w in as_w
        if "I" in w and x_shape[x.index("C")] == w_shape[w.index("I")]
    ]
    y = "" if own.y == own.x else f"->{own.y}"
    ways = [f'layout="{x},{w}{y}"{_owner(own.ndim, w)}' for x, w in found[:3]]
    if len(found) > 1:
        more = "" if len(found) < 4 else "; here are the first 3"
        facts = [*facts, f"{len(found)} named layouts fit, and hwio never guesses{more}"]
    if not ways:
        facts = [*facts, "no named layout makes them fit"]
        letter = "C" if own.depthwise else "I"
        at, channels = own.w.index(letter), x_shape[own.x.index("C")]
        share = max(channels // max(w_shape[own.w.index("M")], 1), 1) if own.depthwise else channels
        shape = (*w_shape[:at], share, *w_shape[at + 1 :])
        ways = [f"w of shape {shape}"]
        if own.depthwise and share * w_shape[own.w.index("M")] != channels:
            spread, c = share * w_shape[own.w.index("M")], own.x.index("C")
            ways = [f"x of shape {(*x_shape[:c], spread, *x_shape[c + 1 :])}   and   {ways[0]}"]
    raise ShapeError(word(rule, facts, ways))


def _owner(ndim: int, w: str) -> str:
    """Say who stores transposed weights so."""
    said = WEIGHT_LAYOUTS[ndim].get(w, "")
    return f"   # {said}" if "transposed" in said else ""


def _check_some(own: Layout, x_shape: Shape, w_shape: Shape) -> None:
    """Check that x has cells and the kernel taps."""
    for axis in own.spatial:
        at_x, at_w = own.x.index(axis), own.w.index(axis)
        if w_shape[at_w] == 0:
            rule = f"w has no taps on {axis}: its size there is 0"
            fix = f"w of shape {(*w_shape[:at_w], 1, *w_shape[at_w + 1 :])}"
            raise ShapeError(word(rule, [f"w  {w_shape}  read as {own.w}"], fix))
        if x_shape[at_x] == 0:
            rule = f"x has no cells on {axis}, and no convolution gives none"
            fix = f"x of shape {(*x_shape[:at_x], 1, *x_shape[at_x + 1 :])}"
            raise ShapeError(word(rule, [f"x  {x_shape}  read as {own.x}"], fix))


def _refuse_negative(padding: Any) -> None:
    """Refuse padding below 0, which would add cells to y instead of dropping them."""

    def least(value: Any) -> int:
        entries = entries_of(value)
        if entries is not None:
            return min(map(least, entries), default=0)
        try:
            return 0 if isinstance(value, str) else index(value)
        except TypeError:
            return 0

    if -LARGEST < least(padding) < 0:
        rule = f"padding={show(padding)} is negative"
        facts = ["padding drops cells of y here: those that the convolution had as its padding"]
        raise ShapeError(word(rule, facts, "padding=0   # then np.pad(y, ...)"))
