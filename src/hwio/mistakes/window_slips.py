"""Mistakes with the windows of conv_forward: where they begin, how many, and where their numbers go."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hwio.mistakes.layer import Layer, padded
from hwio.mistakes.mistake import Mistake
from hwio.mistakes.reference import (
    columns_one_apart,
    forward,
    kept,
    one_apart,
    one_per_cell,
    other_way,
    padded_once,
    rounded_up,
    rows_for_both,
    rows_one_apart,
    side_by_side,
    swapped,
    without_one,
)

if TYPE_CHECKING:
    from hwio.types import Array

_ARITHMETIC = "reference/padding.md#the-arithmetic"
_SEES = "reference/padding.md#which-cells-each-output-sees"
_NUMBERS = "tutorials/read-a-weight-tensor.md#all-the-numbers"
_START = (
    "Print where the windows of Z[0, 0, 1] and Z[0, 1, 0] begin, with stride 2. Where should they?"
)
_COUNT = "Work n_H and n_W out by hand for the sizes of this case, and print yours."
_EMPTY = "Which numbers of your Z are still zero? Look at the last lines of your loops."


def _exchanged(layer: Layer) -> Layer:
    """Take pad for stride, and stride for pad."""
    stride, pad = layer.padding[0][0], layer.stride[0]
    if stride == 0:
        raise ZeroDivisionError
    return replace(layer, stride=(stride, stride), padding=((pad, pad), (pad, pad)))


def _transposed(layer: Layer) -> Array:
    """Write each number at (column, row)."""
    right = forward(layer)
    y = np.zeros_like(right)
    for i, j in np.ndindex(*y.shape[1:3]):
        y[:, j, i] = right[:, i, j]
    return y


WINDOWS = (
    Mistake(
        key="conv-stride-forgotten",
        function="conv_forward",
        name="each window begins one cell after the last: the stride is missing where it begins",
        hint=_START,
        page=_SEES,
        slip=lambda c: forward(c, corner=one_apart),
    ),
    Mistake(
        key="conv-stride-columns-only",
        function="conv_forward",
        name="the stride counts for columns, but not for rows",
        hint=_START,
        page=_SEES,
        slip=lambda c: forward(c, corner=rows_one_apart),
    ),
    Mistake(
        key="conv-stride-rows-only",
        function="conv_forward",
        name="the stride counts for rows, but not for columns",
        hint=_START,
        page=_SEES,
        slip=lambda c: forward(c, corner=columns_one_apart),
    ),
    Mistake(
        key="conv-stride-ignored",
        function="conv_forward",
        name="the stride is ignored: there is a window at every cell",
        hint="Compare the shape of Z with the formula, for stride 2.",
        page=_ARITHMETIC,
        slip=lambda c: forward(replace(c, stride=(1, 1))),
    ),
    Mistake(
        key="conv-stride-in-start-only",
        function="conv_forward",
        name="n_H and n_W are those of stride 1, while the windows move by the stride",
        hint=_COUNT,
        page=_ARITHMETIC,
        slip=lambda c: forward(c, out=one_per_cell),
    ),
    Mistake(
        key="conv-stride-added",
        function="conv_forward",
        name="the stride is added to the place of a window, not multiplied by it",
        hint=_START,
        page=_SEES,
        slip=lambda c: forward(
            c, corner=lambda i, j, c: (i + c.stride[0] - 1, j + c.stride[1] - 1)
        ),
    ),
    Mistake(
        key="conv-windows-side-by-side",
        function="conv_forward",
        name="the windows move by the size of the filter, not by the stride",
        hint=_START,
        page=_SEES,
        slip=lambda c: forward(c, corner=side_by_side),
    ),
    Mistake(
        key="conv-windows-one-late",
        function="conv_forward",
        name="every window begins one cell too late",
        hint="Where does the window of Z[0, 0, 0] begin? Count from 0.",
        page=_SEES,
        slip=lambda c: forward(
            c, corner=lambda i, j, c: (i * c.stride[0] + 1, j * c.stride[1] + 1)
        ),
    ),
    Mistake(
        key="conv-rows-for-columns",
        function="conv_forward",
        name="rows and columns are exchanged where a window begins",
        hint="Which of your loop variables counts rows? Try an image that is not square.",
        page=_SEES,
        slip=lambda c: forward(c, corner=swapped),
    ),
    Mistake(
        key="conv-written-transposed",
        function="conv_forward",
        name="rows and columns are exchanged where a number is put into Z",
        hint="In which order do you index Z? Try an image that is not square.",
        page=_NUMBERS,
        slip=_transposed,
    ),
    Mistake(
        key="conv-stride-and-pad-exchanged",
        function="conv_forward",
        name="stride and pad are exchanged",
        hint="Print both, just after you read them.",
        page=_ARITHMETIC,
        slip=lambda c: forward(_exchanged(c)),
    ),
    Mistake(
        key="conv-size-rounded-up",
        function="conv_forward",
        name="n_H and n_W are rounded up, so the last windows have not enough cells",
        hint=_COUNT + " What becomes of cells that are left over?",
        page=_ARITHMETIC,
        slip=lambda c: forward(c, out=rounded_up),
    ),
    Mistake(
        key="conv-size-without-one",
        function="conv_forward",
        name="n_H and n_W are one too small",
        hint=_COUNT + " A filter as large as the image fits how often?",
        page=_ARITHMETIC,
        slip=lambda c: forward(c, out=without_one),
    ),
    Mistake(
        key="conv-size-pad-once",
        function="conv_forward",
        name="n_H and n_W count the padding of one side only",
        hint=_COUNT + " On how many sides are zeros?",
        page=_ARITHMETIC,
        slip=lambda c: forward(c, out=padded_once),
    ),
    Mistake(
        key="conv-size-rows-for-both",
        function="conv_forward",
        name="n_W is worked out from the rows, as n_H is",
        hint=_COUNT,
        page=_ARITHMETIC,
        slip=lambda c: forward(c, out=rows_for_both),
    ),
    Mistake(
        key="conv-size-exchanged",
        function="conv_forward",
        name="n_H and n_W are exchanged",
        hint=_COUNT,
        page=_ARITHMETIC,
        slip=lambda c: forward(c, out=other_way),
    ),
    Mistake(
        key="conv-last-cells-missing",
        function="conv_forward",
        name="the last row and column of Z stay zero",
        hint=_EMPTY + " Where does range(n) end?",
        page=_NUMBERS,
        slip=lambda c: kept(forward(c), slice(None), slice(-1), slice(-1)),
    ),
    Mistake(
        key="conv-first-image-only",
        function="conv_forward",
        name="only the first image is done: the rest of Z stays zero",
        hint=_EMPTY + " How far is return indented?",
        page=_NUMBERS,
        slip=lambda c: kept(forward(c), slice(1)),
    ),
    Mistake(
        key="conv-first-row-only",
        function="conv_forward",
        name="only the first row of each image is done: the rest of Z stays zero",
        hint=_EMPTY,
        page=_NUMBERS,
        slip=lambda c: kept(forward(c), slice(None), slice(1)),
    ),
    Mistake(
        key="conv-first-filter-only",
        function="conv_forward",
        name="only the first filter is done: the rest of Z stays zero",
        hint=_EMPTY + " Over what does the innermost loop run?",
        page=_NUMBERS,
        slip=lambda c: kept(forward(c), ..., slice(1)),
    ),
    Mistake(
        key="conv-first-cell-only",
        function="conv_forward",
        name="only one number of Z is set: return stands inside the innermost loop",
        hint=_EMPTY + " How far is return indented?",
        page=_NUMBERS,
        slip=lambda c: kept(forward(c), 0, 0, 0, 0),
    ),
    Mistake(
        key="conv-same-image",
        function="conv_forward",
        name="every image of Z is that of the first image",
        hint="Which image do the windows come from? What in that line changes with the image?",
        page=_NUMBERS,
        slip=lambda c: forward(c, pad=lambda c: np.repeat(padded(c)[:1], len(c.x), 0)),
    ),
    Mistake(
        key="conv-last-image-everywhere",
        function="conv_forward",
        name="every image of Z is that of the last image",
        hint="Which image do the windows come from? What in that line changes with the image?",
        page=_NUMBERS,
        slip=lambda c: forward(c, pad=lambda c: np.repeat(padded(c)[-1:], len(c.x), 0)),
    ),
    Mistake(
        key="conv-nothing",
        function="conv_forward",
        name="Z has the right shape and holds zeros only",
        hint="Does the line that sets a number of Z ever run? Print something beside it.",
        page=_NUMBERS,
        slip=lambda c: np.zeros_like(forward(c)),
    ),
)
