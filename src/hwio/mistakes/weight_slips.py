"""Mistakes with the weights and channels of conv_forward: which number of W meets which of A_prev."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hwio.mistakes.layer import Layer
from hwio.mistakes.mistake import Mistake
from hwio.mistakes.reference import forward

if TYPE_CHECKING:
    from hwio.types import Array

_READ = "tutorials/read-a-weight-tensor.md"
_TURN = "explanation/convolution-or-correlation.md#what-exactly-is-turned"
_RESHAPE = "explanation/print-order.md#reshape-cuts-moveaxis-turns"
_AXES = "W has shape (f, f, n_C_prev, n_C). Which of its axes counts the filters?"
_IMPULSE = (
    "Give an image of zeros with a single 1 in the middle and look at Z[0, :, :, 0]: "
    "where does W[0, 0, 0, 0] come out?"
)
_ONE_CHANNEL = "Give an A_prev whose channels are all zero but one, for each of them in turn."


def _with(layer: Layer, w: Array) -> Array:
    """Convolve with other weights."""
    return forward(replace(layer, w=w))


def _each(layer: Layer, axis: int) -> Array:
    """Convolve with a filter taken from another axis, as ``window * W[...]`` in a loop would."""

    def step(layer: Layer, window: Array) -> Array:
        count = layer.weights.shape[-1]
        filters = np.moveaxis(layer.weights, axis, 0)
        sums = [(window * filters[k]).sum((1, 2, 3)) for k in range(count)]
        return np.stack(sums, -1) + layer.bias

    return forward(layer, step=step)


def _own_channel(layer: Layer, window: Array) -> Array:
    """Let filter k see channel k alone."""
    w = layer.weights
    sums = [(window[..., k] * w[:, :, k, k]).sum((1, 2)) for k in range(w.shape[-1])]
    return np.stack(sums, -1) + layer.bias


def _channel(layer: Layer, window: Array, at: int) -> Array:
    """Sum the products of one channel."""
    sums: Array = (window[..., at, None] * layer.weights[:, :, at]).sum((1, 2))
    return sums + layer.bias


def _reshaped_oihw(w: Array) -> Array:
    """Cut w into filters first, channels second, and read it so."""
    kh, kw, c, o = w.shape
    return w.reshape(o, c, kh, kw).transpose(2, 3, 1, 0)


WEIGHTS = (
    Mistake(
        key="conv-filter-first-axis",
        function="conv_forward",
        name="the filters are taken as W[k], along the first axis",
        hint=_AXES,
        page=_READ,
        slip=lambda c: _each(c, 0),
    ),
    Mistake(
        key="conv-filter-third-axis",
        function="conv_forward",
        name="the filters are taken along the third axis, which counts in-channels",
        hint=_AXES,
        page=_READ,
        slip=lambda c: _each(c, 2),
    ),
    Mistake(
        key="conv-weights-reshaped",
        function="conv_forward",
        name="W is reshaped to put the filters first, which cuts it into other pieces",
        hint="A reshape keeps the order of storage. Compare the 3 × 3 numbers of one filter before and after.",
        page=_RESHAPE,
        slip=lambda c: _with(c, np.moveaxis(c.weights.reshape(-1, *c.weights.shape[:3]), 0, -1)),
    ),
    Mistake(
        key="conv-weights-reshaped-oihw",
        function="conv_forward",
        name="W is reshaped to (n_C, n_C_prev, f, f), which cuts it into other pieces",
        hint="A reshape keeps the order of storage. Compare the numbers of one filter before and after.",
        page=_RESHAPE,
        slip=lambda c: _with(c, _reshaped_oihw(c.weights)),
    ),
    Mistake(
        key="conv-filter-turned",
        function="conv_forward",
        name="the filters are turned by 180°, as in the convolution of signal processing",
        hint=_IMPULSE + " Networks don't turn them.",
        page=_TURN,
        slip=lambda c: _with(c, c.weights[::-1, ::-1]),
    ),
    Mistake(
        key="conv-filter-upside-down",
        function="conv_forward",
        name="the filters are upside down",
        hint=_IMPULSE,
        page=_TURN,
        slip=lambda c: _with(c, c.weights[::-1]),
    ),
    Mistake(
        key="conv-filter-mirrored",
        function="conv_forward",
        name="the filters are mirrored, left to right",
        hint=_IMPULSE,
        page=_TURN,
        slip=lambda c: _with(c, c.weights[:, ::-1]),
    ),
    Mistake(
        key="conv-filter-turned-in-depth",
        function="conv_forward",
        name="the filters are turned along the channels too",
        hint="Which channel of A_prev meets which channel of a filter?",
        page=_TURN,
        slip=lambda c: _with(c, c.weights[::-1, ::-1, ::-1]),
    ),
    Mistake(
        key="conv-filter-transposed",
        function="conv_forward",
        name="rows and columns of the filters are exchanged",
        hint=_IMPULSE,
        page="how-to/convert-layouts.md#the-slip-that-shapes-dont-show",
        slip=lambda c: _with(c, c.weights.swapaxes(0, 1)),
    ),
    Mistake(
        key="conv-one-filter",
        function="conv_forward",
        name="the first filter is used for all channels of Z",
        hint="Compare Z[..., 0] with Z[..., 1]. What in your loop changes from filter to filter?",
        page=_READ,
        slip=lambda c: _with(c, np.repeat(c.weights[..., :1], c.weights.shape[-1], -1)),
    ),
    Mistake(
        key="conv-first-channel",
        function="conv_forward",
        name="the first channel of A_prev alone is summed",
        hint=_ONE_CHANNEL,
        page=_READ,
        slip=lambda c: forward(c, step=lambda c, window: _channel(c, window, 0)),
    ),
    Mistake(
        key="conv-last-channel",
        function="conv_forward",
        name="the last channel of A_prev alone counts: each channel overwrites the one before",
        hint=_ONE_CHANNEL + " What becomes of the sums of earlier channels?",
        page=_READ,
        slip=lambda c: forward(c, step=lambda c, window: _channel(c, window, -1)),
    ),
    Mistake(
        key="conv-own-channel",
        function="conv_forward",
        name="filter k sees channel k alone",
        hint=_ONE_CHANNEL + " How many channels does one filter have?",
        page=_READ,
        slip=lambda c: forward(c, step=_own_channel),
    ),
    Mistake(
        key="conv-channels-averaged",
        function="conv_forward",
        name="the channels are averaged, not summed",
        hint="Set W to ones, b to 0 and A_prev to ones: how large should Z be?",
        page=_READ,
        slip=lambda c: _with(c, c.weights / c.x.shape[-1]),
    ),
    Mistake(
        key="conv-mean",
        function="conv_forward",
        name="the mean of the products is taken, not their sum",
        hint="Set W to ones, b to 0 and A_prev to ones: how large should Z be?",
        page=_READ,
        slip=lambda c: _with(c, c.weights / np.prod(c.weights.shape[:3])),
    ),
    Mistake(
        key="conv-added",
        function="conv_forward",
        name="window and filter are added, not multiplied",
        hint="Set W to zeros: what should be left, and what is?",
        page=_READ,
        slip=lambda c: forward(
            c,
            step=lambda c, window: (window[..., None] + c.weights).sum((1, 2, 3)) + c.bias,
        ),
    ),
    Mistake(
        key="conv-dilation-ignored",
        function="conv_forward",
        name="the dilation is ignored: the taps lie side by side",
        hint="Give an image with a single 1 in it: how far apart do the weights come out?",
        page="explanation/what-same-means.md",
        slip=lambda c: forward(replace(c, dilation=(1, 1))),
    ),
)
