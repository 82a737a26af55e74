"""Run a single pooling node of ONNX with hwio's functions."""

import numpy as np
import onnx

import hwio
from onnx_adapter import AUTO_PAD, SPACE

FUNCTIONS = {
    "MaxPool": hwio.max_pool,
    "AveragePool": hwio.avg_pool,
    "LpPool": hwio.lp_pool,
    "GlobalMaxPool": hwio.global_max_pool,
    "GlobalAveragePool": hwio.global_avg_pool,
}


def run_pool(node, inputs, method="auto"):
    """Compute all outputs of a node."""
    (x,) = inputs
    has = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    column_major = has.pop("storage_order", 0)
    options = pool_options(has, x.ndim) | {"method": method}
    outputs = [FUNCTIONS[node.op_type](x, **options)]
    if len(node.output) == 2:
        outputs.append(indices(hwio.argmax_pool(x, **options), x.shape, column_major))
    return outputs


def pool_options(has, rank):
    """Translate a node's attributes."""
    space = SPACE[rank]
    options = {"layout": f"NC{space}"}
    if "kernel_shape" in has:
        options |= {"window": tuple(has.pop("kernel_shape"))}
        options["stride"] = tuple(has.pop("strides", (1,) * len(space)))
        options["dilation"] = tuple(has.pop("dilations", (1,) * len(space)))
        options["ceil_mode"] = bool(has.pop("ceil_mode", 0))
        pads = has.pop("pads", (0,) * (2 * len(space)))  # all low sides, then all high sides
        low_high = list(zip(pads[: len(space)], pads[len(space) :], strict=True))
        auto = has.pop("auto_pad", b"NOTSET").decode()
        options["padding"] = low_high if auto == "NOTSET" else AUTO_PAD[auto]
    for name, kind in (("count_include_pad", bool), ("p", int)):
        if name in has:
            options[name] = kind(has.pop(name))
    assert not has, f"attributes not translated: {has}"
    return options


def indices(places, x_shape, column_major):
    """Turn places within a channel (N, C, ...) into ONNX's, which count through all of x."""
    if column_major:
        at = np.unravel_index(places, x_shape[2:])
        places = np.ravel_multi_index(at[::-1], x_shape[:1:-1])
    channels = np.arange(np.prod(x_shape[:2])).reshape(*x_shape[:2], *(1,) * (len(x_shape) - 2))
    return places + channels * np.prod(x_shape[2:])
