"""Read a model that nobody vouches for: nothing beside its own bytes, and no size taken on trust."""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError

from hwio.errors import ArgumentTypeError, FileError, OptionError, kind, show, word
from hwio.ops.memory import check_memory, size

MOST_AXES = 64
# where a tensor keeps its numbers when not as raw bytes
FIELDS = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")


# Shape inference of older ones ends the process on a model with a stride of 0.
OLDEST = (1, 23)


def read_model(model: Any, memory_limit: int | None = None) -> tuple[onnx.ModelProto, str, int]:
    """Return a checked model, what to call it in messages, and the bytes of its weights.

    Parameters
    ----------
    model : path, bytes or onnx.ModelProto
    memory_limit : int, optional
        Bytes that the file, and all weights together, may take.

    Raises
    ------
    FileError
        If it is no model, or no valid one, or keeps weights in other files.
    LimitError
        If it would take too much memory; nothing was allocated.
    """
    if tuple(map(int, onnx.__version__.split(".")[:2])) < OLDEST:
        rule = f"onnx {onnx.__version__} can't check a model that nobody vouches for"
        facts = ["before 1.23 a stride of 0 ends the process"]
        raise OptionError(word(rule, facts, 'pip install "onnx>=1.23"'))
    proto, name = _parse(model, memory_limit)
    weights = weigh(proto, name, memory_limit)
    try:
        onnx.checker.check_model(proto)
    except (onnx.checker.ValidationError, ValueError) as error:  # a ValueError beyond 2 GiB
        facts = [f"onnx's checker says: {shortened(error)}"]
        raise FileError(word(f"{name} is not a valid ONNX model", facts)) from None
    return proto, name, weights


def _parse(model: Any, memory_limit: int | None) -> tuple[onnx.ModelProto, str]:
    """Return a model from a path, from bytes, or as it is."""
    if isinstance(model, onnx.ModelProto):
        return model, "the model"
    name = "the model"
    if isinstance(model, str | os.PathLike):
        name, model = repr(Path(model).name), _bytes_of(Path(model), memory_limit)
    if not isinstance(model, bytes | bytearray | memoryview):
        rule = f"model is {kind(model)}, not an ONNX model"
        facts = ["a path, the bytes of a file, or an onnx.ModelProto"]
        raise ArgumentTypeError(word(rule, facts, "evaluator('model.onnx')"))
    try:
        proto = onnx.ModelProto.FromString(bytes(model))
    except DecodeError:
        proto = onnx.ModelProto()
    if not proto.HasField("graph"):
        raise FileError(word(f"{name} is no ONNX model", ["it does not parse as one"]))
    return proto, name


def _bytes_of(path: Path, memory_limit: int | None) -> bytes:
    """Read a file, never the ones that it may name."""
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "is not there"
        raise FileError(word(f"{show(str(path))} {found}", ["a model is one file, .onnx"]))
    length = path.stat().st_size
    check_memory(length, memory_limit, [f"{path.name}  {size(length)} on disk"], _more(length))
    return path.read_bytes()


def weigh(proto: onnx.ModelProto, name: str, memory_limit: int | None = None) -> int:
    """Return the bytes of all weights, none of them turned into an array.

    Raises
    ------
    FileError
        If a tensor's numbers are elsewhere, or not as many as its sizes say.
    LimitError
        If they are more than the limit.
    """
    total, largest = 0, (0, "")
    for tensor in tensors_of(proto):
        need = _bytes(tensor, name)
        total += need
        largest = max(largest, (need, f"{tensor.name!r}  {list(tensor.dims)}  ->  {size(need)}"))
    parts = [f"all weights of {name}  ->  {size(total)}", f"the largest is {largest[1]}"]
    check_memory(total, memory_limit, parts, _more(total))
    return total


def tensors_of(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Yield every tensor of a model: of its graphs, of their nodes, of its functions."""
    yield from _of_graph(proto.graph)
    for function in proto.functions:
        for node in function.node:
            yield from _of_node(node)
        for attribute in function.attribute_proto:
            yield from _of_attribute(attribute)
    for training in proto.training_info:
        yield from _of_graph(training.initialization)
        yield from _of_graph(training.algorithm)


def _of_graph(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Yield the tensors of a graph and of the graphs in it."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from _of_node(node)


def _of_node(node: onnx.NodeProto) -> Iterator[onnx.TensorProto]:
    """Yield the tensors of a node's attributes."""
    for attribute in node.attribute:
        yield from _of_attribute(attribute)


def _of_attribute(attribute: onnx.AttributeProto) -> Iterator[onnx.TensorProto]:
    """Yield the tensors of an attribute, those of its graphs too."""
    if attribute.HasField("t"):
        yield attribute.t
    yield from attribute.tensors
    if attribute.HasField("sparse_tensor"):
        yield from (attribute.sparse_tensor.values, attribute.sparse_tensor.indices)
    for sparse in attribute.sparse_tensors:
        yield from (sparse.values, sparse.indices)
    for graph in (attribute.g, *attribute.graphs):
        yield from _of_graph(graph)


def _bytes(tensor: onnx.TensorProto, model: str) -> int:
    """Return what a tensor takes as an array, judged by what is really stored."""
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        places = [entry.value for entry in tensor.external_data if entry.key == "location"]
        rule = f"{model} keeps the tensor {tensor.name!r} in another file, which hwio does not open"
        facts = [f"location  {show(places[0])}"] if places else []
        raise FileError(
            word(
                rule, facts, "onnx.save(onnx.load('model.onnx'), 'whole.onnx')   # if you trust it"
            )
        )
    if any(n < 0 for n in tensor.dims):
        rule = f"the tensor {tensor.name!r} of {model} has a negative size"
        raise FileError(word(rule, [f"dims  {show(list(tensor.dims))}"]))
    if len(tensor.dims) > MOST_AXES:
        rule = f"the tensor {tensor.name!r} of {model} has {len(tensor.dims)} axes"
        raise FileError(word(rule, [f"NumPy's arrays have {MOST_AXES} at most"]))
    count: int = prod(tensor.dims)
    kinds = onnx.TensorProto.DataType
    if tensor.data_type in (kinds.UNDEFINED, kinds.STRING):
        return sum(map(len, tensor.string_data)) + 8 * count
    if tensor.data_type not in kinds.values():
        rule = f"the tensor {tensor.name!r} of {model} has the type {tensor.data_type}"
        raise FileError(word(rule, [f"onnx {onnx.__version__} knows none of that number"]))
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    stored = len(tensor.raw_data) or sum(len(getattr(tensor, name)) for name in FIELDS)
    if count > 4 * stored:  # a byte holds four numbers at most, of 2 bits
        rule = f"the tensor {tensor.name!r} of {model} claims more numbers than it has"
        raise FileError(word(rule, [f"dims  {show(list(tensor.dims))}  but  {stored} bytes"]))
    return count * int(dtype.itemsize)


def _more(need: int) -> str:
    """Offer a higher limit."""
    return f"memory_limit={need}   # if you trust the model"


def shortened(error: BaseException) -> str:
    """Return the first lines of another library's message as one line."""
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else f"{text[:197]}..."
