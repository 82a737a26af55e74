"""PyTorch: ``nn.ConvNd`` pads both sides alike, so that other padding is a layer before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwio.interop.moving.layer import Step
from hwio.interop.moving.orders import order_of
from hwio.interop.moving.parts import arguments, differing, plain, settled, weights_of
from hwio.show.code.script import Script

if TYPE_CHECKING:
    from hwio.interop.moving.layer import Layer
    from hwio.types import Pads, Pair

_NAMES = ("weight", "bias")


def torch_steps(layer: Layer, given: tuple[str, str], in_size: Any = None) -> list[Step]:
    """Say a layer as PyTorch's."""
    weights = weights_of(layer, given, order_of("torch", layer.kind, layer.space), _NAMES)
    if layer.kind == "transposed":
        return _transposed(layer, weights)
    sides = settled(layer, "torch")
    even = all(low == high for low, high in sides)
    options = _channels(layer) | differing(
        stride=(plain(layer.stride), plain(_ones(layer))),
        padding=(plain([low for low, _ in sides]) if even else 0, plain([0] * layer.ndim)),
        dilation=(plain(layer.dilation), plain(_ones(layer))),
        groups=(layer.groups, 1),
        bias=(layer.b is not None, True),
    )
    if not even:
        options.pop("padding", None)
    step = Step(f"nn.Conv{layer.ndim}d", options, weights)
    return [step] if even else [_zeros(layer, sides, _why(sides)), step]


def _transposed(layer: Layer, weights: Any) -> list[Step]:
    """Say a transposed layer: one padding for both sides, then what is left to cut."""
    axes = zip(settled(layer, "torch"), layer.stride, layer.dilation, strict=True)
    said = [_one_axis(*sides, max(s, d)) for sides, s, d in axes]
    padding, extra, cuts = zip(*said, strict=True)
    zeros = plain([0] * layer.ndim)
    options = _channels(layer) | differing(
        stride=(plain(layer.stride), plain(_ones(layer))),
        padding=(plain(padding), zeros),
        output_padding=(plain(extra), zeros),
        groups=(layer.groups, 1),
        bias=(layer.b is not None, True),
        dilation=(plain(layer.dilation), plain(_ones(layer))),
    )
    step = Step(f"nn.ConvTranspose{layer.ndim}d", options, weights)
    below = tuple((-low, -high) for low, high in cuts)
    if not any(map(any, cuts)):
        return [step]
    return [step, _zeros(layer, below, "below 0: cells that y leaves out")]


def _one_axis(low: int, high: int, most: int) -> tuple[int, int, Pair]:
    """Return padding and output_padding of one axis, and the cells that are then left to cut."""
    if 0 <= low - high < most:
        return low, low - high, (0, 0)
    padding, extra = max(min(low, high), 0), max(-high, 0)
    return padding, extra, (low - padding, max(high, 0) - padding)


def _channels(layer: Layer) -> dict[str, Any]:
    """Return the arguments that the shape of w says."""
    return {
        "in_channels": layer.in_channels,
        "out_channels": layer.out_channels,
        "kernel_size": plain(layer.kernel),
    }


def _ones(layer: Layer) -> tuple[int, ...]:
    """Return the default of stride and dilation."""
    return (1,) * layer.ndim


def _zeros(layer: Layer, sides: Pads, note: str) -> Step:
    """Return a layer of zeros, written from the last axis to the first."""
    flat = tuple(side for pair in reversed(sides) for side in pair)
    return Step(f"nn.ZeroPad{layer.ndim}d", {"padding": flat}, note=note)


def _why(sides: Pads) -> str:
    """Say why there is a layer of zeros."""
    last = "(low, high) of the last axis first" if len(sides) > 1 else "(low, high)"
    return f"{last}: Conv{len(sides)}d pads both sides alike"


def torch_code(title: str, steps: list[Step], layers: tuple[Layer, ...]) -> str:
    """Write the layers and how they get their weights."""
    script = Script()
    script.note(title)
    dtype = {"f2": "torch.float16", "f8": "torch.float64"}.get(layers[0].w.dtype.str[1:], "")
    script.line("layer = nn.Sequential(")
    with script.block():
        for step in steps:
            words = arguments(step.options)
            words += [f"dtype={dtype}"] if dtype and step.weights else []
            script.call(f"{step.operator}(", words, "),", step.note)
    script.line(")")
    script.line("with torch.no_grad():")
    with script.block():
        for i, step in enumerate(steps):
            for weight in step.weights:
                code = f"layer[{i}].{weight.name}.copy_(torch.tensor({weight.code}))"
                script.line(code, weight.note)
    return script.text()
