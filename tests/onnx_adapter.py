"""Run a single Conv or ConvInteger node of ONNX with ``hwio.conv``."""

from pathlib import Path

import numpy as np
import onnx

import hwio

SPACE = {3: "W", 4: "HW", 5: "DHW"}
AUTO_PAD = {"VALID": "valid", "SAME_UPPER": "same_upper", "SAME_LOWER": "same_lower"}


def run_node(node, inputs, method="auto"):
    """Compute the one output of a node from its inputs, in the order of the ONNX operator."""
    given = dict(zip(names_of(node), inputs, strict=False))
    x, w = given["X"], given["W"]
    options = options_of(node, x.ndim)
    if node.op_type == "ConvInteger":  # the zero point is what stands in the padding, hence first
        x = x.astype(np.int32) - given.get("x_zero_point", 0)
        per_filter = np.reshape(given.get("w_zero_point", 0), (-1, *(1,) * (w.ndim - 1)))
        w = w.astype(np.int32) - per_filter
        options["out_dtype"] = np.int32
    return hwio.conv(x, w, given.get("B"), method=method, **options)


def names_of(node):
    """Name a node's inputs; an input that is left out has an empty name there."""
    order = {
        "Conv": ("X", "W", "B"),
        "ConvInteger": ("X", "W", "x_zero_point", "w_zero_point"),
    }[node.op_type]
    return [name for name, given in zip(order, node.input, strict=False) if given]


def options_of(node, rank):
    """Translate a node's attributes."""
    space = SPACE[rank]
    has = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    options = {
        "layout": f"NC{space},OI{space}",
        "stride": tuple(has.pop("strides", (1,) * len(space))),
        "dilation": tuple(has.pop("dilations", (1,) * len(space))),
        "groups": has.pop("group", 1),
    }
    pads = has.pop("pads", (0,) * (2 * len(space)))  # all low sides, then all high sides
    auto = has.pop("auto_pad", b"NOTSET").decode()
    low_high = list(zip(pads[: len(space)], pads[len(space) :], strict=True))
    options["padding"] = low_high if auto == "NOTSET" else AUTO_PAD[auto]
    has.pop("kernel_shape", None)  # w has it
    assert not has, f"attributes not translated: {has}"
    return options


def model_of(test):
    """Return the model of a test of the suite, from memory or from disk."""
    if test.model_dir is None:
        return test.model
    return onnx.load(Path(test.model_dir) / "model.onnx")


def data_of(test, model):
    """Return the test's (inputs, outputs), each a list of arrays."""
    if test.model_dir is None:
        return [tuple(map(list, pair)) for pair in test.data_sets]
    weights = [onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer]
    return [
        ([*stored(folder, "input"), *weights], stored(folder, "output"))
        for folder in sorted(Path(test.model_dir).glob("test_data_set_*"))
    ]


def stored(folder, kind):
    """Read the arrays of one data set in their order."""
    paths = sorted(folder.glob(f"{kind}_*.pb"))
    return [onnx.numpy_helper.to_array(onnx.load_tensor(path)) for path in paths]


def run_transpose(node, inputs, method="auto"):
    """Compute the output of a ConvTranspose node with ``hwio.conv_transpose``."""
    given = dict(zip(("X", "W", "B"), inputs, strict=False))
    x, w = given["X"], given["W"]
    space, has = SPACE[x.ndim], {}
    for attribute in node.attribute:
        has[attribute.name] = onnx.helper.get_attribute_value(attribute)
    ndim = len(space)
    stride, dilation = (tuple(has.pop(name, (1,) * ndim)) for name in ("strides", "dilations"))
    pads, auto = has.pop("pads", (0,) * (2 * ndim)), has.pop("auto_pad", b"NOTSET").decode()
    padding = list(zip(pads[:ndim], pads[ndim:], strict=True))
    extra, size = has.pop("output_padding", None), has.pop("output_shape", None)
    if size:  # it decides the padding too: what is too much is dropped from both sides
        axes = zip(
            x.shape[2:], stride, dilation, w.shape[2:], extra or (0,) * ndim, size, strict=True
        )
        spare = [max((n - 1) * s + (k - 1) * d + 1 + e - m, 0) for n, s, d, k, e, m in axes]
        padding = [(p - p // 2, p // 2) for p in spare]
    options = {
        "layout": f"NC{space},IO{space}",
        "stride": stride,
        "dilation": dilation,
        "groups": has.pop("group", 1),
        "padding": padding if auto == "NOTSET" else AUTO_PAD[auto],
        "output_size": size and tuple(size),
        "output_padding": None if size or extra is None else tuple(extra),
    }
    has.pop("kernel_shape", None)  # w has it
    assert not has, f"attributes not translated: {has}"
    return hwio.conv_transpose(x, w, given.get("B"), method=method, **options)
