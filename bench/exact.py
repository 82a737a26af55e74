"""The exact result, and how far a contender is from it in units of the published bound.

Written for this folder alone, so that a fault of hwio can't hide in it: one shifted x per tap, in
float64. A float64 contender is compared with long double at some pixels, corners among them, and its
gradients in some channels.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from itertools import product
from math import prod, sqrt
from typing import Any

import numpy as np

from bench.case import Case
from bench.networks import CONV, GRADIENTS, MAX, MAX_BACK, MEAN, MEAN_BACK, Layer

SOME_CHANNELS = 2  # in which gradients of float64 are checked
PIXELS = 24  # output pixels at which float64 results are checked, all filters of each
HIGH = 2e-5  # precision="high": relative 2-norm of each image


@dataclass(frozen=True, slots=True)
class Verdict:
    """How near a result is.

    Attributes
    ----------
    units : float
        Largest abs(y - exact) / bound, bound T1 of docs/reference/accuracy.md; at most 1 is right.
    norm : float
        Largest relative 2-norm of an image's error.
    """

    units: float
    norm: float

    def counts(self, precision: str) -> bool:
        """Tell whether the promise of a precision is kept; NaN keeps none."""
        return self.units <= 1 if precision == "highest" else self.norm <= HIGH


@dataclass(frozen=True, slots=True)
class Part:
    """One exact array, and where a contender's array is compared with it.

    Attributes
    ----------
    exact, bound : array
    at : index, optional
        What of a contender's array is compared; all of it by default.
    whole : tuple of int, optional
        Shape that the contender's array must have.
    images : bool
        Whether its first axis counts images, each with a norm of its own.
    """

    exact: np.ndarray
    bound: np.ndarray
    whole: tuple[int, ...]
    at: Any = ...
    images: bool = True

    def judge(self, found: np.ndarray) -> Verdict:
        """Compare element by element."""
        if found.shape != self.whole:
            message = f"shape {found.shape} where {self.whole} is right"
            raise ValueError(message)
        error = np.abs(found[self.at] - self.exact)
        rows = (len(error), -1) if self.images else (1, -1)
        norms = [np.linalg.norm(a.reshape(rows).astype(float), axis=1) for a in (error, self.exact)]
        return Verdict(float((error / self.bound).max()), float((norms[0] / norms[1]).max()))


class Exact:
    """The exact results of a case."""

    def __init__(self, case: Case) -> None:
        self.parts = PARTS[case.cell.task](case)

    def judge(self, found: Any) -> Verdict:
        """Compare a contender's y, (n, *out, o), or its (dx, dw)."""
        arrays = found if isinstance(found, tuple) else (found,)
        verdicts = [part.judge(array) for part, array in zip(self.parts, arrays, strict=True)]
        return Verdict(*(max(values) for values in zip(*map(astuple, verdicts), strict=True)))


def _bound(products: int, sizes: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Return T1 for sums of so many products, whose absolute values add up to ``sizes``."""
    u, tiny = np.finfo(dtype).eps / 2, float(np.finfo(dtype).smallest_subnormal)
    return 4 * sqrt(products) * u * sizes + products * tiny


def _forward(case: Case) -> list[Part]:
    """Return the exact y."""
    layer, x, w = case.layer, _padded(case.x, case.layer), case.w
    whole = (case.cell.n, *layer.out, layer.o)
    if x.dtype == np.float64:
        at = _some_pixels(whole[:-1])
        y = _pixels(x.astype(np.longdouble), w.astype(np.longdouble), layer, at)
        bound = _bound(layer.depth, _pixels(np.abs(x), np.abs(w), layer, at), x.dtype)
        return [Part(y, bound, whole, at, images=False)]
    y = _everywhere(x.astype(np.float64), w.astype(np.float64), layer)
    sizes = _everywhere(np.abs(x, dtype=np.float64), np.abs(w, dtype=np.float64), layer)
    return [Part(y, _bound(layer.depth, sizes, x.dtype), whole)]


def _gradients(case: Case) -> list[Part]:
    """Return the exact dx and dw; of float64 some channels."""
    layer, x = case.layer, case.x
    some = slice(None) if x.dtype == np.float32 else slice(0, SOME_CHANNELS)
    one = layer.groups > 1  # one filter per channel
    wide = np.float64 if x.dtype == np.float32 else np.longdouble
    arrays = (
        _padded(x, layer)[..., some],
        case.w[..., some] if one else case.w[..., some, :],
        case.dy[..., some] if one else case.dy,
    )
    dx, dw = _back(*(array.astype(wide) for array in arrays), layer)
    x_sizes, w_sizes = _back(*(np.abs(array).astype(np.float64) for array in arrays), layer)
    inside = tuple(slice(p, p + s) for p, s in zip(layer.padding, layer.size, strict=True))
    products = layer.depth * layer.o // layer.c if not one else layer.depth
    pixels = len(x) * prod(layer.out)
    return [
        Part(dx[:, *inside], _bound(products, x_sizes[:, *inside], x.dtype), x.shape, (..., some)),
        Part(
            dw,
            _bound(pixels, w_sizes, x.dtype),
            case.w.shape,
            (..., some) if one else (..., some, slice(None)),
            images=False,
        ),
    ]


def _back(
    x: np.ndarray, w: np.ndarray, dy: np.ndarray, layer: Layer
) -> tuple[np.ndarray, np.ndarray]:
    """Return dx with its padding and dw, tap by tap."""
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for tap, at in zip(np.ndindex(layer.kernel), _shifts(layer), strict=True):
        seen = (slice(None), *at)
        if layer.groups == 1:
            dx[seen] += dy @ w[tap].T
            dw[tap] = x[seen].reshape(-1, x.shape[-1]).T @ dy.reshape(-1, layer.o)
        else:
            dx[seen] += dy * w[tap][0]
            dw[tap] = (x[seen] * dy).sum(axis=tuple(range(dy.ndim - 1)))
    return dx, dw


def _maxima(case: Case) -> list[Part]:
    """Return the exact maxima."""
    layer = case.layer
    x = _padded(case.x, layer, -np.inf)
    y = np.max([x[:, *at] for at in _shifts(layer)], axis=0)
    return [Part(y, np.full(y.shape, np.finfo(y.dtype).tiny), y.shape)]


def _means(case: Case) -> list[Part]:
    """Return the exact means of what is not padding."""
    layer = case.layer
    wide = np.float64 if case.x.dtype == np.float32 else np.longdouble
    x, ones = (_padded(a.astype(wide), layer) for a in (case.x, np.ones_like(case.x)))
    count = sum(ones[:, *at] for at in _shifts(layer))
    y = sum(x[:, *at] for at in _shifts(layer)) / count
    sizes = sum(np.abs(x[:, *at]) for at in _shifts(layer)) / count
    return [Part(y, _bound(prod(layer.kernel), sizes, case.x.dtype), y.shape)]


def _maxima_back(case: Case) -> list[Part]:
    """Return the exact dx of maxima: of equal ones the first has all."""
    layer = case.layer
    x = _padded(case.x, layer, -np.inf)
    top = np.max([x[:, *at] for at in _shifts(layer)], axis=0)
    left, given = case.dy, []
    for at in _shifts(layer):
        found = x[:, *at] == top
        given.append(left * found)
        left = left * ~found
    return _spread(case, given)


def _means_back(case: Case) -> list[Part]:
    """Return the exact dx of means of what is not padding."""
    ones = _padded(np.ones_like(case.x), case.layer)
    shifts = _shifts(case.layer)
    wide = np.float64 if case.x.dtype == np.float32 else np.longdouble
    share = case.dy.astype(wide) / sum(ones[:, *at] for at in shifts)
    return _spread(case, [share] * len(shifts))


def _spread(case: Case, given: list[np.ndarray]) -> list[Part]:
    """Add what each tap gives to its cells of dx."""
    layer = case.layer
    wide = np.float64 if case.x.dtype == np.float32 else np.longdouble
    dx = _padded(np.zeros(case.x.shape, wide), layer)
    sizes = np.zeros_like(dx)
    for amount, at in zip(given, _shifts(layer), strict=True):
        dx[:, *at] += amount
        sizes[:, *at] += np.abs(amount)
    inside = (
        slice(None),
        *(slice(p, p + n) for p, n in zip(layer.padding, layer.size, strict=True)),
    )
    bound = _bound(prod(layer.kernel), sizes[inside], case.x.dtype)
    return [Part(dx[inside], bound, case.x.shape)]


def _shifts(layer: Layer) -> list[tuple[slice, ...]]:
    """List what each tap sees of the padded axes."""
    return [
        tuple(_seen(at, out, layer) for at, out in zip(tap, layer.out, strict=True))
        for tap in np.ndindex(layer.kernel)
    ]


PARTS = {
    CONV: _forward,
    GRADIENTS: _gradients,
    MAX: _maxima,
    MEAN: _means,
    MAX_BACK: _maxima_back,
    MEAN_BACK: _means_back,
}


def _padded(x: np.ndarray, layer: Layer, value: float = 0) -> np.ndarray:
    widths = [(0, 0), *((p, p) for p in layer.padding), (0, 0)]
    return np.pad(x, widths, constant_values=value)


def _everywhere(x: np.ndarray, w: np.ndarray, layer: Layer) -> np.ndarray:
    """Sum the taps: x is (n, *padded, c), y (n, *out, o)."""
    y = np.zeros((x.shape[0], *layer.out, layer.o))
    for tap, at in zip(np.ndindex(layer.kernel), _shifts(layer), strict=True):
        seen = x[:, *at]
        if layer.groups == 1:
            y += (seen.reshape(-1, layer.c) @ w[tap]).reshape(y.shape)
        else:  # one filter per channel: w[tap] is (1, c)
            y += seen * w[tap][0]
    return y


def _seen(tap: int, out: int, layer: Layer) -> slice:
    """Return the cells of an axis that one tap meets."""
    start = tap * layer.dilation
    return slice(start, start + (out - 1) * layer.stride + 1, layer.stride)


def _some_pixels(shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Choose output pixels: every corner of the first and the last image, and some at random."""
    corners = list(product(*((0, size - 1) for size in shape)))
    rng = np.random.default_rng(0)
    others = rng.integers(0, shape, (PIXELS, len(shape)))
    return tuple(np.unique([*corners, *map(tuple, others)], axis=0).T)


def _pixels(x: np.ndarray, w: np.ndarray, layer: Layer, at: tuple[np.ndarray, ...]) -> np.ndarray:
    """Compute y at some pixels only, (pixels, o)."""
    taps = np.array(list(np.ndindex(layer.kernel))).T  # (axes, taps)
    where = [
        p[:, None] * layer.stride + t * layer.dilation for p, t in zip(at[1:], taps, strict=True)
    ]
    windows = x[at[0][:, None], *where]  # (pixels, taps, c)
    w = w.reshape(-1, *w.shape[-2:])  # (taps, c / groups, o)
    if layer.groups == 1:
        return windows.reshape(len(windows), -1) @ w.reshape(-1, layer.o)
    return (windows * w[:, 0]).sum(axis=1)
