"""Run a model by ``onnx.reference``, with hwio's operators, and room for each node before it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from hwio.errors import (
    ArgumentTypeError,
    DTypeError,
    FileError,
    HwioError,
    ShapeError,
    kind,
    nearest,
    show,
    word,
)
from hwio.interop.onnx.budget import BUDGET, Budget
from hwio.interop.onnx.older import put_right
from hwio.interop.onnx.operators import OPS, Operator
from hwio.interop.onnx.reading import shortened
from hwio.interop.onnx.sizes import Sizes, held
from hwio.ops.memory import check_memory, size


class Evaluator(ReferenceEvaluator):  # type: ignore[misc]
    """``onnx.reference.ReferenceEvaluator`` with hwio's convolution family.

    Graphs and functions inside the model are run likewise, each by an Evaluator of its own.

    Attributes
    ----------
    memory_limit : int or None
        Bytes that weights and all values of a run may take together; None: the machine's memory.
    weights : int
        Bytes of the weights.
    """

    memory_limit: int | None = None
    weights: int = 0

    def __init__(self, proto: Any, **named: Any) -> None:
        given = named.pop("new_ops", None) or []
        super().__init__(proto, new_ops=[*given, *OPS], **named)
        fixed = dict(self.rt_inits_)
        for node in self.rt_nodes_:
            own = node.domain != ""  # a model may call its own functions as it likes
            if not own:
                put_right(node, self.opsets.get("", 1))
            if node.op_type == "Constant" and not own and not node.has_linked_attribute:
                fixed[node.output[0]] = node.run()[0]
                continue
            if isinstance(node, Operator):
                node.fixed = fixed
            node.run = partial(_with_room, node.run, Sizes(node.onnx_node, self.opsets))

    def run(self, output_names: Any, feed_inputs: Any, *rest: Any, **named: Any) -> Any:
        """Run the graph; parameters and result are those of ``ReferenceEvaluator.run``.

        Parameters
        ----------
        output_names : list of str or None
            Which outputs to return; None for all.
        feed_inputs : dict of str to array
            One for each input that has no default.

        Raises
        ------
        ArgumentTypeError, ShapeError, DTypeError
            If inputs are missing, or not as the model declares them.
        FileError
            If a node can't be run on them; it is named, with what onnx says.
        LimitError
            If a value would not fit; it was not allocated.
        """
        outer = BUDGET.get()
        if not isinstance(self.proto_, onnx.ModelProto) and outer is not None:
            before = outer.spent
            values = super().run(output_names, feed_inputs, *rest, **named)
            outer.spent = before
            return values
        if self.onnx_graph_ is not None:
            feed_inputs = self._checked(feed_inputs)
            self._check_outputs(output_names)
        token = BUDGET.set(Budget(self.memory_limit, self.weights))
        try:
            with np.errstate(all="ignore"):  # a sigmoid may overflow on its way to 0
                return super().run(output_names, feed_inputs, *rest, **named)
        finally:
            BUDGET.reset(token)

    def _checked(self, feeds: Any) -> dict[str, Any]:
        """Return the inputs as arrays, each as the model declares it."""
        if not isinstance(feeds, Mapping):
            rule = f"the inputs are {kind(feeds)}, not a dict of arrays"
            raise ArgumentTypeError(word(rule, self._inputs(), f"run(None, {self._example()})"))
        wanted = [name for name in self.input_names if name not in self.rt_inits_]
        for name in wanted:
            if name not in feeds:
                rule = f"the input {name!r} is missing"
                raise ArgumentTypeError(word(rule, self._inputs(), f"run(None, {self._example()})"))
        for name in feeds:
            if name not in self.input_names:
                near = nearest(name, self.input_names)
                fix = f"did you mean {near!r}?" if near else f"run(None, {self._example()})"
                rule = f"the model has no input {name!r}"
                raise ArgumentTypeError(word(rule, self._inputs(), fix))
        types = dict(zip(self.input_names, self.input_types, strict=True))
        return {name: _as_declared(name, value, types[name]) for name, value in feeds.items()}

    def _check_outputs(self, names: Any) -> None:
        """Refuse names that no node makes; values on the way may be asked for, too."""
        made = {name for node in self.nodes_ for name in node.output}
        for name in names or ():
            if name not in made and name not in (*self.input_names, *self.rt_inits_):
                near = nearest(name, self.output_names)
                rule = f"the model makes no {show(name)}"
                facts = [f"its outputs are {', '.join(map(repr, self.output_names))}"]
                fix = f"did you mean [{near!r}]?" if near else "run(None, ...)"
                raise ArgumentTypeError(word(rule, facts, fix))

    def _inputs(self) -> list[str]:
        """List what the model takes."""
        pairs = zip(self.input_names, self.input_types, strict=True)
        return [f"{n!r}  {_told(kind)}" for n, kind in pairs if n not in self.rt_inits_]

    def _example(self) -> str:
        """Write a dict of inputs."""
        names = [name for name in self.input_names if name not in self.rt_inits_]
        return "{" + ", ".join(f"{name!r}: x{i or ''}" for i, name in enumerate(names)) + "}"


def _with_room(run: Callable[..., Any], sizes: Sizes, *inputs: Any, **named: Any) -> Any:
    """Run a node if there is room for what it returns."""
    budget = BUDGET.get()
    if budget is None:  # a node on its own
        return run(*inputs, **named)
    need, before = sizes.bytes(inputs, named.get("linked_attributes")), budget.spent
    _check(budget, sizes, before + need, need)
    try:
        outputs = run(*inputs, **named)
    except (HwioError, MemoryError):
        raise
    except Exception as error:  # whatever an operator of onnx raises
        cause = error.__cause__ or error
        if isinstance(cause, HwioError):  # of a node in a graph inside
            raise cause from None
        rule = f"node {sizes.node.name!r} of type {sizes.node.op_type} can't be run on its inputs"
        facts = [f"{i}  {_shown(a)}" for i, a in zip(sizes.node.input, inputs, strict=False)]
        facts.append(f"onnx.reference says: {type(cause).__name__}: {shortened(cause)}")
        raise FileError(word(rule, facts)) from error
    budget.spent = before + held(outputs)
    _check(budget, sizes, budget.spent, held(outputs))
    return outputs


def _shown(value: Any) -> str:
    """Write an input's dtype and shape."""
    return f"{value.dtype} {value.shape}" if hasattr(value, "shape") else kind(value)


def _check(budget: Budget, sizes: Sizes, total: int, need: int) -> None:
    """Raise LimitError if the run would take more than it may."""
    parts = [
        f"node {sizes.node.name!r} of type {sizes.node.op_type}  ->  {size(need)}",
        f"weights and values before it  ->  {size(total - need)}",
    ]
    check_memory(total, budget.limit, parts, f"memory_limit={total}   # if you trust the model")


def _as_declared(name: str, value: Any, declared: onnx.TypeProto) -> Any:
    """Return an input as an array, of the dtype, the rank and the sizes that the model declares."""
    if not declared.HasField("tensor_type") or isinstance(value, list | tuple):
        return value
    x, tensor = np.asarray(value), declared.tensor_type
    wanted = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    if x.dtype != wanted and not (wanted.kind == "O" and x.dtype.kind in "OUST"):
        rule = f"the input {name!r} has dtype {x.dtype}, but the model declares {wanted}"
        raise DTypeError(word(rule, [], f"{name} = {name}.astype(np.{wanted})"))
    sizes = [_size(dim) for dim in tensor.shape.dim]
    fits = x.ndim == len(sizes) and all(
        want is None or n == want for n, want in zip(x.shape, sizes, strict=True)
    )
    if tensor.HasField("shape") and not fits:
        rule = f"the input {name!r} has shape {x.shape}, but the model declares {_told(declared)}"
        raise ShapeError(word(rule, ["a size that is ? may be any"]))
    return x


def _size(dim: Any) -> int | None:
    """Return a declared size; None for one that is left open, by a name, by nothing or by -1."""
    return int(dim.dim_value) if dim.HasField("dim_value") and dim.dim_value >= 0 else None


def _told(declared: onnx.TypeProto) -> str:
    """Write a declared type."""
    if not declared.HasField("tensor_type"):
        return str(declared.WhichOneof("value"))
    tensor = declared.tensor_type
    sizes = ["?" if _size(dim) is None else str(_size(dim)) for dim in tensor.shape.dim]
    return f"{onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)} ({', '.join(sizes)})"
