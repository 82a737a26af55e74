"""Room for the kernel: the words for a kernel without taps, or larger than the padded input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwio.errors import HwioError, ShapeError, word
from hwio.shapes.channels import other_readings, readings, y_part
from hwio.shapes.counts import per_axis
from hwio.shapes.layout import filters_in_words
from hwio.shapes.padding import resolve_padding

if TYPE_CHECKING:
    from hwio.shapes.layout import Layout
    from hwio.types import Pads

Shape = tuple[int, ...]


def check_room(
    layout: Layout,
    x_shape: Shape,
    w_shape: Shape,
    dilation: tuple[int, ...],
    padding: Pads,
    groups: int = 1,
) -> None:
    """Check that the kernel has taps, and that the padded input has room for it.

    Parameters
    ----------
    layout : Layout
    x_shape, w_shape : tuple of int
        As stored.
    dilation : tuple of int
    padding : tuple of pairs of int
    groups : int

    Raises
    ------
    ShapeError
        With the arithmetic of the first axis that has no room.
    """
    axes = zip(layout.spatial, dilation, padding, strict=True)
    for at, (axis, d, pair) in enumerate(axes):
        n, k = x_shape[layout.x.index(axis)], w_shape[layout.w.index(axis)]
        if k == 0:
            raise ShapeError(_no_taps(layout, x_shape, w_shape, axis))
        if (k - 1) * d + 1 > n + sum(pair):
            raise ShapeError(_no_room(layout, x_shape, w_shape, dilation, padding, groups, at))


def has_room(
    x_shape: Shape, w_shape: Shape, stride: Any, dilation: Any, padding: Any, x: str, w: str
) -> bool:
    """Tell whether shapes read as these letters have room for the kernel, options as given.

    Examples
    --------
    >>> has_room((2, 5, 7, 4), (8, 3, 3, 4), 1, 1, "valid", "NHWC", "OHWI")
    True
    >>> has_room((2, 5, 7, 4), (8, 3, 3, 4), 1, 1, "valid", "NHWC", "HWOI")
    False
    """
    letters = "".join(axis for axis in "DHW" if axis in x)
    sizes, taps = dict(zip(x, x_shape, strict=True)), dict(zip(w, w_shape, strict=True))
    size, kernel = tuple(sizes[a] for a in letters), tuple(taps[a] for a in letters)
    try:
        strides, steps = (
            per_axis(stride, "stride", letters),
            per_axis(dilation, "dilation", letters),
        )
        pads = resolve_padding(padding, size, kernel, strides, steps, letters)
    except HwioError:  # the option is wrong in any reading, and will be worded next
        return True
    axes = zip(size, kernel, steps, pads, strict=True)
    return all(k > 0 and (k - 1) * d < n + sum(pair) for n, k, d, pair in axes)


def _no_taps(layout: Layout, x_shape: Shape, w_shape: Shape, axis: str) -> str:
    """Word a kernel of side 0."""
    rule = f"w has no taps on {axis}: its size there is 0"
    facts = readings(layout, x_shape, w_shape, axis, axis)
    facts.append("a kernel has at least 1 tap on each spatial axis")
    at = layout.w.index(axis)
    return word(rule, facts, f"w of shape {(*w_shape[:at], 1, *w_shape[at + 1 :])}")


def _no_room(
    layout: Layout,
    x_shape: Shape,
    w_shape: Shape,
    dilation: tuple[int, ...],
    padding: Pads,
    groups: int,
    at: int,
) -> str:
    """Word a kernel that is larger than the padded input."""
    axis, d, (low, high) = layout.spatial[at], dilation[at], padding[at]
    n, k = x_shape[layout.x.index(axis)], w_shape[layout.w.index(axis)]
    reach, room = (k - 1) * d + 1, low + n + high
    rule = f"the kernel spans {reach} cells on {axis}, but the padded input has {room}"
    facts = [
        *readings(layout, x_shape, w_shape, axis, axis),
        f"kernel  ({k} − 1)·{d} + 1 = {reach}      {k} taps, dilation {d}",
        f"input   {low} + {n} + {high} = {room}      padding low, {axis} of x, padding high",
    ]
    others = other_readings(layout, x_shape, w_shape, groups, named=True)
    fixes = [
        f'layout="{x},{w}{y_part(layout, x)}"   # {filters_in_words(w, w_shape)}'
        for x, w in others
        if _has_room(layout, (x, w), (x_shape, w_shape), dilation, padding)
    ][:2]
    fixes += _smaller_dilation(layout, x_shape, w_shape, dilation, padding)
    return word(rule, facts, fixes + _more_padding(layout, x_shape, w_shape, dilation, padding))


def _smaller_dilation(
    layout: Layout, x_shape: Shape, w_shape: Shape, dilation: tuple[int, ...], padding: Pads
) -> list[str]:
    """Offer the largest dilation with which the kernel fits, if there is one."""
    allowed = []
    for axis, d, pair in zip(layout.spatial, dilation, padding, strict=True):
        room = x_shape[layout.x.index(axis)] + sum(pair)
        taps = w_shape[layout.w.index(axis)]
        allowed.append(min(d, (room - 1) // (taps - 1)) if taps > 1 else d)
    if min(allowed) < 1:
        return []
    return [f"dilation={tuple(allowed) if len(set(allowed)) > 1 else allowed[0]}"]


def _more_padding(
    layout: Layout, x_shape: Shape, w_shape: Shape, dilation: tuple[int, ...], padding: Pads
) -> list[str]:
    """Offer the padding with which the kernel just fits, if that is no absurd amount."""
    enough = []
    for axis, d, (low, high) in zip(layout.spatial, dilation, padding, strict=True):
        reach = (w_shape[layout.w.index(axis)] - 1) * d + 1
        lack = max(0, reach - x_shape[layout.x.index(axis)] - low - high)
        enough.append((low + lack // 2, high + lack - lack // 2))
    return [f"padding={enough}"] if max(map(max, enough)) < 1 << 20 else []


def _has_room(
    layout: Layout,
    letters: tuple[str, str],
    shapes: tuple[Shape, Shape],
    dilation: tuple[int, ...],
    padding: Pads,
) -> bool:
    """Tell whether another reading of the arrays has room for the kernel."""
    x, w = (
        dict(zip(names, shape, strict=True)) for names, shape in zip(letters, shapes, strict=True)
    )
    axes = zip(layout.spatial, dilation, padding, strict=True)
    return letters != (layout.x, layout.w) and all(
        (w[a] - 1) * d < x[a] + low + high for a, d, (low, high) in axes
    )
