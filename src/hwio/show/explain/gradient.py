"""One number of dx and one of dw, traced to the products that they sum; dx in two views."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.errors import ArgumentTypeError, OptionError, ShapeError, show, word
from hwio.gradients.fold import cell_sources
from hwio.ops.arrays import as_array
from hwio.ops.canonical import w_view, y_view
from hwio.ops.conv import conv
from hwio.ops.grad import conv_grad
from hwio.show.explain.cells import cells_of, exact
from hwio.show.explain.place import check_at

if TYPE_CHECKING:
    from hwio.show.case import Case
    from hwio.types import Array

SHAPING = ("stride", "padding", "dilation", "groups", "layout", "flip", "padding_mode")
MOST_WORK = 2 * 10**9  # multiply-adds that a check against conv_grad may take


@dataclass(frozen=True, slots=True)
class Meeting:
    """A window of y that saw the cell of x, and the tap under which it saw it.

    Attributes
    ----------
    cell, tap : tuple of int
        The number of y and the tap of w, as stored, one int per axis.
    copy : bool
        Whether it saw a copy of the cell in the padding.
    value : number or None
        Σ dy · w over the filters; None for shapes.
    """

    cell: tuple[int, ...]
    tap: tuple[int, ...]
    copy: bool
    value: Any


@dataclass(frozen=True, slots=True)
class CellTrace:
    """Where one number of dx comes from.

    Attributes
    ----------
    at : tuple of int
        Its place, in x's axis order.
    place : dict of str to int
        The same by letter.
    filters : range
        The filters that see its channel.
    start : tuple of int
        Its cell of padded x, one int per axis.
    meetings : tuple of Meeting
        The scattered view.
    spread : array, shape (*kernel, filters), or None
        The gathered view: dy, spread out, under the kernel.
    turned : array, shape (*kernel, filters), or None
        The kernel, turned round on all axes.
    empty : bool array, shape kernel
        Where the spread-out dy holds no dy: between strides, and outside y.
    copies : number
        What the gathered view sums for copies of the cell in the padding.
    check : number or None
        What ``conv_grad`` says.
    """

    at: tuple[int, ...]
    place: dict[str, int]
    filters: range
    start: tuple[int, ...]
    meetings: tuple[Meeting, ...]
    spread: Array | None
    turned: Array | None
    empty: Array
    copies: Any
    check: Any

    @property
    def scattered(self) -> Any:
        """The sum of the first view."""
        with np.errstate(all="ignore"):
            return sum((m.value for m in self.meetings if m.value is not None), start=0)

    @property
    def sums(self) -> list[Any]:
        """The sum of each filter's products in the second view."""
        if self.spread is None or self.turned is None:
            return []
        with np.errstate(all="ignore"):
            return [(self.spread * self.turned)[..., k].sum() for k in range(len(self.filters))]

    @property
    def gathered(self) -> Any:
        """The sum of the second view."""
        with np.errstate(all="ignore"):
            return sum(self.sums, start=0) + self.copies


@dataclass(frozen=True, slots=True)
class TapTrace:
    """What one number of dw sums.

    Attributes
    ----------
    at : tuple of int
        Its place, in w's axis order.
    tap : tuple of int
        Its cell of the kernel, one int per axis, turned if the kernel is.
    channel, filter : int
        The channel of x, and the channel of y.
    seen : array, shape (n, *out), or None
        Every number of x that the weight met.
    upper : array, shape (n, *out), or None
        dy where it met them.
    outside : bool array, shape out
        Which of them are padding.
    check : number or None
        What ``conv_grad`` says.
    """

    at: tuple[int, ...]
    tap: tuple[int, ...]
    channel: int
    filter: int
    seen: Array | None
    upper: Array | None
    outside: Array
    check: Any

    @property
    def sums(self) -> list[Any]:
        """The sum of each image's products."""
        if self.seen is None or self.upper is None:
            return []
        with np.errstate(all="ignore"):
            return [(x * dy).sum() for x, dy in zip(self.seen, self.upper, strict=True)]

    @property
    def total(self) -> Any:
        """The sum over all images."""
        with np.errstate(all="ignore"):
            return sum(self.sums, start=0)


@dataclass(frozen=True, slots=True)
class GradientTrace:
    """One number of dx, one of dw, and that of db beside it.

    Attributes
    ----------
    case : Case
    made : bool
        Whether dy is y itself, for want of another.
    cell : CellTrace
    tap : TapTrace
    bias : number or None
        db of the tap's filter.
    """

    case: Case
    made: bool
    cell: CellTrace
    tap: TapTrace
    bias: Any

    @property
    def known(self) -> bool:
        """Whether there are numbers."""
        return self.cell.spread is not None

    @property
    def agree(self) -> bool:
        """Whether all views, and ``conv_grad``, say the same up to rounding."""
        cell, tap = self.cell, self.tap
        count, size = _parts(cell.spread, cell.turned)
        copied = [m.value for m in cell.meetings if m.copy and m.value is not None]
        parts = count * (1 + len(copied)), size + sum(map(abs, copied), start=0)
        return (
            _near(self.case, cell.scattered, cell.gathered, parts)
            and _near(self.case, cell.check, cell.gathered, parts)
            and _near(self.case, tap.check, tap.total, _parts(tap.seen, tap.upper))
        )


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


def _parts(one: Array | None, other: Array | None) -> tuple[int, Any]:
    """Return how many products are summed, and the sum of their sizes."""
    if one is None or other is None:
        return 0, 0
    with np.errstate(all="ignore"):
        return prod(one.shape), (np.abs(one) * np.abs(other)).sum()


def _near(case: Case, one: Any, other: Any, parts: tuple[int, Any]) -> bool:
    """Tell whether two sums of the same products differ by rounding alone; None was not computed."""
    if one is None or other is None:
        return True
    if case.problem.compute is None or not np.isfinite(complex(other)):
        return bool(one == other) or not np.isfinite(complex(other))
    real = np.dtype(case.problem.result).type(0).real.dtype
    unit = float(np.finfo(real if real.kind == "f" else float).eps)
    return bool(abs(one - other) <= 4 * unit * (parts[0] + 2) * (float(parts[1]) + abs(other)))
