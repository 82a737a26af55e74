"""TFLite: operators of a flatbuffer; SAME or VALID, other padding is PAD before, SLICE after.

A layer of one spatial axis is one of two, with H = 1: TFLite has no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.errors import DTypeError, OptionError, word
from hwio.interop.moving.layer import Step, Weight
from hwio.interop.moving.orders import order_of
from hwio.interop.moving.parts import refuse, settled, weights_of
from hwio.interop.moving.sides import same_of_transposed

if TYPE_CHECKING:
    from hwio.interop.moving.layer import Layer

_NAMES = ("filters", "bias")


def tflite_steps(
    layer: Layer, given: tuple[str, str], in_size: tuple[int, ...] | None = None
) -> list[Step]:
    """Say a layer as TFLite's operators."""
    _check(layer)
    order = order_of("tflite", layer.kind, layer.space)
    weights = weights_of(layer, given, order, _NAMES, ones=int(layer.ndim == 1))
    if layer.kind == "transposed":
        return _transposed(layer, weights, in_size)
    padding, before = "SAME", ()
    if layer.same != "same":
        sides = settled(layer, "tflite")
        padding, before = "VALID", _lifted(layer, sides, (0, 0))
    options = {"padding": padding, **_per_axis(layer, "stride{}", layer.stride)}
    if max(layer.dilation) > 1:
        options |= _per_axis(layer, "dilation{}Factor", layer.dilation)
    name = "CONV_3D" if layer.ndim == 3 else "CONV_2D"
    if layer.kind == "depthwise":
        name = "DEPTHWISE_CONV_2D"
        options["depthMultiplier"] = layer.w.shape[-1]
    if layer.b is None:
        weights += (_no_bias(layer),)
    step = Step(name, options, weights, "x as (N, 1, W, C)" if layer.ndim == 1 else "")
    if not any(map(any, before)):
        return [step]
    pairs = [[0, 0], *map(list, before), [0, 0]]
    note = "(low, high) of each axis: the operator has SAME and VALID alone"
    return [Step("PAD", {"paddings": pairs}, note=note), step]


def _check(layer: Layer) -> None:
    """Refuse what TFLite has no operator for."""
    if layer.w.dtype != np.float32:
        rule = f"w has dtype {layer.w.dtype}, but TFLite convolves float32"
        raise DTypeError(word(rule, [], "w = w.astype(np.float32)"))
    if layer.kind == "transposed" and (layer.groups > 1 or max(layer.dilation) > 1):
        has = f"groups={layer.groups}" if layer.groups > 1 else f"dilation={layer.dilation}"
        refuse(f"TFLite's TRANSPOSE_CONV has no {has}", [], "target='onnx'")
    if layer.ndim == 3 and layer.groups > 1:
        rule = f"TFLite's CONV_3D has no groups, but groups={layer.groups}"
        refuse(rule, [], "target='onnx'")


def _transposed(layer: Layer, weights: Any, in_size: tuple[int, ...] | None) -> list[Step]:
    """Say a transposed layer: the size of y is one of its inputs."""
    if in_size is None:
        rule = "TRANSPOSE_CONV takes the size of y as numbers, which asks for the size of x"
        size = (28,) * layer.ndim if layer.ndim > 1 else 28
        raise OptionError(word(rule, [], f"in_size={size}"))
    sides = settled(layer, "tflite")
    same = same_of_transposed(sides, layer.reach, layer.stride)
    axes = list(zip(in_size, layer.stride, layer.reach, sides, strict=True))
    final = [(n - 1) * s + ke - low - high for n, s, ke, (low, high) in axes]
    # all cells, and those after the last that x reaches
    whole = [size + low + max(high, 0) for size, (low, high) in zip(final, sides, strict=True)]
    size = _lifted(layer, final if same else whole, 1)
    options = {
        "padding": "SAME" if same else "VALID",
        **_per_axis(layer, "stride{}", layer.stride),
        "output_shape": [1, *size, layer.out_channels],
    }
    name = "CONV_3D_TRANSPOSE" if layer.ndim == 3 else "TRANSPOSE_CONV"
    step = Step(name, options, weights, "x as (N, 1, W, C)" if layer.ndim == 1 else "")
    if same or whole == final:
        return [step]
    begin = [0, *_lifted(layer, [low for low, _ in sides], 0), 0]
    cut = {"begin": begin, "size": [-1, *_lifted(layer, final, 1), -1]}
    return [step, Step("SLICE", cut, note="cells that y leaves out")]


def _no_bias(layer: Layer) -> Weight:
    """Return a bias of zeros: some kernels read one whether or not it is there."""
    channels = layer.out_channels
    code, note = f"np.zeros({channels}, np.float32)", "kernels read a bias"
    return Weight("bias", "", np.zeros(channels, np.float32), code, note=note)


def _lifted(layer: Layer, values: Any, one: Any) -> tuple[Any, ...]:
    """Return one value for each axis that the operator has: H = 1 of a single axis."""
    return (one, *values) if layer.ndim == 1 else tuple(values)


def _per_axis(layer: Layer, name: str, values: tuple[int, ...]) -> dict[str, int]:
    """Return an option of each axis by the schema's names.

    Such as strideH and strideW.
    """
    space = layer.space if layer.ndim > 1 else "HW"
    named = zip(space, _lifted(layer, values, 1), strict=True)
    return {name.format(axis): value for axis, value in named}
