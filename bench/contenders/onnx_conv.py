"""ONNX Runtime: a model of one Conv, its weights an initialiser, so that they are packed at load."""

from __future__ import annotations

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from bench.case import Case, Contender, LeftOut, channels_last

onnxruntime.set_default_logger_severity(3)


def initialiser(case: Case) -> Contender:
    """Run with input and output bound, on an x in ONNX's own order."""
    try:
        session = onnxruntime.InferenceSession(
            model(case), settings(case), providers=["CPUExecutionProvider"]
        )
    except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented as error:
        message = f"ONNX Runtime has no {case.cell.dtype} Conv on this processor"
        raise LeftOut(message) from error
    binding = session.io_binding()
    x = onnxruntime.OrtValue.ortvalue_from_numpy(case.x_channels_first)
    binding.bind_ortvalue_input("x", x)
    binding.bind_output("y")
    return Contender(
        lambda: session.run_with_iobinding(binding),
        lambda _: channels_last(binding.copy_outputs_to_cpu()[0]),
    )


def settings(case: Case) -> onnxruntime.SessionOptions:
    """Return session options: this many threads, which sleep when there is no work."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = case.threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


def model(case: Case) -> bytes:
    """Write the model."""
    layer = case.layer
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(case.cell.dtype))
    node = helper.make_node(
        "Conv", ["x", "w"], ["y"],
        strides=[layer.stride] * case.ndim, dilations=[layer.dilation] * case.ndim,
        pads=[*layer.padding, *layer.padding], group=layer.groups,
    )  # fmt: skip
    x = helper.make_tensor_value_info("x", kind, case.x_channels_first.shape)
    y = helper.make_tensor_value_info("y", kind, (case.cell.n, layer.o, *layer.out))
    w = numpy_helper.from_array(case.w_filters_first, "w")
    graph = helper.make_graph([node], "conv", [x], [y], [w])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    assert kind in (TensorProto.FLOAT, TensorProto.DOUBLE)
    return made.SerializeToString()
