"""The exact result, and how far a contender is from it in units of the published bound.

Written for this folder alone, so that a fault of hwio can't hide in it: one shifted x per tap, in
float64. A float64 contender is compared with long double at some pixels, corners among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import sqrt

import numpy as np

from bench.case import Case
from bench.networks import Layer

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


class Exact:
    """The exact result of a case."""

    def __init__(self, case: Case) -> None:
        layer, wide = case.layer, case.x.dtype == np.float64
        x = _padded(case.x, layer)
        if wide:
            self.at = _some_pixels((case.cell.n, *layer.out))
            self.y = _pixels(x.astype(np.longdouble), case.w.astype(np.longdouble), layer, self.at)
            sizes = _pixels(np.abs(x), np.abs(case.w), layer, self.at)
        else:
            self.at = None
            self.y = _everywhere(x.astype(np.float64), case.w.astype(np.float64), layer)
            sizes = _everywhere(
                np.abs(x, dtype=np.float64), np.abs(case.w, dtype=np.float64), layer
            )
        u, tiny = np.finfo(case.x.dtype).eps / 2, float(np.finfo(case.x.dtype).smallest_subnormal)
        self.bound = 4 * sqrt(layer.depth) * u * sizes + layer.depth * tiny

    def judge(self, y: np.ndarray) -> Verdict:
        """Compare a contender's y, (n, *out, o), element by element."""
        if self.at is not None:
            y = y[self.at]
        if y.shape != self.y.shape:
            message = f"y has shape {y.shape} where {self.y.shape} is right"
            raise ValueError(message)
        error = np.abs(y - self.y)
        rows = (1, -1) if self.at is not None else (len(y), -1)
        norms = [np.linalg.norm(a.reshape(rows).astype(float), axis=1) for a in (error, self.y)]
        return Verdict(float((error / self.bound).max()), float((norms[0] / norms[1]).max()))


def _padded(x: np.ndarray, layer: Layer) -> np.ndarray:
    return np.pad(x, [(0, 0), *((p, p) for p in layer.padding), (0, 0)])


def _everywhere(x: np.ndarray, w: np.ndarray, layer: Layer) -> np.ndarray:
    """Sum the taps: x is (n, *padded, c), y (n, *out, o)."""
    y = np.zeros((x.shape[0], *layer.out, layer.o))
    for tap in np.ndindex(layer.kernel):
        seen = x[:, *(_seen(at, out, layer) for at, out in zip(tap, layer.out, strict=True))]
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
