"""Trace one number of dx and one of dw back to the products that they sum."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.errors import ArgumentTypeError, OptionError, ShapeError, show, word
from hwio.gradients.fold import cell_sources
from hwio.ops.arrays import as_array
from hwio.ops.canonical import w_view, y_view
from hwio.ops.conv import conv
from hwio.ops.grad import conv_grad
from hwio.show.explain.cells import cells_of, exact
from hwio.show.explain.gradient import CellTrace, GradientTrace, Meeting, TapTrace
from hwio.show.explain.place import check_at

if TYPE_CHECKING:
    from hwio.show.case import Case
    from hwio.types import Array

SHAPING = ("stride", "padding", "dilation", "groups", "layout", "flip", "padding_mode")
MOST_WORK = 2 * 10**9  # multiply-adds that a check against conv_grad may take


def check_gradient(gradient: Any, at_w: Any, dy: Any) -> bool:
    """Return whether gradients were asked for; what belongs to them alone needs them.

    Raises
    ------
    ArgumentTypeError, OptionError
    """
    if not isinstance(gradient, bool | np.bool_):
        rule = f"gradient={show(gradient)} is not True or False"
        facts = ["gradient=True shows where dx and dw come from"]
        raise ArgumentTypeError(word(rule, facts, "gradient=True"))
    for name, value in (("at_w", at_w), ("dy", dy)):
        if value is not None and not gradient:
            rule = f"{name}= is about gradients, and gradient=True was not asked for"
            raise OptionError(word(rule, [], f"gradient=True   or   {name}=None"))
    return bool(gradient)


def seeing(found: GradientTrace) -> tuple[int, ...]:
    """Return the place in y of the first window that saw the cell."""
    geo = found.case.geo
    sizes = dict(zip(geo.letters, found.cell.meetings[0].cell, strict=True))
    sizes |= {"N": found.cell.place.get("N", 0), "C": found.cell.filters.start}
    return tuple(sizes[letter] for letter in found.case.layout.y)


def gradient_trace(case: Case, dy: Any, at: Any, at_w: Any) -> GradientTrace:
    """Trace dx at a place of x and dw at a place of w; by default in the middle of x, the first of w."""
    lay, geo = case.layout, case.geo
    if at is None:
        middle = dict(zip(geo.letters, (n // 2 for n in geo.in_size), strict=True))
        at = tuple(middle.get(letter, 0) for letter in lay.x)
    at = check_at(at, case.x_shape, lay.x, "x")
    at_w = (0,) * len(case.w_shape) if at_w is None else at_w
    at_w = check_at(at_w, case.w_shape, lay.w, "w", "at_w")
    made, options = dy is None, {n: v for n, v in case.options.items() if n in SHAPING}
    dx = dw = None
    if case.x is not None and case.w is not None:
        dy = conv(case.x, case.w, **options) if made else _checked(dy, case)
        if geo.macs <= MOST_WORK:
            dx, dw, _ = conv_grad(case.x, case.w, dy, need="xw", **options)
    else:
        dy = None
    upper = None if dy is None else exact(y_view(case.problem, dy))
    tap = _tap_trace(case, upper, at_w, None if dw is None else dw[at_w])
    cell = _cell_trace(case, upper, at, None if dx is None else dx[at])
    bias = None if upper is None else upper[..., tap.filter].sum()
    return GradientTrace(case, made, cell, tap, bias)


def _checked(dy: Any, case: Case) -> Array:
    """Return dy, if it has the shape of y."""
    array: Array = as_array(dy, "dy")
    if array.shape != case.y_shape:
        rule = f"dy has shape {array.shape}, but y has {case.y_shape}"
        fix = f"dy of shape {case.y_shape}"
        raise ShapeError(word(rule, ["dy holds one number for each of y"], fix))
    return array


def _cell_trace(case: Case, dy: Array | None, at: tuple[int, ...], check: Any) -> CellTrace:
    """Trace one number of dx in both views."""
    geo, mode = case.geo, case.problem.padding_mode
    place = dict(zip(case.layout.x, at, strict=True))
    group = place["C"] // geo.group_channels
    filters = range(group * geo.group_filters, (group + 1) * geo.group_filters)
    weights = upper = None
    if dy is not None and case.w is not None:
        w = exact(w_view(case.problem, case.w))
        own = w[..., place["C"] - group * geo.group_channels, filters.start : filters.stop]
        weights = np.conj(own) if own.dtype.kind == "c" else own  # (*kernel, filters)
        upper = dy[place.get("N", 0)][..., filters.start : filters.stop]  # (*out, filters)
    cells = [place[letter] for letter in geo.letters]
    start = tuple(i + low for i, (low, _) in zip(cells, geo.padding, strict=True))
    stands = []  # every place of the cell in padded x, axis by axis
    for i, size, pair in zip(cells, geo.in_size, geo.padding, strict=True):
        padded = cell_sources(size, pair, mode) if mode != "zeros" and any(pair) else None
        stands.append([i + pair[0]] if padded is None else np.flatnonzero(padded == i).tolist())
    spots = [start, *(spot for spot in product(*stands) if spot != start)]
    meetings = [m for spot in spots for m in _meetings(case, spot, spot != start, upper, weights)]
    spread, empty = _spread(case, start, upper)
    turned = None if weights is None else weights[(slice(None, None, -1),) * geo.ndim]
    copies: Any = 0
    if turned is not None:
        copies = sum((_gathered(case, spot, upper, turned) for spot in spots[1:]), start=0)
    return CellTrace(
        at, place, filters, start, tuple(meetings), spread, turned, empty, copies, check
    )


def _gathered(case: Case, spot: tuple[int, ...], upper: Array | None, turned: Array) -> Any:
    """Sum the spread-out dy times the turned kernel."""
    return (_spread(case, spot, upper)[0] * turned).sum()


def _meetings(
    case: Case, spot: tuple[int, ...], copy: bool, upper: Array | None, weights: Array | None
) -> list[Meeting]:
    """Find the windows that saw a cell of padded x, and what dy sends back along each."""
    geo = case.geo
    axes = []
    for at, k, s, d, out in zip(
        spot, geo.kernel, geo.stride, geo.dilation, geo.out_size, strict=True
    ):
        pairs = ((at - tap * d, tap) for tap in range(k))
        axes.append(sorted((c // s, tap) for c, tap in pairs if c % s == 0 and 0 <= c // s < out))
    found = []
    for met in product(*axes):
        cell, tap = tuple(o for o, _ in met), tuple(p for _, p in met)
        value = None
        if upper is not None and weights is not None:
            with np.errstate(all="ignore"):
                value = (upper[cell] * weights[tap]).sum()
        stored = tuple(k - 1 - p for k, p in zip(geo.kernel, tap, strict=True))
        found.append(Meeting(cell, stored if case.problem.flip else tap, copy, value))
    return found


def _spread(case: Case, spot: tuple[int, ...], upper: Array | None) -> tuple[Array | None, Array]:
    """Read the window of the spread-out dy that lies over a cell, and where it holds no dy.

    dy stands in it from place (kernel - 1)·dilation on, ``stride`` apart; the window starts at spot.
    """
    geo, found = case.geo, []
    for at, k, s, d, out in zip(
        spot, geo.kernel, geo.stride, geo.dilation, geo.out_size, strict=True
    ):
        places = [at + tap * d - (k - 1) * d for tap in range(k)]
        found.append(np.array([p // s if p % s == 0 and 0 <= p // s < out else -1 for p in places]))
    empty = np.zeros(geo.kernel, bool)
    for axis, cells in enumerate(found):
        empty |= (cells < 0).reshape([-1 if a == axis else 1 for a in range(geo.ndim)])
    if upper is None:
        return None, empty
    if not upper.size:
        return np.zeros((*geo.kernel, upper.shape[-1]), upper.dtype), empty
    window = upper[np.ix_(*(np.maximum(cells, 0) for cells in found))]  # (*kernel, filters)
    return np.where(empty[..., None], 0, window), empty


def _tap_trace(case: Case, dy: Array | None, at: tuple[int, ...], check: Any) -> TapTrace:
    """Trace one number of dw."""
    geo, place = case.geo, dict(zip(case.layout.w, at, strict=True))
    tap = tuple(place[letter] for letter in geo.letters)
    if case.problem.flip:
        tap = tuple(k - 1 - p for k, p in zip(geo.kernel, tap, strict=True))
    k = place["C"] * geo.group_filters + place["M"] if case.layout.depthwise else place["O"]
    c = (k // max(geo.group_filters, 1)) * geo.group_channels + place.get("I", 0)
    axes = zip(tap, geo.out_size, geo.stride, geo.dilation, geo.padding, strict=True)
    cells = [[o * s + p * d - low for o in range(out)] for p, out, s, d, (low, _) in axes]
    outside = np.zeros(geo.out_size, bool)
    for axis, (own, size) in enumerate(zip(cells, geo.in_size, strict=True)):
        lost = np.array([not 0 <= i < size for i in own], bool)
        outside |= lost.reshape([-1 if a == axis else 1 for a in range(geo.ndim)])
    seen = upper = None
    if dy is not None:
        images = [cells_of(case, n, range(c, c + 1), cells)[..., 0] for n in range(geo.n)]
        seen, upper = np.array(images).reshape(geo.n, *geo.out_size), dy[..., k]
        seen = np.conj(seen) if seen.dtype.kind == "c" else seen
    return TapTrace(at, tap, c, k, seen, upper, outside, check)
