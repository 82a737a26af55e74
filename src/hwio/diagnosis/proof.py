"""All of y against a reading: how near, by the published error bound or a looser measure."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.diagnosis.fits import Fits
from hwio.diagnosis.hunt import DIGITS, Hit
from hwio.diagnosis.naming import named
from hwio.diagnosis.probing import field_of, products
from hwio.errors import HwioError
from hwio.ops.conv import conv

if TYPE_CHECKING:
    from hwio.types import Array

WHOLE = 60_000_000  # multiply-adds up to which all of y is computed
SOME = 20_000_000  # products spent on a part of it
# grade -> what it says; the first four reproduce y, the others come near
GRADES = {
    "exact": "every number is the same",
    "bound": "every number lies within its error bound T1",
    "transform": "every number lies within the bound of an FFT (T5)",
    "float32": "every number lies within the bound of float32 sums",
    "rounded": "y was rounded to a few decimals, and every number lies within half of the last",
    "half": "every number lies within what 11-bit roundings explain (float16, TF32)",
    "bfloat16": "every number lies within what 8-bit roundings explain (bfloat16)",
    "digits": "every number agrees to 3 digits of the largest, and no rounding explains the rest",
}
REPRODUCES = ("exact", "bound", "transform", "float32")
_ROUNDINGS = {"half": 2.0**-11, "bfloat16": 2.0**-8}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How near a reading comes to y.

    Attributes
    ----------
    grade : str
        A key of ``GRADES``, or "" where the reading does not make y.
    error : float
        The largest distance from a number of y.
    differing : float
        The share of numbers outside their bound.
    checked, total : int
        Numbers of y that were computed, and all.
    at : tuple of int or None
        The first number outside its bound, in y's own order.
    """

    grade: str
    error: float
    differing: float
    checked: int
    total: int
    at: tuple[int, ...] | None = None

    @property
    def reproduces(self) -> bool:
        """Whether this is y, but for roundings of its own number type."""
        return self.grade in REPRODUCES


def prove(
    hit: Hit,
    arrays: tuple[Array, Array, Array, Array | None],
    activation: str | None = None,
    crop: tuple[slice, ...] | None = None,
    *,
    wraps: bool = False,
    most: int = 1024,
) -> Verdict | None:
    """Compare a reading with y, all of it where that is quick, else a part.

    Parameters
    ----------
    hit : Hit
    arrays : x, w, y, b
        As stored.
    activation : str, optional
    crop : tuple of slice, optional
        Which part of the result, in y's own order, y is.
    wraps : bool
        Whether integers wrapped round in y's type.
    most : int
        Numbers to compute where all of y would take long.

    Returns
    -------
    Verdict or None
        None where ``conv`` refuses the reading.
    """
    orders = hit.orders
    macs = orders.n * prod(orders.out_size) * orders.out_channels * orders.depth
    unit = roundoff(*arrays)
    if macs <= WHOLE:
        try:
            return _whole(hit, arrays, activation, unit, crop, wraps)
        except HwioError:
            return None
    return None if crop or wraps else _part(hit, arrays, activation, unit, most)


def roundoff(x: Array, w: Array, y: Array, b: Array | None) -> float:
    """Return the unit roundoff of the coarsest number type among the arrays; 0 for integers.

    float16 sums in float32: what it rounds is the result.
    """
    kinds = [a.dtype for a in (x, w, y, b) if a is not None]
    floats = [d for d in kinds if d.kind in "fc"]
    if not floats:
        return 0.0
    return max(2.0**-24 if d.itemsize in (2, 4) or d == np.complex64 else 2.0**-53 for d in floats)


def computed(hit: Hit, x: Array, w: Array, b: Array | None, activation: str | None) -> Array:
    """Call ``conv`` as a reading says, and return y with all its axes."""
    orders = hit.orders
    options = named(hit).options
    xs = x[(..., *(None,) * (len(orders.layout.partition(",")[0]) - x.ndim))]
    ws = w[(..., *(None,) * (len(orders.w) - w.ndim))]
    if orders.shared:
        ws = np.repeat(ws, orders.in_channels, axis=orders.w.index("O"))
    # a readable way: no answer should wait for a compiler
    return conv(xs, ws, b, method="im2col", **(options | {"activation": activation}))


def _whole(
    hit: Hit,
    arrays: tuple[Array, Array, Array, Array | None],
    activation: str | None,
    unit: float,
    crop: tuple[slice, ...] | None,
    wraps: bool,
) -> Verdict:
    """Compute all of y."""
    x, w, y, b = arrays
    integers = unit == 0.0
    xs, ws, bs = (x, w, b) if integers else (_wide(x), _wide(w), None if b is None else _wide(b))
    with np.errstate(all="ignore"):
        v = computed(hit, xs, ws, bs, activation)[crop or ...]
    v = v.astype(y.dtype) if wraps else v
    y = y.reshape(v.shape)

    def sizes(power: int) -> Array:
        bias = None if b is None else np.abs(_wide(b)) ** power
        parts = np.abs(_wide(x)) ** power, np.abs(_wide(w)) ** power
        found: Array = computed(hit, *parts, bias, None)[crop or ...]
        return found

    norm = float(np.linalg.norm(_wide(x).ravel()) * np.linalg.norm(_wide(w).ravel()))
    return _judge(v, y, sizes, unit, hit.orders.depth, norm, y.size)


def _judge(
    v: Array, y: Array, sizes: Any, unit: float, depth: int, norm: float, total: int
) -> Verdict:
    """Grade the distance of v from y; ``sizes(1)`` are Σ|x||w|, ``sizes(2)`` Σ|x w|²."""
    both = np.isnan(v) & np.isnan(y)
    with np.errstate(all="ignore"):
        error = np.where((v == y) | both, 0.0, np.abs(_wide(v) - _wide(y)))
    error = np.where(np.isnan(error), np.inf, error)
    worst = float(error.max(initial=0.0))
    if worst == 0.0:
        return Verdict("exact", 0.0, 0.0, v.size, total)
    top = float(np.abs(y[np.isfinite(y)]).max(initial=0.0))
    bounds: dict[str, Array] = {}
    with np.errstate(all="ignore"):
        if unit:
            last = _last_rounding(y) * np.abs(v)
            one = 4 * sqrt(depth) * sizes(1) + np.abs(v)
            bounds["bound"] = unit * one + last
            bounds["transform"] = 4 * unit * norm + bounds["bound"]
            bounds["float32"] = 2.0**-24 * one + last
            if (error > bounds["float32"]).any():
                root = np.sqrt(sizes(2))
                for grade, u in _ROUNDINGS.items():
                    bounds[grade] = u * (6 * root + np.abs(v)) + last
        places = next((d for d in range(7) if (np.round(y, d) == y).all()), None)
        if places is not None and y.dtype.kind in "fc":
            bounds["rounded"] = np.full(v.shape, 0.5001 * 10.0**-places)
        bounds["digits"] = np.full(v.shape, DIGITS / 2 * top)
    strict = (error > bounds.get("bound", 0)) & (error > 0)
    first = tuple(int(i) for i in np.argwhere(strict)[0]) if v.ndim > 1 and strict.any() else None
    for grade in sorted(bounds, key=list(GRADES).index):
        if ((error <= bounds[grade]) | (error == 0)).all():
            if grade in REPRODUCES:
                return Verdict(grade, worst, 0.0, v.size, total)
            return Verdict(grade, worst, float(strict.mean()), v.size, total, first)
    return Verdict("", worst, float(strict.mean()), v.size, total, first)


def _last_rounding(y: Array) -> float:
    """Return what y itself may have been rounded by, beyond the sums: 16-bit floats."""
    return 2.0**-11 if y.dtype == np.float16 else 0.0


def _part(
    hit: Hit,
    arrays: tuple[Array, Array, Array, Array | None],
    activation: str | None,
    unit: float,
    most: int,
) -> Verdict:
    """Compute some numbers of y, those at its borders among them."""
    orders = hit.orders
    found = field_of(orders, *arrays)
    rng = np.random.default_rng(11)
    count = max(64, min(most, SOME // max(orders.depth, 1)))
    places = np.stack([rng.integers(0, size, count) for size in found.y.shape], axis=-1)
    for axis, size in enumerate(found.y.shape[1:-1], 1):  # a quarter on each border
        places[axis :: 4 * orders.ndim, axis] = 0
        places[axis + orders.ndim :: 4 * orders.ndim, axis] = size - 1
    stride, dilation, low, high = (
        np.array([part]) for part in (hit.stride, hit.dilation, hit.low, hit.high)
    )
    one = Fits(stride, dilation, low, high, np.zeros(1))
    flip = int(hit.flip)
    pairs = [products(found, one, tuple(p), hit.mode) for p in places.tolist()]
    v = np.array([sums[0, flip] for sums, _ in pairs])
    root = np.array([sizes[0, flip] for _, sizes in pairs])
    if activation is not None:
        v = np.clip(v, 0, 6 if activation == "relu6" else None)
    y = found.y[tuple(places.T)]
    ratio = sqrt(orders.depth)  # Σ|xw| is at most √K times the root of Σ|xw|²
    return _judge(v, y, lambda power: root * ratio if power == 1 else root**2, unit, orders.depth,
                  0.0, found.y.size)  # fmt: skip


def _wide(array: Array) -> Array:
    """Return numbers in the widest type of their kind."""
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
