"""Mistakes in pool_backward."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hwio.mistakes.layer import Layer
from hwio.mistakes.mistake import Mistake
from hwio.mistakes.reference import columns_one_apart, one_apart, rows_one_apart, swapped
from hwio.mistakes.reference_back import assigned, pool_back, shared

if TYPE_CHECKING:
    from hwio.types import Array

_PAGE = "how-to/pool.md#go-back"
_LAB = "how-to/check-your-lab-answers.md#pooling"
_START = "Print where a window begins here and in pool_forward. Are they the same?"
_EVERY = (
    "How many windows does one cell lie in, with stride 1 and f 2? What becomes of all their parts?"
)
_TIES = "What does your mask do in a window with two equal maxima? The course's marks both."
_SHARE = "Sum dA_prev and sum dA, in mode average: what goes in must come out."
_MODE = 'Try the other mode on the same dA. What in your function looks at "mode"?'
_ALONE = "Set one single number of dA to 1, the rest to 0. Which cells of dA_prev should it reach?"


def _average_times(layer: Layer, factor: float) -> Array:
    """Send maxima back rightly, and means with another divisor."""
    return pool_back(layer) * (1 if layer.mode == "max" else factor)


def _max_by(layer: Layer, mask: Array, dy: Array, window: Array) -> Array:
    """Send maxima back by another mask, and means rightly."""
    return mask * dy if layer.mode == "max" else shared(layer, window, dy)


def _first_of_ties(layer: Layer, window: Array, dy: Array) -> Array:
    """Send it to the first of equal maxima."""
    flat = window.reshape(len(window), -1, window.shape[-1])  # (n, kh*kw, c)
    first = np.arange(flat.shape[1])[:, None] == flat.argmax(1)[:, None]
    return _max_by(layer, first.reshape(window.shape), dy, window)


def _split_ties(layer: Layer, window: Array, dy: Array) -> Array:
    """Share it among equal maxima."""
    mask = window == window.max((1, 2), keepdims=True)
    return _max_by(layer, mask / mask.sum((1, 2), keepdims=True), dy, window)


def _everywhere(layer: Layer, window: Array, dy: Array) -> Array:
    """Send it to every cell of the window."""
    return _max_by(layer, np.ones_like(window), dy, window)


def _one_mask(layer: Layer, window: Array, dy: Array) -> Array:
    """Look for the maximum of all channels at once."""
    return _max_by(layer, window == window.max((1, 2, 3), keepdims=True), dy, window)


def _times_x(layer: Layer, window: Array, dy: Array) -> Array:
    """Multiply by the maximum itself."""
    mask = window == window.max((1, 2), keepdims=True)
    return _max_by(layer, mask * window, dy, window)


def _without_dy(layer: Layer, window: Array, dy: Array) -> Array:
    """Leave dA out."""
    return shared(layer, window, np.ones_like(dy))


def _mask_alone(layer: Layer, window: Array, dy: Array) -> Array:
    """Leave dA out of maxima."""
    return shared(layer, window, np.ones_like(dy) if layer.mode == "max" else dy)


def _only(layer: Layer, *index: int | slice) -> Array:
    """Use a part of dA alone."""
    dy = np.zeros_like(layer.upper)
    dy[index] = layer.upper[index]
    return pool_back(replace(layer, dy=dy))


def _other(layer: Layer) -> Layer:
    """Ask for the other mode."""
    return replace(layer, mode="average" if layer.mode == "max" else "max")


POOL_BACK = (
    Mistake(
        key="unpool-first-of-ties",
        function="pool_backward",
        name="of equal maxima the first alone gets dA, as in PyTorch; the course's mask marks all",
        hint=_TIES,
        page=_LAB,
        slip=lambda c: pool_back(c, share=_first_of_ties),
    ),
    Mistake(
        key="unpool-ties-shared",
        function="pool_backward",
        name="equal maxima share dA; the course's mask gives each all of it",
        hint=_TIES,
        page=_LAB,
        slip=lambda c: pool_back(c, share=_split_ties),
    ),
    Mistake(
        key="unpool-mask-missing",
        function="pool_backward",
        name="every cell of a window gets dA, not the maximum alone",
        hint=_ALONE,
        page=_PAGE,
        slip=lambda c: pool_back(c, share=_everywhere),
    ),
    Mistake(
        key="unpool-mask-over-channels",
        function="pool_backward",
        name="the mask looks for the maximum of all channels at once",
        hint="How many maxima has a window with 2 channels?",
        page=_PAGE,
        slip=lambda c: pool_back(c, share=_one_mask),
    ),
    Mistake(
        key="unpool-times-maximum",
        function="pool_backward",
        name="dA is multiplied by the maximum, not by the mask alone",
        hint=_ALONE + " With which value?",
        page=_PAGE,
        slip=lambda c: pool_back(c, share=_times_x),
    ),
    Mistake(
        key="unpool-mask-alone",
        function="pool_backward",
        name="the masks are summed without dA",
        hint="Set dA to zeros: what should be left of dA_prev?",
        page=_PAGE,
        slip=lambda c: pool_back(c, share=_mask_alone),
    ),
    Mistake(
        key="unpool-da-missing",
        function="pool_backward",
        name="dA is not used at all, in either mode",
        hint="Set dA to zeros: what should be left of dA_prev?",
        page=_PAGE,
        slip=lambda c: pool_back(c, share=_without_dy),
    ),
    Mistake(
        key="unpool-assigned",
        function="pool_backward",
        name="each cell keeps the last window only: = where += should be",
        hint=_EVERY,
        page=_PAGE,
        slip=lambda c: pool_back(c, into=assigned),
    ),
    Mistake(
        key="unpool-average-not-divided",
        function="pool_backward",
        name="in mode average each cell gets all of dA, undivided",
        hint=_SHARE,
        page=_PAGE,
        slip=lambda c: _average_times(c, c.kernel[0] * c.kernel[1]),
    ),
    Mistake(
        key="unpool-average-over-f",
        function="pool_backward",
        name="in mode average dA is divided by f, not by the number of cells in a window",
        hint=_SHARE,
        page=_PAGE,
        slip=lambda c: _average_times(c, c.kernel[0]),
    ),
    Mistake(
        key="unpool-average-over-output",
        function="pool_backward",
        name="in mode average dA is divided by its own n_H · n_W, not by the cells of a window",
        hint=_SHARE,
        page=_PAGE,
        slip=lambda c: _average_times(
            c, c.kernel[0] * c.kernel[1] / (c.upper.shape[1] * c.upper.shape[2])
        ),
    ),
    Mistake(
        key="unpool-average-twice",
        function="pool_backward",
        name="in mode average dA is divided twice by the number of cells",
        hint=_SHARE,
        page=_PAGE,
        slip=lambda c: _average_times(c, 1 / (c.kernel[0] * c.kernel[1])),
    ),
    Mistake(
        key="unpool-stride-forgotten",
        function="pool_backward",
        name="each window begins one cell after the last: the stride is missing",
        hint=_START,
        page=_PAGE,
        slip=lambda c: pool_back(c, corner=one_apart),
    ),
    Mistake(
        key="unpool-stride-columns-only",
        function="pool_backward",
        name="the stride counts for columns, but not for rows",
        hint=_START,
        page=_PAGE,
        slip=lambda c: pool_back(c, corner=rows_one_apart),
    ),
    Mistake(
        key="unpool-stride-rows-only",
        function="pool_backward",
        name="the stride counts for rows, but not for columns",
        hint=_START,
        page=_PAGE,
        slip=lambda c: pool_back(c, corner=columns_one_apart),
    ),
    Mistake(
        key="unpool-rows-for-columns",
        function="pool_backward",
        name="rows and columns are exchanged where a window begins",
        hint=_START,
        page=_PAGE,
        slip=lambda c: pool_back(c, corner=swapped),
    ),
    Mistake(
        key="unpool-always-max",
        function="pool_backward",
        name="dA goes to maxima in both modes",
        hint=_MODE,
        page=_PAGE,
        slip=lambda c: pool_back(replace(c, mode="max")),
    ),
    Mistake(
        key="unpool-always-average",
        function="pool_backward",
        name="dA is shared out in both modes",
        hint=_MODE,
        page=_PAGE,
        slip=lambda c: pool_back(replace(c, mode="average")),
    ),
    Mistake(
        key="unpool-modes-exchanged",
        function="pool_backward",
        name="the two modes are exchanged",
        hint=_MODE,
        page=_PAGE,
        slip=lambda c: pool_back(_other(c)),
    ),
    Mistake(
        key="unpool-first-image-only",
        function="pool_backward",
        name="only the first image goes back",
        hint="How far is return indented? Does each loop run to its end?",
        page=_PAGE,
        slip=lambda c: _only(c, slice(1)),
    ),
    Mistake(
        key="unpool-last-cells-missing",
        function="pool_backward",
        name="the last row and column of dA are left out",
        hint="Where does range(n) end? Over which array's rows and columns do you loop?",
        page=_PAGE,
        slip=lambda c: _only(c, slice(None), slice(-1), slice(-1)),
    ),
    Mistake(
        key="unpool-nothing",
        function="pool_backward",
        name="dA_prev has the right shape and holds zeros only",
        hint="Does the line that adds to dA_prev ever run? How is mode compared?",
        page=_PAGE,
        slip=lambda c: np.zeros_like(c.x),
    ),
)
