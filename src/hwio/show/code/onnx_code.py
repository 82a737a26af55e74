"""ONNX: a model of one node, Conv or ConvInteger, run by the reference evaluator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwio.show.code.frame import (
    NUMPY,
    bias_code,
    flat_bias,
    refuse_complex,
    titled,
    write_activation,
    write_filters,
    write_images,
    write_padded,
    write_y,
)
from hwio.show.code.pieces import cast_to, casts, dtype_code, fraction

if TYPE_CHECKING:
    from hwio.show.case import Case
    from hwio.show.code.pieces import DType
    from hwio.show.code.script import Script
    from hwio.show.sizes import Shape

_TYPES = {
    "float32": "FLOAT",
    "float64": "DOUBLE",
    "int8": "INT8",
    "uint8": "UINT8",
    "int32": "INT32",
}


def onnx_code(case: Case) -> str:
    """Write a convolution as an ONNX model, and the lines that run it; complex ones are refused."""
    refuse_complex(case, "ONNX")
    script = titled(case, "ONNX")
    x_dtype, w_dtype = case.dtypes[:2]
    whole = case.integers and x_dtype.itemsize == w_dtype.itemsize == 1
    work = np.dtype(np.float64) if case.integers else case.work
    if case.integers and not whole:
        script.note("ConvInteger is for 8 bits; float64 holds whole numbers exactly below 2**53")
    if work == np.float64 and not whole:
        script.note("ONNX Runtime refuses float64; the reference evaluator takes it")
    _write_arrays(script, case, work, whole=whole)
    _write_model(script, case, work, whole=whole)
    _write_end(script, case, np.dtype(np.int32) if whole else work, whole=whole)
    return script.text()


def _write_arrays(script: Script, case: Case, work: DType, *, whole: bool) -> None:
    """Write x and w in ONNX's order; padding that is not zeros comes first."""
    to_x, to_w = ("", "") if whole else casts(case, work, each=True)
    name = write_padded(script, case)
    write_images(script, case, name, "NC" + case.space, to_x, always=True)
    depthwise = case.layout.depthwise
    letters = ("CM" if depthwise else "OI") + case.space
    regroup = (_w_shape(case), "C and M become O, I = 1") if depthwise else None
    write_filters(script, case, letters, to_w, regroup, always=True)


def _w_shape(case: Case) -> Shape:
    """Return w's shape as OIHW."""
    geo = case.geo
    return (geo.out_channels, geo.group_channels, *geo.kernel)


def _write_model(script: Script, case: Case, work: DType, *, whole: bool) -> None:
    """Write the node, its graph and the model."""
    geo = case.geo
    bias = case.b_shape is not None and not case.integers
    names = ["x", "w", "b"] if bias else ["x", "w"]
    _write_node(script, case, names, "ConvInteger" if whole else "Conv")
    types = list(case.dtypes[:2]) if whole else [work] * len(names)
    out = np.dtype(np.int32) if whole else work
    cells = geo.padded_size if case.mode else geo.in_size
    shapes = [(geo.n, geo.in_channels, *cells), _w_shape(case), (geo.out_channels,)]
    of = (geo.n, geo.out_channels, *geo.out_size)
    rows = zip((*names, "y"), (*types, out), [*shapes[: len(names)], of], strict=True)
    for name, dtype, sizes in rows:
        kind = f"TensorProto.{_TYPES[dtype.name]}"
        script.line(f'{name}_info = helper.make_tensor_value_info("{name}", {kind}, {list(sizes)})')
    inputs = ", ".join(f"{name}_info" for name in names)
    script.line(f'graph = helper.make_graph([node], "conv", [{inputs}], [y_info])')
    script.line('opset = helper.make_opsetid("", 13)')
    script.line("model = helper.make_model(graph, opset_imports=[opset], ir_version=8)")
    feeds = ['"x": images', '"w": filters', *([f'"b": {flat_bias(case, work)}'] if bias else [])]
    script.line(f"feeds = {{{', '.join(feeds)}}}")
    if work == np.float32 and not whole:
        script.note(
            "or onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)[0]"
        )
    script.line("y = ReferenceEvaluator(model).run(None, feeds)[0]", of)


def _write_node(script: Script, case: Case, names: list[str], kind: str) -> None:
    """Write the one node, with the attributes that differ from their defaults."""
    geo = case.geo
    quoted = ", ".join(f'"{name}"' for name in names)
    arguments = [f'"{kind}"', f"[{quoted}]", '["y"]']
    note = ""
    if any(s > 1 for s in geo.stride):
        arguments.append(f"strides={list(geo.stride)}")
    if geo.padded and not case.mode:
        flat = [low for low, _ in geo.padding] + [high for _, high in geo.padding]
        arguments.append(f"pads={flat}")
        note = "pads: all low sides, then all high"
    if any(d > 1 for d in geo.dilation):
        arguments.append(f"dilations={list(geo.dilation)}")
    if geo.groups > 1:
        arguments.append(f"group={geo.groups}")
    script.call("node = helper.make_node(", arguments, comment=note)


def _write_end(script: Script, case: Case, has: DType, *, whole: bool) -> None:
    """Write what is left, and the order of y."""
    letters = "NC" + case.space
    if case.b_shape is not None and case.integers:
        wide = f"y.astype({dtype_code(case.work)})" if whole else "y"
        script.line(f"y = {wide} + {bias_code(case, letters)}")
        has = case.work if whole else has
    write_activation(script, case.problem.clip, NUMPY)
    if case.integers and fraction(case):
        has = np.dtype(np.float64)
    write_y(script, case, "y", letters, cast_to(case.problem.result, has))
