"""Arrays as they come: what is accepted, what is refused, and in which dtype to compute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.errors import ArgumentTypeError, DTypeError, word

if TYPE_CHECKING:
    from hwio.types import Array

ACCEPTED = "float16, float32, float64, complex64, complex128 and all integers"
_HINTS = {
    "b": ("bool has no sums of products", ".astype(np.uint8)"),
    "O": ("object arrays hold Python objects", ".astype(float)"),
    "U": ("text can't be multiplied", ".astype(float) if it spells numbers"),
    "S": ("bytes can't be multiplied", "np.frombuffer(data, np.uint8)"),
    "M": ("dates can't be multiplied", ".astype('int64')"),
    "m": ("durations can't be multiplied", ".astype('int64')"),
    "V": ("a structured array has fields", "one field: a['name']"),
}


def as_array(value: Any, name: str) -> Array:
    """Return value as a plain aligned ndarray in native byte order, without copying if it is one.

    Raises
    ------
    ArgumentTypeError
        If it is a masked array, a sparse or a GPU array, or no array at all.
    DTypeError
        If its dtype can't be convolved.
    """
    if type(value) is not np.ndarray:
        value = _to_ndarray(value, name)
    dtype = value.dtype
    if dtype.kind not in "fciu" or dtype.itemsize > 16 or dtype.char in "gG":
        why, fix = _HINTS.get(dtype.kind, ("it is not one of NumPy's standard number types", None))
        if dtype.char in "gG":
            why, fix = "extended precision has no fast product", ".astype(np.float64)"
        rule = f"{name} has dtype {dtype}: {why}"
        fix = fix and (f"{name}{fix}" if fix.startswith(".") else fix)
        raise DTypeError(word(rule, [f"accepted: {ACCEPTED}"], fix))
    if not dtype.isnative:
        value = value.astype(dtype.newbyteorder("="))
    if not value.flags.aligned:
        value = value.copy()
    result: Array = value
    return result


def _to_ndarray(value: Any, name: str) -> Array:
    """Convert what is not exactly an ndarray, refusing what would lose something."""
    kind = f"{type(value).__module__}.{type(value).__name__}"
    if isinstance(value, np.ma.MaskedArray):
        rule = f"{name} is a masked array, and the mask would be lost"
        raise ArgumentTypeError(word(rule, [], f"{name}.filled(0)"))
    if isinstance(value, np.ndarray):
        return np.asarray(value)
    device = getattr(value, "device", None)
    if device is not None and str(getattr(device, "type", device)).split(":")[0].lower() in (
        "cuda",
        "gpu",
        "mps",
        "xpu",
    ):
        rule = f"{name} is on the device {device}; hwio computes on the CPU"
        raise ArgumentTypeError(word(rule, [], f"{name}.cpu()"))
    if getattr(value, "requires_grad", False):
        rule = f"{name} records gradients; hwio would not"
        raise ArgumentTypeError(word(rule, [], f"{name}.detach()"))
    if hasattr(value, "toarray") or hasattr(value, "todense"):
        rule = f"{name} is sparse ({kind})"
        raise ArgumentTypeError(word(rule, [], f"{name}.toarray()"))
    if value is None or isinstance(value, str | bytes | dict | set):
        rule = f"{name} is {kind}, not an array"
        raise ArgumentTypeError(word(rule, [], "a NumPy array, or something np.asarray takes"))
    try:
        return np.asarray(value)
    except Exception as error:
        rule = f"{name} ({kind}) does not make an array: {error}"
        raise ArgumentTypeError(word(rule, [], "nested lists need rows of equal length")) from error


def as_dtype(value: Any, name: str) -> np.dtype[Any]:
    """Return a dtype that a result can have.

    Raises
    ------
    DTypeError
        If it is no number type that hwio computes in.
    """
    try:
        dtype = np.dtype(value)
    except TypeError:
        dtype = None
    if dtype is None or dtype.kind not in "fciu" or dtype.char in "gG":
        rule = f"{name}={value!r} is not a dtype of results"
        raise DTypeError(word(rule, [f"accepted: {ACCEPTED}"], f"{name}=np.float32"))
    return np.dtype(dtype)


def integer_result(x: np.dtype[Any], w: np.dtype[Any]) -> np.dtype[Any]:
    """Return the default output dtype of integer convolution.

    Two 8-bit operands give int32, as ONNX's ConvInteger; unsigned ones give uint64, all others
    int64, as ``np.sum`` would.
    """
    if x.itemsize == w.itemsize == 1:
        return np.dtype(np.int32)
    return np.dtype(np.uint64 if x.kind == w.kind == "u" else np.int64)


def float_compute(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype to compute in: float16 sums in float32, others in themselves."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype
