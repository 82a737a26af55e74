"""ONNX models by ``onnx.reference``, with hwio for convolution, transposed convolution and pooling."""

from __future__ import annotations

from typing import Any, Never

from hwio.errors import FileError, HwioError, word
from hwio.interop.onnx.operators import OPS
from hwio.interop.onnx.reading import read_model, shortened
from hwio.interop.onnx.running import Evaluator
from hwio.ops.keywords import hide_refused
from hwio.ops.places import refuse_places
from hwio.shapes.counts import check_int

__all__ = ["OPS", "Evaluator", "evaluator"]


def evaluator(model: Any, *more: Never, memory_limit: int | None = None) -> Evaluator:
    """Make an ONNX model ready to run.

    Parameters
    ----------
    model : path, bytes or onnx.ModelProto
        It need not be trusted: it is read and never executed, files that it names are not opened, and
        the room for every value is checked before the value is made.
    memory_limit : int, optional
        Bytes that weights and all values of a run may take together; by default the machine's
        memory.

    Returns
    -------
    Evaluator
        An ``onnx.reference.ReferenceEvaluator``: ``run(None, {"x": x})`` returns the list of outputs.

    Raises
    ------
    FileError
        If it is no valid model, keeps weights in other files, or holds an operator that
        ``onnx.reference`` lacks.
    LimitError
        If its weights are more than the limit; nothing was allocated.

    Notes
    -----
    Conv, ConvInteger, QLinearConv, ConvTranspose, MaxPool, AveragePool, LpPool and their global kin
    are hwio's (``OPS``, for a ReferenceEvaluator of your own: ``new_ops=OPS``), also in the graphs and
    functions inside the model. Weights are packed once. All other operators are onnx's, and so are
    their speed and what they allocate on the way to their outputs; BatchNormalization
    and Softmax of older opsets are put right. Time has no limit: a model may loop.

    Examples
    --------
    >>> import numpy as np, onnx, hwio
    >>> from onnx import helper
    >>> node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    >>> w = onnx.numpy_helper.from_array(np.ones((8, 3, 3, 3), np.float32), "w")
    >>> x, y = (helper.make_tensor_value_info(name, 1, list("nchw")) for name in "xy")
    >>> model = helper.make_model(helper.make_graph([node], "layer", [x], [y], [w]))
    >>> layer = hwio.interop.onnx.evaluator(model)
    >>> layer.run(None, {"x": np.ones((1, 3, 5, 5), np.float32)})[0].shape
    (1, 8, 5, 5)
    """
    if more:
        refuse_places(evaluator, locals())
    limit = None
    if memory_limit is not None:
        limit = check_int(memory_limit, "memory_limit", 0, fix="memory_limit=2**30")
    proto, name, weights = read_model(model, limit)
    try:
        made = Evaluator(proto)
    except HwioError:
        raise
    except Exception as error:  # whatever a model can make onnx raise
        facts = [f"onnx.reference says: {shortened(error)}"]
        raise FileError(word(f"{name} can't be run", facts)) from error
    made.memory_limit, made.weights = limit, weights
    return made


hide_refused(evaluator)
