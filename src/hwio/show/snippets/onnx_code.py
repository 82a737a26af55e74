"""ONNX: a model of one node, Conv or ConvInteger, run by the reference evaluator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwio.errors import OptionError, word
from hwio.show.snippets.case import (
    casts,
    dtype_code,
    flipped,
    fraction,
    order,
    pad_pairs,
    shape,
)
from hwio.show.snippets.numpy_code import activated, bias_code
from hwio.show.snippets.script import Script

if TYPE_CHECKING:
    from hwio.show.snippets.case import Case, DType

_TYPES = {
    "float32": "FLOAT",
    "float64": "DOUBLE",
    "int8": "INT8",
    "uint8": "UINT8",
    "int32": "INT32",
}


def onnx_code(case: Case) -> str:
    """Write a convolution as an ONNX model, and the lines that run it.

    Parameters
    ----------
    case : Case

    Returns
    -------
    str
        Statements that read NumPy arrays x, w (and b) and leave the array y.

    Raises
    ------
    OptionError
        If the numbers are complex: ONNX has no such convolution.
    """
    if case.work.kind == "c":
        rule = f"ONNX has no convolution of {case.work} numbers"
        raise OptionError(word(rule, [], "to='jax'   or   to='torch'   or   to='numpy'"))
    script = Script()
    for line in case.title("ONNX"):
        script.note(line)
    whole = case.integers and case.x_dtype.itemsize == case.w_dtype.itemsize == 1
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
    lay, name, letters = case.lay, "x", "C" + case.space
    if case.mode:
        code = f'padded = np.pad(x, {pad_pairs(case, lay.x)}, mode="{case.mode}")'
        script.line(code, shape(lay.x, case.x_sizes(padded=True)))
        name = "padded"
    letters = case.n + letters
    code, note = name, ""
    if letters != lay.x:
        code, note = f"np.transpose({name}, {order(lay.x, letters)})", f"{lay.x} -> {letters}  "
    one = "" if lay.batched else "[None]"
    letters = "NC" + case.space
    sizes = case.x_sizes(padded=bool(case.mode))
    script.chain("images", [code, one, to_x], f"{note}{shape(letters, sizes)}")
    letters = ("CM" if lay.depthwise else "OI") + case.space
    code, notes = "w", []
    if letters != lay.w:
        code, notes = f"np.transpose(w, {order(lay.w, letters)})", [f"{lay.w} -> {letters}"]
    grouped = f".reshape{_w_shape(case)}" if lay.depthwise else ""
    if lay.depthwise:
        notes.append("C and M become O, I = 1")
    turned = flipped(case, letters)
    notes += ["turned round"] * bool(turned)
    note = "  ".join([*notes, str(_w_shape(case))])
    script.chain("filters", [code, grouped, turned, to_w], note)


def _w_shape(case: Case) -> tuple[int, ...]:
    """Return w's shape as OIHW."""
    geo = case.geo
    return (geo.out_channels, geo.group_channels, *geo.kernel)


def _write_model(script: Script, case: Case, work: DType, *, whole: bool) -> None:
    """Write the node, its graph and the model."""
    geo = case.geo
    bias = case.b is not None and not case.integers
    names = ["x", "w", "b"] if bias else ["x", "w"]
    quoted = ", ".join(f'"{name}"' for name in names)
    arguments = ['"ConvInteger"' if whole else '"Conv"', f"[{quoted}]", '["y"]']
    if any(s > 1 for s in geo.stride):
        arguments.append(f"strides={list(geo.stride)}")
    if geo.padded and not case.mode:
        flat = [low for low, _ in geo.padding] + [high for _, high in geo.padding]
        arguments.append(f"pads={flat}")
    if any(d > 1 for d in geo.dilation):
        arguments.append(f"dilations={list(geo.dilation)}")
    if geo.groups > 1:
        arguments.append(f"group={geo.groups}")
    note = "pads: all low sides, then all high" if "pads=" in " ".join(arguments) else ""
    script.call("node = helper.make_node(", arguments, comment=note)
    types = [case.x_dtype, case.w_dtype] if whole else [work] * len(names)
    out = np.dtype(np.int32) if whole else work
    cells = geo.padded_size if case.mode else geo.in_size
    shapes = [(geo.n, geo.in_channels, *cells), _w_shape(case), (geo.out_channels,)]
    ends = zip((*names, "y"), (*types, out), strict=True)
    rows = [*shapes[: len(names)], (geo.n, geo.out_channels, *geo.out_size)]
    for (name, dtype), of in zip(ends, rows, strict=True):
        kind = f"TensorProto.{_TYPES[dtype.name]}"
        script.line(f'{name}_info = helper.make_tensor_value_info("{name}", {kind}, {list(of)})')
    inputs = ", ".join(f"{name}_info" for name in names)
    script.line(f'graph = helper.make_graph([node], "conv", [{inputs}], [y_info])')
    script.line('opset = helper.make_opsetid("", 13)')
    script.line("model = helper.make_model(graph, opset_imports=[opset], ir_version=8)")
    feeds = ['"x": images', '"w": filters']
    if bias:
        feeds.append(f'"b": {_flat_bias(case, work)}')
    script.line(f"feeds = {{{', '.join(feeds)}}}")
    of = (geo.n, geo.out_channels, *geo.out_size)
    if work == np.float32 and not whole:
        script.note(
            "or onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)[0]"
        )
    script.line("y = ReferenceEvaluator(model).run(None, feeds)[0]", of)


def _flat_bias(case: Case, work: DType) -> str:
    """Write b as (O,) in the dtype of the model."""
    of, dtype = case.b or ((), work)
    flat = f".reshape({case.geo.out_channels})" if len(of) > 1 else ""
    return f"b{flat}" + (f".astype({dtype_code(work)})" if dtype != work else "")


def _write_end(script: Script, case: Case, has: DType, *, whole: bool) -> None:
    """Write what is left, and the order of y."""
    lay, letters = case.lay, "NC" + case.space
    if case.b is not None and case.integers:
        code = bias_code(case, letters)
        wide = f"y.astype({dtype_code(case.work)})" if whole else "y"
        script.line(f"y = {wide} + {code}")
        has = case.work if whole else has
    if case.problem.clip not in (None, (None, None)):
        script.line(f"y = {activated(case.problem.clip)}")
        if case.integers and fraction(case):
            has = np.dtype(np.float64)
    code = "y"
    if not lay.batched:
        code, letters = "y[0]", letters[1:]
    note = ""
    if letters != lay.y:
        code, note = f"np.transpose({code}, {order(letters, lay.y)})", f"{letters} -> {lay.y}  "
    cast = f".astype({dtype_code(case.problem.result)})" if has != case.problem.result else ""
    if code != "y" or cast:
        script.line(f"y = {code}{cast}", f"{note}{shape(lay.y, case.y_sizes())}")
