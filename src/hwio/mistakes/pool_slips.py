"""Mistakes in pool_forward."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hwio.mistakes.layer import Layer, grow
from hwio.mistakes.mistake import Mistake
from hwio.mistakes.reference import (
    by_grown,
    columns_one_apart,
    kept,
    one_apart,
    other_way,
    pool,
    rounded_up,
    rows_for_both,
    rows_one_apart,
    side_by_side,
    swapped,
    without_one,
)

if TYPE_CHECKING:
    from hwio.types import Array

_PAGE = "how-to/pool.md"
_LEFT_OVER = "how-to/pool.md#rows-left-over"
_START = "Print where the windows of A[0, 0, 1] and A[0, 1, 0] begin, with stride 1 and f 2."
_COUNT = "Work n_H and n_W out by hand for the sizes of this case, and print yours."
_CHANNEL = (
    "Is each channel pooled on its own? Give an A_prev whose second channel is ten times its first."
)
_MODE = 'Try the other mode on the same A_prev. What in your function looks at "mode"?'
_MEAN = "Set A_prev to ones: what is the mean of a window of ones?"
_NEGATIVE = "Give an A_prev that is negative everywhere."
_EMPTY = "Which numbers of your A are still zero? Look at the last lines of your loops."


def _scaled(layer: Layer, divisor: float) -> Array:
    """Divide the sum of a window by something else."""
    return pool(layer) * (layer.kernel[0] * layer.kernel[1] / divisor)


def _average(layer: Layer, divisor: float) -> Array:
    """Take the right maximum, and a mean with another divisor."""
    return pool(layer) if layer.mode == "max" else _scaled(layer, divisor)


def _largest(layer: Layer, instead: Array) -> Array:
    """Take the right mean, and something else for the maximum."""
    return instead if layer.mode == "max" else pool(layer)


def _all_channels(layer: Layer, window: Array) -> Array:
    """Pool over the channels too."""
    whole = window.max((1, 2, 3)) if layer.mode == "max" else window.mean((1, 2, 3))
    return np.repeat(whole[:, None], window.shape[-1], 1)


def _places(layer: Layer, window: Array) -> Array:
    """Return the place of the maximum within its window."""
    places: Array = window.reshape(len(window), -1, window.shape[-1]).argmax(1)
    return places


def _other(layer: Layer) -> Layer:
    """Ask for the other mode."""
    return replace(layer, mode="average" if layer.mode == "max" else "max")


POOL = (
    Mistake(
        key="pool-over-channels",
        function="pool_forward",
        name="a window is pooled over all channels at once, so all channels are the same",
        hint=_CHANNEL,
        page=_PAGE,
        slip=lambda c: pool(c, step=_all_channels),
    ),
    Mistake(
        key="pool-first-channel",
        function="pool_forward",
        name="every channel of A is that of the first channel of A_prev",
        hint=_CHANNEL,
        page=_PAGE,
        slip=lambda c: pool(replace(c, x=np.repeat(c.x[..., :1], c.x.shape[-1], -1))),
    ),
    Mistake(
        key="pool-always-max",
        function="pool_forward",
        name="the maximum is taken in both modes",
        hint=_MODE,
        page=_PAGE,
        slip=lambda c: pool(replace(c, mode="max")),
    ),
    Mistake(
        key="pool-always-average",
        function="pool_forward",
        name="the mean is taken in both modes",
        hint=_MODE,
        page=_PAGE,
        slip=lambda c: pool(replace(c, mode="average")),
    ),
    Mistake(
        key="pool-modes-exchanged",
        function="pool_forward",
        name="the two modes are exchanged",
        hint=_MODE,
        page=_PAGE,
        slip=lambda c: pool(_other(c)),
    ),
    Mistake(
        key="pool-average-is-sum",
        function="pool_forward",
        name="the average is not divided: it is the sum of the window",
        hint=_MEAN,
        page=_PAGE,
        slip=lambda c: _average(c, 1),
    ),
    Mistake(
        key="pool-average-over-f",
        function="pool_forward",
        name="the average is divided by f, not by the number of cells in a window",
        hint=_MEAN,
        page=_PAGE,
        slip=lambda c: _average(c, c.kernel[0]),
    ),
    Mistake(
        key="pool-average-over-channels",
        function="pool_forward",
        name="the average is divided by the channels too",
        hint=_MEAN,
        page=_PAGE,
        slip=lambda c: _average(c, c.kernel[0] * c.kernel[1] * c.x.shape[-1]),
    ),
    Mistake(
        key="pool-min",
        function="pool_forward",
        name="the smallest number of a window is taken, not the largest",
        hint=_NEGATIVE,
        page=_PAGE,
        slip=lambda c: _largest(c, -pool(replace(c, x=-c.x))),
    ),
    Mistake(
        key="pool-max-of-sizes",
        function="pool_forward",
        name="the maximum is that of absolute values",
        hint=_NEGATIVE,
        page=_PAGE,
        slip=lambda c: _largest(c, pool(replace(c, x=np.abs(c.x)))),
    ),
    Mistake(
        key="pool-max-from-zero",
        function="pool_forward",
        name="no maximum is below 0: the search begins with 0",
        hint=_NEGATIVE + " With what does your search begin?",
        page=_PAGE,
        slip=lambda c: _largest(c, np.maximum(0, pool(c))),
    ),
    Mistake(
        key="pool-place-of-max",
        function="pool_forward",
        name="A holds the place of the maximum, not the maximum",
        hint="Which function gives the largest number, and which the place where it stands?",
        page=_PAGE,
        slip=lambda c: _largest(c, pool(c, step=_places)),
    ),
    Mistake(
        key="pool-stride-forgotten",
        function="pool_forward",
        name="each window begins one cell after the last: the stride is missing where it begins",
        hint=_START,
        page=_PAGE,
        slip=lambda c: pool(c, corner=one_apart),
    ),
    Mistake(
        key="pool-stride-columns-only",
        function="pool_forward",
        name="the stride counts for columns, but not for rows",
        hint=_START,
        page=_PAGE,
        slip=lambda c: pool(c, corner=rows_one_apart),
    ),
    Mistake(
        key="pool-stride-rows-only",
        function="pool_forward",
        name="the stride counts for rows, but not for columns",
        hint=_START,
        page=_PAGE,
        slip=lambda c: pool(c, corner=columns_one_apart),
    ),
    Mistake(
        key="pool-stride-ignored",
        function="pool_forward",
        name="the stride is ignored: there is a window at every cell",
        hint="Compare the shape of A with the formula, for stride 2.",
        page=_PAGE,
        slip=lambda c: pool(replace(c, stride=(1, 1))),
    ),
    Mistake(
        key="pool-stride-is-f",
        function="pool_forward",
        name="f is taken for the stride: windows never overlap",
        hint="Compare the shape of A with the formula, where stride and f differ.",
        page=_PAGE,
        slip=lambda c: pool(replace(c, stride=c.window)),
    ),
    Mistake(
        key="pool-windows-side-by-side",
        function="pool_forward",
        name="the windows move by f, not by the stride",
        hint=_START,
        page=_PAGE,
        slip=lambda c: pool(c, corner=side_by_side),
    ),
    Mistake(
        key="pool-rows-for-columns",
        function="pool_forward",
        name="rows and columns are exchanged where a window begins",
        hint="Which of your loop variables counts rows? Try an image that is not square.",
        page=_PAGE,
        slip=lambda c: pool(c, corner=swapped),
    ),
    Mistake(
        key="pool-size-rounded-up",
        function="pool_forward",
        name="n_H and n_W are rounded up: the last windows have fewer cells than the others",
        hint=_COUNT + " What becomes of cells that are left over?",
        page=_LEFT_OVER,
        slip=lambda c: pool(c, out=rounded_up),
    ),
    Mistake(
        key="pool-size-without-one",
        function="pool_forward",
        name="n_H and n_W are one too small",
        hint=_COUNT + " A window as large as the image fits how often?",
        page=_LEFT_OVER,
        slip=lambda c: pool(c, out=without_one),
    ),
    Mistake(
        key="pool-size-rows-for-both",
        function="pool_forward",
        name="n_W is worked out from the rows, as n_H is",
        hint=_COUNT,
        page=_LEFT_OVER,
        slip=lambda c: pool(c, out=rows_for_both),
    ),
    Mistake(
        key="pool-size-exchanged",
        function="pool_forward",
        name="n_H and n_W are exchanged",
        hint=_COUNT,
        page=_LEFT_OVER,
        slip=lambda c: pool(c, out=other_way),
    ),
    Mistake(
        key="pool-padded",
        function="pool_forward",
        name="A_prev is padded with zeros before pooling",
        hint="Compare the shape of A with the formula. Does it speak of padding?",
        page="how-to/pool.md#what-padding-is",
        slip=lambda c: pool(c, pad=lambda c: grow(c, (1, 1), (1, 1)), out=by_grown),
    ),
    Mistake(
        key="pool-last-cells-missing",
        function="pool_forward",
        name="the last row and column of A stay zero",
        hint=_EMPTY + " Where does range(n) end?",
        page=_PAGE,
        slip=lambda c: kept(pool(c), slice(None), slice(-1), slice(-1)),
    ),
    Mistake(
        key="pool-first-image-only",
        function="pool_forward",
        name="only the first image is done: the rest of A stays zero",
        hint=_EMPTY + " How far is return indented?",
        page=_PAGE,
        slip=lambda c: kept(pool(c), slice(1)),
    ),
    Mistake(
        key="pool-same-image",
        function="pool_forward",
        name="every image of A is that of the first image",
        hint="Which image do the windows come from? What in that line changes with the image?",
        page=_PAGE,
        slip=lambda c: pool(replace(c, x=np.repeat(c.x[:1], len(c.x), 0))),
    ),
    Mistake(
        key="pool-whole-numbers",
        function="pool_forward",
        name="the fractions are lost: A holds whole numbers",
        hint="Print A.dtype. What dtype had the array that you began with?",
        page="how-to/pool.md#dtypes",
        slip=lambda c: np.trunc(pool(c)),
    ),
    Mistake(
        key="pool-nothing",
        function="pool_forward",
        name="A has the right shape and holds zeros only",
        hint="Does the line that sets a number of A ever run? How is mode compared?",
        page=_PAGE,
        slip=lambda c: np.zeros_like(pool(c)),
    ),
)
