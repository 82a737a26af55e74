"""How much memory a node's outputs will take, told from its inputs before it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx.helper import make_attribute, make_opsetid, make_tensor_type_proto

if TYPE_CHECKING:
    from hwio.types import Array

# Small inputs may be sizes, so their numbers count; of others only the shape does.
SMALL = 64
MOST_KNOWN = 64


class Sizes:
    """The sizes of one node's outputs, by onnx's own shape inference.

    Attributes
    ----------
    node : onnx.NodeProto

    Parameters
    ----------
    node : onnx.NodeProto
    opsets : dict of str to int
    """

    def __init__(self, node: onnx.NodeProto, opsets: dict[str, int]) -> None:
        self.node = node
        self._opsets = [make_opsetid(*entry) for entry in opsets.items()]
        try:
            version = opsets.get(node.domain, 1)
            self._schema = onnx.defs.get_schema(node.op_type, version, node.domain)
        except onnx.defs.SchemaError:  # a function of the model: its own nodes are looked at
            self._schema = None
        self._known: dict[Any, int] = {}

    def bytes(self, inputs: Sequence[Any], linked: dict[str, Any] | None = None) -> int:
        """Return the bytes of all outputs together; 0 where nobody can tell.

        Parameters
        ----------
        inputs : sequence of array or None
        linked : dict, optional
            Attributes of the function that the node is part of.
        """
        own = OWN.get(self.node.op_type)
        if own is not None and self.node.domain == "":
            return own(self.node, inputs)
        if self._schema is None or not all(a is None or _is_plain(a) for a in inputs):
            return 0
        key = tuple(_key(a) for a in inputs)
        need = None if linked else self._known.get(key)
        if need is None:
            need = self._infer(inputs, linked or {})
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[key] = need
        return need

    def _infer(self, inputs: Sequence[Any], linked: dict[str, Any]) -> int:
        """Ask onnx."""
        node = _unlinked(self.node, linked)
        given = [(name, a) for name, a in zip(node.input, inputs, strict=False) if a is not None]
        types = {n: make_tensor_type_proto(_onnx_dtype(a), a.shape) for n, a in given}
        data = {n: onnx.numpy_helper.from_array(a) for n, a in given if _is_small(a)}
        try:
            found = onnx.shape_inference.infer_node_outputs(
                self._schema, node, types, data, opset_imports=self._opsets
            )
        except Exception:  # noqa: BLE001 - a node that does not infer fails by itself, in its own words
            return 0
        return sum(_of_type(kind) for kind in found.values())


def held(value: Any) -> int:
    """Return the bytes of a value, lists and texts too.

    Examples
    --------
    >>> held(np.zeros((2, 3), np.float32)), held([np.zeros(2)]), held(None)
    (24, 16, 0)
    """
    if isinstance(value, list | tuple):
        return sum(map(held, value))
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        return sum(len(str(one)) for one in value.ravel())
    return int(getattr(value, "nbytes", 0))


def _is_plain(value: Any) -> bool:
    """Tell an array from a list of them, or a sparse one."""
    return isinstance(value, np.ndarray | np.generic)


def _is_small(a: Array) -> bool:
    """Tell what may be sizes."""
    return a.ndim <= 1 and a.size <= SMALL and a.dtype.kind in "iuf"


def _key(a: Array | None) -> Any:
    """Return what decides the sizes."""
    return None if a is None else (a.shape, a.dtype, a.tobytes() if _is_small(a) else None)


def _onnx_dtype(a: Array) -> int:
    """Return ONNX's number of a dtype."""
    if a.dtype.kind in "OUST":
        return int(onnx.TensorProto.STRING)
    return int(onnx.helper.np_dtype_to_tensor_dtype(a.dtype))


def _of_type(kind: onnx.TypeProto) -> int:
    """Return the bytes of an output whose sizes are all known."""
    tensor = kind.tensor_type
    dims = tensor.shape.dim
    if not tensor.HasField("shape") or not all(d.HasField("dim_value") for d in dims):
        return 0
    count: int = prod(d.dim_value for d in dims)
    if tensor.elem_type in (onnx.TensorProto.UNDEFINED, onnx.TensorProto.STRING):
        return 8 * count
    return count * int(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).itemsize)


def _unlinked(node: onnx.NodeProto, linked: dict[str, Any]) -> onnx.NodeProto:
    """Return a node with the attributes of its function put in."""
    if not any(a.ref_attr_name for a in node.attribute):
        return node
    told = onnx.NodeProto()
    told.CopyFrom(node)
    del told.attribute[:]
    for a in node.attribute:
        value = linked.get(a.ref_attr_name) if a.ref_attr_name else None
        if value is not None:
            told.attribute.append(make_attribute(a.name, value))
        elif not a.ref_attr_name:
            told.attribute.append(a)
    return told


def _unpooled(node: onnx.NodeProto, inputs: Sequence[Any]) -> int:
    """Return the bytes of MaxUnpool's output, of which onnx infers nothing."""
    x, _, *size = inputs
    if size and size[0] is not None:
        return int(prod(map(int, np.ravel(size[0]))) * x.itemsize)
    has = {a.name: list(a.ints) for a in node.attribute}
    window = has.get("kernel_shape", [])
    strides = has.get("strides") or [1] * len(window)
    axes = zip(x.shape[2:], strides, window, strict=False)
    cells: int = prod([*x.shape[:2], *((n - 1) * s + k for n, s, k in axes)])
    return cells * int(x.itemsize)


def _joined(node: onnx.NodeProto, inputs: Sequence[Any]) -> int:
    """Return the bytes of a sequence's arrays in a row."""
    return held(inputs[0])


# operators of which onnx's inference says nothing, though their inputs do
OWN: dict[str, Callable[[onnx.NodeProto, Sequence[Any]], int]] = {
    "MaxUnpool": _unpooled,
    "ConcatFromSequence": _joined,
}
