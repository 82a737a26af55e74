"""The search: readings that fit the shapes, against one number of y after another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.diagnosis.fits import FEW, Fits, all_fits
from hwio.diagnosis.probing import cells_of, field_of, products, value_at, work

if TYPE_CHECKING:
    from hwio.diagnosis.orders import Orders
    from hwio.diagnosis.probing import Field
    from hwio.types import Array

LOOSE = 0.02  # of the products' size: 16-bit roundings pass, other readings rarely do
DIGITS = 1e-3  # of y's largest number: what "to three digits" means
SURVIVORS = 48
USUAL = 16  # readings of each order of axes among which the next best is sought
USUAL_COST = 8
CELLS_FOR_NEAREST, ORDERS_FOR_NEAREST = 6, 4
MODES = ("edge", "reflect", "symmetric", "wrap")


@dataclass(frozen=True, slots=True)
class Hit:
    """A reading of everything.

    Attributes
    ----------
    orders : Orders
    stride, dilation, low, high : tuple of int
        One entry per spatial axis; high is below 0 where cells are left over.
    flip : bool
    mode : str
    cost : float
        How far from habit.
    distance : float
        Of the numbers looked at, in units of their products' size, on average.
    """

    orders: Orders
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    flip: bool
    mode: str
    cost: float
    distance: float = 0.0


@dataclass(slots=True)
class Tally:
    """What a search did.

    Attributes
    ----------
    tried : int
        Orders of axes looked at.
    orders : int
        Those that fit the shapes.
    fitted : int
        Readings that fit them: orders with strides, dilations, paddings and flips.
    left_out : int
        Readings that would fit and were not looked at, to keep to the bound.
    products : int
        Multiplications spent.
    """

    tried: int = 0
    orders: int = 0
    fitted: int = 0
    left_out: int = 0
    products: int = 0
    twins: dict[Any, list[Orders]] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Count what another search did."""
        for name in ("tried", "orders", "fitted", "left_out", "products"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class Asked:
    """Bounds of a search.

    Attributes
    ----------
    known : mapping
        Options that the user is sure of: stride, dilation, pads, flip.
    free : {"", "bias", "scale", "wrap"}
        What y may differ by: an unknown number per filter, one factor, or multiples of its range.
    crop : bool
        Whether y may lack rows at its ends.
    even : bool
        Whether all axes have one stride and one dilation.
    modes : tuple of str
    top : float or None
        A largest number at which an activation may have cut.
    budget : int
        Products to spend on the first number of y.
    each : int
        Readings of each axis to combine.
    """

    known: Mapping[str, Any] = field(default_factory=dict)
    free: str = ""
    crop: bool = False
    even: bool = False
    modes: tuple[str, ...] = ("zeros",)
    top: float | None = None
    budget: int = 400_000
    each: int = FEW


def hunt(
    candidates: Iterable[Orders],
    arrays: tuple[Array, Array, Array, Array | None],
    asked: Asked,
    tally: Tally,
    nearest: list[Hit] | None = None,
) -> list[Hit]:
    """Return the readings that pass every number looked at, likeliest first.

    Parameters
    ----------
    candidates : iterable of Orders
    arrays : x, w, y, b
        As stored.
    asked : Asked
    tally : Tally
        Counted on.
    nearest : list of Hit, optional
        Receives the usual readings with their distances.
    """
    fresh = []
    for orders in candidates:
        twins = tally.twins.setdefault(orders.key, [])
        if not twins:
            fresh.append(orders)
        twins.append(orders)
    tally.orders += len(fresh)
    x, w, y, b = arrays
    hits: list[Hit] = []
    share = asked.budget // max(len(fresh), 1)
    for number, orders in enumerate(fresh):
        if not all(orders.in_size):
            continue
        fits = _fits(orders, asked, share)
        if not len(fits):
            continue
        found = field_of(orders, x, w, y, b)
        cells = cells_of(found, asked.top)
        tally.left_out += 2 * fits.left_out
        for mode in asked.modes:
            rows = fits if mode == "zeros" else _padded(fits, orders, mode)
            if not len(rows):
                continue
            tally.fitted += len(rows) * _flips(orders, asked)
            tally.products += 2 * work(orders, len(rows))
            hits += _survivors(found, orders, rows, cells, mode, asked)
            if nearest is not None and mode == "zeros" and number < ORDERS_FOR_NEAREST:
                nearest += _usual(found, orders, rows, cells, asked)
    return sorted(hits, key=lambda hit: hit.cost)


def _flips(orders: Orders, asked: Asked) -> int:
    """Count the directions of the kernel: one tap has one, and the user may know it."""
    return 1 if "flip" in asked.known or set(orders.kernel) == {1} else 2


def _fits(orders: Orders, asked: Asked, share: int) -> Fits:
    """List strides, dilations and paddings, as many as the budget allows."""
    most = max(32, share // (2 * max(orders.depth, 1)))
    deep = asked.each > FEW
    even = asked.even or (orders.ndim == 3 and not deep)
    each = FEW // 2 if orders.ndim == 3 and deep else asked.each
    fits = all_fits(orders.in_size, orders.kernel, orders.out_size, asked.crop, even, each)
    keep = np.ones(len(fits), bool)
    for name, counts in (
        ("stride", [o > 1 for o in orders.out_size]),
        ("dilation", [k > 1 for k in orders.kernel]),
    ):
        given = asked.known.get(name)
        if given is not None and len(given) == orders.ndim:
            same = getattr(fits, name) == np.array(given)
            keep &= (same | ~np.array(counts)).all(axis=1)
    if "low" in asked.known:
        keep &= np.array(
            [asked.known["low"](orders, s, d) == tuple(low)
             for s, d, low in zip(fits.stride.tolist(), fits.dilation.tolist(),
                                  fits.low.tolist(), strict=True)],
            bool,
        )  # fmt: skip
    fits = fits.take(np.flatnonzero(keep))
    if len(fits) <= most:
        return fits
    cut = fits.take(np.arange(most))
    return Fits(cut.stride, cut.dilation, cut.low, cut.high, cut.cost,
                fits.left_out + len(fits) - most)  # fmt: skip


def _padded(fits: Fits, orders: Orders, mode: str) -> Fits:
    """Keep the readings that look beyond the border, as far as the mode can be asked to."""
    size = np.array(orders.in_size)
    most = {"reflect": size - 1, "edge": size + (1 << 40)}.get(mode, size)
    reach = np.maximum(fits.low, fits.high)
    rows = (reach > 0).any(axis=1) & (reach <= most).all(axis=1)
    return fits.take(np.flatnonzero(rows))


def _survivors(
    found: Field, orders: Orders, fits: Fits, cells: list[tuple[int, ...]], mode: str, asked: Asked
) -> list[Hit]:
    """Hold readings against one number of y after the other."""
    both = _flips(orders, asked)
    flips = np.tile([False, True][:both] if "flip" not in asked.known else
                    [asked.known["flip"]], (len(fits), 1))  # fmt: skip
    rows: Array = np.repeat(np.arange(len(fits)), flips.shape[1])
    turned: Array = flips.ravel()
    top = max((abs(value_at(found, cell)) for cell in cells), default=0.0)
    period = 2.0 ** (8 * found.y.dtype.itemsize) if asked.free == "wrap" else 0.0
    if asked.free and not period:
        rows, turned = _free(found, fits, cells, mode, rows, turned, asked.free)
    else:
        for cell in cells:
            part, places = np.unique(rows, return_inverse=True)
            sums, sizes = products(found, fits.take(part), cell, mode)
            value, size = sums[places, turned * 1], sizes[places, turned * 1]
            with np.errstate(invalid="ignore"):
                error = np.abs(value - value_at(found, cell))
            keep = error <= LOOSE * size + DIGITS * top
            if period:
                keep = np.abs(error - period * np.rint(error / period)) < 0.5
            rows, turned = rows[keep], turned[keep]
            if not len(rows):
                break
    order = np.argsort(fits.cost[rows] + turned, kind="stable")[:SURVIVORS]
    return [_hit(orders, fits, int(rows[i]), bool(turned[i]), mode) for i in order]


def _free(
    found: Field,
    fits: Fits,
    cells: list[tuple[int, ...]],
    mode: str,
    rows: Array,
    turned: Array,
    free: str,
) -> tuple[Array, Array]:
    """Keep readings that make y up to one number per filter, or up to a factor."""
    if free == "bias":  # the same filter in other places
        cells = list(dict.fromkeys((*cell[:-1], cells[0][-1]) for cell in cells))
    cells = [cell for cell in cells if np.isfinite(found.y[cell])]
    if len(cells) < 3:
        return rows[:0], turned[:0]
    parts = [products(found, fits, cell, mode) for cell in cells]
    at = rows, turned * 1
    sums = np.stack([p[0][at] for p in parts])  # (cells, rows)
    sizes = np.stack([p[1][at] for p in parts])
    y = np.array([value_at(found, cell) for cell in cells])[:, None]
    if free == "bias":
        rest = y - sums
        error = np.abs(rest - rest.mean(axis=0))
        keep = (error <= LOOSE * sizes.max(axis=0)).all(axis=0)
        keep &= np.abs(sums - sums.mean(axis=0)).max(axis=0) > LOOSE * sizes.max(axis=0)
    else:
        norm = (np.abs(sums) ** 2).sum(axis=0)
        factor = (np.conj(sums) * y).sum(axis=0) / np.where(norm, norm, 1)
        error = np.abs(y - factor * sums)
        keep = (error <= LOOSE * np.abs(factor) * sizes).all(axis=0) & (norm > 0)
    return rows[keep], turned[keep]


def _usual(
    found: Field, orders: Orders, fits: Fits, cells: list[tuple[int, ...]], asked: Asked
) -> list[Hit]:
    """Say how far the most usual readings of one order of axes are from y."""
    few = max(4, min(USUAL, int((fits.cost <= USUAL_COST).sum())))
    usual = fits.take(np.arange(min(few, len(fits))))
    parts = []
    for cell in cells[:CELLS_FOR_NEAREST]:
        sums, sizes = products(found, usual, cell, "zeros")
        with np.errstate(all="ignore"):
            error = np.abs(sums - value_at(found, cell)) / np.where(sizes > 0, sizes, 1)
        parts.append(np.where(error < 2, error, 2.0))  # NaN is far, too
    if not parts:
        return []
    distance = np.mean(parts, axis=0)  # (rows, 2)
    turns = [asked.known["flip"]] if "flip" in asked.known else [False, True]
    turns = turns[: _flips(orders, asked)]
    found_hits = [
        _hit(orders, usual, i, flip, "zeros", float(distance[i, int(flip)]))
        for i in range(len(usual))
        for flip in turns
    ]
    return sorted(found_hits, key=lambda hit: hit.distance + 0.05 * hit.cost)[:4]


def _hit(orders: Orders, fits: Fits, row: int, flip: bool, mode: str, distance: float = 0.0) -> Hit:
    """Make a record of one row."""
    parts = (fits.stride, fits.dilation, fits.low, fits.high)
    stride, dilation, low, high = (tuple(int(v) for v in part[row]) for part in parts)
    cost = float(fits.cost[row]) + orders.unlikely + 3 * flip + 2 * (mode != "zeros")
    return Hit(orders, stride, dilation, low, high, flip, mode, cost, distance)
