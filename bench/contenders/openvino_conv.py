"""OpenVINO: a model of one convolution with constant weights, float32 all the way."""

from __future__ import annotations

import openvino
from openvino import opset13 as ops

from bench.case import Case, Contender, LeftOut, channels_last

CORE = openvino.Core()


def constant(case: Case) -> Contender:
    """Run one infer request on an x in OpenVINO's own order, in the memory where it is."""
    if case.cell.dtype != "float32":
        message = "OpenVINO computes float64 in float32"
        raise LeftOut(message)
    hints = {
        "INFERENCE_PRECISION_HINT": "f32",
        "EXECUTION_MODE_HINT": "ACCURACY",
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": case.threads,
        "NUM_STREAMS": 1,
    }
    request = CORE.compile_model(model(case), "CPU", hints).create_infer_request()
    request.set_input_tensor(openvino.Tensor(case.x_channels_first, shared_memory=True))
    return Contender(
        request.infer, lambda _: channels_last(request.get_output_tensor().data.copy())
    )


def model(case: Case) -> openvino.Model:
    """Build the model."""
    layer, w = case.layer, case.w_filters_first
    x = ops.parameter(case.x_channels_first.shape, case.x.dtype)
    each = [[layer.stride] * case.ndim, layer.padding, layer.padding, [layer.dilation] * case.ndim]
    if layer.groups == 1:
        y = ops.convolution(x, w, *each)
    else:
        y = ops.group_convolution(x, w.reshape(layer.groups, -1, *w.shape[1:]), *each)
    return openvino.Model([y], [x])
