"""Mistakes in conv_backward."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hwio.mistakes.layer import Layer, padded, unpadded
from hwio.mistakes.mistake import Mistake
from hwio.mistakes.reference import columns_one_apart, one_apart, rows_one_apart, swapped
from hwio.mistakes.reference_back import (
    assigned,
    at_corners,
    db_of,
    dw_of,
    dx_of,
    gradients,
)

if TYPE_CHECKING:
    from hwio.types import Array

_MATRIX = "explanation/gradients-as-matrix-products.md"
_ONE = f"{_MATRIX}#one-window-at-a-time"
_START = "Print where a window begins here and in conv_forward, with stride 2. Are they the same?"
_EVERY = (
    "How many windows does one number take part in? What should become of all their contributions?"
)
_INNER = (
    "Print one image and one channel before you cut the padding off. Which part belongs to A_prev?"
)
_ALONE = "Set one single number of dZ to 1, the rest to 0. Which numbers of the gradients should it reach?"


def _last_filter(layer: Layer, dy: Array) -> Array:
    """Send dy back through the last filter alone."""
    return layer.weights[..., -1] * dy[:, None, None, -1:]


def _only(layer: Layer, *index: int | slice) -> tuple[Array, Array, Array]:
    """Use a part of dZ alone."""
    dy = np.zeros_like(layer.upper)
    dy[index] = layer.upper[index]
    return gradients(replace(layer, dy=dy))


def _outer_zero(layer: Layer) -> Array:
    """Cut with ``pad:-pad``, which is empty where pad is 0, and assign the rest."""
    result = np.zeros_like(layer.x)
    result[...] = dx_of(layer, crop=_minus)
    return result


def _minus(layer: Layer, grown: Array) -> Array:
    """Cut with ``pad:-pad``."""
    p = layer.pad
    return grown[:, p:-p, p:-p]


def _corner(layer: Layer, grown: Array) -> Array:
    """Cut n_H rows and n_W columns from the first corner on."""
    return grown[:, : layer.x.shape[1], : layer.x.shape[2]]


def _far_corner(layer: Layer, grown: Array) -> Array:
    """Cut n_H rows and n_W columns at the last corner."""
    return grown[:, -layer.x.shape[1] :, -layer.x.shape[2] :]


def _exchanged(layer: Layer) -> tuple[Array, Array, Array]:
    """Send windows back to A_prev, and let filters meet dZ."""
    grown, room = padded(layer), np.zeros_like(padded(layer))
    dw, (sh, sw), (kh, kw) = np.zeros_like(layer.weights), layer.stride, layer.kernel
    for i, j in np.ndindex(*layer.upper.shape[1:3]):
        rows, columns = slice(i * sh, i * sh + kh), slice(j * sw, j * sw + kw)
        dy = layer.upper[:, i, j, None, None, None]  # (n, 1, 1, 1, o)
        room[:, rows, columns] += grown[:, rows, columns] * dy.sum(-1)
        dw += layer.weights * dy.sum(0)
    p, q = layer.padding[0][0], layer.padding[1][0]
    dx = room[:, p : p + layer.x.shape[1], q : q + layer.x.shape[2]]
    return gradients(layer, dx=dx, dw=dw)


def _third_axis(layer: Layer, dy: Array) -> Array:
    """Take filters along the third axis of w."""
    filters = np.moveaxis(layer.weights, 2, 0)
    parts = [filters[k] * dy[:, None, None, k : k + 1] for k in range(dy.shape[-1])]
    sums: Array = np.sum(parts, 0)
    return sums


BACKWARD = (
    Mistake(
        key="back-dx-assigned",
        function="conv_backward",
        name="dA_prev keeps the last window and filter only: = where += should be",
        hint=_EVERY,
        page=_ONE,
        slip=lambda c: gradients(c, dx=dx_of(c, into=assigned, part=_last_filter)),
    ),
    Mistake(
        key="back-dx-window-assigned",
        function="conv_backward",
        name="dA_prev keeps the last window only: = where += should be",
        hint=_EVERY,
        page=_ONE,
        slip=lambda c: gradients(c, dx=dx_of(c, into=assigned)),
    ),
    Mistake(
        key="back-dw-assigned",
        function="conv_backward",
        name="dW keeps the last window of the last image only: = where += should be",
        hint=_EVERY,
        page=_ONE,
        slip=lambda c: gradients(
            c, dw=dw_of(replace(c, x=c.x[-1:], dy=c.upper[-1:]), into=assigned)
        ),
    ),
    Mistake(
        key="back-all-assigned",
        function="conv_backward",
        name="all three gradients keep the last contribution only: = where += should be",
        hint=_EVERY,
        page=_ONE,
        slip=lambda c: gradients(
            c,
            dx_of(c, into=assigned, part=_last_filter),
            dw_of(replace(c, x=c.x[-1:], dy=c.upper[-1:]), into=assigned),
            c.upper[-1:, -1:, -1:],
        ),
    ),
    Mistake(
        key="back-dw-unpadded",
        function="conv_backward",
        name="dW takes its windows from A_prev itself, not from the padded array",
        hint="Which array did conv_forward cut its windows from?",
        page=_ONE,
        slip=lambda c: gradients(c, dw=dw_of(c, pad=unpadded)),
    ),
    Mistake(
        key="back-dx-with-padding",
        function="conv_backward",
        name="dA_prev still has its padding around it",
        hint="Compare the shapes of dA_prev and A_prev, for pad = 1.",
        page=_ONE,
        slip=lambda c: gradients(c, dx=dx_of(c, crop=lambda c, grown: grown)),
    ),
    Mistake(
        key="back-dx-first-corner",
        function="conv_backward",
        name="dA_prev is cut from the first corner, padding and all",
        hint=_INNER,
        page=_ONE,
        slip=lambda c: gradients(c, dx=dx_of(c, crop=_corner)),
    ),
    Mistake(
        key="back-dx-last-corner",
        function="conv_backward",
        name="dA_prev is cut at the last corner, padding and all",
        hint=_INNER,
        page=_ONE,
        slip=lambda c: gradients(c, dx=dx_of(c, crop=_far_corner)),
    ),
    Mistake(
        key="back-dx-empty-without-pad",
        function="conv_backward",
        name="with pad = 0 nothing is left of dA_prev once its padding is cut off",
        hint="What is a[0:-0] in Python? Try it on a list.",
        page=_ONE,
        slip=lambda c: gradients(c, dx=dx_of(c, crop=_minus)),
    ),
    Mistake(
        key="back-dx-not-filled-without-pad",
        function="conv_backward",
        name="with pad = 0 the part that is cut out is empty, and dA_prev can't be filled with it",
        hint="What is a[0:-0] in Python? Try it on a list.",
        page=_ONE,
        slip=lambda c: gradients(c, dx=_outer_zero(c)),
    ),
    Mistake(
        key="back-dx-turned",
        function="conv_backward",
        name="the filters are turned by 180° on the way to dA_prev, window by window",
        hint="A turned filter belongs to the other view, a full correlation. " + _ALONE,
        page=f"{_MATRIX}#the-same-read-backwards",
        slip=lambda c: gradients(c, dx=dx_of(replace(c, w=c.weights[::-1, ::-1]))),
    ),
    Mistake(
        key="back-dw-turned",
        function="conv_backward",
        name="dW is turned by 180°",
        hint="In a correlation the order of the two arrays counts. " + _ALONE,
        page=f"{_MATRIX}#the-same-read-backwards",
        slip=lambda c: gradients(c, dw=dw_of(c)[::-1, ::-1]),
    ),
    Mistake(
        key="back-filter-transposed",
        function="conv_backward",
        name="rows and columns of the filters are exchanged on the way to dA_prev",
        hint=_ALONE,
        page=_ONE,
        slip=lambda c: gradients(c, dx=dx_of(replace(c, w=c.weights.swapaxes(0, 1)))),
    ),
    Mistake(
        key="back-filter-third-axis",
        function="conv_backward",
        name="the filters are taken along the third axis of W, which counts in-channels",
        hint="W has shape (f, f, n_C_prev, n_C). Which of its axes counts the filters?",
        page="tutorials/read-a-weight-tensor.md",
        slip=lambda c: gradients(c, dx=dx_of(c, part=_third_axis)),
    ),
    Mistake(
        key="back-x-and-w-exchanged",
        function="conv_backward",
        name="A_prev and W are exchanged: dA_prev is made of windows and dW of filters",
        hint="Z = A_prev · W. Which of the two is left in the derivative for the other?",
        page=_MATRIX,
        slip=_exchanged,
    ),
    Mistake(
        key="back-stride-forgotten",
        function="conv_backward",
        name="each window begins one cell after the last: the stride is missing",
        hint=_START,
        page=_ONE,
        slip=lambda c: at_corners(c, one_apart),
    ),
    Mistake(
        key="back-stride-columns-only",
        function="conv_backward",
        name="the stride counts for columns, but not for rows",
        hint=_START,
        page=_ONE,
        slip=lambda c: at_corners(c, rows_one_apart),
    ),
    Mistake(
        key="back-stride-rows-only",
        function="conv_backward",
        name="the stride counts for rows, but not for columns",
        hint=_START,
        page=_ONE,
        slip=lambda c: at_corners(c, columns_one_apart),
    ),
    Mistake(
        key="back-rows-for-columns",
        function="conv_backward",
        name="rows and columns are exchanged where a window begins",
        hint=_START,
        page=_ONE,
        slip=lambda c: at_corners(c, swapped),
    ),
    Mistake(
        key="back-order",
        function="conv_backward",
        name="dW comes before dA_prev in what is returned",
        hint="In which order does the exercise want the three?",
        page="reference/lab.md#hwiolabconv_backward",
        slip=lambda c: (dw_of(c), dx_of(c), db_of(c)),
    ),
    Mistake(
        key="back-first-image-only",
        function="conv_backward",
        name="only the first image goes back",
        hint="How far is return indented? Does each loop run to its end?",
        page=_ONE,
        slip=lambda c: _only(c, slice(1)),
    ),
    Mistake(
        key="back-last-cells-missing",
        function="conv_backward",
        name="the last row and column of dZ are left out",
        hint="Where does range(n) end? Over which array's rows and columns do you loop?",
        page=_ONE,
        slip=lambda c: _only(c, slice(None), slice(-1), slice(-1)),
    ),
    Mistake(
        key="back-first-filter-only",
        function="conv_backward",
        name="only the first filter goes back",
        hint="Over what does the innermost loop run?",
        page=_ONE,
        slip=lambda c: _only(c, ..., slice(1)),  # type: ignore[arg-type]
    ),
    Mistake(
        key="back-dw-dz-missing",
        function="conv_backward",
        name="dW sums windows that were not multiplied by dZ",
        hint="Set dZ to zeros: what should be left of dW?",
        page=_ONE,
        slip=lambda c: gradients(c, dw=dw_of(replace(c, dy=np.ones_like(c.upper)))),
    ),
    Mistake(
        key="back-dx-dz-missing",
        function="conv_backward",
        name="dA_prev sums filters that were not multiplied by dZ",
        hint="Set dZ to zeros: what should be left of dA_prev?",
        page=_ONE,
        slip=lambda c: gradients(c, dx=dx_of(replace(c, dy=np.ones_like(c.upper)))),
    ),
    Mistake(
        key="back-nothing",
        function="conv_backward",
        name="all three gradients have their shapes and hold zeros only",
        hint="Do the lines that add to them ever run? Do you return the arrays you added to?",
        page=_ONE,
        slip=lambda c: _only(c, slice(0)),
    ),
    Mistake(
        key="back-dx-nothing",
        function="conv_backward",
        name="dA_prev stays zero, dW and db are right",
        hint="You may add to a copy. What brings it into dA_prev?",
        page=_ONE,
        slip=lambda c: gradients(c, dx=np.zeros_like(c.x)),
    ),
)
