"""The words of a call: frameworks and kinds, with what others call them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hwio.errors import OptionError, nearest, show, word
from hwio.interop.moving.layer import KINDS

# framework -> how it writes its name; Keras stands for TensorFlow's layers
FRAMEWORKS = {
    "keras": "Keras",
    "torch": "PyTorch",
    "onnx": "ONNX",
    "tflite": "TFLite",
}
_ALSO = {
    "tensorflow": "keras",
    "tf": "keras",
    "tf.keras": "keras",
    "pytorch": "torch",
    "onnxruntime": "onnx",
    "ort": "onnx",
    "litert": "tflite",
    "tensorflow lite": "tflite",
}
# part of another name -> kind; the first that fits
_PARTS = {
    "separable": "separable",
    "transpose": "transposed",
    "deconv": "transposed",
    "backprop": "transposed",
    "depthwise": "depthwise",
    "conv": "conv",
}


def check_framework(value: Any, name: str) -> str:
    """Return a framework's name, by which others may call it too.

    Raises
    ------
    OptionError
        If it is none.
    """
    if isinstance(value, str):
        value = _ALSO.get(value.lower(), value)
    return _check(value, name, FRAMEWORKS, _ALSO.get(nearest(value, _ALSO) or ""), "frameworks")


def check_kind(value: Any) -> str:
    """Return a kind of layer.

    Raises
    ------
    OptionError
        If it is none; a framework's own name leads to it.
    """
    low = str(value).lower()
    near = next((kind for part, kind in _PARTS.items() if part in low), None)
    return _check(value, "kind", KINDS, near, "kinds")


def _check(value: Any, name: str, known: Mapping[str, str], near: str | None, many: str) -> str:
    """Return a word of a table, or say which one was meant."""
    if isinstance(value, str) and value in known:
        return value
    near = near or nearest(value, known)
    facts = [f"{many}: {', '.join(known)}"]
    fix = f"did you mean {name}={near!r}?" if near else f"{name}={next(iter(known))!r}"
    rule = f"{name} is missing" if value is None else f"{name}={show(value)} is none of the {many}"
    raise OptionError(word(rule, facts, fix))
