"""ONNX: pads of both sides, all low ones first, so that every padding is one node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.interop.moving.layer import Step
from hwio.interop.moving.orders import order_of
from hwio.interop.moving.parts import arguments, differing, settled, weights_of
from hwio.show.code.script import Script

if TYPE_CHECKING:
    from hwio.interop.moving.layer import Layer
    from hwio.types import Pads

_NAMES = ("W", "B")
_AUTO = {"same": "SAME_UPPER", "same_lower": "SAME_LOWER"}
_TYPES = {"float16": "FLOAT16", "float32": "FLOAT", "float64": "DOUBLE"}


def onnx_steps(layer: Layer, given: tuple[str, str], in_size: Any = None) -> list[Step]:
    """Say a layer as a node of ONNX."""
    weights = weights_of(layer, given, order_of("onnx", layer.kind, layer.space), _NAMES)
    ones = [1] * layer.ndim
    options = differing(
        strides=(list(layer.stride), ones),
        dilations=(list(layer.dilation), ones),
        group=(layer.groups, 1),
    )
    if layer.kind != "transposed":
        # ONNX Runtime refuses auto_pad with dilation; else it holds for every size of x
        auto = layer.sides is None and max(layer.dilation) == 1
        options |= {"auto_pad": _AUTO[layer.same]} if auto else _pads(settled(layer, "onnx"))
        return [Step("Conv", options, weights)]
    sides = settled(layer, "onnx")
    options |= _pads(tuple((low, max(high, 0)) for low, high in sides))
    more = [max(-high, 0) for _, high in sides]
    options |= differing(output_padding=(more, [0] * layer.ndim))
    return [Step("ConvTranspose", options, weights)]


def _pads(sides: Pads) -> dict[str, Any]:
    """Return pads: all low sides, then all high ones."""
    flat = [low for low, _ in sides] + [high for _, high in sides]
    return {"pads": flat} if any(flat) else {}


def onnx_code(title: str, steps: list[Step], layers: tuple[Layer, ...]) -> str:
    """Write the nodes, their arrays and the model."""
    script = Script()
    script.note(title)
    if layers[0].w.dtype == np.float64:
        script.note("ONNX Runtime refuses float64; the reference evaluator takes it")
    script.line("arrays, nodes = [], []")
    for i, step in enumerate(steps):
        names = ["x" if i == 0 else f"y{i}"]
        for weight in step.weights:
            name = f"{weight.given}{i + 1}" if weight.given == "b" else weight.given
            names.append(name)
            array = f"np.ascontiguousarray({weight.code})" if weight.order else weight.code
            script.call(
                "arrays.append(numpy_helper.from_array(", [array, f'"{name}"'], "))", weight.note
            )
        out = "y" if i == len(steps) - 1 else f"y{i + 1}"
        quoted = "[" + ", ".join(f'"{name}"' for name in names) + "]"
        words = [f'"{step.operator}"', quoted, f'["{out}"]', *arguments(step.options)]
        script.call("nodes.append(helper.make_node(", words, "))")
    _write_model(script, layers)
    return script.text()


def _write_model(script: Script, layers: tuple[Layer, ...]) -> None:
    """Write the graph around the nodes; sizes of x are left open."""
    kind = f"TensorProto.{_TYPES[layers[0].w.dtype.name]}"
    for name, channels in (("x", layers[0].in_channels), ("y", layers[-1].out_channels)):
        sizes = ["N", channels, *(f"{name}_{axis}" for axis in layers[0].space)]
        shape = "[" + ", ".join(f'"{s}"' if isinstance(s, str) else str(s) for s in sizes) + "]"
        script.line(f'{name} = helper.make_tensor_value_info("{name}", {kind}, {shape})')
    script.line('graph = helper.make_graph(nodes, "layer", [x], [y], arrays)')
    script.line('opset = helper.make_opsetid("", 13)')
    script.line("model = helper.make_model(graph, opset_imports=[opset], ir_version=8)")
