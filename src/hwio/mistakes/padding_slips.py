"""Mistakes with the padding of conv_forward."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hwio.mistakes.layer import Layer, grow, unpadded
from hwio.mistakes.mistake import Mistake
from hwio.mistakes.reference import by_grown, forward

if TYPE_CHECKING:
    from hwio.types import Array, Pair

_WORDS = "reference/padding.md"
_SAME = "explanation/what-same-means.md"
_LOOK = "Print what you convolve, one image and one channel of it. On which sides are zeros, and how many?"
_SHAPE = (
    "Print the shape of A_prev after padding. Which of its axes should have grown, and by how much?"
)


def _grown(layer: Layer, rows: Pair, columns: Pair) -> Array:
    """Convolve with another padding, whose windows are counted on what was padded."""
    return forward(replace(layer, padding=(rows, columns)))


def _between_images(layer: Layer) -> Array:
    """Pad the axis of images too, so that image i is found ``pad`` places later."""
    return np.pad(layer.x, ((layer.pad, layer.pad), *layer.padding, (0, 0)))[: len(layer.x)]


def _turned(pair: Pair) -> Pair:
    """Exchange low and high."""
    return pair[1], pair[0]


PADDING = (
    Mistake(
        key="conv-pad-missing",
        function="conv_forward",
        name="the padding is left out, and Z is as small as without it",
        hint="Compare the shape of Z with the formula, for pad = 1.",
        page=_WORDS,
        slip=lambda c: _grown(c, (0, 0), (0, 0)),
    ),
    Mistake(
        key="conv-pad-unused",
        function="conv_forward",
        name="windows are cut from A_prev itself, not from the padded array",
        hint="You pad: which array do the windows come from afterwards?",
        page=_WORDS,
        slip=lambda c: forward(c, pad=unpadded),
    ),
    Mistake(
        key="conv-pad-rows-only",
        function="conv_forward",
        name="rows are padded, columns are not",
        hint=_LOOK,
        page=_WORDS,
        slip=lambda c: _grown(c, c.padding[0], (0, 0)),
    ),
    Mistake(
        key="conv-pad-columns-only",
        function="conv_forward",
        name="columns are padded, rows are not",
        hint=_LOOK,
        page=_WORDS,
        slip=lambda c: _grown(c, (0, 0), c.padding[1]),
    ),
    Mistake(
        key="conv-pad-before-only",
        function="conv_forward",
        name="zeros stand above and on the left only",
        hint=_LOOK,
        page=_WORDS,
        slip=lambda c: _grown(c, (c.padding[0][0], 0), (c.padding[1][0], 0)),
    ),
    Mistake(
        key="conv-pad-after-only",
        function="conv_forward",
        name="zeros stand below and on the right only",
        hint=_LOOK,
        page=_WORDS,
        slip=lambda c: _grown(c, (0, c.padding[0][1]), (0, c.padding[1][1])),
    ),
    Mistake(
        key="conv-pad-all-before",
        function="conv_forward",
        name="all zeros stand above and on the left; there are none on the other side",
        hint=_LOOK,
        page=_WORDS,
        slip=lambda c: _grown(c, (sum(c.padding[0]), 0), (sum(c.padding[1]), 0)),
    ),
    Mistake(
        key="conv-pad-all-after",
        function="conv_forward",
        name="all zeros stand below and on the right; there are none on the other side",
        hint=_LOOK,
        page=_WORDS,
        slip=lambda c: _grown(c, (0, sum(c.padding[0])), (0, sum(c.padding[1]))),
    ),
    Mistake(
        key="conv-pad-other-side",
        function="conv_forward",
        name="where the zeros don't divide evenly, the odd one stands on the other side",
        hint="Which side gets one zero more, in the convention that you were asked for?",
        page=_SAME,
        slip=lambda c: _grown(c, _turned(c.padding[0]), _turned(c.padding[1])),
    ),
    Mistake(
        key="conv-pad-doubled",
        function="conv_forward",
        name="each side has twice as many zeros as it should",
        hint="Compare the shape of Z with the formula, for pad = 1. Is the padding done twice?",
        page=_WORDS,
        slip=lambda c: _grown(c, *(((2 * low, 2 * high)) for low, high in c.padding)),
    ),
    Mistake(
        key="conv-pad-always-same",
        function="conv_forward",
        name='the padding is always that of "same", whatever was asked for',
        hint="Compare the shape of Z with the formula, for pad = 0.",
        page=_SAME,
        slip=lambda c: _grown(c, *(((k - 1) // 2, k // 2) for k in c.kernel)),
    ),
    Mistake(
        key="conv-pad-images-too",
        function="conv_forward",
        name="the axis of images is padded too, so Z[i] is that of an earlier image, or of zeros",
        hint=_SHAPE,
        page=_WORDS,
        slip=lambda c: forward(c, pad=_between_images),
    ),
    Mistake(
        key="conv-pad-channels-too",
        function="conv_forward",
        name="the channels are padded too, so windows and filters don't fit each other",
        hint=_SHAPE,
        page=_WORDS,
        slip=lambda c: forward(c, pad=lambda c: np.pad(c.x, ((0, 0), *c.padding, (c.pad, c.pad)))),
    ),
    Mistake(
        key="conv-pad-ones",
        function="conv_forward",
        name="ones stand around the images, not zeros",
        hint="Print what you convolve, one image and one channel of it. What stands around the picture?",
        page="reference/padding.md#what-stands-in-the-padding",
        slip=lambda c: forward(c, pad=lambda c: grow(c, *c.padding, value=1.0)),
    ),
    Mistake(
        key="conv-pad-edge",
        function="conv_forward",
        name="the border is repeated around the images, there are no zeros",
        hint="Print what you convolve, one image and one channel of it. What stands around the picture?",
        page="reference/padding.md#what-stands-in-the-padding",
        slip=lambda c: forward(
            c, pad=lambda c: np.pad(c.x, ((0, 0), *c.padding, (0, 0)), mode="edge")
        ),
    ),
    Mistake(
        key="conv-pad-at-the-end",
        function="conv_forward",
        name="Z is padded, not A_prev",
        hint="Where do the zeros stand in Z? In which order do padding and windows come?",
        page=_WORDS,
        slip=lambda c: np.pad(forward(c, pad=unpadded, out=by_grown), ((0, 0), *c.padding, (0, 0))),
    ),
)
