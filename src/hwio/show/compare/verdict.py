"""Hold a result against the reference, in units of the published bound."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.methods.accuracy import BOUNDS
from hwio.methods.apply import apply_method
from hwio.methods.im2col import conv_im2col, im2col_bytes
from hwio.methods.method import Method
from hwio.ops.canonical import canonical_arrays
from hwio.ops.integers import compute_dtype, largest

if TYPE_CHECKING:
    from hwio.ops.check import Problem
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

# Held here and not looked up in METHODS, so that a broken entry there can't vouch for itself.
_REFERENCE = Method("reference", conv_im2col, "", "", im2col_bytes)
LONG_MACS = 20_000_000  # extended precision has no BLAS: up to here it takes a tenth of a second
LONG = np.finfo(np.longdouble).eps < 2.0**-60  # else it is no longer than float64


@dataclass(frozen=True, slots=True)
class Reference:
    """The right answer, and how far from it a result may lie.

    Attributes
    ----------
    problem : Problem
    y : array, shape (n, *out, o)
        In wide arithmetic, bias and activation included.
    x, w : array
        Canonical, padded, in wide arithmetic.
    exact : bool
        Whether nothing but y itself is right: integers.
    slack : array or float
        What bias, activation and a narrower result may add to the bound of the sum.
    """

    problem: Problem
    y: Array
    x: Array
    w: Array
    exact: bool
    slack: Any
    known: dict[str, Array] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """In which arithmetic y was summed."""
        if self.exact:
            return "exact integers"
        long = self.y.dtype.char in "gG"
        return "extended precision" if long else str(self.y.dtype)

    def units(self, y: Array, key: str) -> float:
        """Return the largest distance of y (n, *out, o) from the reference, in units of a bound.

        For integers 0 if they are equal, else infinity.
        """
        if y.shape != self.y.shape:
            return float("inf")
        if self.exact:
            return 0.0 if np.array_equal(y, self.y) else float("inf")
        return furthest(y, self.y, self.bound(key), self.problem.result)

    def bound(self, key: str) -> Array:
        """Return a bound of ``BOUNDS`` for every number of y."""
        if key not in self.known:
            u = _roundoff(self.problem.compute)
            bound = _by_group(BOUNDS[key], self.x, self.w, self.problem.geometry, u) + self.slack
            if key != "T1" and not np.isfinite(bound).all():
                # an image with Inf or NaN is redone by direct sums
                bound = np.where(np.isfinite(bound), bound, self.bound("T1"))
            self.known[key] = bound
        return self.known[key]


def reference_of(problem: Problem, x: Array, w: Array, b: Array | None) -> Reference:
    """Compute the right answer once, from x, w and b as passed to ``conv``."""
    with np.errstate(all="ignore"):
        x, w = canonical_arrays(problem, x, w)
        wide, exact = _wide(problem, x, w, b)
        x, w = x.astype(wide), w.astype(wide)
        y = apply_method(_REFERENCE, x, w, problem.geometry)
        if b is not None:
            y = y + b.reshape(-1).astype(wide)
        slack = 0.0 if exact else _slack(problem, y, biased=b is not None)
        if problem.clip is not None:
            low, high = problem.clip
            y = np.clip(y, -np.inf if low is None else low, np.inf if high is None else high)
        if exact:
            y = np.rint(y).astype(problem.result)
        return Reference(problem, y, x, w, exact, slack)


def _wide(problem: Problem, x: Array, w: Array, b: Array | None) -> tuple[Any, bool]:
    """Return the dtype of the reference, and whether it is exact."""
    if problem.compute is None:
        bound = problem.geometry.depth * largest(x) * largest(w) + (0 if b is None else largest(b))
        exact = compute_dtype(bound, problem.result, transforms=False)
        if exact is not None and (exact.kind in "iu" or bound <= 2**53):
            return (exact if exact.kind in "iu" else np.dtype(np.float64)), True
        return np.dtype(np.float64), False
    whole = problem.compute.kind == "c"
    if _roundoff(problem.compute) < 2.0**-40 and LONG and problem.geometry.macs <= LONG_MACS:
        return np.dtype(np.clongdouble if whole else np.longdouble), False
    return np.dtype(np.complex128 if whole else np.float64), False


def _roundoff(dtype: np.dtype[Any] | None) -> float:
    """Return u of the arithmetic that a dtype is summed in."""
    return float(np.finfo(dtype or np.float64).eps) / 2


def _slack(problem: Problem, y: Array, *, biased: bool) -> Any:
    """Return what one rounding for the bias, the activation and the result each may add."""
    size = np.abs(y).astype(np.float64)
    slack: Any = 0.0
    if biased or problem.clip is not None:
        ends = [abs(end) for end in problem.clip or () if end is not None and np.isfinite(end)]
        slack = 2 * _roundoff(problem.compute) * (size + max(ends, default=0.0))
    if problem.result.itemsize < (problem.compute or problem.result).itemsize:
        info = np.finfo(problem.result)
        slack = slack + float(info.eps) * size + float(info.smallest_subnormal)
    return slack


def _by_group(rule: Any, x: Array, w: Array, geo: Geometry, u: float) -> Array:
    """Apply a bound, which knows one group, to each group."""
    i, o = geo.group_channels, geo.group_filters
    one = replace(geo, in_channels=i, out_channels=o, groups=1)
    parts = [
        rule(x[..., g * i : (g + 1) * i], w[..., g * o : (g + 1) * o], one, u)
        for g in range(geo.groups)
    ]
    with np.errstate(all="ignore"):
        return np.concatenate(parts, axis=-1)


def furthest(y: Array, r: Array, bound: Array, result: np.dtype[Any]) -> float:
    """Return the largest abs(y - r) / bound; Inf and NaN must stand where the reference has them.

    Examples
    --------
    >>> one = np.array([1.0, np.nan])
    >>> furthest(np.array([1.5, np.nan]), one, np.array([2.0, np.nan]), np.dtype(float))
    0.25
    >>> furthest(np.array([1.5, 7.0]), one, np.array([2.0, np.nan]), np.dtype(float))
    inf
    """
    if y.size == 0:
        return 0.0
    with np.errstate(all="ignore"):
        seen = r.astype(result)  # what overflows in y's dtype is Inf there, too
        gap = np.abs(y - r)
        units = np.where(gap == 0, 0.0, gap / bound)
        same = (y == seen) | (np.isnan(y) & np.isnan(seen))
        units = np.where(np.isfinite(seen), units, np.where(same, 0.0, np.inf))
        units = np.where(np.isnan(units), np.inf, units)
    return float(units.max())
