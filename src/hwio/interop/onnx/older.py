"""Operators of older opsets that onnx.reference (1.23) runs as if they were of the newest one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any


def put_right(node: Any, opset: int) -> None:
    """Let a node of onnx.reference do what its opset says.

    Parameters
    ----------
    node : onnx.reference.op_run.OpRun
    opset : int
    """
    if node.has_linked_attribute:
        return
    if node.op_type == "BatchNormalization" and len(node.output) == 1:
        _take_given_statistics(node, opset)
    if node.op_type in ("Softmax", "LogSoftmax", "Hardmax") and opset < 13:
        given = {a.name: a.i for a in node.onnx_node.attribute}
        node.axis = -1
        node.run = partial(_flattened, node.run, given.get("axis", 1))


def _take_given_statistics(node: Any, opset: int) -> None:
    """Use the mean and variance that are given.

    With one output that is what ONNX has said since opset 7. onnx.reference takes those of the batch
    where ``is_test`` is not set (opsets 7 and 8) and where ``momentum`` is, which by default it is
    (9 to 13): https://github.com/onnx/onnx/pull/8442.
    """
    if 7 <= opset < 9:
        node.is_test = 1
        node.attributes_names_.add("is_test")
    elif 9 <= opset < 14:
        node.momentum = None


def _flattened(run: Callable[..., Any], axis: int, x: Any, **named: Any) -> Any:
    """Run over all axes from one on, as one; since opset 13 it is over that axis alone."""
    rows = prod(x.shape[: axis % x.ndim])
    flat = x.reshape(rows, x.size // max(rows, 1))
    return tuple(y.reshape(x.shape) for y in run(flat, **named))
