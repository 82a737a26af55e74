"""Layers run by their own frameworks, written by hand, and what hwio wrote run there too.

x and y are (N, spatial, C) everywhere. A runner imports its framework when called.
"""

import contextlib
import importlib.util
import io
import os
from dataclasses import replace

import numpy as np

NEEDS = {
    "keras": ("keras", "tensorflow"),
    "torch": ("torch",),
    "onnx": ("onnx", "onnxruntime"),
    "tflite": ("ai_edge_litert",),
}
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


class CannotBeTested(Exception):
    """The framework itself does not run this on a CPU."""


def missing(*frameworks):
    """Name the packages that are not installed."""
    wanted = {name for framework in frameworks for name in NEEDS[framework]}
    return sorted(name for name in wanted if importlib.util.find_spec(name) is None)


def first(x):
    return np.ascontiguousarray(np.moveaxis(x, -1, 1))


def last(y):
    return np.moveaxis(np.asarray(y), 1, -1)


def native(case, x, w, pointwise, b):
    """Run the layer in the framework that it comes from; return a function of x."""
    return RUN[case.source](case, x, w, pointwise, b)


def run_keras(case, x, w, pointwise, b):
    layer = keras_layer(case, w, pointwise, b)
    return lambda x: np.asarray(layer(x))


def keras_layer(case, w, pointwise, b):
    import keras

    n = case.ndim
    kind = {"conv": "Conv{}D", "depthwise": "DepthwiseConv{}D", "separable": "SeparableConv{}D"}
    name = (kind | {"transposed": "Conv{}DTranspose"})[case.kind].format(n)
    options = {"strides": case.stride, "padding": case.padding, "dilation_rate": case.dilation}
    if case.kind in ("depthwise", "separable"):
        options["depth_multiplier"] = w.shape[-1]
    if case.kind == "conv":
        options["groups"] = case.groups
    filters = {"conv": w, "separable": pointwise}.get(case.kind)
    if case.kind != "depthwise":
        options["filters"] = w.shape[-2] if filters is None else filters.shape[-1]
    if case.extra is not None:
        options["output_padding"] = case.extra
    layer = getattr(keras.layers, name)(kernel_size=case.kernel, use_bias=b is not None, **options)
    layer.build((None, *case.in_size, 4))
    layer.set_weights([a for a in (w, pointwise, b) if a is not None])
    return layer


def run_torch(case, x, w, pointwise, b):
    import torch
    import torch.nn.functional as F

    t = lambda a: None if a is None else torch.tensor(a)  # noqa: E731
    options = {"stride": case.stride, "dilation": case.dilation, "groups": case.groups}
    options["padding"] = case.padding
    if case.kind == "transposed":
        options["output_padding"] = case.extra or 0
    name = f"conv_transpose{case.ndim}d" if case.kind == "transposed" else f"conv{case.ndim}d"

    def run(x):
        y = getattr(F, name)(t(first(x)), t(w), None if pointwise is not None else t(b), **options)
        if pointwise is not None:
            y = getattr(F, name)(y, t(pointwise), t(b))
        return last(y)

    return run


def run_onnx(case, x, w, pointwise, b):
    from onnx import TensorProto, helper, numpy_helper

    options = {"strides": list(case.strides), "dilations": [case.dilation] * case.ndim}
    options["group"] = case.groups
    if isinstance(case.padding, str):
        options["auto_pad"] = case.padding
    else:
        options["pads"] = list(case.padding)
    if case.extra is not None:
        options["output_padding"] = [case.extra] * case.ndim
    arrays = [numpy_helper.from_array(w, "w")]
    arrays += [numpy_helper.from_array(pointwise, "p")] if pointwise is not None else []
    arrays += [numpy_helper.from_array(b, "b")] if b is not None else []
    bias = ["b"] if b is not None else []
    name = "ConvTranspose" if case.kind == "transposed" else "Conv"
    if pointwise is None:
        nodes = [helper.make_node(name, ["x", "w", *bias], ["y"], **options)]
    else:
        nodes = [helper.make_node(name, ["x", "w"], ["z"], **options)]
        nodes.append(helper.make_node("Conv", ["z", "p", *bias], ["y"]))
    shape = [None] * (case.ndim + 2)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "native", [x], [y], arrays)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return run_model(model)


def run_model(model):
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString())
    except Exception as error:
        raise CannotBeTested(str(error)) from error

    def run(x):
        try:
            return last(session.run(None, {"x": first(x)})[0])
        except Exception as error:
            raise CannotBeTested(str(error)) from error

    return run


def tflite_of(case, w, pointwise, b):
    """Convert a Keras layer by TensorFlow's own converter; return the file."""
    import keras
    import tensorflow as tf

    groups = case.groups if case.kind == "conv" else 1
    layer = keras_layer(
        replace(case, source="keras", groups=groups), *_keras_order(case, w, pointwise, b)
    )
    fed = keras.Input((*case.in_size, 4), batch_size=2)
    model = keras.Model(fed, layer(fed))
    with contextlib.redirect_stdout(io.StringIO()):  # it tells of every layer
        return tf.lite.TFLiteConverter.from_keras_model(model).convert()


def _keras_order(case, w, pointwise, b):
    """Put arrays of TFLite in Keras' order, by hand."""
    if case.kind in ("depthwise", "separable"):
        w = w[0].reshape(*case.kernel, 4, -1)
    elif case.kind == "conv":
        w = np.moveaxis(w, 0, -1)
    else:
        w = np.moveaxis(w, 0, -2)
    return w, None if pointwise is None else np.moveaxis(pointwise, 0, -1), b


def run_tflite(case, x, w, pointwise, b):
    content = tflite_of(case, w, pointwise, b)
    names = {"conv": "CONV_2D", "transposed": "TRANSPOSE_CONV"}
    kept = stored(content, names.get(case.kind, "DEPTHWISE_CONV_2D"))
    np.testing.assert_array_equal(kept, w)  # TFLite's own order is the one that hwio was told
    return run_content(content)


def stored(content, operator):
    """Return the weights that a TFLite file stores for its first operator of this name."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=plain)
    found = next(o for o in interpreter._get_ops_details() if o["op_name"] == operator)
    interpreter.allocate_tensors()
    return interpreter.get_tensor(found["inputs"][1])


def run_content(content):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)

    def run(x):
        fed = interpreter.get_input_details()[0]
        one = x[:, None] if x.ndim == 3 else x
        parts = []
        for image in one:  # one by one: TRANSPOSE_CONV fixes the number of images
            images = np.repeat(image[None], fed["shape"][0], 0)
            interpreter.resize_tensor_input(fed["index"], images.shape)
            interpreter.allocate_tensors()
            interpreter.set_tensor(fed["index"], images)
            interpreter.invoke()
            parts.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[:1])
        y = np.concatenate(parts)
        return y[:, 0] if x.ndim == 3 else y

    return run


RUN = {"keras": run_keras, "torch": run_torch, "onnx": run_onnx, "tflite": run_tflite}


def run_moved(moved, x, w, pointwise, b):
    """Run the code that hwio wrote, in the framework it was written for."""
    names = {"w": w} | ({} if pointwise is None else {"pointwise": pointwise})
    names |= {} if b is None else {"b": b}
    exec(compile(moved.code, "moved", "exec"), names)
    if moved.target == "keras":
        return np.asarray(names["layer"](x))
    if moved.target == "torch":
        import torch

        return last(names["layer"](torch.tensor(first(x))).detach())
    if moved.target == "onnx":
        return run_model(names["model"])(x)
    return run_content(names["content"])(x)
