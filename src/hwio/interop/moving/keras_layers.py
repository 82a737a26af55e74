"""Keras: SAME is a word of its own; other padding is ZeroPadding before, Cropping after."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hwio.interop.moving.layer import Step
from hwio.interop.moving.orders import order_of
from hwio.interop.moving.parts import (
    arguments,
    differing,
    plain,
    refuse,
    settled,
    spread,
    weights_of,
)
from hwio.interop.moving.sides import same_of_transposed
from hwio.shapes.padding import resolve_padding
from hwio.show.code.script import Script

if TYPE_CHECKING:
    from hwio.interop.moving.layer import Layer, Weight
    from hwio.types import Pads

Sizes = tuple[int, ...]


def keras_steps(layer: Layer, given: tuple[str, str], in_size: Sizes | None = None) -> list[Step]:
    """Say a layer as Keras'."""
    _check(layer, given[1])
    if layer.kind == "transposed":
        return _transposed(layer, given)
    pads, padding, why = _padding(layer, in_size)
    if _has_depthwise(layer):
        name = "DepthwiseConv"
        weights = weights_of(layer, given, order_of("keras", "depthwise", layer.space), _NAMES)
        options = {"kernel_size": plain(layer.kernel)}
        own = differing(depth_multiplier=(layer.w.shape[-1], 1))
    else:
        name, own = "Conv", differing(groups=(layer.groups, 1))
        weights = weights_of(layer, given, layer.space + "IO", _NAMES)
        options = {"filters": layer.out_channels, "kernel_size": plain(layer.kernel)}
    options |= _common(layer, padding) | own
    step = Step(f"keras.layers.{name}{layer.ndim}D", options, weights, why)
    return [*_around(layer, "ZeroPadding", pads, "(low, high) of each axis"), step]


_NAMES = ("kernel", "bias")


def _check(layer: Layer, order: str) -> None:
    """Refuse what Keras has no layer for."""
    strided, apart = max(layer.stride) > 1, max(layer.dilation) > 1
    if strided and apart and not _has_depthwise(layer):
        rule = f"Keras has no {layer.kind} layer with stride {layer.stride} and dilation "
        facts = ["zeros between the taps make the same sums without dilation"]
        refuse(rule + f"{layer.dilation}", facts, spread(layer, order))
    if layer.kind == "transposed" and layer.groups > 1:
        rule = f"Keras' transposed layers have no groups, but groups={layer.groups}"
        fix = (
            f"groups=1   # one layer a group, each of {layer.in_channels // layer.groups} channels"
        )
        refuse(rule, ["split w and x along their channels, join the results"], fix)


def _has_depthwise(layer: Layer) -> bool:
    """Tell whether Keras' DepthwiseConv can do it: 1-D or 2-D, one stride for both axes."""
    return layer.kind == "depthwise" and layer.ndim < 3 and len(set(layer.stride)) == 1


def _common(layer: Layer, padding: str) -> dict[str, Any]:
    """Return the options that all convolutions of Keras share."""
    ones = plain((1,) * layer.ndim)
    return differing(
        strides=(plain(layer.stride), ones),
        padding=(padding, "valid"),
        dilation_rate=(plain(layer.dilation), ones),
        use_bias=(layer.b is not None, True),
    )


def _padding(layer: Layer, in_size: Sizes | None) -> tuple[Pads, str, str]:
    """Return the zeros to put before the layer, its word, and why where that is not plain."""
    none = ((0, 0),) * layer.ndim
    if layer.same == "same":
        return none, "same", ""
    sides = settled(layer, "keras")
    causal = layer.kind == "conv" and layer.ndim == 1 and sides == ((layer.reach[0] - 1, 0),)
    if causal and any(sides[0]):
        return none, "causal", ""
    if in_size is not None and any(map(any, sides)) and sides == _same(layer, in_size):
        cells = " × ".join(map(str, in_size))
        return none, "same", f"for x of {cells} cells, and not for every size"
    return sides, "valid", ""


def _same(layer: Layer, in_size: Sizes) -> Pads:
    """Return the zeros of Keras' SAME around x of a size."""
    sizes = layer.kernel, layer.stride, layer.dilation
    return resolve_padding("same", in_size, *sizes, layer.space)


def _around(layer: Layer, name: str, sides: Pads, note: str) -> list[Step]:
    """Return ZeroPadding or Cropping, if there is something to do."""
    if not any(map(any, sides)):
        return []
    pairs = sides[0] if layer.ndim == 1 else sides
    argument = "padding" if name == "ZeroPadding" else "cropping"
    return [Step(f"keras.layers.{name}{layer.ndim}D", {argument: pairs}, note=note)]


def _transposed(layer: Layer, given: tuple[str, str]) -> list[Step]:
    """Say a transposed layer: SAME, or all cells and Cropping after it."""
    order = order_of("keras", "transposed", layer.space)
    weights = weights_of(layer, given, order, _NAMES)
    options = {"filters": layer.out_channels, "kernel_size": plain(layer.kernel)}
    sides = settled(layer, "keras")
    name = f"keras.layers.Conv{layer.ndim}DTranspose"
    if same_of_transposed(sides, layer.reach, layer.stride):
        return [Step(name, options | _common(layer, "same"), weights)]
    more = tuple(max(-high, 0) for _, high in sides)
    own = tuple(max(s - ke, 0) for s, ke in zip(layer.stride, layer.reach, strict=True))
    extra = {} if more == own else {"output_padding": plain(more)}
    for cells, s, axis in zip(more, layer.stride, layer.space, strict=True):
        if cells >= s:
            rule = f"y reaches {cells} further on {axis} than any cell of x"
            fact = f"Keras' output_padding is below the stride, {s}"
            refuse(rule, [fact], "output_padding=0   # then ZeroPadding, bias apart")
    step = Step(name, options | _common(layer, "valid") | extra, weights)
    cut = tuple((low, max(high, 0)) for low, high in sides)
    return [step, *_around(layer, "Cropping", cut, "cells that y leaves out")]


def separable_step(steps: list[Step], layers: tuple[Layer, ...]) -> list[Step]:
    """Join a depthwise and a pointwise step where Keras has one layer for both."""
    *before, first, second = steps
    if "Depthwise" not in first.operator:
        return steps
    options = {"filters": layers[1].out_channels, **first.options}
    options.pop("use_bias")
    options |= differing(use_bias=(layers[1].b is not None, True))
    name = first.operator.replace("Depthwise", "Separable")
    weights = (
        _renamed(first.weights[0], "depthwise_kernel"),
        _renamed(second.weights[0], "pointwise_kernel"),
        *second.weights[1:],
    )
    return [*before, Step(name, options, weights)]


def _renamed(weight: Weight, name: str) -> Weight:
    """Return a weight by another name."""
    return replace(weight, name=name)


def keras_code(title: str, steps: list[Step], layers: tuple[Layer, ...]) -> str:
    """Write the layers and how they get their weights."""
    script = Script()
    script.note(title)
    dtype = layers[0].w.dtype.name
    shape = (*(None,) * layers[0].ndim, layers[0].in_channels)
    words = [] if dtype == "float32" else [f'dtype="{dtype}"']
    script.line("layer = keras.Sequential([")
    with script.block():
        script.line(f"keras.Input({', '.join([str(shape), *words])}),")
        for step in steps:
            script.call(f"{step.operator}(", arguments(step.options) + words, "),", step.note)
    script.line("])")
    at = next(i for i, step in enumerate(steps) if step.weights)
    for i, step in enumerate(steps[at:], at):
        if step.weights:
            arrays = [weight.code for weight in step.weights]
            script.call(f"layer.layers[{i}].set_weights([", arrays, "])", step.weights[0].note)
    return script.text()
