"""Small cases of growing difficulty, one new thing at a time: what tells mistakes apart.

Numbers are whole, or quarters, so that no sum of products is rounded in float32 or float64 and every
difference is a mistake; the last case of each function has random numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.mistakes.layer import Layer
from hwio.mistakes.reference import by_formula

if TYPE_CHECKING:
    from hwio.types import Array, Pair

# The functions that are known, and what they are called in messages.
FUNCTIONS = {
    "zero_pad": "zero_pad(X, pad)",
    "conv_single_step": "conv_single_step(a_slice_prev, W, b)",
    "conv_forward": "conv_forward(A_prev, W, b, hparameters)",
    "conv_backward": "conv_backward(dZ, cache)",
    "pool_forward": "pool_forward(A_prev, hparameters, mode)",
    "pool_backward": "pool_backward(dA, cache, mode)",
    "conv": "conv(x, w, b, stride=, padding=)",
}


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One call that a function is tried on.

    Attributes
    ----------
    title : str
        What is new in it.
    layer : Layer
    options : dict
        Keywords of a plain function, as they are passed.
    """

    title: str
    layer: Layer
    options: dict[str, Any]


def _whole(seed: int, *shape: int) -> Array:
    """Draw whole numbers from -4 to 4."""
    return np.random.default_rng(seed).integers(-4, 5, shape) * 1.0


def _quarters(seed: int, *shape: int) -> Array:
    """Draw quarters from -3 to 3."""
    return np.random.default_rng(seed).integers(-12, 13, shape) / 4


def _distinct(seed: int, *shape: int) -> Array:
    """Draw quarters around 0, no two of them equal."""
    size = prod(shape)
    return (np.random.default_rng(seed).permutation(size).reshape(shape) - size // 2) / 4


def _normal(seed: int, *shape: int) -> Array:
    """Draw normal numbers."""
    return np.random.default_rng(seed).standard_normal(shape)


Draw = Callable[..., "Array"]


def _conv(
    title: str,
    x: tuple[int, ...],
    w: tuple[int, ...],
    *,
    stride: int = 1,
    pad: int = 0,
    draw: Draw = _quarters,
    bias: bool = True,
) -> Case:
    """Make a case of the course's convolution, with dZ for the way back."""
    b = draw(3, w[-1]) + 0.5 if bias else np.zeros(w[-1])
    layer = Layer(draw(1, *x), draw(2, *w), b, None, (stride,) * 2, ((pad, pad),) * 2)
    out = by_formula(layer, layer.x)
    dy = draw(4, x[0], *out, w[-1])
    return Case(title, replace(layer, dy=dy), {})


CONVOLUTIONS = (
    _conv("one image, one channel, one filter", (1, 4, 4, 1), (3, 3, 1, 1), draw=_whole, bias=False),
    _conv("a bias", (1, 4, 4, 1), (3, 3, 1, 1), draw=_whole),
    _conv("fractions", (1, 4, 4, 1), (3, 3, 1, 1)),
    _conv("more columns than rows", (1, 4, 6, 1), (3, 3, 1, 1)),
    _conv("2 channels", (1, 4, 6, 2), (3, 3, 2, 1)),
    _conv("3 filters", (1, 4, 6, 2), (3, 3, 2, 3)),
    _conv("2 images", (2, 4, 6, 2), (3, 3, 2, 3)),
    _conv("stride 2", (2, 5, 7, 2), (3, 3, 2, 3), stride=2),
    _conv("pad 1", (2, 4, 5, 2), (3, 3, 2, 3), pad=1),
    _conv("stride 2 and pad 1, cells left over", (2, 6, 7, 2), (3, 3, 2, 3), stride=2, pad=1),
    _conv("as many channels as filters as taps", (2, 5, 5, 3), (3, 3, 3, 3)),
    _conv("2 × 2 taps, stride 3, pad 2", (3, 5, 7, 2), (2, 2, 2, 4), stride=3, pad=2),
    _conv("1 × 1 taps, stride 2", (2, 5, 7, 3), (1, 1, 3, 2), stride=2),
    _conv("5 × 5 taps on a smaller image, pad 2", (2, 3, 4, 2), (5, 5, 2, 2), pad=2),
    _conv("the course's sizes, random numbers", (2, 5, 7, 4), (3, 3, 4, 8), stride=2, pad=1, draw=_normal),
)  # fmt: skip


def _plain(
    title: str,
    x: tuple[int, ...] = (2, 6, 7, 2),
    w: tuple[int, ...] = (3, 2, 2, 3),
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0)),
    **options: Any,
) -> Case:
    """Make a case of a plain convolution; the filter is not square."""
    draw = options.pop("draw", _quarters)
    b = draw(3, w[-1]) + 0.5 if options.pop("bias", False) else None
    stride, dilation = options.get("stride", 1), options.get("dilation", 1)
    pairs = ((stride, stride), padding, (dilation, dilation))
    return Case(title, Layer(draw(1, *x), draw(2, *w), b, None, *pairs), options)


PLAIN = (
    _plain("one image, one channel, one filter", (1, 4, 4, 1), (3, 3, 1, 1), draw=_whole),
    _plain("more columns than rows, more rows of taps than columns", (1, 4, 6, 1), (3, 2, 1, 1)),
    _plain("2 channels", (1, 4, 6, 2), (3, 2, 2, 1)),
    _plain("3 filters", (1, 4, 6, 2), (3, 2, 2, 3)),
    _plain("2 images", (2, 4, 6, 2), (3, 2, 2, 3)),
    _plain("as many channels as filters as taps", (2, 5, 5, 3), (3, 3, 3, 3)),
    _plain("a bias", (2, 4, 6, 3), (3, 2, 3, 2), bias=True),
    _plain("stride 2", (2, 7, 8, 2), stride=2),
    _plain("stride 2, cells left over", stride=2),
    _plain("padding 1", padding=((1, 1), (1, 1)), pad=1),
    _plain("stride 2 and padding 1", (2, 7, 7, 2), padding=((1, 1), (1, 1)), stride=2, pad=1),
    _plain("stride 4 and padding 1", (2, 7, 6, 2), padding=((1, 1), (1, 1)), stride=4, pad=1),
    _plain("padding 'same'", (2, 5, 6, 2), (3, 2, 2, 3), ((1, 1), (0, 1)), pad="same"),
    _plain("stride 2 and padding 'same'", (2, 6, 7, 2), (3, 4, 2, 3), ((0, 1), (1, 2)), stride=2, pad="same"),
    _plain("dilation 2", (2, 7, 7, 2), dilation=2),
    _plain("1 × 1 taps", (2, 5, 7, 3), (1, 1, 3, 2)),
    _plain("random numbers", (2, 5, 7, 4), (3, 3, 4, 8), draw=_normal),
)  # fmt: skip


def _pool(
    title: str,
    x: tuple[int, ...],
    f: int,
    stride: int,
    mode: str = "max",
    draw: Draw = _distinct,
    shift: float = 0,
) -> Case:
    """Make a case of pooling, with dA for the way back."""
    layer = Layer(draw(1, *x) + shift, stride=(stride,) * 2, window=(f,) * 2, mode=mode)
    dy = _quarters(4, x[0], *by_formula(layer, layer.x), x[-1])
    return Case(f"{title}, {mode}", replace(layer, dy=dy), {})


def _both(title: str, x: tuple[int, ...], f: int, stride: int, **more: Any) -> tuple[Case, Case]:
    """Make a case of each mode."""
    return _pool(title, x, f, stride, "max", **more), _pool(title, x, f, stride, "average", **more)


POOLINGS = (
    *_both("one image, one channel, f 2, stride 2", (1, 4, 4, 1), 2, 2),
    *_both("more columns than rows", (1, 4, 6, 1), 2, 2),
    *_both("2 channels", (1, 4, 6, 2), 2, 2),
    *_both("2 images", (2, 4, 6, 2), 2, 2),
    *_both("windows that overlap: f 2, stride 1", (2, 4, 5, 2), 2, 1),
    *_both("numbers below zero", (2, 4, 6, 3), 2, 2, shift=-20),
    *_both("f 3, stride 2, cells left over", (2, 6, 8, 3), 3, 2),
    *_both("f 2, stride 3", (2, 5, 9, 3), 2, 3),
    *_both("equal numbers in a window", (2, 5, 7, 2), 3, 2, draw=lambda seed, *n: np.abs(_whole(seed, *n))),
    *_both("random numbers", (2, 5, 7, 3), 3, 2, draw=_normal),
)  # fmt: skip


def _pad(title: str, x: tuple[int, ...], pad: int, draw: Draw = _quarters) -> Case:
    """Make a case of zero_pad."""
    return Case(title, Layer(draw(1, *x), padding=((pad, pad),) * 2), {})


PADS = (
    _pad("one image, one channel, pad 1", (1, 3, 3, 1), 1, _whole),
    _pad("more columns than rows", (1, 3, 4, 1), 1),
    _pad("2 channels", (1, 3, 4, 2), 1),
    _pad("2 images", (2, 3, 4, 2), 1),
    _pad("pad 2", (2, 3, 4, 2), 2),
    _pad("pad 0", (2, 3, 4, 2), 0),
    _pad("random numbers, pad 3", (3, 4, 4, 3), 3, _normal),
)


def _step(title: str, shape: tuple[int, ...], draw: Draw = _quarters, bias: bool = True) -> Case:
    """Make a case of conv_single_step."""
    b = draw(3, 1) + 0.5 if bias else np.zeros(1)
    return Case(title, Layer(draw(1, *shape), draw(2, *shape), b), {})


STEPS = (
    _step("one channel", (3, 3, 1), _whole, bias=False),
    _step("a bias", (3, 3, 1), _whole),
    _step("fractions", (3, 3, 1)),
    _step("3 channels", (2, 2, 3)),
    _step("one tap", (1, 1, 2)),
    _step("random numbers", (3, 3, 4), _normal),
    _step("a number below zero", (3, 3, 2), lambda s, *n: -np.abs(_quarters(s, *n)) * (-1) ** (s == 2)),
)  # fmt: skip

# Function -> cases, simple ones first. Those of "conv" are tried where its keywords are known.
CASES: dict[str, tuple[Case, ...]] = {
    "zero_pad": PADS,
    "conv_single_step": STEPS,
    "conv_forward": CONVOLUTIONS,
    "conv_backward": CONVOLUTIONS,
    "pool_forward": POOLINGS,
    "pool_backward": POOLINGS,
    "conv": PLAIN,
}
