"""Mistakes in conv_single_step: one window, one filter, one number."""

from __future__ import annotations

import numpy as np

from hwio.mistakes.mistake import Mistake

_BIAS = "Set W to zeros: what should be left, and what is?"
_SUM = "Set W to ones and b to 0: how should the result follow from the numbers of the window?"
_WHICH = (
    "Give a window with a single 1 in it, at one place after the other: which weight comes out?"
)
_STEP = "tutorials/read-a-weight-tensor.md#the-same-number-by-hand"
_FLIP = "explanation/convolution-or-correlation.md#what-exactly-is-turned"

SINGLE_STEP = (
    Mistake(
        key="step-bias-missing",
        function="conv_single_step",
        name="the bias is missing",
        hint=_BIAS,
        page=_STEP,
        slip=lambda c: np.sum(c.x * c.weights),
    ),
    Mistake(
        key="step-bias-doubled",
        function="conv_single_step",
        name="the bias is added twice",
        hint=_BIAS,
        page=_STEP,
        slip=lambda c: np.sum(c.x * c.weights) + 2 * c.bias[0],
    ),
    Mistake(
        key="step-bias-per-product",
        function="conv_single_step",
        name="the bias is added to every product, before the sum",
        hint=_BIAS,
        page=_STEP,
        slip=lambda c: np.sum(c.x * c.weights + c.bias[0]),
    ),
    Mistake(
        key="step-bias-subtracted",
        function="conv_single_step",
        name="the bias is subtracted",
        hint=_BIAS,
        page=_STEP,
        slip=lambda c: np.sum(c.x * c.weights) - c.bias[0],
    ),
    Mistake(
        key="step-bias-times",
        function="conv_single_step",
        name="the sum is multiplied by the bias",
        hint=_BIAS,
        page=_STEP,
        slip=lambda c: np.sum(c.x * c.weights) * c.bias[0],
    ),
    Mistake(
        key="step-mean",
        function="conv_single_step",
        name="the mean of the products is taken, not their sum",
        hint=_SUM,
        page=_STEP,
        slip=lambda c: np.mean(c.x * c.weights) + c.bias[0],
    ),
    Mistake(
        key="step-largest",
        function="conv_single_step",
        name="the largest product is taken, not their sum",
        hint=_SUM,
        page=_STEP,
        slip=lambda c: np.max(c.x * c.weights) + c.bias[0],
    ),
    Mistake(
        key="step-added",
        function="conv_single_step",
        name="window and filter are added, not multiplied",
        hint=_BIAS,
        page=_STEP,
        slip=lambda c: np.sum(c.x + c.weights) + c.bias[0],
    ),
    Mistake(
        key="step-first-channel",
        function="conv_single_step",
        name="the first channel alone is summed",
        hint="Put zeros into all channels of the window but the last.",
        page=_STEP,
        slip=lambda c: np.sum(c.x[..., 0] * c.weights[..., 0]) + c.bias[0],
    ),
    Mistake(
        key="step-channels-averaged",
        function="conv_single_step",
        name="the channels are averaged, not summed",
        hint=_SUM,
        page=_STEP,
        slip=lambda c: np.sum(c.x * c.weights) / c.x.shape[-1] + c.bias[0],
    ),
    Mistake(
        key="step-rows-kept",
        function="conv_single_step",
        name="the sum runs over the first axis only, so an array comes back",
        hint="One window and one filter make one number: over which axes does your sum run?",
        page=_STEP,
        slip=lambda c: np.sum(c.x * c.weights, axis=0) + c.bias[0],
    ),
    Mistake(
        key="step-channels-kept",
        function="conv_single_step",
        name="the sum runs over rows and columns but not over channels, so an array comes back",
        hint="One window and one filter make one number: over which axes does your sum run?",
        page=_STEP,
        slip=lambda c: np.sum(c.x * c.weights, axis=(0, 1)) + c.bias[0],
    ),
    Mistake(
        key="step-products-kept",
        function="conv_single_step",
        name="nothing is summed: the products come back",
        hint="One window and one filter make one number. What turns many into one?",
        page=_STEP,
        slip=lambda c: c.x * c.weights + c.bias[0],
    ),
    Mistake(
        key="step-filter-turned",
        function="conv_single_step",
        name="the filter is turned by 180°",
        hint=_WHICH,
        page=_FLIP,
        slip=lambda c: np.sum(c.x * c.weights[::-1, ::-1]) + c.bias[0],
    ),
    Mistake(
        key="step-filter-transposed",
        function="conv_single_step",
        name="rows and columns of the filter are exchanged",
        hint=_WHICH,
        page=_STEP,
        slip=lambda c: np.sum(c.x * c.weights.swapaxes(0, 1)) + c.bias[0],
    ),
    Mistake(
        key="step-relu",
        function="conv_single_step",
        name="negative results are replaced by 0, as an activation would",
        hint="Set b to a large negative number.",
        page=_STEP,
        slip=lambda c: np.maximum(0, np.sum(c.x * c.weights) + c.bias[0]),
    ),
    Mistake(
        key="step-whole-number",
        function="conv_single_step",
        name="the fraction is lost: the result is made a whole number",
        hint="Set W to zeros and b to 0.5.",
        page="reference/dtypes.md",
        slip=lambda c: np.trunc(np.sum(c.x * c.weights) + c.bias[0]),
    ),
    Mistake(
        key="step-bias-cut",
        function="conv_single_step",
        name="the bias loses its fraction",
        hint="Set W to zeros and b to 0.5.",
        page="reference/dtypes.md",
        slip=lambda c: np.sum(c.x * c.weights) + np.trunc(c.bias[0]),
    ),
)
