"""Mistakes with the bias of conv_forward, and with what is done to Z at the end."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from hwio.mistakes.layer import Layer
from hwio.mistakes.mistake import Mistake
from hwio.mistakes.reference import forward
from hwio.types import Array

_ZERO = "Set W to zeros: every number of Z[..., k] should be the same. Which, and which is it?"
_PAGE = "tutorials/read-a-weight-tensor.md#all-the-numbers"


def _biased(layer: Layer, b: Any) -> Array:
    """Convolve, with another bias."""
    return forward(replace(layer, b=b))


BIAS = (
    Mistake(
        key="conv-bias-missing",
        function="conv_forward",
        name="the bias is missing",
        hint=_ZERO,
        page=_PAGE,
        slip=lambda c: _biased(c, None),
    ),
    Mistake(
        key="conv-bias-doubled",
        function="conv_forward",
        name="the bias is added twice",
        hint=_ZERO + " Does a function that you call add it as well?",
        page=_PAGE,
        slip=lambda c: _biased(c, 2 * c.bias),
    ),
    Mistake(
        key="conv-bias-per-product",
        function="conv_forward",
        name="the bias is added to every product, before the sum",
        hint=_ZERO,
        page=_PAGE,
        slip=lambda c: _biased(c, prod(c.weights.shape[:3]) * c.bias),
    ),
    Mistake(
        key="conv-bias-per-channel",
        function="conv_forward",
        name="the bias is added once for each channel of A_prev",
        hint=_ZERO + " How often does the line run that adds it?",
        page=_PAGE,
        slip=lambda c: _biased(c, c.x.shape[-1] * c.bias),
    ),
    Mistake(
        key="conv-bias-first",
        function="conv_forward",
        name="all filters get the bias of the first",
        hint=_ZERO + " Which axis of b counts the filters?",
        page=_PAGE,
        slip=lambda c: _biased(c, c.bias[:1]),
    ),
    Mistake(
        key="conv-bias-summed",
        function="conv_forward",
        name="every filter gets the sum of all biases",
        hint=_ZERO + " Over what does your sum run?",
        page=_PAGE,
        slip=lambda c: _biased(c, np.sum(c.bias)),
    ),
    Mistake(
        key="conv-bias-subtracted",
        function="conv_forward",
        name="the bias is subtracted",
        hint=_ZERO,
        page=_PAGE,
        slip=lambda c: _biased(c, -c.bias),
    ),
    Mistake(
        key="conv-bias-times",
        function="conv_forward",
        name="Z is multiplied by the bias",
        hint=_ZERO,
        page=_PAGE,
        slip=lambda c: _biased(c, None) * c.bias,
    ),
    Mistake(
        key="conv-bias-cut",
        function="conv_forward",
        name="the bias loses its fraction",
        hint=_ZERO + " Try b = 0.5.",
        page="reference/dtypes.md",
        slip=lambda c: _biased(c, np.trunc(c.bias)),
    ),
    Mistake(
        key="conv-relu",
        function="conv_forward",
        name="negative numbers of Z are replaced by 0: an activation is applied already",
        hint="Has your Z any negative number? Should it?",
        page=_PAGE,
        slip=lambda c: np.maximum(0, forward(c)),
    ),
    Mistake(
        key="conv-whole-numbers",
        function="conv_forward",
        name="the fractions are lost: Z holds whole numbers",
        hint="Print Z.dtype. What dtype had the array that you began with?",
        page="reference/dtypes.md",
        slip=lambda c: np.trunc(forward(c)),
    ),
    Mistake(
        key="conv-rounded",
        function="conv_forward",
        name="Z is rounded to whole numbers",
        hint="Try W and b with fractions: which line drops them?",
        page="reference/dtypes.md",
        slip=lambda c: np.round(forward(c)),
    ),
)
